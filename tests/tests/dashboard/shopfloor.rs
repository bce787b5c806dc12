//! A believable fleet: tills, kiosks and desks that a ramp has been reaching for most of an hour.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use broker::Broker;
use e2e::parts;
use fleet::controller::{self, Baseline, Controller, Pace, Wish};
use fleet::operator::orders;
use fleet::operator::releases::{self, Artifact, Upload};
use fleet::{Client, Event, Failures, Heartbeat, Login, Names, Report, Settings, Standing, State};
use jiff::{SignedDuration, Timestamp};
use rollout::Position;
use rollout::fleet::ramp::{Counts, Evidence, Ramp, Side, What, Window};
use rollout::fleet::{Name, Scope, Subject, Target};

pub(crate) const OLDEST: &str = "1.3.9";
pub(crate) const OLD: &str = "1.4.1";
pub(crate) const BASELINE: &str = "1.4.2";
pub(crate) const NEW: &str = "1.5.0";

const DEVICES: u32 = 5_000;

/// A fleet called `shopfloor` on a broker of its own.
pub(crate) struct Shopfloor {
    pub(crate) broker: Broker,
    client: Client,
    names: Names,
    devices: Vec<Device>,
    began: Timestamp,
    controller: Option<tokio::task::JoinHandle<()>>,
}

struct Device {
    name: String,
    group: &'static str,
    /// Its place in the ramp, in hundredths of a percent.
    position: u16,
    runs: &'static str,
    state: State,
    reports: Vec<(Timestamp, Event, &'static str, Option<&'static str>)>,
}

impl Shopfloor {
    pub(crate) async fn open() -> Result<Self> {
        let broker = Broker::start();
        let settings = Settings {
            fleet: "shopfloor".parse()?,
            servers: vec![broker.url()],
            login: Login::Nobody,
            ca: None,
        };
        let client = fleet::connect(&settings).await?;
        let names = Names::of(&settings.fleet);
        fleet::ensure(&fleet::jetstream(&client), &names, 1).await?;
        let mut fleet = Self {
            broker,
            client,
            names,
            devices: Vec::new(),
            began: Timestamp::now(),
            controller: None,
        };
        for version in [OLDEST, OLD, BASELINE, NEW] {
            fleet.publish(version).await?;
        }
        fleet.order("group.desks", OLD, 1_800).await?;
        fleet.order("global", BASELINE, 300).await?;
        fleet.play();
        for device in &fleet.devices {
            fleet.tell(device).await?;
        }
        fleet.client.flush().await?;
        fleet.ramp_up().await?;
        let mut leader = Controller::new(&fleet.client, &fleet.names, "ops-1", Pace::default());
        let lead = async move { match leader.run(&mut |_| ()).await {} };
        fleet.controller = Some(tokio::spawn(lead));
        Ok(fleet)
    }

    async fn publish(&self, version: &str) -> Result<()> {
        let upload = Upload {
            artifact: Artifact::runtime(version.parse()?),
            package: "demo".to_owned(),
            by: "ops-1".to_owned(),
            at: Timestamp::now(),
        };
        let mut content = std::io::Cursor::new(version.as_bytes().to_vec());
        let jetstream = fleet::jetstream(&self.client);
        releases::publish(&jetstream, &self.names, upload, &mut content).await?;
        Ok(())
    }

    async fn order(&self, scope: &str, version: &str, jitter: u64) -> Result<()> {
        let order = orders::Order {
            subject: Subject::Runtime,
            version: Some(version.parse()?),
            jitter: Duration::from_secs(jitter),
            by: "ops-2".to_owned(),
            at: self.ago(26 * 60),
        };
        let scope: Scope = scope.parse().map_err(anyhow::Error::msg)?;
        orders::place(&fleet::jetstream(&self.client), &self.names, &order, &scope).await?;
        Ok(())
    }

    /// So many minutes before now.
    fn ago(&self, minutes: i64) -> Timestamp {
        self.began - SignedDuration::from_mins(minutes)
    }

