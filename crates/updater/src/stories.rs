//! A device, a publisher's site and a registry, all of them really asked.

mod fallbacks;
mod files;
mod others;
mod recalls;
mod signed;
mod telling;
mod turns;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollout::{Host, NodeFact, Version};
use runtime_store::{Bundled, Limits, Shell, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::releases::Releases;
use crate::testing::{Reply, Server, integrity, packument, version};
use crate::updater::Clock;
use crate::{CheckReport, Follow, NpmSettings, Policy, Registry, Timeouts, Updater, UpdaterSpec};

pub(crate) const QUICK: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    idle: Duration::from_millis(400),
    tries: 2,
    pause: Duration::from_millis(2),
    max_pause: Duration::from_millis(20),
};

/// In bucket 49 of version 1.1.0, and without any pause after its turn.
pub(crate) const ID: &str = "00000000-0000-4000-8000-000000000133";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// When every story begins.
pub(crate) fn start() -> Timestamp {
    at("2026-06-12T08:00:00Z")
}

pub(crate) fn v(text: &str) -> Version {
    text.parse().unwrap()
}

/// A static host whose files can be changed. What was put with its digest as `ETag` answers a
/// question for news with 304.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) server: Server,
    files: Files,
}

/// By path: the answer, and the `ETag` that stands for it.
type Files = Arc<Mutex<BTreeMap<String, (Reply, Option<String>)>>>;

impl Site {
    pub(crate) async fn new() -> Self {
        let files = Files::default();
        let given = Arc::clone(&files);
        let server = Server::start(move |request, _| {
            let path = request.line.trim_start_matches("GET ");
            let files = given.lock().unwrap();
            match files.get(path).or_else(|| files.get("*")) {
                None => Reply::new(404, "nothing here"),
                Some((_, Some(etag))) if request.header("if-none-match") == Some(etag) => {
                    Reply::new(304, "")
                }
                Some((reply, _)) => reply.clone(),
            }
        })
        .await;
        Self { server, files }
    }

    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        let etag = format!("\"{}\"", integrity(&bytes));
        let reply = Reply::new(200, bytes).with("etag", &etag);
        let mut files = self.files.lock().unwrap();
        files.insert(path.into(), (reply, Some(etag)));
    }

    /// `*` is every file that is not there.
    pub(crate) fn answer(&self, path: &str, reply: Reply) {
        let mut files = self.files.lock().unwrap();
        files.insert(path.into(), (reply, None));
    }

    /// From now on it has nothing.
    pub(crate) fn clear(&self) {
        self.files.lock().unwrap().clear();
    }

    /// From now on it cannot answer anything.
    pub(crate) fn down(&self) {
        self.clear();
        self.answer("*", Reply::new(503, ""));
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("{}{path}", self.server.origin).parse().unwrap()
    }

    pub(crate) fn asked(&self) -> usize {
        self.server.seen().len()
    }
}

