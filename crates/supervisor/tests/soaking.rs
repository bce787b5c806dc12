//! After ready: the soak, its crashes, and its end.

mod support;

use std::time::Duration;

use rollout::BadReason;
use runtime_store::{Asked, How};
use supervisor::{Event, Running, State, Supervisor};
use support::shelf::{Shelf, touch};
use support::{event, get, in_time, pids, running};
use tokio::sync::broadcast;

/// How often the store says that it crashed.
fn written(shelf: &Shelf) -> u32 {
    let trial = shelf.pointer().expect("pointer").trial;
    trial.expect("a trial").crashes
}

async fn crash(events: &mut broadcast::Receiver<Event>, port: u16) -> u32 {
    get(port, "/exit/1").await;
    crashed(events).await.0
}

/// Which crash of its soak it was, and what was seen.
async fn crashed(events: &mut broadcast::Receiver<Event>) -> (u32, String) {
    event(events, "the crash", |event| match event {
        Event::Crashed {
            crashes, detail, ..
        } => Some((crashes, detail)),
        _ => None,
    })
    .await
}

async fn ready(events: &mut broadcast::Receiver<Event>) -> Running {
    event(events, "ready", |event| match event {
        Event::Ready(running) => Some(running),
        _ => None,
    })
    .await
}

async fn confirmed(events: &mut broadcast::Receiver<Event>) -> String {
    event(events, "the confirmation", |event| match event {
        Event::Confirmed { version } => Some(version.to_string()),
        _ => None,
    })
    .await
}

