//! What a launch asks of others: to put right what it passed over, and to keep the data that a
//! trial may spoil. Real processes, with hooks that write down when they were asked.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime_store::{Asked, Source, VersionId, WhyNot};
use supervisor::{BoxFuture, DataKeeper, Event, Finding, Mender, Readiness, Swap};
use support::asking::Client;
use support::shelf::{Shelf, touch, version};
use support::{event, failed, get, in_time, is_alive, pids, running};

#[derive(Debug, Default)]
struct Helper {
    asked: AtomicUsize,
    /// The package.json that a mend puts right, where it does.
    package: Option<PathBuf>,
    never: bool,
}

impl Mender for Helper {
    fn mend(&self, finding: Finding) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let Finding::Contract { id, unmet } = finding else {
                panic!("{finding:?}");
            };
            assert_eq!(id.version, version("1.1.0"));
            assert!(!unmet.to_string().is_empty());
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.never {
                std::future::pending::<()>().await;
            }
            match &self.package {
                Some(package) => fs::write(package, "{}").is_ok(),
                None => false,
            }
        })
    }
}

/// A confirmed 1.1.0 that needs more than this shell offers, and its package.json.
fn unmet() -> (Shelf, PathBuf) {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    let package = shelf.store.root().join("versions/1.1.0/package.json");
    support::write(&package, r#"{"refit":{"contract":9}}"#);
    shelf.confirmed("1.1.0", None);
    (shelf, package)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_right_is_launched_at_once() {
    let (mut shelf, package) = unmet();
    let helper = Arc::new(Helper {
        package: Some(package),
        ..Helper::default()
    });
    shelf.bench.spec.mender = Some(Arc::clone(&helper) as Arc<dyn Mender>);
    let supervisor = shelf.start();
    let now = running(&supervisor).await;
    assert_eq!(now.version, version("1.1.0"));
    assert_eq!(helper.asked.load(Ordering::SeqCst), 1);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_put_right_is_asked_for_once_a_launch_and_bundled_runs() {
    let (mut shelf, _) = unmet();
    let helper = Arc::new(Helper::default());
    shelf.bench.spec.mender = Some(Arc::clone(&helper) as Arc<dyn Mender>);
    let supervisor = shelf.start();
    let now = running(&supervisor).await;
    assert_eq!(now.source, Source::Bundled);
    assert!(
        matches!(&now.passed_over[..], [passed] if matches!(passed.why, WhyNot::Contract(_))),
        "the finding stays: {now:?}"
    );
    assert_eq!(helper.asked.load(Ordering::SeqCst), 1);
    let again = in_time("restart", supervisor.restart(Asked::ByPerson)).await;
    assert_eq!(again.expect("ready").source, Source::Bundled);
    assert_eq!(helper.asked.load(Ordering::SeqCst), 2, "the next launch");
    assert_eq!(shelf.named().as_deref(), Some("1.1.0"), "the pointer stays");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_heard_while_something_is_being_put_right() {
    let (mut shelf, _) = unmet();
    let helper = Arc::new(Helper {
        never: true,
        ..Helper::default()
    });
    shelf.bench.spec.mender = Some(Arc::clone(&helper) as Arc<dyn Mender>);
    let supervisor = shelf.start();
    in_time("the question", async {
        while helper.asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let start = std::time::Instant::now();
    in_time("stop", supervisor.stop()).await;
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// Writes down what it was asked, in the file that the scripts write their ids into.
#[derive(Debug)]
struct Keeper {
    file: PathBuf,
    fails: bool,
}

impl Keeper {
    fn note(&self, what: &str, id: &VersionId) {
        use std::io::Write;
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(&self.file);
        writeln!(file.expect("open"), "{what} {}", id.version).expect("write");
    }
}

impl DataKeeper for Keeper {
    fn before_first_launch(&self, id: &VersionId) -> BoxFuture<'_, Result<(), String>> {
        self.note("keep", id);
        Box::pin(async {
            if self.fails {
                Err("no room".into())
            } else {
                Ok(())
            }
        })
    }

    fn others_write(&self, runs: Option<&VersionId>) -> BoxFuture<'_, Result<(), String>> {
        let runs = runs.map_or("bundled".to_owned(), |id| id.version.to_string());
        let file = self.file.with_extension("others");
        let noted = fs::read_to_string(&file).unwrap_or_default();
        fs::write(file, format!("{noted}{runs} ")).expect("write");
        Box::pin(async { Ok(()) })
    }

    fn put_back(&self, id: &VersionId) -> BoxFuture<'_, Result<bool, String>> {
        self.note("put-back", id);
        Box::pin(async {
            if self.fails {
                Err("no room".into())
            } else {
                Ok(true)
            }
        })
    }
}

/// A shelf with a keeper, and the file in which it and the scripts write down what they do.
fn kept(fails: bool) -> (Shelf, PathBuf) {
    let mut shelf = Shelf::new("");
    let file = shelf.path("order");
    shelf.bench.script(
        "bundled/dist/cli.js",
        &format!("pid {}\nserve", file.display()),
    );
    shelf.bench.spec.keeper = Some(Arc::new(Keeper {
        file: file.clone(),
        fails,
    }));
    (shelf, file)
}

/// Who was said to write into the data, besides a version that is tried.
fn others(file: &Path) -> String {
    fs::read_to_string(file.with_extension("others")).unwrap_or_default()
}

/// What was done, with `run` for a process.
fn order(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let word = |line: &str| match line.parse::<u32>() {
        Ok(_) => "run".to_owned(),
        Err(_) => line.to_owned(),
    };
    text.lines().map(word).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_kept_before_a_trial_exists_and_put_back_before_the_next_choice_does() {
    let (shelf, file) = kept(false);
    shelf.put("1.2.0", &format!("pid {}\nexit 1", file.display()));
    shelf.on_trial("1.2.0", 2, None);
    let supervisor = shelf.start();
    assert_eq!(running(&supervisor).await.source, Source::Bundled);
    assert_eq!(order(&file), ["keep 1.2.0", "run", "put-back 1.2.0", "run"]);
    in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    assert_eq!(order(&file).len(), 5, "bundled alone: {:?}", order(&file));
    assert_eq!(others(&file), "bundled bundled ");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_put_back_when_the_soak_ends_in_a_crash_loop_and_not_at_each_crash() {
    let (shelf, file) = kept(false);
    shelf.put("1.2.0", &format!("pid {}\nserve", file.display()));
    shelf.on_trial("1.2.0", 2, None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    for _ in 0..3 {
        let port = running(&supervisor).await.port;
        let _ = get(port, "/exit/1").await;
        event(&mut events, "the crash", |event| {
            matches!(event, Event::Crashed { .. }).then_some(())
        })
        .await;
    }
    let mut state = supervisor.state();
    let fallen = state.wait_for(
        |state| matches!(state, supervisor::State::Running(now) if now.source == Source::Bundled),
    );
    in_time("the fallback", fallen).await.expect("alive");
    assert_eq!(
        order(&file),
        ["keep 1.2.0", "run", "run", "run", "put-back 1.2.0", "run"]
    );
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_machine_is_at_fault_nothing_is_put_back() {
    let (mut shelf, file) = kept(false);
    shelf.put("1.2.0", "serve");
    shelf.on_trial("1.2.0", 2, None);
    shelf.bench.spec.program = shelf.path("no-such-program");
    let supervisor = shelf.start();
    failed(&supervisor).await;
    assert_eq!(order(&file), ["keep 1.2.0"]);
    assert_eq!(shelf.attempts_left(), 2);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_or_put_back_is_told_and_stops_nothing() {
    let (shelf, file) = kept(true);
    let go = shelf.path("go");
    shelf.put("1.2.0", &format!("wait-for {}\nexit 1", go.display()));
    shelf.on_trial("1.2.0", 2, None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    touch(&go);
    assert_eq!(running(&supervisor).await.source, Source::Bundled);
    let mut told = Vec::new();
    while told.len() < 2 {
        let trouble = event(&mut events, "the trouble", |event| match event {
            Event::Trouble(what) => Some(what),
            _ => None,
        })
        .await;
        assert!(
            trouble.contains("1.2.0") && trouble.contains("no room"),
            "{trouble}"
        );
        told.push(trouble);
    }
    assert_eq!(order(&file), ["keep 1.2.0", "put-back 1.2.0", "run"]);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_put_back_under_the_old_version_that_serves_on() {
    let (mut shelf, file) = kept(false);
    shelf.bench.spec.swap = Some(Swap {
        drain: Duration::from_secs(5),
    });
    shelf.bench.spec.ready = Readiness::Tcp {
        timeout: Duration::from_secs(20),
    };
    let supervisor = shelf.start();
    running(&supervisor).await;
    pids(&file, 1).await;
    shelf.put("1.2.0", "exit 1");
    shelf.on_trial("1.2.0", 2, None);
    in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("the old one");
    assert_eq!(order(&file), ["run", "keep 1.2.0"]);
    assert_eq!(
        others(&file),
        "bundled bundled ",
        "what it writes now is lost"
    );
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_kept_once_where_the_same_trial_is_spawned_on_another_port() {
    let (shelf, file) = kept(false);
    let go = shelf.path("go");
    shelf.put(
        "1.2.0",
        &format!("pid {}\nwait-for {}\nserve", file.display(), go.display()),
    );
    shelf.on_trial("1.2.0", 2, None);
    let supervisor = shelf.start();
    pids(&file, 1).await;
    let stolen = shelf.bench.port();
    let _stranger = std::net::TcpListener::bind(("127.0.0.1", stolen)).expect("steal");
    touch(&go);
    assert_eq!(running(&supervisor).await.version, version("1.2.0"));
    assert_eq!(order(&file), ["keep 1.2.0", "run", "run"]);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_put_back_once_however_many_choices_follow() {
    let (shelf, file) = kept(false);
    shelf.put("1.1.0", &format!("pid {}\nexit 1", file.display()));
    shelf.put("1.2.0", &format!("pid {}\nexit 1", file.display()));
    shelf.on_trial("1.2.0", 2, Some("1.1.0"));
    let supervisor = shelf.start();
    assert_eq!(running(&supervisor).await.source, Source::Bundled);
    assert_eq!(
        order(&file),
        ["keep 1.2.0", "run", "put-back 1.2.0", "run", "run"]
    );
    in_time("stop", supervisor.stop()).await;
}

/// With a swap too, and with streams that an old version still answers.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_between_is_done_while_nothing_runs() {
    for swaps in [false, true] {
        let mut shelf = Shelf::new("");
        let file = shelf.path("pids");
        shelf.bench.script(
            "bundled/dist/cli.js",
            &format!("pid {}\nweb", file.display()),
        );
        shelf.bench.spec.swap = swaps.then_some(Swap {
            drain: Duration::from_hours(1),
        });
        let supervisor = shelf.start();
        let mut events = supervisor.events();
        let port = running(&supervisor).await.port;
        let mut ran = 1;
        let mut stream = Client::connect(port).await.expect("connect");
        if swaps {
            stream.get("/events/100000").await.expect("a stream");
            let swapped = supervisor.restart(Asked::ByPerson);
            in_time("the swap", swapped).await.expect("ready");
            ran = 2;
        }
        let before = pids(&file, ran).await;
        let seen = file.clone();
        let between = Box::pin(async move {
            let alive: Vec<_> = before.into_iter().filter(|pid| is_alive(*pid)).collect();
            assert_eq!(alive, Vec::<u32>::new(), "swaps: {swaps}");
            assert_eq!(pids(&seen, ran).await.len(), ran, "nothing new either");
            Err("no such snapshot".to_owned())
        });
        let restarted = supervisor.restart_with(Asked::ByPerson, between);
        in_time("the restart", restarted).await.expect("ready");
        assert_eq!(pids(&file, ran + 1).await.len(), ran + 1);
        let told = event(&mut events, "the trouble", |event| match event {
            Event::Trouble(what) => Some(what),
            _ => None,
        })
        .await;
        assert_eq!(told, "no such snapshot");
        in_time("stop", supervisor.stop()).await;
    }
}
