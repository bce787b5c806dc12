use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use rollout::{Candidate, Host, NodeFact, PackageName};
use runtime_store::Bundled;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::*;
use crate::download::Download;
use crate::error::RegistryError;
use crate::registry::CachedPackument;
use crate::releases::Releases;
use crate::schedule;
use crate::source::Latest;

const EVERY: Duration = Duration::from_mins(30);
const AFTER: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_hours(1);

/// What the stand-in answers: the bundled version, so that there is never anything to stage.
#[derive(Debug, Clone)]
enum Says {
    NothingNew,
    Fails(RegistryError),
    Panics,
}

#[derive(Debug)]
struct Fake {
    package: PackageName,
    asked: Mutex<Vec<Instant>>,
    says: Mutex<VecDeque<Says>>,
    /// Answers wait for a permit.
    gate: Semaphore,
    conditional: AtomicUsize,
}

impl Fake {
    fn new(says: impl IntoIterator<Item = Says>, permits: usize) -> Arc<Self> {
        Arc::new(Self {
            package: "demo".parse().unwrap(),
            asked: Mutex::default(),
            says: Mutex::new(says.into_iter().collect()),
            gate: Semaphore::new(permits),
            conditional: AtomicUsize::new(0),
        })
    }

    fn open() -> Arc<Self> {
        Self::new([], Semaphore::MAX_PERMITS)
    }

    fn asked(&self) -> Vec<Instant> {
        lock(&self.asked).clone()
    }
}

impl Source for Fake {
    fn package(&self) -> &PackageName {
        &self.package
    }
    fn address(&self) -> BoxFuture<'_, Result<String, RegistryError>> {
        async { Ok("http://127.0.0.1/demo".into()) }.boxed()
    }
    fn latest<'a>(
        &'a self,
        _: &'a str,
        cached: Option<&'a CachedPackument>,
    ) -> BoxFuture<'a, Result<Latest, RegistryError>> {
        async move {
            lock(&self.asked).push(Instant::now());
            self.gate.acquire().await.unwrap().forget();
            let says = lock(&self.says).pop_front().unwrap_or(Says::NothingNew);
            match (says, cached) {
                (Says::Fails(error), _) => Err(error),
                (Says::Panics, _) => panic!("a defect, as a test wants it"),
                (Says::NothingNew, Some(_)) => {
                    self.conditional.fetch_add(1, Ordering::Relaxed);
                    Ok(Latest::NotModified)
                }
                (Says::NothingNew, None) => Ok(Latest::Fresh {
                    candidate: Box::new(candidate()),
                    etag: Some("\"1\"".into()),
                }),
            }
        }
        .boxed()
    }
    fn version<'a>(&'a self, _: &'a Version) -> BoxFuture<'a, Result<Candidate, RegistryError>> {
        async { Ok(candidate()) }.boxed()
    }
    fn open<'a>(
        &'a self,
        _: &'a Candidate,
        _: u64,
    ) -> BoxFuture<'a, Result<Download, RegistryError>> {
        async { unreachable!("there is never anything to stage") }.boxed()
    }
    fn copy<'a>(
        &'a self,
        _: &'a url::Url,
        _: u64,
    ) -> BoxFuture<'a, Result<Download, RegistryError>> {
        async { unreachable!("there is never anything to stage") }.boxed()
    }
}

fn candidate() -> Candidate {
    Candidate {
        package: "demo".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        integrity: Integrity::from_digest([0; 64]),
        engines: rollout::Engines::default(),
        tarball: "http://127.0.0.1/demo.tgz".into(),
        unpacked_size: None,
    }
}

fn unreachable() -> RegistryError {
    RegistryError::Unreachable {
        url: "http://127.0.0.1/demo".into(),
        why: "no network".into(),
    }
}

