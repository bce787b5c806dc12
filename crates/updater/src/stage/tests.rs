use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Mutex;

use bytes::Bytes;
use rollout::{BadEntry, Host, NodeFact, Version};
use runtime_store::{Asked, Bundled, Limits, Pointer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::testing::{Reply, Server, integrity, packument, tarball, version};
use crate::{By, NpmSettings, Outcome, Phase, Registry, Timeouts, UpdateError, UpdateEvent};
use crate::{Policy, Updater, UpdaterSpec, Wanted};

use super::*;

mod answers;
mod bad_input;
mod contracts;
mod mending;
mod rehearsing;

const QUICK: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    idle: Duration::from_millis(400),
    tries: 2,
    pause: Duration::from_millis(2),
    max_pause: Duration::from_millis(20),
};

/// A device with 1.0.0 bundled and an updater that looks only when asked.
struct Device {
    _dir: TempDir,
    store: Store,
    shell: Arc<Shell>,
    running: watch::Sender<Option<Version>>,
}

/// Everything that bad input must leave alone.
#[derive(Debug, PartialEq)]
struct Before {
    pointer: Option<Pointer>,
    bad: Vec<BadEntry>,
    next: Version,
    folders: Vec<OsString>,
}

impl Device {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bundled = dir.path().join("bundled");
        std::fs::create_dir(&bundled).unwrap();
        std::fs::write(bundled.join("cli.js"), "// bundled").unwrap();
        std::fs::write(
            bundled.join("package.json"),
            r#"{"name":"demo","version":"1.0.0"}"#,
        )
        .unwrap();
        let bundled = bundled.canonicalize().unwrap();
        let shell = Shell {
            bundled: Bundled {
                version: "1.0.0".parse().unwrap(),
                entry: bundled.join("cli.js"),
                dir: bundled,
            },
            host: Host {
                node: NodeFact::NotUsed,
                shell: "1.0.0".parse().unwrap(),
            },
            attempts: 2,
            launch_trials: true,
            not_before: runtime_store::NotBefore::default(),
            experimental: false,
            built_at: jiff::Timestamp::UNIX_EPOCH,
            offers: rollout::contract::Offers::default(),
            signed_only: false,
            source: None,
        };
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        Self {
            store: Store::open(&data).unwrap(),
            _dir: dir,
            shell: Arc::new(shell),
            running: watch::channel(Some("1.0.0".parse().unwrap())).0,
        }
    }

    fn updater(&self, address: &str) -> Updater {
        self.updater_with(address, Policy::registry(jiff::Timestamp::UNIX_EPOCH), None)
    }

    fn updater_with(
        &self,
        address: &str,
        policy: Policy,
        rehearser: Option<Arc<dyn Rehearser>>,
    ) -> Updater {
        self.start(Self::spec(address, policy, rehearser))
    }

    fn spec(address: &str, policy: Policy, rehearser: Option<Arc<dyn Rehearser>>) -> UpdaterSpec {
        let registry = Registry::new(
            "demo".parse().unwrap(),
            Some(address.parse().unwrap()),
            NpmSettings::default(),
            QUICK,
        )
        .unwrap();
        UpdaterSpec {
            registry,
            channel: "latest".into(),
            entry: "cli.js".into(),
            carry: Vec::new(),
            limits: Limits {
                packed_bytes: 1 << 20,
                ..Limits::default()
            },
            passive: false,
            after: Duration::from_secs(30),
            every: Duration::from_mins(30),
            policy,
            rehearser,
            mirror: None,
            steered: watch::channel(false).1,
        }
    }

    fn start(&self, spec: UpdaterSpec) -> Updater {
        Updater::start(
            spec,
            self.store.clone(),
            Arc::clone(&self.shell),
            self.running.subscribe(),
        )
    }

    /// The state of things, once what may be swept has been.
    fn state(&self) -> Before {
        self.store.sweep().unwrap();
        let root = self.store.root();
        let names = |folder: &str| -> Vec<OsString> {
            let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(
            names("partial"),
            Vec::<OsString>::new(),
            "a partial is left"
        );
        let snapshot = self.store.snapshot();
        assert_eq!(snapshot.problems, Vec::<String>::new());
        Before {
            pointer: snapshot.pointer,
            bad: snapshot.bad,
            next: self
                .store
                .resolve(&self.shell, runtime_store::now())
                .version,
            folders: names("versions"),
        }
    }
}