/// 1.1.0 on trial, running.
async fn soaking(shelf: &Shelf, script: &str) -> (Supervisor, broadcast::Receiver<Event>, u16) {
    shelf.put("1.1.0", script);
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let events = supervisor.events();
    let running = running(&supervisor).await;
    assert_eq!(running.version.as_str(), "1.1.0");
    (supervisor, events, running.port)
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_of_its_soak_a_version_is_confirmed() {
    let mut shelf = Shelf::new("serve");
    shelf.bench.spec.soak = Duration::from_secs(1);
    let (supervisor, mut events, _) = soaking(&shelf, "serve").await;
    assert_eq!(confirmed(&mut events).await, "1.1.0");
    assert_eq!(shelf.pointer().expect("pointer").trial, None);
    let state = supervisor.state().borrow().clone();
    assert!(matches!(state, State::Running(running) if !running.trial));
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_soak_is_counted_across_launches() {
    let mut shelf = Shelf::new("serve");
    shelf.bench.spec.soak = Duration::from_secs(3);
    let (supervisor, mut events, _) = soaking(&shelf, "serve").await;
    // Longer than the second that is counted, shorter than the soak.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    let trial = shelf.pointer().expect("pointer").trial.expect("trial");
    assert!(trial.soaked_seconds >= 1, "{trial:?}");
    assert_eq!(trial.attempts_left, 1, "a soaking version takes none");
    assert_eq!(confirmed(&mut events).await, "1.1.0");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_pointer_moved_on_from_is_confirmed_as_previous() {
    let mut shelf = Shelf::new("serve");
    shelf.bench.spec.soak = Duration::from_secs(2);
    let (supervisor, mut events, _) = soaking(&shelf, "serve").await;
    shelf.put("1.2.0", "serve");
    shelf.replace_trial("1.2.0");
    assert_eq!(confirmed(&mut events).await, "1.1.0");
    let pointer = shelf.pointer().expect("pointer");
    assert_eq!(pointer.version.as_str(), "1.2.0");
    let previous = pointer.previous.expect("previous");
    assert_eq!(previous.version.as_str(), "1.1.0");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_crashes_in_a_soak_condemn_once_the_next_choice_is_ready() {
    let shelf = Shelf::new("serve");
    let (supervisor, mut events, port) = soaking(&shelf, "serve").await;
    assert_eq!(crash(&mut events, port).await, 1);
    let second = ready(&mut events).await;
    assert_eq!(second.version.as_str(), "1.1.0", "restarted");
    assert_eq!(crash(&mut events, second.port).await, 2);
    assert_eq!(shelf.bad(), []);
    let third = ready(&mut events).await;
    assert_eq!(crash(&mut events, third.port).await, 3);
    let fell_back = event(&mut events, "the fallback", |event| match event {
        Event::FellBack {
            from,
            to,
            reason,
            condemned,
            ..
        } => Some((from.to_string(), to.to_string(), reason, condemned)),
        _ => None,
    })
    .await;
    let expected = ("1.1.0".to_owned(), "1.0.0".to_owned(), How::CrashLoop, true);
    assert_eq!(fell_back, expected);
    assert_eq!(shelf.bad(), [("1.1.0".to_owned(), BadReason::CrashLoop)]);
    assert!(!shelf.is_stored("1.1.0"));
    in_time("stop", supervisor.stop()).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_killed_from_outside_has_not_crashed() {
    use rustix::process::Signal;
    let shelf = Shelf::new("serve");
    let pid = shelf.path("pid");
    let script = format!("exit-at-term\npid {}\nserve", pid.display());
    let (supervisor, mut events, _) = soaking(&shelf, &script).await;
    let runtime = |pids: Vec<u32>| *pids.last().expect("a process");

    support::send(runtime(pids(&pid, 1).await), Signal::KILL);
    let killed = (0, "ended by signal 9".to_owned());
    assert_eq!(crashed(&mut events).await, killed);
    assert_eq!(ready(&mut events).await.version.as_str(), "1.1.0");

    let guard = support::parent_of(runtime(pids(&pid, 2).await));
    support::send(guard, Signal::KILL);
    let (crashes, detail) = crashed(&mut events).await;
    assert!(crashes == 0 && detail.contains("guard"), "{detail}");
    assert_eq!(ready(&mut events).await.version.as_str(), "1.1.0");

    // It goes by itself then, but only because its guard asked it to.
    let guard = support::parent_of(runtime(pids(&pid, 3).await));
    support::send(guard, Signal::TERM);
    let (crashes, detail) = crashed(&mut events).await;
    assert!(crashes == 0 && detail.contains("guard"), "{detail}");
    assert_eq!(ready(&mut events).await.version.as_str(), "1.1.0");

    assert_eq!(written(&shelf), 0);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_that_an_order_follows_is_no_crash() {
    let shelf = Shelf::new("serve");
    let (supervisor, _events, port) = soaking(&shelf, "serve").await;
    // As at the end of a session, where the runtime hears of it before the shell does.
    get(port, "/exit/0").await;
    let mut state = supervisor.state();
    let ended = state.wait_for(|state| matches!(state, State::Restarting { .. }));
    in_time("the end", ended).await.expect("alive");
    in_time("stop", supervisor.stop()).await;
    assert_eq!(written(&shelf), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_that_cannot_be_written_are_a_loop_too() {
    let shelf = Shelf::new("serve");
    let (supervisor, mut events, mut port) = soaking(&shelf, "serve").await;
    let lock = shelf.store.root().join("lock");
    let aside = shelf.path("lock");
    for crashes in 1..=3 {
        std::fs::rename(&lock, &aside).expect("aside");
        // Nothing can be written without the lock, and a folder is none.
        std::fs::create_dir(&lock).expect("folder");
        assert_eq!(crash(&mut events, port).await, crashes);
        if crashes < 3 {
            std::fs::remove_dir(&lock).expect("remove");
            std::fs::rename(&aside, &lock).expect("back");
            assert_eq!(written(&shelf), 0);
            let running = ready(&mut events).await;
            assert_eq!(running.version.as_str(), "1.1.0");
            port = running.port;
        }
    }
    assert_eq!(ready(&mut events).await.version.as_str(), "1.0.0");
    assert_eq!(shelf.bad(), [], "that cannot be written either");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_updates_off_a_crash_restarts_what_a_person_applied_and_no_newer_trial() {
    let mut shelf = Shelf::new("serve");
    shelf.bench.shell.launch_trials = false;
    shelf.put("1.1.0", "serve");
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start_with(Asked::ByPerson);
    let mut events = supervisor.events();
    let first = ready(&mut events).await;
    assert_eq!(first.version.as_str(), "1.1.0");
    crash(&mut events, first.port).await;
    let second = ready(&mut events).await;
    assert_eq!(second.version.as_str(), "1.1.0", "it may run on");
    shelf.put("1.2.0", "serve");
    shelf.replace_trial("1.2.0");
    crash(&mut events, second.port).await;
    for _ in 0..2 {
        let fallback = ready(&mut events).await;
        assert_eq!(fallback.version.as_str(), "1.0.0");
        crash(&mut events, fallback.port).await;
    }
    assert_eq!(shelf.attempts_left(), 2, "not even tried");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_condemns_nobody_while_bundled_fails_too() {
    let shelf = Shelf::new("exit 1");
    let (supervisor, mut events, mut port) = soaking(&shelf, "serve").await;
    for _ in 0..2 {
        crash(&mut events, port).await;
        port = ready(&mut events).await.port;
    }
    crash(&mut events, port).await;
    let report = support::failed_after(&supervisor).await;
    assert_eq!(report.tried[0].how, How::CrashLoop);
    assert_eq!(shelf.bad(), []);
    assert!(shelf.is_stored("1.1.0"));
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soaking_version_that_exits_before_ready_again_is_condemned() {
    let shelf = Shelf::new("serve");
    let broken = shelf.path("broken");
    let script = format!("exit-if {}\nserve", broken.display());
    let (supervisor, mut events, _) = soaking(&shelf, &script).await;
    touch(&broken);
    let outcome = in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    assert_eq!(outcome.version.as_str(), "1.0.0");
    let condemned = event(&mut events, "the fallback", |event| match event {
        Event::FellBack { condemned, .. } => Some(condemned),
        _ => None,
    })
    .await;
    assert!(condemned);
    assert_eq!(
        shelf.bad(),
        [("1.1.0".to_owned(), BadReason::ExitedBeforeReady)]
    );
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_version_that_crashes_is_restarted_and_never_condemned() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.confirmed("1.1.0", None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    let mut port = ready(&mut events).await.port;
    for _ in 0..4 {
        assert_eq!(crash(&mut events, port).await, 0);
        // What waits out its back-off need not be waited for.
        let order = supervisor.restart(Asked::ByPerson);
        let outcome = in_time("restart", order).await.expect("ready");
        assert_eq!(outcome.version.as_str(), "1.1.0");
        port = ready(&mut events).await.port;
    }
    assert_eq!(crash(&mut events, port).await, 0);
    assert_eq!(ready(&mut events).await.version.as_str(), "1.1.0");
    assert_eq!(shelf.bad(), []);
    in_time("stop", supervisor.stop()).await;
}
