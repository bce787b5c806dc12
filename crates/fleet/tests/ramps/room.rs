//! What every story here needs: a broker with a fleet on it, ramps to begin, controllers to run.

use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fleet::controller::{Baseline, Controller, Pace, Started, Told, Wish, start};
use fleet::operator::orders;
use fleet::operator::releases::{self, Artifact, Upload};
use fleet::{Client, FleetError, Login, Names, Settings};
use rollout::fleet::ramp::{Ramp, What, default_halt_above};
use rollout::fleet::{Scope, Subject, Target};
use tokio::task::JoinHandle;

use crate::devices::{Act, Script};

/// For how long a story waits for what must come.
const PATIENCE: Duration = Duration::from_secs(90);

/// Short enough for stories.
pub(crate) fn pace() -> Pace {
    Pace {
        tick: Duration::from_millis(40),
        lease: Duration::from_millis(1_500),
        late: Duration::from_secs(5),
        patience: Duration::from_millis(500),
        stall: Duration::from_secs(2),
        most_pause: Duration::from_millis(500),
    }
}

/// A fleet on a broker.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) client: Client,
    pub(crate) names: Names,
    pub(crate) settings: Settings,
}

impl Room {
    /// Makes it, with these versions published.
    pub(crate) async fn new(urls: &str, replicas: usize, versions: &[&str]) -> Self {
        let settings = Settings {
            fleet: "works".parse().unwrap(),
            servers: urls.split(',').map(str::to_owned).collect(),
            login: Login::Nobody,
            ca: None,
        };
        let client = fleet::connect(&settings).await.unwrap();
        let names = Names::of(&settings.fleet);
        let jetstream = fleet::jetstream(&client);
        fleet::ensure(&jetstream, &names, replicas).await.unwrap();
        for version in versions {
            let upload = Upload {
                artifact: Artifact::runtime(version.parse().unwrap()),
                package: "demo".to_owned(),
                by: "ops-1".to_owned(),
                at: jiff::Timestamp::now(),
            };
            let mut content = Cursor::new(version.as_bytes().to_vec());
            releases::publish(&jetstream, &names, upload, &mut content)
                .await
                .unwrap();
        }
        Self {
            client,
            names,
            settings,
        }
    }

    /// Another connection to the same broker.
    pub(crate) async fn connect(&self) -> Client {
        fleet::connect(&self.settings).await.unwrap()
    }

    pub(crate) async fn begin(&self, wish: Wish) -> Result<Started, FleetError> {
        start(&self.client, &self.names, wish).await
    }

    /// The ramp that is on record for everyone.
    pub(crate) async fn ramp(&self) -> Ramp {
        let ramp = fleet::controller::ramp;
        ramp(&self.client, &self.names, Subject::Runtime, &Scope::Global)
            .await
            .unwrap()
            .unwrap()
    }

    /// Publishes an agent's binary.
    pub(crate) async fn publish_agent(&self, version: &str) {
        let upload = Upload {
            artifact: Artifact::agent(version.parse().unwrap(), "linux-x86_64".parse().unwrap()),
            package: "refit".to_owned(),
            by: "ops-1".to_owned(),
            at: jiff::Timestamp::now(),
        };
        let jetstream = fleet::jetstream(&self.client);
        let mut content = Cursor::new(version.as_bytes().to_vec());
        releases::publish(&jetstream, &self.names, upload, &mut content)
            .await
            .unwrap();
    }

    /// Lets the stream of reports say that it has one more than it has: who begins to read it now never comes to its
    /// end, until it begins anew.
    pub(crate) async fn lose_the_last_report(&self) {
        let jetstream = fleet::jetstream(&self.client);
        let mut last = 0;
        for _ in 0..2 {
            let subject = self.names.report(&"odd".parse().unwrap());
            let sent = jetstream.publish(subject, "{}".into()).await.unwrap();
            last = sent.await.unwrap().sequence;
        }
        let stream = jetstream.get_stream(self.names.reports()).await.unwrap();
        assert!(stream.delete_message(last).await.unwrap());
    }

    /// Puts a ramp on record without its target, as who dies between the two does.
    pub(crate) async fn put(&self, ramp: &Ramp) {
        let value = serde_json::to_vec(ramp).unwrap();
        self.put_bytes("ramp.runtime.global", value).await;
    }

    /// Puts anything on record.
    pub(crate) async fn put_bytes(&self, key: &str, value: Vec<u8>) {
        let jetstream = fleet::jetstream(&self.client);
        let store = jetstream.get_key_value(self.names.ramps()).await.unwrap();
        store.put(key, value.into()).await.unwrap();
    }