type Answers = Arc<Mutex<(Reply, Reply)>>;

/// A registry whose packument and tarballs can be set: (packument, any tarball).
async fn serving(packument: Reply, tarball: Reply) -> (Server, Answers) {
    let answers: Answers = Arc::new(Mutex::new((packument, tarball)));
    let given = Arc::clone(&answers);
    let server = Server::start(move |request, _| {
        let answers = given.lock().unwrap().clone();
        match request.line.as_str() {
            "GET /demo" => answers.0,
            _ => answers.1,
        }
    })
    .await;
    (server, answers)
}

fn listing(server: &Server, versions: &[(&str, &[u8])]) -> Reply {
    Reply::json(&packument("demo", &server.origin, versions))
}

async fn offering(name: &str, bytes: &[u8]) -> (Server, Answers) {
    let (server, answers) = serving(Reply::new(500, ""), Reply::new(200, bytes)).await;
    answers.lock().unwrap().0 = listing(&server, &[(name, bytes)]);
    (server, answers)
}

#[tokio::test]
async fn a_newer_version_is_staged_and_announced() {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let (server, _) = offering("1.1.0", &bytes).await;
    let updater = device.updater(&server.origin);
    let mut events = updater.events();
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(report.decision, "stage");
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
    let staged = "1.1.0".parse().unwrap();
    assert_eq!(
        events.recv().await.unwrap(),
        UpdateEvent::Staged { version: staged }
    );
    let state = device.state();
    let pointer = state.pointer.unwrap();
    assert_eq!(pointer.version.as_str(), "1.1.0");
    assert_eq!(pointer.integrity, integrity(&bytes));
    assert!(pointer.trial.is_some());
    assert_eq!(updater.status().borrow().progress, None);
    assert_eq!(server.lines(), ["GET /demo", "GET /demo/-/demo-1.1.0.tgz"]);
}

#[tokio::test]
async fn a_check_that_finds_nothing_new_is_one_request_answered_304() {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let listed = Arc::new(Mutex::new(Value::Null));
    let (given, content) = (Arc::clone(&listed), bytes.clone());
    let server = Server::start(move |request, _| {
        match (request.line.as_str(), request.header("if-none-match")) {
            ("GET /demo", Some("\"e\"")) => Reply::new(304, ""),
            ("GET /demo", _) => Reply::json(&given.lock().unwrap()).with("etag", "\"e\""),
            _ => Reply::new(200, content.clone()),
        }
    })
    .await;
    *listed.lock().unwrap() = packument("demo", &server.origin, &[("1.1.0", &bytes)]);
    device
        .updater(&server.origin)
        .check(By::Timer)
        .await
        .unwrap();
    let before = server.seen().len();
    // Another process, later: the tag's digest is on disk.
    let report = device
        .updater(&server.origin)
        .check(By::Timer)
        .await
        .unwrap();
    assert_eq!(
        (report.decision, report.reason.as_str()),
        ("none", "already-staged")
    );
    let since = server.seen().split_off(before);
    assert_eq!(since.len(), 1);
    assert_eq!(since[0].header("if-none-match"), Some("\"e\""));
}

#[tokio::test]
async fn looking_decides_and_stages_nothing() {
    let device = Device::new();
    let (server, _) = offering("1.1.0", &version("demo", "1.1.0")).await;
    let report = device
        .updater(&server.origin)
        .look(By::Person)
        .await
        .unwrap();
    assert_eq!((report.decision, report.staged), ("stage", None));
    assert_eq!(server.lines(), ["GET /demo"]);
    assert_eq!(device.state().pointer, None);
}