    /// What happened on each device in the last hour.
    fn play(&mut self) {
        let new = NEW.parse().expect("a version");
        let before_the_ramp =
            |n: u32| self.ago(60) + SignedDuration::from_secs(i64::from(n % 1_800));
        self.devices = (0..DEVICES)
            .map(|n| {
                let (kind, group) = match n % 10 {
                    0..6 => ("till", "tills"),
                    6..9 => ("kiosk", "kiosks"),
                    _ => ("desk", "desks"),
                };
                let name = format!("{kind}-{n:05}");
                let mut device = Device {
                    position: Position::of(&name, &new).hundredths(),
                    name,
                    group,
                    runs: BASELINE,
                    state: State::Arrived,
                    reports: vec![(self.ago(60), Event::Checked, BASELINE, None)],
                };
                match group {
                    "desks" if n % 70 == 9 => {
                        device.runs = OLDEST;
                        device.state = State::Off;
                    }
                    "desks" => device.runs = OLD,
                    _ if n % 11 == 0 => {
                        device.reports.push((
                            before_the_ramp(n),
                            Event::Launched,
                            BASELINE,
                            Some(OLD),
                        ));
                    }
                    // It stumbles now and then, as the old one does everywhere.
                    _ if n % 163 == 1 => {
                        let when = self.ago(i64::from(n % 47));
                        device.reports.push((when, Event::FellBack, BASELINE, None));
                        let again = when + SignedDuration::from_secs(40);
                        device
                            .reports
                            .push((again, Event::Launched, BASELINE, Some(OLD)));
                    }
                    _ => {}
                }
                if group != "desks" && device.position < 2_500 {
                    self.reach(&mut device, n);
                }
                device
            })
            .collect();
    }

    /// The ramp reached it: in the first step 48 minutes ago, or in the second, 18 minutes ago.
    fn reach(&self, device: &mut Device, n: u32) {
        let (step, spread) = if device.position < 500 {
            (48, 420)
        } else {
            (18, 600)
        };
        let when =
            self.ago(step) + SignedDuration::from_secs(i64::from(n.wrapping_mul(7_919) % spread));
        match n % 40 {
            7 => device.state = State::Staging,
            17 => device.state = State::Waiting,
            27 if n.is_multiple_of(3) => device.state = State::Trouble,
            _ => {
                device.runs = NEW;
                device
                    .reports
                    .push((when, Event::Launched, NEW, Some(BASELINE)));
                if n % 211 == 5 {
                    let failed = when + SignedDuration::from_secs(150);
                    device.reports.push((failed, Event::CrashLoop, NEW, None));
                    device.runs = BASELINE;
                    device.state = State::Refused;
                }
            }
        }
    }

    /// Its reports, and its heartbeat.
    async fn tell(&self, device: &Device) -> Result<()> {
        let name: Name = device.name.parse()?;
        for (seq, (at, event, version, from)) in (1..).zip(&device.reports) {
            let report = Report {
                device: name.clone(),
                seq,
                at: *at,
                subject: Subject::Runtime,
                event: *event,
                version: Some(version.parse()?),
                from: from.map(str::parse).transpose()?,
                generation: None,
                reason: String::new(),
                detail: String::new(),
            };
            let bytes = serde_json::to_vec(&report)?;
            self.client
                .publish(self.names.report(&name), bytes.into())
                .await?;
        }
        self.beat(device).await
    }

    async fn beat(&self, device: &Device) -> Result<()> {
        let name: Name = device.name.parse()?;
        let desk = device.group == "desks";
        let (target, scope) = match desk {
            true => (OLD, Scope::Group("desks".parse()?)),
            false if device.position < 2_500 => (NEW, Scope::Global),
            false => (BASELINE, Scope::Global),
        };
        let (reason, detail) = match device.state {
            State::Off => ("off", "REFIT_NO_AUTO_UPDATE is set on this device"),
            State::Refused => ("bad-version", ""),
            State::Trouble => (
                "download",
                "the registry answered 503 while 1.5.0 was fetched",
            ),
            _ => ("", ""),
        };
        let failures = device.reports.iter().filter(|it| it.1.is_failure()).count();
        let beat = Heartbeat {
            at: Timestamp::now(),
            groups: vec![device.group.parse()?],
            runtime: Standing {
                version: Some(device.runs.parse()?),
                state: device.state,
                target: Some(target.parse()?),
                generation: Some(1),
                scope: Some(scope),
                reason: reason.to_owned(),
                detail: detail.to_owned(),
                bad: Vec::new(),
            },
            agent: None,
            bucket: u8::try_from(device.position / 100)?,
            uptime_seconds: 86_400,
            failures: Failures {
                fell_back: u32::try_from(failures)?,
                infrastructure: u32::from(device.state == State::Trouble) * 3,
                ..Failures::default()
            },
            unsent: 0,
            platform: if desk {
                "windows-x86_64"
            } else {
                "linux-x86_64"
            }
            .to_owned(),
            device: name,
        };
        let subject = self.names.heartbeat(&beat.device);
        let bytes = serde_json::to_vec(&beat)?;
        self.client.publish(subject, bytes.into()).await?;
        Ok(())
    }

