//! What is done with a version between its place and the pointer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rollout::BadReason;
use rollout::rehearsal::Smoke;
use tokio::sync::Notify;

use super::*;
use crate::{Rehearsal, RehearsalFault, RehearsalOutcome};

/// What one rehearsal saw: the version, how often it was begun, and what the pointer named.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    version: Option<String>,
    begun: u32,
    pointer: Option<String>,
}

/// Holds rehearsals as a test says; when nothing more is said, they pass.
#[derive(Debug)]
struct Scripted {
    store: Store,
    says: Mutex<VecDeque<Result<Smoke, RehearsalFault>>>,
    seen: Mutex<Vec<Seen>>,
    skip: Mutex<Option<String>>,
    /// Goes on until it is stopped, and tells that it began.
    hang: AtomicBool,
    began: Notify,
}

impl Scripted {
    fn new<const N: usize>(device: &Device, says: [Result<Smoke, RehearsalFault>; N]) -> Arc<Self> {
        Arc::new(Self {
            store: device.store.clone(),
            says: Mutex::new(says.into()),
            seen: Mutex::default(),
            skip: Mutex::default(),
            hang: AtomicBool::new(false),
            began: Notify::new(),
        })
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What was rehearsed, `-` standing for the bundled one.
    fn names(&self) -> Vec<String> {
        let name = |seen: Seen| seen.version.unwrap_or_else(|| "-".into());
        self.seen().into_iter().map(name).collect()
    }
}

impl Rehearser for Scripted {
    fn skip(&self) -> Option<String> {
        self.skip.lock().unwrap().clone()
    }

    fn run<'a>(
        &'a self,
        what: Rehearsal<'a>,
        mut stop: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<Smoke, RehearsalFault>> {
        let (version, begun) = match what {
            Rehearsal::Candidate(placed) => {
                (Some(placed.version().to_string()), placed.rehearsals())
            }
            Rehearsal::Bundled => (None, 0),
        };
        async move {
            let store = self.store.clone();
            // Takes the store's lock, which must be free now.
            let snapshot = tokio::task::spawn_blocking(move || {
                store.gc().unwrap();
                store.snapshot()
            });
            let pointer = snapshot.await.unwrap().pointer;
            self.seen.lock().unwrap().push(Seen {
                version,
                begun,
                pointer: pointer.map(|pointer| pointer.version.to_string()),
            });
            if self.hang.load(Ordering::Relaxed) {
                self.began.notify_one();
                stop.wait_for(|stopped| *stopped).await.unwrap();
                return Err(RehearsalFault::Stopped);
            }
            let said = self.says.lock().unwrap().pop_front();
            said.unwrap_or_else(passes)
        }
        .boxed()
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of the two that a rehearsal may say"
)]
fn passes() -> Result<Smoke, RehearsalFault> {
    Ok(Smoke::of(2, vec![Duration::from_millis(3); 2]))
}

fn fails(why: &str) -> Result<Smoke, RehearsalFault> {
    Err(RehearsalFault::Version(why.to_owned()))
}

struct Scene {
    device: Device,
    server: Server,
    rehearser: Arc<Scripted>,
    updater: Updater,
}

impl Scene {
    async fn new<const N: usize>(says: [Result<Smoke, RehearsalFault>; N]) -> Self {
        let device = Device::new();
        let (server, _) = offering("1.1.0", &version("demo", "1.1.0")).await;
        let rehearser = Scripted::new(&device, says);
        let updater = begin(&device, &server, &rehearser);
        Self {
            device,
            server,
            rehearser,
            updater,
        }
    }

    async fn check(&self) -> StageReport {
        let report = self.updater.check(By::Timer).await.unwrap();
        report.staged.unwrap()
    }

    fn downloads(&self) -> usize {
        let lines = self.server.lines();
        lines.iter().filter(|line| line.contains("/-/")).count()
    }
}

fn begin(device: &Device, server: &Server, rehearser: &Arc<Scripted>) -> Updater {
    let policy = Policy::registry(jiff::Timestamp::UNIX_EPOCH);
    let rehearser = Arc::clone(rehearser) as Arc<dyn Rehearser>;
    device.updater_with(&server.origin, policy, Some(rehearser))
}

fn told(events: &mut tokio::sync::broadcast::Receiver<UpdateEvent>) -> Vec<&'static str> {
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(match event {
            UpdateEvent::Checked(_) => "checked",
            UpdateEvent::Staged { .. } => "staged",
            UpdateEvent::Rehearsed { outcome, .. } => match outcome {
                RehearsalOutcome::Passed(_) => "passed",
                RehearsalOutcome::Failed(_) => "failed",
                RehearsalOutcome::Skipped(_) => "skipped",
                RehearsalOutcome::Bad(_) => "bad",
                RehearsalOutcome::Inconclusive(_) => "inconclusive",
            },
        });
    }
    told
}