    /// Every target that everyone was given, in order.
    pub(crate) async fn targets(&self) -> Vec<Target> {
        let jetstream = fleet::jetstream(&self.client);
        let history = orders::history;
        let until = Instant::now() + PATIENCE;
        let found = loop {
            // A cluster that lost a node a moment ago may be choosing its leader.
            let (of, on) = (Some(Subject::Runtime), Some(&Scope::Global));
            match history(&jetstream, &self.names, of, on).await {
                Ok(found) => break found,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
        };
        found.into_iter().map(|it| it.target.unwrap()).collect()
    }

    /// The shares of these, and the version where there is none.
    pub(crate) async fn shares(&self) -> Vec<String> {
        let targets = self.targets().await;
        assert!(
            targets.is_sorted_by(|a, b| a.generation < b.generation),
            "{targets:?}"
        );
        let share = |it: &Target| match &it.ramp {
            Some(part) => part.share.to_string(),
            None => it.version.as_ref().unwrap().to_string(),
        };
        targets.iter().map(share).collect()
    }

    /// Orders something for everyone, as `refit fleet rollout` does.
    pub(crate) async fn order(&self, version: &str) {
        let jetstream = fleet::jetstream(&self.client);
        let store = jetstream.get_key_value(self.names.targets()).await.unwrap();
        let last = store.get("runtime.global").await.unwrap();
        let last = last.map(|it| Target::parse(&it).unwrap().generation);
        let now = jiff::Timestamp::now();
        let target = Target {
            version: Some(version.parse().unwrap()),
            generation: Target::next_generation(last, now),
            jitter: 0,
            at: now,
            by: "eve".to_owned(),
            ramp: None,
        };
        let value = serde_json::to_vec(&target).unwrap();
        store.put("runtime.global", value.into()).await.unwrap();
    }
}

/// 1.1.0 for everyone, over what is there.
pub(crate) fn wish(plan: &str) -> Wish {
    Wish {
        subject: Subject::Runtime,
        scope: Scope::Global,
        version: "1.1.0".parse().unwrap(),
        baseline: Baseline::Current,
        plan: plan.parse().unwrap(),
        halt_above: default_halt_above(),
        min_devices: 20,
        jitter: Duration::ZERO,
        by: "ops-1".to_owned(),
    }
}

/// Every version works.
pub(crate) fn works() -> Script {
    Arc::new(|_, _| Act::Works)
}

/// A controller that runs by itself until it is dropped, as a process does until it is killed.
pub(crate) struct Running {
    pub(crate) told: Arc<Mutex<Vec<Told>>>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(client: &Client, names: &Names, name: &str, pace: Pace) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut controller = Controller::new(client, names, name, pace);
        let task = tokio::spawn({
            let told = Arc::clone(&told);
            async move {
                let mut tell = |it: Told| told.lock().unwrap().push(it);
                match controller.run(&mut tell).await {}
            }
        });
        Self { told, task }
    }

    /// Waits until it told something.
    pub(crate) async fn tells(&self, what: &str, is_it: impl Fn(&Told) -> bool) -> Told {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self
                .told
                .lock()
                .unwrap()
                .iter()
                .find(|it| is_it(it))
                .cloned();
            if let Some(found) = found {
                return found;
            }
            assert!(
                Instant::now() < until,
                "it did not tell {what}: {}",
                self.words()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until something is on record; returns the ramp as it stood then.
    pub(crate) async fn records(&self, what: What, step: usize) -> Ramp {
        let is_it = |it: &Told| matches!(it, Told::Record { evidence, .. } if evidence.what == what && evidence.step == step);
        match self.tells(&format!("{what:?} {step}"), is_it).await {
            Told::Record { ramp, .. } => *ramp,
            _ => unreachable!("it was looked for"),
        }
    }

    pub(crate) async fn waits(&self, words: &str) {
        let is_it = |it: &Told| matches!(it, Told::Waits { why, .. } if why.contains(words));
        self.tells(words, is_it).await;
    }

    pub(crate) fn words(&self) -> String {
        let told = self.told.lock().unwrap();
        let lines = told.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>().join("\n")
    }

    /// It is gone from one moment to the next, with everything that it was about to do.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What is on record, in order: what happened at which step.
pub(crate) fn record(ramp: &Ramp) -> Vec<(What, usize)> {
    ramp.evidence.iter().map(|it| (it.what, it.step)).collect()
}

/// The record of a ramp that completed in so many steps, none skipped and none repeated.
pub(crate) fn whole(steps: usize) -> Vec<(What, usize)> {
    let each = (0..steps).flat_map(|n| [(What::Entered, n), (What::Passed, n)]);
    each.chain([(What::Completed, steps - 1)]).collect()
}