#[tokio::test]
async fn what_cannot_be_used_here_is_fetched_again_for_a_person_and_never_by_the_timer() {
    let device = Device::new();
    let manifest = json!({ "name": "demo", "version": "1.1.0" }).to_string();
    let (server, answers) = offering(
        "1.1.0",
        &tarball(&[("package.json", &manifest), ("other.js", "")]),
    )
    .await;
    let updater = device.updater(&server.origin);
    updater.check(By::Timer).await.unwrap_err();
    assert_eq!(server.seen().len(), 2);
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(
        (report.decision, report.reason.as_str()),
        ("hold", "refused-before")
    );
    assert!(report.message.contains("cli.js"), "{}", report.message);
    assert_eq!(server.seen().len(), 3);
    updater.check(By::Person).await.unwrap_err();
    assert_eq!(server.seen().len(), 5);
    // Published again with other content, it is another matter.
    let good = version("demo", "1.1.0");
    *answers.lock().unwrap() = (listing(&server, &[("1.1.0", &good)]), Reply::new(200, good));
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_told_and_a_check_still_answers() {
    let device = Device::new();
    let root = device.store.root().to_owned();
    std::fs::create_dir(root.join("releases.json")).unwrap();
    let (server, _) = offering("1.0.0", &version("demo", "1.0.0")).await;
    let report = device
        .updater(&server.origin)
        .check(By::Person)
        .await
        .unwrap();
    assert_eq!(report.reason, "not-newer");

    // A file where the folder of partials belongs: nothing can be staged.
    let (server, _) = offering("1.1.0", &version("demo", "1.1.0")).await;
    let partials = root.join("partial");
    std::fs::remove_dir(&partials).unwrap();
    std::fs::write(&partials, "").unwrap();
    let error = device
        .updater(&server.origin)
        .check(By::Person)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("partial"), "{error}");
    assert_eq!(device.store.snapshot().pointer, None);
    assert_eq!(
        device
            .store
            .resolve(&device.shell, runtime_store::now())
            .version
            .as_str(),
        "1.0.0"
    );
}