#[tokio::test]
async fn the_pointer_moves_only_once_the_rehearsal_was_passed() {
    let scene = Scene::new([passes()]).await;
    let mut events = scene.updater.events();
    assert_eq!(scene.check().await.outcome, Outcome::Staged);
    let seen = Seen {
        version: Some("1.1.0".into()),
        begun: 1,
        pointer: None,
    };
    assert_eq!(scene.rehearser.seen(), [seen]);
    let pointer = scene.device.state().pointer.unwrap();
    assert_eq!(pointer.version.as_str(), "1.1.0");
    assert_eq!(told(&mut events), ["passed", "staged", "checked"]);
}

#[tokio::test]
async fn that_it_is_being_rehearsed_is_told_while_it_is() {
    let scene = Scene::new([]).await;
    scene.rehearser.hang.store(true, Ordering::Relaxed);
    let status = scene.updater.status();
    let checking = tokio::spawn({
        let updater = scene.updater.clone();
        async move { updater.check(By::Timer).await }
    });
    scene.rehearser.began.notified().await;
    let phase = status.borrow().progress.as_ref().map(|it| it.phase);
    assert_eq!(phase, Some(Phase::Rehearsing));
    scene.updater.stop().await;
    assert!(matches!(checking.await.unwrap(), Err(UpdateError::Stopped)));
}

#[tokio::test]
async fn one_failure_is_none() {
    let scene = Scene::new([fails("slow"), passes()]).await;
    let mut events = scene.updater.events();
    assert_eq!(scene.check().await.outcome, Outcome::Staged);
    assert_eq!(scene.rehearser.names(), ["1.1.0", "1.1.0"]);
    assert_eq!(scene.rehearser.seen()[1].begun, 2, "both were counted");
    assert_eq!(told(&mut events), ["failed", "passed", "staged", "checked"]);
}

#[tokio::test]
async fn what_fails_twice_where_the_bundled_version_passes_is_bad_and_never_ran() {
    let scene = Scene::new([
        fails("exited with code 1"),
        fails("exited with code 7"),
        passes(),
    ])
    .await;
    let mut events = scene.updater.events();
    let report = scene.check().await;
    assert_eq!(
        (report.outcome, &*report.reason),
        (Outcome::BadVersion, "rehearsal")
    );
    assert_eq!(scene.rehearser.names(), ["1.1.0", "1.1.0", "-"]);
    let state = scene.device.state();
    assert_eq!(state.pointer, None);
    assert_eq!(state.folders, Vec::<OsString>::new(), "its folder is left");
    assert_eq!(state.bad[0].reason, BadReason::Rehearsal);
    assert_eq!(state.bad[0].detail, "exited with code 7");
    assert_eq!(told(&mut events), ["failed", "failed", "bad", "checked"]);
    // Nor is it fetched, or rehearsed, ever again.
    let again = scene.updater.check(By::Person).await.unwrap();
    assert_eq!((again.decision, &*again.reason), ("hold", "bad-version"));
    assert_eq!((scene.rehearser.seen().len(), scene.downloads()), (3, 1));
}

#[tokio::test]
async fn what_fails_where_everything_fails_is_held_and_tried_again_without_another_download() {
    let scene = Scene::new([fails("slow"), fails("slow"), fails("slow")]).await;
    let report = scene.check().await;
    assert_eq!(report.outcome, Outcome::Held);
    assert_eq!(report.reason, "rehearsal-inconclusive");
    let state = scene.device.state();
    assert_eq!((state.pointer, state.bad), (None, Vec::new()));
    // On a better day.
    assert_eq!(scene.check().await.outcome, Outcome::Staged);
    assert_eq!(scene.rehearser.names(), ["1.1.0", "1.1.0", "-", "1.1.0"]);
    assert_eq!(scene.downloads(), 1);
    // Failures of the bad day alone condemn nothing.
    assert_eq!(scene.device.state().bad, Vec::new());
}