fn shell() -> Arc<Shell> {
    Arc::new(Shell {
        bundled: Bundled {
            dir: "/bundled".into(),
            version: "1.0.0".parse().unwrap(),
            entry: "/bundled/cli.js".into(),
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
    })
}

fn start(source: &Arc<Fake>, data: &TempDir, passive: bool) -> Updater {
    start_by(Clock::default(), source, data, passive)
}

fn start_by(clock: Clock, source: &Arc<Fake>, data: &TempDir, passive: bool) -> Updater {
    let settings = Settings {
        channel: "latest".into(),
        entry: "cli.js".into(),
        carry: Vec::new(),
        limits: Limits::default(),
        passive,
        after: AFTER,
        every: EVERY,
        experimental: false,
        built_at: Timestamp::UNIX_EPOCH,
        pin: None,
        minimum_age: None,
        clock,
        mirror: None,
        steered: watch::channel(false).1,
    };
    let store = Store::open(data.path()).unwrap();
    let source = Arc::clone(source) as Arc<dyn Source>;
    let (_, running) = watch::channel(None);
    Updater::with_source(
        settings,
        source,
        Followed::Registry,
        (3, AFTER),
        None,
        store,
        shell(),
        running,
    )
}

/// Waits until the stand-in was asked so often; the paused clock goes on meanwhile.
async fn until_asked(source: &Fake, times: usize) {
    while source.asked().len() < times {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn data() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn gaps(source: &Fake) -> Vec<Duration> {
    source
        .asked()
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect()
}

/// Timers fire on whole milliseconds.
fn about(a: Duration, b: Duration) -> bool {
    a.abs_diff(b) < Duration::from_secs(1)
}

#[tokio::test(start_paused = true)]
async fn the_first_check_comes_after_thirty_seconds_and_the_next_ones_in_the_devices_rhythm() {
    let (source, data) = (Fake::open(), data());
    let begun = Instant::now();
    let updater = start(&source, &data, true);
    tokio::time::sleep(HOUR * 5).await;
    let first = source.asked()[0] - begun;
    assert!(about(first, AFTER), "{first:?}");
    let device = Store::open(data.path()).unwrap().device_id().unwrap().id;
    let rhythm = schedule::next(EVERY, schedule::jitter(&device), None);
    assert!(source.asked().len() >= 9);
    for gap in gaps(&source) {
        assert!(about(gap, rhythm), "{gap:?} is not {rhythm:?}");
    }
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn neither_a_failure_nor_a_defect_ends_the_loop() {
    let says = [
        Says::Fails(unreachable()),
        Says::Panics,
        Says::Fails(unreachable()),
    ];
    let (source, data) = (Fake::new(says, Semaphore::MAX_PERMITS), data());
    let updater = start(&source, &data, true);
    until_asked(&source, 5).await;
    let gaps = gaps(&source);
    assert!(gaps.iter().all(|gap| about(*gap, gaps[0])), "{gaps:?}");
    assert!(updater.check(By::Person).await.is_ok());
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_wants_to_be_left_alone_is_also_after_a_restart() {
    let busy = RegistryError::Busy {
        url: "http://127.0.0.1/demo".into(),
        status: 429,
        retry_after: Some(HOUR * 2),
    };
    let (source, data) = (
        Fake::new([Says::Fails(busy)], Semaphore::MAX_PERMITS),
        data(),
    );
    let updater = start(&source, &data, true);
    until_asked(&source, 2).await;
    assert!(about(gaps(&source)[0], HOUR * 2), "{:?}", gaps(&source));
    updater.stop().await;

    let again = RegistryError::Busy {
        url: "http://127.0.0.1/demo".into(),
        status: 503,
        retry_after: Some(HOUR),
    };
    let source = Fake::new([Says::Fails(again)], Semaphore::MAX_PERMITS);
    let updater = start(&source, &data, false);
    updater.check(By::Person).await.unwrap_err();
    updater.stop().await;
    let source = Fake::open();
    let begun = Instant::now();
    let updater = start(&source, &data, true);
    until_asked(&source, 1).await;
    let waited = source.asked()[0] - begun;
    // The wall clock, which the wish is kept by, went on a little meanwhile.
    assert!(HOUR.abs_diff(waited) < Duration::from_mins(1), "{waited:?}");
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_joins_the_running_check_and_sees_its_error() {
    let (source, data) = (Fake::new([Says::Fails(unreachable())], 0), data());
    let updater = start(&source, &data, true);
    until_asked(&source, 1).await;
    let person = {
        let updater = updater.clone();
        tokio::spawn(async move { updater.check(By::Person).await })
    };
    let another = {
        let updater = updater.clone();
        tokio::spawn(async move { updater.check(By::Person).await })
    };
    tokio::time::sleep(AFTER).await;
    assert!(!person.is_finished());
    source.gate.add_permits(1);
    for asked in [person, another] {
        let error = asked.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("no network"), "{error}");
    }
    assert_eq!(source.asked().len(), 1);
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_is_answered_at_once_and_the_timer_keeps_its_time() {
    let (source, data) = (Fake::open(), data());
    let begun = Instant::now();
    let updater = start(&source, &data, true);
    let report = updater.check(By::Person).await.unwrap();
    assert!(begun.elapsed() < AFTER);
    assert_eq!(
        (report.decision, report.reason.as_str()),
        ("none", "not-newer")
    );
    until_asked(&source, 2).await;
    assert!(about(source.asked()[1] - begun, AFTER));
    assert_eq!(source.conditional.load(Ordering::Relaxed), 1);
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_check_goes_on_when_whoever_asked_went_away() {
    let (source, data) = (Fake::new([], 0), data());
    let updater = start(&source, &data, false);
    let impatient = updater.check(By::Person);
    assert!(tokio::time::timeout(AFTER, impatient).await.is_err());
    let mut events = updater.events();
    source.gate.add_permits(2);
    let UpdateEvent::Checked(last) = events.recv().await.unwrap() else {
        panic!("nothing was to be staged");
    };
    assert_eq!(last.by, By::Person);
    // It is over: the next one asks anew.
    updater.check(By::Person).await.unwrap();
    assert_eq!(source.asked().len(), 2);
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stop_ends_the_loop_and_a_check_on_its_way() {
    let (source, data) = (Fake::new([], 0), data());
    let updater = start(&source, &data, true);
    until_asked(&source, 1).await;
    let waiting = {
        let updater = updater.clone();
        tokio::spawn(async move { updater.check(By::Person).await })
    };
    tokio::task::yield_now().await;
    updater.stop().await;
    assert!(matches!(waiting.await.unwrap(), Err(UpdateError::Stopped)));
    assert!(matches!(
        updater.check(By::Person).await,
        Err(UpdateError::Stopped)
    ));
    tokio::time::sleep(HOUR * 3).await;
    assert_eq!(source.asked().len(), 1);
    assert_eq!(updater.status().borrow().next_check_at, None);
}

#[tokio::test(start_paused = true)]
async fn without_a_loop_nothing_is_asked_until_a_person_does() {
    let (source, data) = (Fake::open(), data());
    let updater = start(&source, &data, false);
    tokio::time::sleep(HOUR * 5).await;
    assert_eq!(source.asked().len(), 0);
    updater.check(By::Person).await.unwrap();
    assert_eq!(source.asked().len(), 1);
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn garbage_is_shown_as_an_error_and_never_counts_as_checked() {
    let garbage = RegistryError::NotJson {
        url: "http://127.0.0.1/demo".into(),
        why: "it looks like a web page".into(),
    };
    let (source, data) = (
        Fake::new([Says::Fails(garbage)], Semaphore::MAX_PERMITS),
        data(),
    );
    let updater = start(&source, &data, false);
    updater.check(By::Person).await.unwrap_err();
    let status = updater.status().borrow().clone();
    assert_eq!(status.checked_at, None);
    let last = status.last_check.unwrap();
    assert_eq!(
        (last.decision.as_deref(), last.reason.as_str()),
        (None, "not-json")
    );
    assert!(last.error.unwrap().hint.contains("login page"));

    updater.check(By::Person).await.unwrap();
    let status = updater.status().borrow().clone();
    assert!(status.checked_at.is_some());
    assert_eq!(status.last_check.unwrap().error, None);
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_check_survives_a_restart_and_every_decision_is_logged() {
    let (source, data) = (Fake::open(), data());
    let updater = start(&source, &data, true);
    let mut status = updater.status();
    status
        .wait_for(|status| status.next_check_at.is_some())
        .await
        .unwrap();
    updater.check(By::Person).await.unwrap();
    updater.stop().await;

    let updater = start(&Fake::new([Says::Fails(unreachable())], 9), &data, true);
    let mut status = updater.status();
    status
        .wait_for(|status| status.next_check_at.is_some())
        .await
        .unwrap();
    let last = status.borrow().last_check.clone().unwrap();
    assert_eq!((last.by, last.reason.as_str()), (By::Person, "not-newer"));
    updater.check(By::Timer).await.unwrap_err();
    updater.stop().await;

    let store = Store::open(data.path()).unwrap();
    let releases: Releases = store.load_releases().unwrap();
    assert_eq!(releases.registry.unwrap().etag, "\"1\"");
    assert!(releases.next_check_at.is_some());
    let log = std::fs::read_to_string(store.root().join("rollout.log")).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert_eq!(lines[0]["decision"], "none");
    assert_eq!(lines[0]["version"], "1.0.0");
    assert_eq!(lines[0]["reason"], "not-newer");
    assert_eq!(lines[1]["reason"], "unreachable");
}

#[tokio::test(start_paused = true)]
async fn a_check_of_another_process_is_shown_once_it_is_told_of() {
    let (ours, theirs) = (Fake::open(), Fake::open());
    let data = data();
    let updater = start(&ours, &data, false);
    let other = start(&theirs, &data, false);
    let _ = other.check(By::Person).await;
    updater.recall().await;
    let seen = updater.status().borrow().last_check.clone();
    assert_eq!(seen, other.status().borrow().last_check.clone());
    assert!(seen.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_turn_comes_by_the_wall_clock_even_if_that_jumps() {
    let (source, data) = (Fake::open(), data());
    let seconds = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let given = Arc::clone(&seconds);
    let clock = Clock(Arc::new(move || {
        Timestamp::from_second(given.load(Ordering::SeqCst)).unwrap()
    }));
    let updater = start_by(clock, &source, &data, true);
    until_asked(&source, 1).await;
    let turn = Timestamp::from_second(36_000).unwrap();
    lock(&updater.0.pace).turn = Some(turn);
    updater.0.paced.notify_one();
    // The machine sleeps: only this clock stands still.
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(source.asked().len(), 1);
    let device = Store::open(data.path()).unwrap().device_id().unwrap().id;
    let pause = schedule::after_turn(&device, EVERY).as_secs();
    seconds.store(36_000 + pause - 1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(source.asked().len(), 1);
    let woke = Instant::now();
    seconds.store(36_000 + pause, Ordering::SeqCst);
    until_asked(&source, 2).await;
    assert!(woke.elapsed() <= Duration::from_mins(1));
    // From then on in the device's own rhythm again.
    until_asked(&source, 3).await;
    let rhythm = schedule::next(EVERY, schedule::jitter(&device), None);
    assert!(about(gaps(&source)[1], rhythm));
    updater.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_status_names_the_turn_where_it_comes_first() {
    let (source, data) = (Fake::open(), data());
    let clock = Clock(Arc::new(|| Timestamp::UNIX_EPOCH));
    let updater = start_by(clock, &source, &data, true);
    until_asked(&source, 1).await;
    let device = Store::open(data.path()).unwrap().device_id().unwrap().id;
    let due = Timestamp::from_second(600).unwrap();
    lock(&updater.0.pace).turn = Some(due - schedule::after_turn(&device, EVERY));
    updater.0.paced.notify_one();
    let mut status = updater.status();
    let told = status.wait_for(|status| status.next_check_at == Some(due));
    tokio::time::timeout(HOUR, told).await.unwrap().unwrap();
    updater.stop().await;
}
