//! The rules of a launch, sentence by sentence, with a real store and real processes.

mod support;

use std::time::Duration;

use rollout::BadReason;
use runtime_store::{Asked, How, Source};
use supervisor::{Event, Readiness, Supervisor};
use support::shelf::{Shelf, touch};
use support::{event, failed, get, in_time, pids, running};
use tokio::sync::broadcast;

fn ready_within(shelf: &mut Shelf, timeout: Duration) {
    shelf.bench.spec.ready = Readiness::Http {
        path: "/".to_owned(),
        timeout,
    };
}

/// What a fallback says: from, to, why, and whether it condemned.
async fn fallback(events: &mut broadcast::Receiver<Event>) -> (String, String, How, bool) {
    event(events, "the fallback", |event| match event {
        Event::FellBack {
            from,
            to,
            reason,
            condemned,
            ..
        } => Some((from.to_string(), to.to_string(), reason, condemned)),
        _ => None,
    })
    .await
}

fn says(from: &str, to: &str, how: How, condemned: bool) -> (String, String, How, bool) {
    (from.to_owned(), to.to_owned(), how, condemned)
}

async fn runs(supervisor: &Supervisor) -> (String, Source) {
    let running = running(supervisor).await;
    let answer = get(running.port, "/").await.expect("an answer");
    assert_eq!(answer, running.version.as_str(), "what says it runs, runs");
    (running.version.to_string(), running.source)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_becomes_ready_begins_its_soak() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let running = running(&supervisor).await;
    assert_eq!(running.version.as_str(), "1.1.0");
    assert_eq!(running.source, Source::Pointer);
    assert!(running.trial);
    let trial = shelf.pointer().expect("pointer").trial.expect("trial");
    assert!(trial.ready_at.is_some());
    assert_eq!(trial.attempts_left, 1);
    in_time("stop", supervisor.stop()).await;
    assert_eq!(shelf.attempts_left(), 1, "an end after the verdict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_exits_is_condemned_once_the_next_choice_is_ready() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.put("1.2.0", "print no such module\nexit 1");
    shelf.on_trial("1.2.0", 2, Some("1.1.0"));
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    assert_eq!(
        runs(&supervisor).await,
        ("1.1.0".to_owned(), Source::Previous)
    );
    assert_eq!(
        fallback(&mut events).await,
        says("1.2.0", "1.1.0", How::Exited, true)
    );
    assert_eq!(
        shelf.bad(),
        [("1.2.0".to_owned(), BadReason::ExitedBeforeReady)]
    );
    let listed = &shelf.store.snapshot().bad[0];
    assert!(listed.detail.ends_with("no such module"), "{listed:?}");
    assert_eq!(shelf.named().as_deref(), Some("1.1.0"));
    assert!(!shelf.is_stored("1.2.0"));
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_says_what_it_fell_back_from() {
    let shelf = Shelf::new("serve");
    let supervisor = shelf.start();
    assert_eq!(
        runs(&supervisor).await,
        ("1.0.0".to_owned(), Source::Bundled)
    );
    shelf.put("1.2.0", "exit 1");
    shelf.on_trial("1.2.0", 2, None);
    let outcome = in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    assert_eq!(outcome.version.as_str(), "1.0.0");
    assert_eq!(outcome.source, Source::Bundled);
    assert_eq!(
        outcome.fell_back_from,
        Some(support::shelf::version("1.2.0"))
    );
    assert_eq!(shelf.named(), None, "nothing stored is left to point at");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_bundled_fails_too_nothing_is_bad_and_the_first_error_is_shown() {
    let shelf = Shelf::new("print bundled broke\nexit 2");
    shelf.put("1.1.0", "print previous broke\nexit 3");
    shelf.put("1.2.0", "print pointer broke\nexit 4");
    shelf.on_trial("1.2.0", 2, Some("1.1.0"));
    let supervisor = shelf.start();
    let report = failed(&supervisor).await;
    assert!(report.message.contains("1.2.0"), "{}", report.message);
    assert!(
        report.detail.ends_with("pointer broke"),
        "{}",
        report.detail
    );
    let tried: Vec<_> = report
        .tried
        .iter()
        .map(|tried| (tried.version.as_str(), tried.source))
        .collect();
    assert_eq!(
        tried,
        [
            ("1.2.0", Source::Pointer),
            ("1.1.0", Source::Previous),
            ("1.0.0", Source::Bundled)
        ]
    );
    assert_eq!(shelf.bad(), []);
    assert_eq!(shelf.attempts_left(), 2, "given back");
    assert_eq!(shelf.named().as_deref(), Some("1.2.0"));
    assert!(shelf.is_stored("1.2.0"));
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_time_condemns_only_with_the_last_attempt() {
    let mut shelf = Shelf::new("serve");
    ready_within(&mut shelf, Duration::from_secs(3));
    shelf.put("1.1.0", "hang");
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    assert_eq!(
        fallback(&mut events).await,
        says("1.1.0", "1.0.0", How::TimedOut, false)
    );
    assert_eq!(shelf.bad(), []);
    assert_eq!(shelf.attempts_left(), 1, "stays taken");
    in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    assert_eq!(
        fallback(&mut events).await,
        says("1.1.0", "1.0.0", How::TimedOut, true)
    );
    assert_eq!(
        shelf.bad(),
        [("1.1.0".to_owned(), BadReason::NotReadyInTime)]
    );
    in_time("stop", supervisor.stop()).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_that_was_not_ours_does_not_condemn_at_once() {
    let shelf = Shelf::new("serve");
    let pid = shelf.path("pid");
    shelf.put("1.1.0", &format!("pid {}\nhang", pid.display()));
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    let pid = pids(&pid, 1).await[0];
    support::send(pid, rustix::process::Signal::KILL);
    assert_eq!(
        fallback(&mut events).await,
        says("1.1.0", "1.0.0", How::Killed, false)
    );
    assert_eq!(shelf.bad(), []);
    assert_eq!(shelf.attempts_left(), 1, "stays taken");
    in_time("stop", supervisor.stop()).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_killed_before_ready_is_a_kill_that_was_not_ours() {
    let shelf = Shelf::new("serve");
    let pid = shelf.path("pid");
    shelf.put(
        "1.1.0",
        &format!("ignore-term\npid {}\nhang", pid.display()),
    );
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    let pid = pids(&pid, 1).await[0];
    support::send(support::parent_of(pid), rustix::process::Signal::KILL);
    assert_eq!(
        fallback(&mut events).await,
        says("1.1.0", "1.0.0", How::Killed, false)
    );
    assert!(!support::is_alive(pid), "left over");
    assert_eq!(shelf.bad(), []);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_quit_during_the_probe_gives_the_attempt_back() {
    let shelf = Shelf::new("serve");
    let pid = shelf.path("pid");
    shelf.put("1.1.0", &format!("pid {}\nhang", pid.display()));
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let pid = pids(&pid, 1).await[0];
    assert_eq!(shelf.attempts_left(), 1, "taken before the process existed");
    in_time("stop", supervisor.stop()).await;
    assert!(!support::is_alive(pid));
    assert_eq!(shelf.attempts_left(), 2, "given back");
    assert_eq!(shelf.leases(), 0, "the lease is released");
    assert_eq!(shelf.bad(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_during_the_probe_gives_the_attempt_back_and_takes_its_own() {
    let shelf = Shelf::new("serve");
    let (pid, go) = (shelf.path("pid"), shelf.path("go"));
    let script = format!("pid {}\nwait-for {}\nserve", pid.display(), go.display());
    shelf.put("1.1.0", &script);
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    pids(&pid, 1).await;
    let restart = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { supervisor.restart(Asked::ByPerson).await }
    });
    pids(&pid, 2).await;
    assert_eq!(shelf.attempts_left(), 1, "one of two, not both");
    touch(&go);
    let outcome = in_time("restart", restart).await.expect("task");
    assert_eq!(outcome.expect("ready").version.as_str(), "1.1.0");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quit_during_the_fallback_condemns_nobody_but_keeps_the_attempt_of_what_failed() {
    let shelf = Shelf::new("");
    let (pid, go) = (shelf.path("pid"), shelf.path("go"));
    support::write(
        &shelf.bench.shell.bundled.entry,
        &format!("pid {}\nwait-for {}\nserve", pid.display(), go.display()),
    );
    shelf.put("1.1.0", "exit 1");
    shelf.on_trial("1.1.0", 2, None);
    for (quits, left) in [(1, 1), (2, 0)] {
        let supervisor = shelf.start();
        pids(&pid, quits).await;
        in_time("stop", supervisor.stop()).await;
        assert_eq!(shelf.bad(), []);
        assert!(shelf.is_stored("1.1.0"));
        assert_eq!(shelf.attempts_left(), left, "its verdict was spoken");
    }
    // Impatience keeps it from being launched for ever, whatever became of the fallbacks.
    touch(&go);
    let supervisor = shelf.start();
    assert_eq!(runs(&supervisor).await.0, "1.0.0");
    assert_eq!(shelf.bad(), [("1.1.0".to_owned(), BadReason::NoVerdict)]);
    in_time("stop", supervisor.stop()).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_quit_during_the_fallback_gives_back_what_the_machine_kept_from_starting() {
    let mut shelf = Shelf::new("");
    let pid = shelf.path("pid");
    let script = shelf
        .bench
        .script("script", &format!("pid {}\nhang", pid.display()));
    // Each entry is the program itself, and only bundled's is one.
    shelf.bench.spec.program = "{entry}".into();
    shelf.bench.spec.args = vec!["run".into(), script.to_str().expect("utf-8").into()];
    let entry = &shelf.bench.shell.bundled.entry;
    std::fs::remove_file(entry).expect("remove");
    std::os::unix::fs::symlink(support::fixture(), entry).expect("link");
    shelf.put("1.1.0", "no program");
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    pids(&pid, 1).await;
    assert_eq!(shelf.attempts_left(), 1, "taken");
    in_time("stop", supervisor.stop()).await;
    assert_eq!(shelf.attempts_left(), 2, "given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_whose_port_was_stolen_is_tried_on_another_at_no_attempt() {
    let shelf = Shelf::new("serve");
    let (pid, go) = (shelf.path("pid"), shelf.path("go"));
    let script = format!("pid {}\nwait-for {}\nserve", pid.display(), go.display());
    shelf.put("1.1.0", &script);
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    pids(&pid, 1).await;
    let stolen = shelf.bench.port();
    let _stranger = std::net::TcpListener::bind(("127.0.0.1", stolen)).expect("steal");
    touch(&go);
    let running = running(&supervisor).await;
    assert_eq!(running.version.as_str(), "1.1.0");
    assert_ne!(running.port, stolen);
    assert_eq!(pids(&pid, 2).await.len(), 2, "spawned twice");
    assert_eq!(shelf.attempts_left(), 1, "one attempt for both");
    assert_eq!(shelf.bad(), []);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_version_that_fails_is_passed_over_for_this_launch_only() {
    let shelf = Shelf::new("serve");
    let once = shelf.path("once");
    shelf.put("1.1.0", &format!("exit-once {}\nserve", once.display()));
    shelf.confirmed("1.1.0", None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    assert_eq!(
        fallback(&mut events).await,
        says("1.1.0", "1.0.0", How::Exited, false)
    );
    assert_eq!(shelf.bad(), []);
    assert_eq!(
        shelf.named().as_deref(),
        Some("1.1.0"),
        "its pointer is kept"
    );
    let outcome = in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    assert_eq!(outcome.version.as_str(), "1.1.0");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_interpreter_condemns_nobody_and_costs_no_attempt() {
    let mut shelf = Shelf::new("serve");
    shelf.bench.spec.program = shelf.path("no-such-node");
    shelf.put("1.1.0", "serve");
    shelf.on_trial("1.1.0", 1, None);
    let supervisor = shelf.start();
    let report = failed(&supervisor).await;
    assert!(report.message.contains("no-such-node"));
    assert_eq!(shelf.bad(), []);
    assert_eq!(shelf.attempts_left(), 1);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_is_about_the_version_that_was_spawned() {
    let shelf = Shelf::new("serve");
    let (pid, go) = (shelf.path("pid"), shelf.path("go"));
    let script = format!("pid {}\nwait-for {}\nexit 1", pid.display(), go.display());
    shelf.put("1.1.0", &script);
    shelf.put("1.2.0", "serve");
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    pids(&pid, 1).await;
    // Staged while 1.1.0 was being probed.
    shelf.on_trial("1.2.0", 2, None);
    touch(&go);
    assert_eq!(
        fallback(&mut events).await,
        says("1.1.0", "1.2.0", How::Exited, true)
    );
    assert_eq!(
        shelf.bad(),
        [("1.1.0".to_owned(), BadReason::ExitedBeforeReady)]
    );
    assert_eq!(shelf.named().as_deref(), Some("1.2.0"), "left alone");
    assert!(shelf.is_stored("1.2.0"));
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_updates_off_only_a_person_launches_a_trial() {
    let mut shelf = Shelf::new("serve");
    shelf.bench.shell.launch_trials = false;
    shelf.put("1.1.0", "serve");
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    assert_eq!(runs(&supervisor).await.0, "1.0.0");
    assert_eq!(shelf.attempts_left(), 2);
    in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    assert_eq!(runs(&supervisor).await.0, "1.1.0");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_whose_launches_all_died_without_a_word_has_failed() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.on_trial("1.1.0", 0, None);
    let supervisor = shelf.start();
    let mut events = supervisor.events();
    assert_eq!(
        fallback(&mut events).await,
        says("1.1.0", "1.0.0", How::NoVerdict, true)
    );
    assert_eq!(shelf.bad(), [("1.1.0".to_owned(), BadReason::NoVerdict)]);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_another_shell_is_starting_is_neither_started_nor_judged() {
    let mut shelf = Shelf::new("serve");
    let (pid, go) = (shelf.path("pid"), shelf.path("go"));
    let script = format!("pid {}\nwait-for {}\nserve", pid.display(), go.display());
    shelf.put("1.1.0", "serve");
    shelf.put("1.2.0", &script);
    shelf.on_trial("1.2.0", 2, Some("1.1.0"));
    let first = shelf.start();
    pids(&pid, 1).await;
    shelf.bench.spec.port_file = shelf.path("ports/other");
    let second = shelf.start();
    assert_eq!(runs(&second).await.0, "1.1.0");
    assert_eq!(shelf.attempts_left(), 1, "the first shell's, and no other");
    assert_eq!(pids(&pid, 1).await.len(), 1);
    in_time("stop", second.stop()).await;
    touch(&go);
    assert_eq!(runs(&first).await.0, "1.2.0");
    assert_eq!(shelf.bad(), []);
    in_time("stop", first.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quit_while_a_failed_choice_is_being_ended_starts_no_other() {
    let mut shelf = Shelf::new("");
    ready_within(&mut shelf, Duration::from_secs(2));
    let (pid, stamp) = (shelf.path("pid"), shelf.path("stamp"));
    support::write(
        &shelf.bench.shell.bundled.entry,
        &format!("stamp {}\nserve", stamp.display()),
    );
    // Out of time soon, and then slow to go: the quit comes meanwhile.
    shelf.bench.spec.grace = Duration::from_secs(3);
    shelf.put("1.1.0", &format!("pid-at-term {}\nhang", pid.display()));
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    // It is out of time, and was asked to end.
    pids(&pid, 1).await;
    in_time("stop", supervisor.stop()).await;
    assert!(!stamp.exists(), "bundled was started all the same");
    assert_eq!(shelf.attempts_left(), 1, "it had its time");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_guard_holds_the_lease_before_the_runtime_exists() {
    let shelf = Shelf::new("serve");
    let pid = shelf.path("pid");
    shelf.put("1.1.0", &format!("pid {}\nhang", pid.display()));
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let pid = pids(&pid, 1).await[0];
    let guard = support::parent_of(pid);
    let holds = std::fs::read_dir(format!("/proc/{guard}/fd"))
        .expect("descriptors")
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .any(|path| path.starts_with(shelf.store.root().join("leases")));
    assert!(holds, "the guard does not have the lease open");
    in_time("stop", supervisor.stop()).await;
    assert_eq!(shelf.leases(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_choice_is_spawned_within_100_ms_of_the_death_of_the_last() {
    // The best of a few, since other tests want the processors too.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let shelf = Shelf::new("");
        let stamps = shelf.path("stamps");
        support::write(
            &shelf.bench.shell.bundled.entry,
            &format!("stamp {}\nserve", stamps.display()),
        );
        shelf.put("1.1.0", &format!("stamp {}\nexit 1", stamps.display()));
        shelf.on_trial("1.1.0", 2, None);
        let supervisor = shelf.start();
        assert_eq!(runs(&supervisor).await.0, "1.0.0");
        let text = std::fs::read_to_string(&stamps).expect("stamps");
        let stamps: Vec<u64> = text
            .lines()
            .map(|line| line.parse().expect("stamp"))
            .collect();
        best = best.min(Duration::from_nanos(stamps[1] - stamps[0]));
        in_time("stop", supervisor.stop()).await;
    }
    println!("from death to the next spawn: {best:?}");
    assert!(best < Duration::from_millis(100), "took {best:?}");
}