#[tokio::test]
async fn failures_of_a_day_on_which_nothing_passed_do_not_count_on_another() {
    let scene = Scene::new([
        fails("slow"),
        fails("slow"),
        fails("slow"),
        fails("slow"),
        passes(),
    ])
    .await;
    assert_eq!(scene.check().await.reason, "rehearsal-inconclusive");
    assert_eq!(scene.check().await.outcome, Outcome::Staged);
    assert_eq!(
        scene.rehearser.names(),
        ["1.1.0", "1.1.0", "-", "1.1.0", "1.1.0"]
    );
}

#[tokio::test]
async fn what_the_machine_is_to_blame_for_condemns_nothing_however_often() {
    let machine = || Err(RehearsalFault::Machine("there is no space left".into()));
    let scene = Scene::new([
        machine(),
        machine(),
        machine(),
        machine(),
        machine(),
        passes(),
    ])
    .await;
    for _ in 0..5 {
        let report = scene.check().await;
        assert_eq!(report.reason, "rehearsal-inconclusive");
        assert!(
            report.message.contains("no space left"),
            "{}",
            report.message
        );
    }
    assert_eq!(scene.check().await.outcome, Outcome::Staged);
    assert!(!scene.rehearser.names().contains(&"-".to_owned()));
}

#[tokio::test]
async fn where_none_is_held_it_is_staged_and_said_so() {
    let scene = Scene::new([]).await;
    *scene.rehearser.skip.lock().unwrap() = Some("memory is short".into());
    let mut events = scene.updater.events();
    assert_eq!(scene.check().await.outcome, Outcome::Staged);
    assert_eq!(scene.rehearser.seen(), []);
    assert_eq!(told(&mut events), ["skipped", "staged", "checked"]);
    let record = std::fs::read_to_string(scene.device.store.root().join("records/1.1.0.json"));
    assert!(record.unwrap().contains("memory is short"));
}

#[tokio::test]
async fn stopping_ends_it_in_order_and_the_next_start_takes_it_up() {
    let scene = Scene::new([]).await;
    for lives in 0..5 {
        scene.rehearser.hang.store(true, Ordering::Relaxed);
        let updater = begin(&scene.device, &scene.server, &scene.rehearser);
        let checking = tokio::spawn({
            let updater = updater.clone();
            async move { updater.check(By::Timer).await }
        });
        scene.rehearser.began.notified().await;
        updater.stop().await;
        assert!(matches!(checking.await.unwrap(), Err(UpdateError::Stopped)));
        assert_eq!(scene.device.state().pointer, None, "in life {lives}");
    }
    scene.rehearser.hang.store(false, Ordering::Relaxed);
    assert_eq!(scene.check().await.outcome, Outcome::Staged);
    // Never the bundled one: a person who closes the app says nothing about the version.
    assert_eq!(scene.rehearser.names(), ["1.1.0"; 6]);
    assert_eq!(scene.downloads(), 1);
}

#[tokio::test]
async fn what_never_came_to_an_end_is_not_begun_for_ever() {
    let scene = Scene::new([fails("slow"), fails("slow"), fails("slow")]).await;
    assert_eq!(scene.check().await.outcome, Outcome::Held);
    // As if the machine had gone down with it, again and again.
    let file = scene.device.store.root().join("records/1.1.0.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let begun = record["rehearsal"]["begun"].as_u64().unwrap();
    record["rehearsal"]["begun"] = (begun + 4).into();
    std::fs::write(&file, record.to_string()).unwrap();
    let report = scene.check().await;
    assert_eq!(
        (report.outcome, &*report.reason),
        (Outcome::BadVersion, "rehearsal")
    );
    // Only the bundled one was started since.
    assert_eq!(scene.rehearser.names(), ["1.1.0", "1.1.0", "-", "-"]);
}

#[tokio::test]
async fn two_who_ask_at_once_share_one_rehearsal() {
    let scene = Scene::new([]).await;
    let (one, other) = tokio::join!(
        scene.updater.check(By::Person),
        scene.updater.check(By::Person)
    );
    assert_eq!(one.unwrap().staged, other.unwrap().staged);
    assert_eq!(scene.rehearser.seen().len(), 1);
}
