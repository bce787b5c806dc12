//! Hundreds of scripted devices on one connection: they hear targets, act as their script says, report
//! what happened until the broker has it, and tell how they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::HeaderMap;
use fleet::{Client, Event, Failures, Heartbeat, Names, Report, Standing, State};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use rollout::fleet::{Name, Scope, Subject, Target};
use rollout::{Position, Version};
use tokio::task::JoinHandle;

/// What a version does on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Works,
    FallsBack,
    FailsRehearsal,
    CrashLoops,
    Trouble,
    Refused,
    /// Nothing is heard of it.
    Nothing,
}

/// What becomes of `version` on the device of this number.
pub(crate) type Script = Arc<dyn Fn(usize, &str) -> Act + Send + Sync>;

/// Scripted devices, until this is dropped.
pub(crate) struct Devices {
    pub(crate) all: Arc<Mutex<Vec<Device>>>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) name: Name,
    pub(crate) runs: Version,
    pub(crate) groups: Vec<Name>,
    /// Every version that it was ordered and tried, once each time.
    pub(crate) tried: Vec<String>,
    seq: u64,
    state: State,
    aims: Option<Version>,
    generation: Option<u64>,
    scope: Option<Scope>,
}

impl Drop for Devices {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A device's number n.
pub(crate) fn name(n: usize) -> Name {
    format!("device-{n}").parse().unwrap()
}

/// Whether the device of this number lies below a share of a version, in percent.
pub(crate) fn is_within(n: usize, version: &str, percent: u16) -> bool {
    let position = Position::of(name(n).as_str(), &version.parse().unwrap());
    position.hundredths() < percent * 100
}

fn all(count: usize, version: &str, groups: &[Name]) -> Vec<Device> {
    let device = |n| Device {
        name: name(n),
        runs: version.parse().unwrap(),
        groups: groups.to_vec(),
        tried: Vec::new(),
        seq: 0,
        state: State::Idle,
        aims: None,
        generation: None,
        scope: None,
    };
    (0..count).map(device).collect()
}

impl Devices {
    /// `count` devices that run `version`.
    pub(crate) async fn start(
        client: &Client,
        names: &Names,
        count: usize,
        version: &str,
        script: Script,
    ) -> Self {
        Self::in_groups(client, names, count, version, script, &[]).await
    }

    pub(crate) async fn in_groups(
        client: &Client,
        names: &Names,
        count: usize,
        version: &str,
        script: Script,
        groups: &[Name],
    ) -> Self {
        let all = all(count, version, groups);
        Self::live(client, names, all, script, groups, Subject::Runtime).await
    }

    /// `count` headless agents that are `version` themselves.
    pub(crate) async fn agents(
        client: &Client,
        names: &Names,
        count: usize,
        version: &str,
        script: Script,
    ) -> Self {
        let all = all(count, version, &[]);
        Self::live(client, names, all, script, &[], Subject::Agent).await
    }

    async fn live(
        client: &Client,
        names: &Names,
        all: Vec<Device>,
        script: Script,
        groups: &[Name],
        subject: Subject,
    ) -> Self {
        let all = Arc::new(Mutex::new(all));
        let told = client.subscribe(names.targets_told()).await.unwrap();
        let acting = Acting {
            client: client.clone(),
            names: names.clone(),
            all: Arc::clone(&all),
            script,
            subject,
            targets: BTreeMap::new(),
        };
        acting.beat().await;
        client.flush().await.unwrap();
        let scopes: Vec<_> = std::iter::once(Scope::Global)
            .chain(groups.iter().cloned().map(Scope::Group))
            .collect();
        let task = tokio::spawn(acting.live(told, scopes));
        Self {
            all,
            tasks: vec![task],
        }
    }

    /// Lets the device of this number answer, as if somebody had restarted it.
    pub(crate) fn runs(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for device in self.all.lock().unwrap().iter() {
            *found.entry(device.runs.to_string()).or_default() += 1;
        }
        found
    }

