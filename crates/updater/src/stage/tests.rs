use std::ffi::OsString;
use std::sync::Mutex;

use rollout::{BadEntry, Host, NodeFact, Version};
use runtime_store::{Asked, Bundled, Limits, Pointer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::testing::{Reply, Server, integrity, packument, tarball, version};
use crate::{By, NpmSettings, Outcome, Phase, Registry, Timeouts, UpdateError, UpdateEvent};
use crate::{Updater, UpdaterSpec, Wanted};

use super::*;

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
        let registry = Registry::new(
            "demo".parse().unwrap(),
            Some(address.parse().unwrap()),
            NpmSettings::default(),
            QUICK,
        )
        .unwrap();
        let spec = UpdaterSpec {
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
            every: Duration::from_secs(1800),
        };
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
            next: self.store.resolve(&self.shell).version,
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
    let (given, served) = (Arc::clone(&listed), bytes.clone());
    let server = Server::start(move |request, _| {
        match (request.line.as_str(), request.header("if-none-match")) {
            ("GET /demo", Some("\"e\"")) => Reply::new(304, ""),
            ("GET /demo", _) => Reply::json(&given.lock().unwrap()).with("etag", "\"e\""),
            _ => Reply::new(200, served.clone()),
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

fn link() -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    archive
        .append_link(&mut header, "package/cli.js", "/etc/passwd")
        .unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn bad_input_is_an_error_and_changes_nothing() {
    let device = Device::new();
    let good = version("demo", "1.1.0");
    let (server, answers) = offering("1.1.0", &good).await;
    let updater = device.updater(&server.origin);
    updater.check(By::Person).await.unwrap();
    let before = device.state();
    assert_eq!(before.next.as_str(), "1.1.0");

    let new = version("demo", "1.2.0");
    let listed = |bytes: &[u8]| packument("demo", &server.origin, &[("1.2.0", bytes)]);
    let without = |path: &str| {
        let mut packument = listed(&new);
        let (parent, key) = path.rsplit_once('/').unwrap();
        packument
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(key);
        Reply::json(&packument)
    };
    let with = |path: &str, value: Value| {
        let mut packument = listed(&new);
        *packument.pointer_mut(path).unwrap() = value;
        Reply::json(&packument)
    };
    let dist = "/versions/1.2.0/dist";
    let sha1 = json!("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    let offered = |bytes: Vec<u8>| (Reply::json(&listed(&bytes)), Reply::new(200, bytes));
    let tarball_of = |reply: Reply| (Reply::json(&listed(&new)), reply);
    let served = |reply: Reply| (reply, Reply::new(200, new.clone()));
    let mut changed = new.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x55;
    let manifest = json!({ "name": "demo", "version": "1.2.0" }).to_string();
    let cases = [
        (
            "another content",
            tarball_of(Reply::new(200, version("demo", "1.1.9"))),
            "integrity",
        ),
        ("damaged bytes", tarball_of(Reply::new(200, changed)), ""),
        (
            "no integrity",
            served(without(&format!("{dist}/integrity"))),
            "no sha512",
        ),
        (
            "sha1 alone",
            served(with(&format!("{dist}/integrity"), sha1)),
            "sha1-",
        ),
        (
            "a body cut off",
            tarball_of(Reply::new(200, new.clone()).cut(60)),
            "cut off",
        ),
        (
            "a chunked body cut off",
            tarball_of(Reply::new(200, new.clone()).chunked().cut(60)),
            "cut off",
        ),
        (
            "a length too long",
            tarball_of(Reply::new(200, new.clone()).announcing(new.len() + 9)),
            "cut off",
        ),
        (
            "a length too short",
            tarball_of(Reply::new(200, new.clone()).announcing(new.len() - 9)),
            "",
        ),
        (
            "silence",
            tarball_of(Reply::new(200, new.clone()).cut(60).silent()),
            "sent nothing",
        ),
        ("a web page", served(Reply::new(200, "<html>")), "not JSON"),
        (
            "a web page as the tarball",
            tarball_of(Reply::new(200, "<html>")),
            "",
        ),
        ("404", served(Reply::new(404, "")), "404"),
        ("401", served(Reply::new(401, "")), "401"),
        ("429", served(Reply::new(429, "")), "429"),
        ("503", served(Reply::new(503, "")), "503"),
        ("no tarball there", tarball_of(Reply::new(404, "")), "404"),
        (
            "a tarball for members",
            tarball_of(Reply::new(403, "")),
            "403",
        ),
        (
            "a tarball that must wait",
            tarball_of(Reply::new(503, "")),
            "503",
        ),
        (
            "a redirect elsewhere",
            served(Reply::new(302, "").with("location", "http://reg.test/")),
            "redirects to",
        ),
        ("no versions", served(without("/versions")), "no `versions`"),
        (
            "versions of another type",
            served(with("/versions", json!([]))),
            "a list",
        ),
        ("no tags", served(without("/dist-tags")), "no `dist-tags`"),
        (
            "tags of another type",
            served(with("/dist-tags", json!("1.2.0"))),
            "a text",
        ),
        (
            "a hundred megabytes",
            served(Reply::new(200, vec![b' '; 1 << 20]).repeated(100)),
            "larger than",
        ),
        (
            "a tarball too large",
            tarball_of(Reply::new(200, vec![0; (1 << 20) + 1])),
            "larger than",
        ),
        (
            "a tarball too large, chunked",
            tarball_of(Reply::new(200, vec![0; (1 << 20) + 1]).chunked()),
            "",
        ),
        (
            "another package",
            offered(version("other", "1.2.0")),
            "other",
        ),
        (
            "another version",
            offered(version("demo", "1.3.0")),
            "1.3.0",
        ),
        (
            "no entry",
            offered(tarball(&[("package.json", &manifest)])),
            "cli.js",
        ),
        (
            "no package.json",
            offered(tarball(&[("cli.js", "")])),
            "package.json",
        ),
        ("a link", offered(link()), ""),
        (
            "a way out",
            offered(tarball(&[("package.json", &manifest), ("con", "")])),
            "con",
        ),
        ("no archive", offered(b"plain".to_vec()), ""),
    ];
    for (what, (packument, tarball), words) in cases {
        *answers.lock().unwrap() = (packument, tarball);
        let error = updater.check(By::Person).await.expect_err(what);
        let text = error.to_string();
        assert!(text.contains(words), "{what}: {text}");
        assert!(
            text.contains(&server.origin),
            "{what} names no address: {text}"
        );
        assert!(!error.hint().is_empty());
        assert_eq!(device.state(), before, "{what}");
        let status = updater.status().borrow().clone();
        assert_eq!(status.progress, None, "{what}");
        assert_eq!(
            status.last_check.unwrap().error.unwrap().kind,
            error.kind(),
            "{what}"
        );
    }
    // And then it is offered properly.
    *answers.lock().unwrap() = offered(new.clone());
    updater.check(By::Person).await.unwrap();
    assert_eq!(device.state().next.as_str(), "1.2.0");
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
        device.store.resolve(&device.shell).version.as_str(),
        "1.0.0"
    );
}

#[tokio::test]
async fn a_download_cut_off_once_is_begun_again() {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let listed = Arc::new(Mutex::new(Value::Null));
    let (given, served) = (Arc::clone(&listed), bytes.clone());
    let server = Server::start(
        move |request, before| match (request.line.as_str(), before) {
            ("GET /demo", _) => Reply::json(&given.lock().unwrap()),
            (_, 1) => Reply::new(200, served.clone()).cut(served.len() / 2),
            _ => Reply::new(200, served.clone()),
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
        let mut reader = Pieces {
            receive,
            piece: Bytes::new(),
            ended: false,
        };
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