    /// Begins a ramp as any operator does, and then puts its clock back, so that it is at its second step.
    async fn ramp_up(&self) -> Result<()> {
        let wish = Wish {
            subject: Subject::Runtime,
            scope: Scope::Global,
            version: NEW.parse()?,
            baseline: Baseline::Current,
            plan: "5%:30m,25%:1h,50%:2h,100%".parse()?,
            halt_above: rollout::Share::from_hundredths(200),
            min_devices: 20,
            jitter: Duration::from_mins(5),
            by: "ops-1".to_owned(),
        };
        let mut ramp = controller::start(&self.client, &self.names, wish)
            .await?
            .ramp;
        ramp.at = self.ago(48);
        ramp.step = 1;
        ramp.step_since = self.ago(18);
        ramp.over = Some(ramp.generation);
        ramp.generation += 1;
        ramp.ordered_at = ramp.step_since;
        ramp.state.since = ramp.at;
        ramp.evidence[0].at = ramp.at;
        let side = |devices, failed| Side {
            devices,
            tried: devices,
            failed,
            ..Side::default()
        };
        let window = Window {
            new: side(214, 1),
            old: side(4_310, 22),
        };
        for (what, step) in [(What::Passed, 0), (What::Entered, 1)] {
            ramp.evidence.push(Evidence {
                at: ramp.step_since,
                what,
                step,
                share: ramp.plan.steps()[step].share,
                generation: ramp.generation,
                why: String::new(),
                counts: Some(Counts {
                    step: window,
                    whole: window,
                    living: 4_500,
                    within: 220,
                    asked: 220,
                    answered: 216,
                    ..Counts::default()
                }),
            });
        }
        let target = ramp.target().context("an open ramp has a target")?;
        let key = Scope::Global.key(Subject::Runtime);
        self.put(
            self.names.ramps(),
            &format!("ramp.{key}"),
            serde_json::to_vec(&ramp)?,
        )
        .await?;
        self.put(self.names.targets(), &key, serde_json::to_vec(&target)?)
            .await
    }

    async fn put(&self, bucket: String, key: &str, bytes: Vec<u8>) -> Result<()> {
        let bucket = fleet::jetstream(&self.client).get_key_value(bucket).await?;
        bucket.put(key, bytes.into()).await?;
        Ok(())
    }

    /// Lets so many devices that are on their way arrive.
    pub(crate) async fn arrive(&mut self, count: usize) -> Result<()> {
        let waiting = |it: &&mut Device| matches!(it.state, State::Staging | State::Waiting);
        for device in self.devices.iter_mut().filter(waiting).take(count) {
            device.state = State::Arrived;
            device.runs = NEW;
            device
                .reports
                .push((Timestamp::now(), Event::Launched, NEW, Some(BASELINE)));
        }
        for device in &self.devices {
            self.beat(device).await?;
        }
        Ok(self.client.flush().await?)
    }

    pub(crate) fn on_new(&self) -> usize {
        self.devices.iter().filter(|it| it.runs == NEW).count()
    }

    /// Are to have it and do not run it.
    pub(crate) fn on_way(&self) -> usize {
        let to_have = |it: &&Device| it.group != "desks" && it.position < 2_500 && it.runs != NEW;
        self.devices.iter().filter(to_have).count()
    }

    /// The ramp on the broker.
    pub(crate) async fn ramp(&self) -> Result<Ramp> {
        let found = controller::ramp(&self.client, &self.names, Subject::Runtime, &Scope::Global);
        found.await?.context("there is no ramp")
    }

    /// The target on the broker.
    pub(crate) async fn target(&self) -> Result<Target> {
        let jetstream = fleet::jetstream(&self.client);
        let found = orders::last(&jetstream, &self.names, Subject::Runtime, &Scope::Global).await?;
        Ok(found.context("there is no target")?.target?)
    }
}

impl Drop for Shopfloor {
    fn drop(&mut self) {
        if let Some(controller) = &self.controller {
            controller.abort();
        }
    }
}

/// A running `refit fleet dashboard`.
pub(crate) struct Dashboard {
    child: Child,
    pub(crate) url: String,
}

impl Dashboard {
    pub(crate) fn start(fleet: &Shopfloor) -> Result<Self> {
        let mut child = Command::new(parts::part("refit")?)
            .args([
                "fleet",
                "dashboard",
                "--json",
                "--fleet",
                "shopfloor",
                "--server",
            ])
            .arg(fleet.broker.url())
            .env("USER", "ops-1")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("its output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let told: serde_json::Value = serde_json::from_str(&line)?;
        let url = told["url"].as_str().context("its address")?.to_owned();
        Ok(Self { child, url })
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.stop();
    }
}