#[tokio::test]
async fn a_download_cut_off_once_is_begun_again() {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let listed = Arc::new(Mutex::new(Value::Null));
    let (given, content) = (Arc::clone(&listed), bytes.clone());
    let server = Server::start(
        move |request, before| match (request.line.as_str(), before) {
            ("GET /demo", _) => Reply::json(&given.lock().unwrap()),
            (_, 1) => Reply::new(200, content.clone()).cut(content.len() / 2),
            _ => Reply::new(200, content.clone()),
        },
    )
    .await;
    *listed.lock().unwrap() = packument("demo", &server.origin, &[("1.1.0", &bytes)]);
    let report = device
        .updater(&server.origin)
        .check(By::Timer)
        .await
        .unwrap();
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn no_script_of_a_package_is_run() {
    let device = Device::new();
    let marker = tempfile::tempdir().unwrap();
    let file = marker.path().join("ran");
    let touch = format!("touch '{}'", file.display());
    let manifest = json!({
        "name": "demo", "version": "1.1.0",
        "scripts": { "preinstall": touch, "install": touch, "postinstall": touch, "prepare": touch },
    });
    let bytes = tarball(&[
        ("package.json", &manifest.to_string()),
        ("cli.js", ""),
        ("binding.gyp", "{}"),
    ]);
    let (server, _) = offering("1.1.0", &bytes).await;
    let report = device
        .updater(&server.origin)
        .check(By::Person)
        .await
        .unwrap();
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
    assert!(!file.exists());
}

#[tokio::test]
async fn by_name_only_an_ordered_roll_back_leads_to_an_older_version() {
    let device = Device::new();
    let (old, new) = (version("demo", "1.1.0"), version("demo", "1.2.0"));
    let listed = Arc::new(Mutex::new(Value::Null));
    let given = Arc::clone(&listed);
    let (old_bytes, new_bytes) = (old.clone(), new.clone());
    let server = Server::start(move |request, _| match request.line.as_str() {
        "GET /demo" => Reply::json(&given.lock().unwrap()),
        "GET /demo/-/demo-1.1.0.tgz" => Reply::new(200, old_bytes.clone()),
        _ => Reply::new(200, new_bytes.clone()),
    })
    .await;
    *listed.lock().unwrap() =
        packument("demo", &server.origin, &[("1.1.0", &old), ("1.2.0", &new)]);
    let updater = device.updater(&server.origin);
    let wanted = |text: &str| Wanted::Version(text.parse().unwrap());
    let staged = updater.stage(wanted("1.2.0"), false).await.unwrap();
    assert_eq!(staged.outcome, Outcome::Staged);
    device.running.send_replace(Some("1.2.0".parse().unwrap()));

    let before = device.state();
    let error = updater.stage(wanted("1.1.0"), false).await.unwrap_err();
    assert!(
        matches!(error, UpdateError::OlderThanRunning { .. }),
        "{error}"
    );
    assert!(
        error.hint().contains("refit rollback --to 1.1.0"),
        "{}",
        error.hint()
    );
    assert_eq!(device.state(), before);
    let missing = updater.stage(wanted("9.9.9"), false).await.unwrap_err();
    assert_eq!(missing.kind(), "no-such-version");

    let older = updater.stage(wanted("1.1.0"), true).await.unwrap();
    assert_eq!(older.outcome, Outcome::Staged);
    assert_eq!(device.state().pointer.unwrap().version.as_str(), "1.1.0");
}

#[tokio::test]
async fn a_tarball_on_this_machine_is_staged_like_any_other() {
    let device = Device::new();
    let updater = device.updater("http://127.0.0.1:1/");
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    };
    let good = version("demo", "1.1.0");
    let before = device.state();
    for (file, promised, words) in [
        (
            put("other.tgz", &version("other", "1.1.0")),
            None,
            "`other`",
        ),
        (
            put("changed.tgz", &version("demo", "1.1.1")),
            Some(integrity(&good)),
            "its sha512 is",
        ),
        (put("plain.tgz", b"plain"), None, "package.json"),
        (
            put("empty.tgz", &tarball(&[("cli.js", "")])),
            None,
            "package.json",
        ),
        (
            put(
                "entry.tgz",
                &tarball(&[("package.json", r#"{"name":"demo","version":"1.1.0"}"#)]),
            ),
            None,
            "cli.js",
        ),
        (put("huge.tgz", &vec![0; (1 << 20) + 1]), None, "allowed"),
        (folder.path().join("nowhere.tgz"), None, "could not be read"),
    ] {
        let wanted = Wanted::Tarball {
            file: file.clone(),
            integrity: promised,
        };
        let error = updater.stage(wanted, false).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(words) && text.contains(file.to_str().unwrap()),
            "{text}"
        );
        assert_eq!(device.state(), before);
    }
    let file = put("good.tgz", &good);
    let wanted = Wanted::Tarball {
        file,
        integrity: Some(integrity(&good)),
    };
    let report = updater.stage(wanted.clone(), false).await.unwrap();
    assert_eq!(report.outcome, Outcome::Staged);
    assert_eq!(device.state().next.as_str(), "1.1.0");
    let again = updater.stage(wanted, false).await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyStaged);
}

#[tokio::test]
async fn stop_drops_a_download_and_leaves_nothing_behind() {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let (server, answers) = offering("1.1.0", &bytes).await;
    let slow = Reply::new(200, bytes.clone()).dripping(1, Duration::from_millis(50));
    answers.lock().unwrap().1 = slow;
    let before = device.state();
    let updater = device.updater(&server.origin);
    let staging = {
        let updater = updater.clone();
        tokio::spawn(async move { updater.check(By::Timer).await })
    };
    let mut status = updater.status();
    let begun = status
        .wait_for(|status| {
            status
                .progress
                .as_ref()
                .is_some_and(|progress| progress.bytes > 0)
        })
        .await
        .unwrap()
        .progress
        .clone()
        .unwrap();
    assert_eq!(begun.phase, Phase::Downloading);
    assert_eq!(begun.total, Some(bytes.len() as u64));
    updater.stop().await;
    assert!(matches!(staging.await.unwrap(), Err(UpdateError::Stopped)));
    assert_eq!(device.state(), before);
    assert_eq!(updater.status().borrow().progress, None);
}

#[tokio::test]
async fn stop_lets_a_stage_finish_that_is_past_unpacking() {
    let device = Device::new();
    let manifest = json!({ "name": "demo", "version": "1.1.0" }).to_string();
    // So many files that bringing them to disk takes a while.
    let names: Vec<_> = (0..400).map(|n| format!("lib/{n}.js")).collect();
    let mut files = vec![("package.json", manifest.as_str()), ("cli.js", "")];
    files.extend(names.iter().map(|name| (name.as_str(), "// part")));
    let (server, _) = offering("1.1.0", &tarball(&files)).await;
    let updater = device.updater(&server.origin);
    let staging = {
        let updater = updater.clone();
        tokio::spawn(async move { updater.check(By::Timer).await })
    };
    let past = |status: &UpdaterStatus| {
        let phase = status.progress.as_ref().map(|progress| progress.phase);
        status.last_check.is_some() || phase.is_some_and(|phase| phase != Phase::Downloading)
    };
    updater.status().wait_for(past).await.unwrap();
    updater.stop().await;
    // Not later than `stop` returns.
    assert_eq!(device.state().pointer.unwrap().version.as_str(), "1.1.0");
    let report = staging.await.unwrap().unwrap();
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
}

#[tokio::test]
async fn a_version_that_failed_here_is_not_fetched_again() {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let (server, _) = offering("1.1.0", &bytes).await;
    let updater = device.updater(&server.origin);
    updater.check(By::Timer).await.unwrap();
    let now = jiff::Timestamp::now();
    let launch = device
        .store
        .begin_launch(&device.shell, Asked::Passively, &[], now);
    assert_eq!(launch.choice.version.as_str(), "1.1.0");
    drop(launch);
    let order = runtime_store::RollBack::Person;
    device.store.roll_back(&device.shell, order, now).unwrap();
    let asked = server.seen().len();
    let report = updater.stage(Wanted::Latest, false).await.unwrap();
    assert_eq!(report.outcome, Outcome::BadVersion);
    let named = Wanted::Version("1.1.0".parse().unwrap());
    let report = updater.stage(named, false).await.unwrap();
    assert_eq!(report.outcome, Outcome::BadVersion);
    assert_eq!(server.lines()[asked..], ["GET /demo", "GET /demo"]);
}

/// Reads what a channel holds, as the unpacker does.
async fn read_all(pieces: Vec<Piece>) -> io::Result<Vec<u8>> {
    let (send, receive) = mpsc::channel(PIECES);
    let reading = tokio::task::spawn_blocking(move || {
        let mut reader = Pieces::new(receive);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    for piece in pieces {
        send.send(piece).await.unwrap();
    }
    drop(send);
    reading.await.unwrap()
}

#[tokio::test]
async fn an_end_that_nobody_announced_is_not_the_end_of_the_file() {
    let piece = || Piece::Bytes(Bytes::from_static(b"abc"));
    let whole = read_all(vec![piece(), piece(), Piece::End]).await.unwrap();
    assert_eq!(whole, b"abcabc");
    let error = read_all(vec![piece(), piece()]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}
