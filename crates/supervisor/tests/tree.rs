//! Nothing of a launch outlives it: not the polite, not the stubborn, not the orphaned.
#![cfg(unix)]

mod support;

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use supervisor::{Event, State};
use support::{Bench, event, eventually, in_time, is_alive, parent_of, pids, running, send};
use tokio::io::{AsyncBufReadExt, BufReader};

/// The promise of the issue.
const MOST_AFTER_A_KILL: Duration = Duration::from_secs(5);

/// A runtime with a child that left the session, ignores SIGTERM and was orphaned, and whose own
/// child does the same; all tell their ids in `pids`.
fn stubborn() -> Bench {
    let bench = Bench::new("");
    let pids = bench.path("pids");
    let pids = pids.display();
    let deepest = bench.script("deepest", &format!("setsid\nignore-term\npid {pids}"));
    let deep = bench.script(
        "deep",
        &format!(
            "setsid\nignore-term\nspawn {}\npid {pids}",
            deepest.display()
        ),
    );
    let middle = bench.script("middle", &format!("spawn {}\nexit 0", deep.display()));
    support::write(
        &bench.shell.bundled.entry,
        &format!("pid {pids}\nspawn {}\nserve", middle.display()),
    );
    bench
}

async fn assert_all_gone(pids: Vec<u32>) -> Duration {
    let waited = eventually("every process is gone", {
        let pids = pids.clone();
        move || pids.iter().all(|pid| !is_alive(*pid))
    })
    .await;
    assert!(
        pids.iter().all(|pid| !is_alive(*pid)),
        "something came back"
    );
    waited
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_orphans_that_left_the_session_and_ignore_sigterm() {
    let bench = stubborn();
    let supervisor = bench.start();
    running(&supervisor).await;
    let pids = pids(&bench.path("pids"), 3).await;
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    in_time("the stop", supervisor.stop()).await;
    // At once: stopping means that it is over, not that it will be.
    for pid in pids {
        assert!(!is_alive(pid), "{pid} outlived the stop");
    }
    assert_eq!(*supervisor.state().borrow(), State::Stopped);
    in_time("a second stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_descendant_outlives_a_shell_that_was_killed() {
    let bench = stubborn();
    let mut shell = tokio::process::Command::new(support::fixture())
        .arg("shell")
        .arg(bench.shell.bundled.dir.parent().expect("root"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("shell");
    let mut lines = BufReader::new(shell.stdout.take().expect("stdout")).lines();
    let line = in_time("the shell", lines.next_line()).await.expect("line");
    assert_eq!(line.as_deref(), Some("running"));
    let mut pids = pids(&bench.path("pids"), 3).await;
    let guard = parent_of(pids[0]);
    assert_eq!(parent_of(guard), shell.id().expect("pid"));
    pids.push(guard);
    shell.kill().await.expect("kill");
    let waited = assert_all_gone(pids).await;
    assert!(waited < MOST_AFTER_A_KILL, "took {waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_killed_leaves_nothing_behind_and_is_a_crash() {
    let bench = stubborn();
    let supervisor = bench.start();
    let mut events = supervisor.events();
    running(&supervisor).await;
    let first = pids(&bench.path("pids"), 3).await;
    send(parent_of(first[0]), Signal::KILL);
    let detail = event(&mut events, "the crash", |event| match event {
        Event::Crashed { detail, .. } => Some(detail),
        _ => None,
    })
    .await;
    assert!(detail.contains("guard"), "{detail}");
    assert!(first.iter().all(|pid| !is_alive(*pid)), "left over");
    event(&mut events, "ready again", |event| {
        matches!(event, Event::Ready(_)).then_some(())
    })
    .await;
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_told_to_end_ends_the_tree_first() {
    let bench = stubborn();
    let supervisor = bench.start();
    running(&supervisor).await;
    let pids = pids(&bench.path("pids"), 3).await;
    send(parent_of(pids[0]), Signal::TERM);
    assert_all_gone(pids).await;
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_runtime_left_behind_is_ended_before_it_is_started_again() {
    let bench = stubborn();
    let supervisor = bench.start();
    let mut events = supervisor.events();
    let port = running(&supervisor).await.port;
    let pids = pids(&bench.path("pids"), 3).await;
    support::get(port, "/exit/7").await;
    let (detail, launched) = (
        event(&mut events, "the crash", |event| match event {
            Event::Crashed { detail, .. } => Some(detail),
            _ => None,
        })
        .await,
        event(&mut events, "the next launch", |event| {
            matches!(event, Event::Launching { .. }).then_some(())
        }),
    );
    assert!(detail.starts_with("exited with code 7"), "{detail}");
    launched.await;
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "left over");
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_ends_the_tree() {
    let bench = stubborn();
    let supervisor = bench.start();
    running(&supervisor).await;
    let pids = pids(&bench.path("pids"), 3).await;
    drop(supervisor);
    assert_all_gone(pids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polite_runtime_is_asked_before_it_is_killed() {
    let mut bench = Bench::new("print up\nserve");
    // A kill would come only after this.
    bench.spec.grace = Duration::from_mins(1);
    let supervisor = bench.start();
    running(&supervisor).await;
    in_time("the stop", supervisor.stop()).await;
}