/// A device with 1.0.0 bundled and running, and what it can ask.
pub(crate) struct Bench {
    dir: TempDir,
    pub(crate) store: Store,
    pub(crate) shell: Arc<Shell>,
    pub(crate) running: watch::Sender<Option<Version>>,
    pub(crate) host: Site,
    pub(crate) registry: Site,
    /// How far the clock is from [`start`], in seconds.
    clock: Arc<AtomicI64>,
    npm: NpmSettings,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bundled = dir.path().join("bundled");
        std::fs::create_dir(&bundled).unwrap();
        std::fs::write(bundled.join("cli.js"), "// bundled").unwrap();
        let manifest = r#"{"name":"demo","version":"1.0.0"}"#;
        std::fs::write(bundled.join("package.json"), manifest).unwrap();
        let bundled = bundled.canonicalize().unwrap();
        let shell = Shell {
            bundled: Bundled {
                version: v("1.0.0"),
                entry: bundled.join("cli.js"),
                dir: bundled,
            },
            host: Host {
                node: NodeFact::NotUsed,
                shell: v("1.0.0"),
            },
            attempts: 2,
            launch_trials: true,
            not_before: runtime_store::NotBefore::default(),
            experimental: false,
            built_at: Timestamp::UNIX_EPOCH,
            offers: rollout::contract::Offers::default(),
            signed_only: false,
            source: None,
        };
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let bench = Self {
            store: Store::open(&data).unwrap(),
            dir,
            shell: Arc::new(shell),
            running: watch::channel(Some(v("1.0.0"))).0,
            host: Site::new().await,
            registry: Site::new().await,
            clock: Arc::default(),
            npm: NpmSettings::default(),
        };
        std::fs::write(bench.file("device-id"), format!("{ID}\n")).unwrap();
        bench.publish(&["1.1.0", "1.2.0"]);
        bench
    }

    /// With a token for everything on this machine.
    pub(crate) fn logged_in(mut self) -> Self {
        let home = tempfile::tempdir().unwrap();
        let line = |site: &Site| {
            let origin = site.server.origin.trim_start_matches("http:");
            format!("{origin}/:_authToken=t0k3n\n")
        };
        let npmrc = line(&self.host) + &line(&self.registry);
        std::fs::write(home.path().join(".npmrc"), npmrc).unwrap();
        self.npm = NpmSettings::read(&BTreeMap::new(), Some(home.path()));
        self
    }

    /// What the registry has; its tag names the last one.
    pub(crate) fn publish(&self, versions: &[&str]) {
        let bytes: Vec<_> = versions.iter().map(|name| version("demo", name)).collect();
        let listed: Vec<_> = versions
            .iter()
            .zip(&bytes)
            .map(|(name, bytes)| (*name, &bytes[..]))
            .collect();
        let packument = packument("demo", &self.registry.server.origin, &listed);
        self.registry.put("/demo", packument.to_string());
        for (name, bytes) in listed {
            self.registry
                .put(&format!("/demo/-/demo-{name}.tgz"), bytes);
        }
    }

    /// The site's manifest: `change` to one that everybody waits an hour for.
    pub(crate) fn manifest(&self, change: impl FnOnce(&mut Value)) {
        self.host.put("/latest.json", hour(change).to_string());
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.store.root().join(name)
    }

    pub(crate) fn move_clock(&self, to: Timestamp) {
        let seconds = to.duration_since(start()).as_secs();
        self.clock.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let clock = Arc::clone(&self.clock);
        Clock(Arc::new(move || {
            start() + SignedDuration::from_secs(clock.load(Ordering::SeqCst))
        }))
    }

    pub(crate) fn plain(&self) -> Policy {
        Policy {
            follow: Follow::Manifest {
                manifest: self.host.url("/latest.json"),
                latest: None,
            },
            ..Policy::registry(Timestamp::UNIX_EPOCH)
        }
    }

    pub(crate) fn updater(&self, policy: Policy) -> Updater {
        self.updater_of("latest", policy)
    }

    pub(crate) fn updater_of(&self, channel: &str, policy: Policy) -> Updater {
        self.make(self.clock(), channel, policy, None)
    }

    /// One that also looks by itself, for the first time `after` that long.
    pub(crate) fn updater_by(&self, clock: Clock, policy: Policy, after: Duration) -> Updater {
        self.make(clock, "latest", policy, Some(after))
    }

    fn make(
        &self,
        clock: Clock,
        channel: &str,
        policy: Policy,
        passive: Option<Duration>,
    ) -> Updater {
        let registry = Registry::new(
            "demo".parse().unwrap(),
            Some(self.registry.url("/")),
            self.npm.clone(),
            QUICK,
        );
        let shell = Shell {
            source: policy.follow.source(channel),
            signed_only: policy.follow.is_signed(),
            ..(*self.shell).clone()
        };
        let spec = UpdaterSpec {
            registry: registry.unwrap(),
            channel: channel.into(),
            entry: "cli.js".into(),
            carry: Vec::new(),
            limits: Limits {
                packed_bytes: 1 << 20,
                ..Limits::default()
            },
            passive: passive.is_some(),
            after: passive.unwrap_or_default(),
            every: Duration::from_mins(30),
            policy,
            rehearser: None,
            mirror: None,
            steered: watch::channel(false).1,
        };
        Updater::start_by(
            clock,
            spec,
            // As another process has it.
            Store::open(&self.dir.path().join("data")).unwrap(),
            Arc::new(shell),
            self.running.subscribe(),
        )
    }

    pub(crate) fn releases(&self) -> Releases {
        self.store.load_releases().unwrap_or_default()
    }

    /// What the pointer names, and whether its turn still counts.
    pub(crate) fn staged(&self) -> Option<(String, bool)> {
        let pointer = self.store.snapshot().pointer?;
        let gated = pointer.trial.is_some_and(|trial| trial.gated);
        Some((pointer.version.to_string(), gated))
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file("rollout.log")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A manifest of 1.1.0 for which everybody waits an hour from [`start`].
pub(crate) fn hour(change: impl FnOnce(&mut Value)) -> Value {
    let mut manifest = json!({
        "version": "1.1.0", "publishedAt": start().to_string(),
        "rollout": [{ "percent": 100, "delaySeconds": 3600 }],
    });
    change(&mut manifest);
    manifest
}

pub(crate) fn everyone(manifest: &mut Value) {
    manifest["rollout"] = json!([]);
}

pub(crate) fn said(report: &CheckReport) -> (&str, &str, Option<&str>) {
    let version = report.version.as_ref().map(Version::as_str);
    (report.decision, &report.reason, version)
}

pub(crate) fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::fs::read_to_string(folder.join(name)).unwrap()
}