    /// The numbers of the devices that ever tried a version.
    pub(crate) fn tried(&self, version: &str) -> Vec<usize> {
        let all = self.all.lock().unwrap();
        let tried = |it: &Device| it.tried.iter().any(|it| it == version);
        (0..all.len()).filter(|n| tried(&all[*n])).collect()
    }
}

struct Acting {
    client: Client,
    names: Names,
    all: Arc<Mutex<Vec<Device>>>,
    script: Script,
    /// What is ordered: nothing else is followed.
    subject: Subject,
    targets: BTreeMap<Scope, Target>,
}

impl Acting {
    async fn live(mut self, mut told: async_nats::Subscriber, scopes: Vec<Scope>) {
        let mut tick = tokio::time::interval(Duration::from_millis(300));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = told.next() => {
                    let Some(message) = message else { return };
                    let target = Target::parse(&message.payload).unwrap();
                    let key = message.subject.strip_prefix(&format!("{}.target.", self.names.fleet()));
                    let (subject, scope) = Scope::of_key(key.unwrap()).unwrap();
                    assert_eq!(subject, self.subject);
                    if self.hear(scope, target) {
                        self.act();
                        self.beat().await;
                    }
                }
                _ = tick.tick() => {
                    // What was told while nobody could hear it.
                    for scope in &scopes {
                        self.look(scope.clone()).await;
                    }
                    self.act();
                    self.beat().await;
                }
            }
        }
    }

    /// An older generation of a scope changes nothing.
    fn hear(&mut self, scope: Scope, target: Target) -> bool {
        let known = self.targets.get(&scope).map(|it| it.generation);
        if known.is_some_and(|known| known >= target.generation) {
            return false;
        }
        self.targets.insert(scope, target);
        true
    }

    async fn look(&mut self, scope: Scope) {
        let key = scope.key(self.subject);
        let subject = format!(
            "$JS.API.DIRECT.GET.{}.$KV.{}.{key}",
            self.names.targets_stream(),
            self.names.targets()
        );
        let asked = self.client.request(subject, bytes::Bytes::new());
        let Ok(Ok(message)) = tokio::time::timeout(Duration::from_secs(2), asked).await else {
            return;
        };
        if let Ok(target) = Target::parse(&message.payload) {
            self.hear(scope, target);
        }
    }

    /// Every device does what its newest target says.
    fn act(&mut self) {
        let mut all = self.all.lock().unwrap();
        for (n, device) in all.iter_mut().enumerate() {
            let groups = device.groups.iter().cloned().map(Scope::Group);
            let wanted = groups.chain([Scope::Global]).find_map(|scope| {
                let target = self.targets.get(&scope)?;
                let version = target.for_device(device.name.as_str())?;
                Some((version.clone(), target.generation, scope))
            });
            let Some((version, generation, scope)) = wanted else {
                continue;
            };
            let news = device.generation != Some(generation);
            device.generation = Some(generation);
            device.scope = Some(scope);
            device.aims = Some(version.clone());
            // What runs already may fail as well: the old version has its script, too.
            if news && (self.script)(n, device.runs.as_str()) == Act::FallsBack {
                let runs = device.runs.clone();
                self.report(device, Event::CrashLoop, &runs, None);
            }
            if device.runs == version {
                device.state = State::Arrived;
                continue;
            }
            let is_going_back = device.tried.iter().any(|it| it == version.as_str());
            let act = (self.script)(n, version.as_str());
            let is_waiting = matches!(device.state, State::Staging | State::Idle | State::Arrived);
            if !news && !is_waiting {
                continue;
            }
            if act != Act::Nothing && act != Act::Refused {
                device.tried.push(version.to_string());
            }
            match act {
                Act::Works => {
                    let from = std::mem::replace(&mut device.runs, version.clone());
                    device.state = State::Arrived;
                    let event = if is_going_back {
                        Event::RolledBack
                    } else {
                        Event::Launched
                    };
                    self.report(device, event, &version, Some(from));
                }
                Act::FallsBack => {
                    device.state = State::Refused;
                    self.report(device, Event::FellBack, &version, None);
                }
                Act::FailsRehearsal => {
                    device.state = State::Refused;
                    self.report(device, Event::RehearsalFailed, &version, None);
                }
                Act::CrashLoops => {
                    device.state = State::Refused;
                    self.report(device, Event::CrashLoop, &version, None);
                }
                Act::Trouble => {
                    device.state = State::Trouble;
                    self.report(device, Event::Trouble, &version, None);
                }
                Act::Refused => {
                    device.state = State::Refused;
                    self.report(device, Event::Refused, &version, None);
                }
                Act::Nothing => device.state = State::Staging,
            }
        }
    }

    /// Sends a report until the broker has it; each comes twice, as over a bad line.
    fn report(&self, device: &mut Device, event: Event, version: &Version, from: Option<Version>) {
        device.seq += 1;
        let report = Report {
            device: device.name.clone(),
            seq: device.seq,
            at: Timestamp::now(),
            subject: self.subject,
            event,
            version: Some(version.clone()),
            from,
            generation: device.generation,
            reason: String::new(),
            detail: String::new(),
        };
        let jetstream = fleet::jetstream(&self.client);
        let subject = self.names.report(&report.device);
        let id = format!("{}-{}", report.device, report.seq);
        let payload: bytes::Bytes = serde_json::to_vec(&report).unwrap().into();
        tokio::spawn(async move {
            for id in [id.clone(), format!("{id}-again")] {
                loop {
                    let mut headers = HeaderMap::new();
                    headers.insert("Nats-Msg-Id", id.as_str());
                    let sent = jetstream
                        .publish_with_headers(subject.clone(), headers, payload.clone())
                        .await;
                    if let Ok(sent) = sent
                        && sent.await.is_ok()
                    {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }

    async fn beat(&self) {
        let beats: Vec<_> = {
            let all = self.all.lock().unwrap();
            all.iter()
                .map(|it| (it.name.clone(), beat(it, self.subject)))
                .collect()
        };
        for (name, beat) in beats {
            let payload = serde_json::to_vec(&beat).unwrap();
            let subject = self.names.heartbeat(&name);
            let _ = self.client.publish(subject, payload.into()).await;
        }
    }
}

fn beat(device: &Device, subject: Subject) -> Heartbeat {
    let steered = Standing {
        version: Some(device.runs.clone()),
        state: device.state,
        target: device.aims.clone(),
        generation: device.generation,
        scope: device.scope.clone(),
        reason: String::new(),
        detail: String::new(),
        bad: Vec::new(),
    };
    // A runtime that nobody orders anything for.
    let other = Standing {
        version: Some("0.1.0".parse().unwrap()),
        state: State::Idle,
        target: None,
        generation: None,
        scope: None,
        ..steered.clone()
    };
    let (runtime, agent) = match subject {
        Subject::Runtime => (steered, None),
        Subject::Agent => (other, Some(steered)),
    };
    Heartbeat {
        device: device.name.clone(),
        at: Timestamp::now(),
        groups: device.groups.clone(),
        runtime,
        agent,
        bucket: 0,
        uptime_seconds: 1,
        failures: Failures::default(),
        unsent: 0,
        platform: "linux-x86_64".to_owned(),
    }
}
