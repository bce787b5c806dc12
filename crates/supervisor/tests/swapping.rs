//! One version takes over from another that serves until then, with real processes and clients.

mod support;

use std::time::Duration;

use rollout::BadReason;
use runtime_store::{Asked, Source};
use supervisor::{Event, Readiness, State, Supervisor, SupervisorError, Swap};
use support::asking::{Asking, Client};
use support::shelf::{Shelf, touch, version};
use support::{Bench, event, eventually, in_time, is_alive, pids, running};

const SWAPS: usize = 100;

fn bench(drain: Duration) -> Bench {
    let mut bench = Bench::new("web");
    bench.spec.swap = Some(Swap { drain });
    bench
}

/// A shelf whose bundled runtime serves, and that swaps.
fn shelf() -> Shelf {
    let mut shelf = Shelf::new("web");
    shelf.bench.spec.swap = Some(Swap {
        drain: Duration::from_secs(5),
    });
    shelf
}

async fn swap(supervisor: &Supervisor) -> Result<supervisor::Outcome, SupervisorError> {
    in_time("the swap", supervisor.restart(Asked::ByPerson)).await
}

async fn serving(port: u16) -> String {
    let mut client = Client::connect(port).await.expect("connect");
    let answer = in_time("an answer", client.get("/")).await.expect("answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_every_10_ms_notices_nothing_of_100_swaps() {
    let bench = bench(Duration::from_secs(5));
    let supervisor = bench.start();
    let first = running(&supervisor).await;
    assert_eq!(
        first.port,
        bench.port(),
        "the workspace's port is the front's"
    );
    let keep_alive = Asking::start(first.port, true);
    let fresh = Asking::start(first.port, false);
    let mut last = first.launch_id.clone();
    for _ in 0..SWAPS {
        swap(&supervisor).await.expect("swapped");
        let now = running(&supervisor).await;
        assert_eq!(now.url, first.url);
        assert_ne!(now.launch_id, last);
        assert_eq!(serving(first.port).await, now.launch_id);
        last = now.launch_id;
    }
    for asking in [keep_alive, fresh] {
        let (asked, failed) = asking.stop().await;
        assert!(asked > SWAPS, "{asked}");
        assert_eq!(failed, Vec::<String>::new(), "of {asked}");
    }
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_is_answered_by_the_old_version_before_that_is_ended() {
    let mut bench = bench(Duration::from_secs(20));
    let pid_file = bench.path("pids");
    bench.script(
        "bundled/dist/cli.js",
        &format!("pid {}\nweb", pid_file.display()),
    );
    bench.spec.grace = Duration::from_millis(100);
    let supervisor = bench.start();
    let old = running(&supervisor).await;
    let port = old.port;
    let mut slow = Client::connect(port).await.expect("connect");
    slow.send("GET /slow/1500 HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("ask");
    let mut events = Client::connect(port).await.expect("connect");
    let head = events.get("/events/100").await.expect("events");
    assert_eq!(head.status, 200);
    let mut upload = Client::connect(port).await.expect("connect");
    upload
        .send("POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello")
        .await
        .expect("half of it");
    let mut socket = Client::connect(port).await.expect("connect");
    socket
        .send("GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await
        .expect("ask");
    let head = in_time("the upgrade", socket.answer()).await.expect("head");
    assert_eq!(head.status, 101, "{head:?}");
    assert!(head.head.contains("upgrade: echo"), "{head:?}");

    swap(&supervisor).await.expect("swapped");
    let new = running(&supervisor).await.launch_id;
    assert_eq!(serving(port).await, new);

    let answer = in_time("the slow answer", slow.answer())
        .await
        .expect("slow");
    assert_eq!(answer.body, old.launch_id);
    assert_eq!(
        slow.get("/").await.expect("again").body,
        new,
        "same connection"
    );
    upload.send("world").await.expect("the other half");
    assert_eq!(upload.answer().await.expect("upload").body, "10");
    socket.send("still there\n").await.expect("send");
    let echoed = in_time("the echo", socket.line()).await.expect("echo");
    assert_eq!(echoed, "still there");
    let mut last = String::new();
    while let Ok(line) = in_time("an event", events.line()).await {
        if line == "0" {
            break;
        }
        if line.starts_with("data: ") {
            last = line;
        }
    }
    assert_eq!(last, "data: 99");

    let pids = pids(&pid_file, 2).await;
    assert!(is_alive(pids[0]), "the socket is still open");
    drop(socket);
    let old_pid = pids[0];
    eventually("the old one is gone", move || !is_alive(old_pid)).await;
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_longer_than_the_drain_is_cut_and_a_stop_waits_for_nobody() {
    let bench = bench(Duration::from_millis(300));
    let supervisor = bench.start();
    let port = running(&supervisor).await.port;
    let mut events = Client::connect(port).await.expect("connect");
    events.get("/events/100000").await.expect("events");
    swap(&supervisor).await.expect("swapped");
    in_time("the cut", async { while events.line().await.is_ok() {} }).await;
    assert_eq!(serving(port).await, running(&supervisor).await.launch_id);

    let mut long = bench.spec.clone();
    long.swap = Some(Swap {
        drain: Duration::from_hours(1),
    });
    in_time("stop", supervisor.stop()).await;
    let shell = std::sync::Arc::new(bench.shell.clone());
    let supervisor = Supervisor::start(None, shell, long, Asked::Passively);
    let port = running(&supervisor).await.port;
    let mut events = Client::connect(port).await.expect("connect");
    events.get("/events/100000").await.expect("events");
    swap(&supervisor).await.expect("swapped");
    in_time("stop", supervisor.stop()).await;
    assert!(
        Client::connect(port).await.is_err(),
        "the front is gone too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_dies_is_condemned_while_the_old_one_serves_throughout() {
    let shelf = shelf();
    let supervisor = shelf.start();
    let old = running(&supervisor).await;
    let asking = Asking::start(old.port, true);
    shelf.put("1.2.0", "print broken\nexit 1");
    shelf.on_trial("1.2.0", 2, None);
    let mut events = supervisor.events();
    let outcome = swap(&supervisor).await.expect("the old one runs");
    assert_eq!(outcome.version, version("1.0.0"));
    assert_eq!(outcome.source, Source::Bundled);
    assert_eq!(outcome.fell_back_from, Some(version("1.2.0")));
    let condemned = event(&mut events, "the fallback", |event| match event {
        Event::FellBack {
            from, condemned, ..
        } => Some((from.to_string(), condemned)),
        _ => None,
    })
    .await;
    assert_eq!(condemned, ("1.2.0".to_owned(), true));
    assert_eq!(
        shelf.bad(),
        [("1.2.0".to_owned(), BadReason::ExitedBeforeReady)]
    );
    assert!(!shelf.is_stored("1.2.0"));
    assert_eq!(running(&supervisor).await, old, "nothing happened to it");
    assert_eq!(asking.stop().await.1, Vec::<String>::new());
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_never_ready_has_its_attempts_and_is_then_condemned() {
    let mut shelf = shelf();
    shelf.bench.spec.ready = Readiness::Http {
        path: "/".to_owned(),
        timeout: Duration::from_secs(2),
    };
    let supervisor = shelf.start();
    let old = running(&supervisor).await;
    shelf.put("1.2.0", "hang");
    shelf.on_trial("1.2.0", 2, None);
    swap(&supervisor).await.expect("the old one runs");
    assert_eq!(shelf.attempts_left(), 1);
    assert_eq!(shelf.bad(), []);
    swap(&supervisor).await.expect("the old one runs");
    assert_eq!(
        shelf.bad(),
        [("1.2.0".to_owned(), BadReason::NotReadyInTime)]
    );
    assert_eq!(serving(old.port).await, old.launch_id);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_attempt_is_durable_and_both_leases_are_held_while_the_next_one_starts() {
    let shelf = shelf();
    shelf.put("1.1.0", "web");
    shelf.confirmed("1.1.0", None);
    let supervisor = shelf.start();
    let old = running(&supervisor).await;
    let (pid_file, go) = (shelf.path("pid"), shelf.path("go"));
    shelf.put(
        "1.2.0",
        &format!("pid {}\nwait-for {}\nweb", pid_file.display(), go.display()),
    );
    shelf.on_trial("1.2.0", 2, Some("1.1.0"));
    let waiting = supervisor.clone();
    let swapped = tokio::spawn(async move { waiting.restart(Asked::ByPerson).await });
    pids(&pid_file, 1).await;
    assert_eq!(shelf.attempts_left(), 1);
    assert_eq!(shelf.leases(), 2);
    assert_eq!(serving(old.port).await, old.launch_id);
    assert!(matches!(&*supervisor.state().borrow(), State::Running(now) if *now == old));
    assert!(
        shelf
            .pointer()
            .expect("pointer")
            .trial
            .expect("trial")
            .ready_at
            .is_none()
    );
    touch(&go);
    let outcome = in_time("the swap", swapped)
        .await
        .expect("join")
        .expect("ready");
    assert_eq!(outcome.version, version("1.2.0"));
    assert!(running(&supervisor).await.trial);
    let trial = shelf.pointer().expect("pointer").trial.expect("trial");
    assert!(trial.ready_at.is_some());
    in_time("stop", supervisor.stop()).await;
    assert_eq!(shelf.leases(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_during_a_swap_ends_it_at_no_attempt_and_the_old_one_serves_on() {
    let shelf = shelf();
    let supervisor = shelf.start();
    let old = running(&supervisor).await;
    let (pid_file, go) = (shelf.path("pid"), shelf.path("go"));
    shelf.put(
        "1.2.0",
        &format!("pid {}\nwait-for {}\nweb", pid_file.display(), go.display()),
    );
    shelf.on_trial("1.2.0", 2, None);
    let first = supervisor.clone();
    let first = tokio::spawn(async move { first.restart(Asked::ByPerson).await });
    let ended = pids(&pid_file, 1).await[0];
    let second = supervisor.clone();
    let second = tokio::spawn(async move { second.restart(Asked::ByPerson).await });
    pids(&pid_file, 2).await;
    assert!(!is_alive(ended));
    assert_eq!(shelf.attempts_left(), 1, "one back, one taken");
    assert_eq!(serving(old.port).await, old.launch_id);
    touch(&go);
    for waiting in [first, second] {
        let outcome = in_time("the swap", waiting)
            .await
            .expect("join")
            .expect("ready");
        assert_eq!(outcome.version, version("1.2.0"));
    }
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_a_swap_ends_both_and_gives_the_attempt_back() {
    let shelf = shelf();
    let supervisor = shelf.start();
    running(&supervisor).await;
    let pid_file = shelf.path("pid");
    shelf.put("1.2.0", &format!("pid {}\nhang", pid_file.display()));
    shelf.on_trial("1.2.0", 2, None);
    let waiting = supervisor.clone();
    let waiting = tokio::spawn(async move { waiting.restart(Asked::ByPerson).await });
    let pid = pids(&pid_file, 1).await[0];
    in_time("stop", supervisor.stop()).await;
    assert!(!is_alive(pid));
    assert_eq!(shelf.attempts_left(), 2);
    assert_eq!(shelf.leases(), 0);
    let answer = waiting.await.expect("join");
    assert_eq!(answer, Err(SupervisorError::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_old_one_crashes_during_a_swap_requests_wait_for_the_new_one() {
    let shelf = shelf();
    let supervisor = shelf.start();
    let port = running(&supervisor).await.port;
    let (pid_file, go) = (shelf.path("pid"), shelf.path("go"));
    shelf.put(
        "1.2.0",
        &format!("pid {}\nwait-for {}\nweb", pid_file.display(), go.display()),
    );
    shelf.on_trial("1.2.0", 2, None);
    let mut events = supervisor.events();
    let waiting = supervisor.clone();
    let waiting = tokio::spawn(async move { waiting.restart(Asked::ByPerson).await });
    pids(&pid_file, 1).await;
    let mut client = Client::connect(port).await.expect("connect");
    let answer = client.get("/exit/3").await.expect("answer");
    assert_eq!(answer.status, 502);
    event(&mut events, "the crash", |event| {
        matches!(event, Event::Crashed { .. }).then_some(())
    })
    .await;
    let asked = tokio::spawn(async move { client.get("/").await });
    touch(&go);
    let outcome = in_time("the swap", waiting)
        .await
        .expect("join")
        .expect("ready");
    assert_eq!(outcome.version, version("1.2.0"));
    assert_eq!(outcome.fell_back_from, None);
    let answer = in_time("the answer", asked)
        .await
        .expect("join")
        .expect("answer");
    assert_eq!(answer.body, running(&supervisor).await.launch_id);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_fails_after_the_old_one_crashed_falls_back_as_any_launch() {
    let shelf = shelf();
    let supervisor = shelf.start();
    let old = running(&supervisor).await;
    let (pid_file, go) = (shelf.path("pid"), shelf.path("go"));
    shelf.put(
        "1.2.0",
        &format!(
            "pid {}\nwait-for {}\nexit 1",
            pid_file.display(),
            go.display()
        ),
    );
    shelf.on_trial("1.2.0", 2, None);
    let mut events = supervisor.events();
    let waiting = supervisor.clone();
    let waiting = tokio::spawn(async move { waiting.restart(Asked::ByPerson).await });
    pids(&pid_file, 1).await;
    let mut client = Client::connect(old.port).await.expect("connect");
    client.get("/exit/3").await.expect("answer");
    event(&mut events, "the crash", |event| {
        matches!(event, Event::Crashed { .. }).then_some(())
    })
    .await;
    touch(&go);
    let outcome = in_time("the swap", waiting)
        .await
        .expect("join")
        .expect("ready");
    assert_eq!(outcome.version, version("1.0.0"));
    assert_ne!(running(&supervisor).await.launch_id, old.launch_id);
    assert_eq!(shelf.bad()[0].0, "1.2.0");
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_runs_a_client_is_told_to_come_back() {
    let bench = bench(Duration::from_secs(1));
    let supervisor = bench.start();
    let port = running(&supervisor).await.port;
    bench.script("bundled/dist/cli.js", "exit 1");
    let mut client = Client::connect(port).await.expect("connect");
    assert_eq!(client.get("/exit/3").await.expect("answer").status, 502);
    support::failed_after(&supervisor).await;
    let answer = client.get("/").await.expect("answer");
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 1"), "{answer:?}");
    bench.script("bundled/dist/cli.js", "web");
    swap(&supervisor).await.expect("revived");
    assert_eq!(running(&supervisor).await.port, port);
    assert_eq!(client.get("/").await.expect("answer").status, 200);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_version_that_still_soaks_goes_on_soaking_when_the_next_one_is_condemned() {
    let shelf = shelf();
    shelf.put("1.1.0", "web");
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let old = running(&supervisor).await;
    shelf.put("1.2.0", "exit 1");
    shelf.replace_trial("1.2.0");
    let outcome = swap(&supervisor).await.expect("the old one runs");
    assert_eq!(outcome.version, version("1.1.0"));
    assert_eq!(shelf.bad()[0].0, "1.2.0");
    assert_eq!(shelf.named().as_deref(), Some("1.1.0"));
    let trial = shelf.pointer().expect("pointer").trial.expect("it soaks");
    assert!(trial.ready_at.is_some());
    assert_eq!(running(&supervisor).await, old);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serves_does_not_condemn_itself() {
    let shelf = shelf();
    let bad = shelf.path("bad");
    shelf.put("1.1.0", &format!("exit-if {}\nweb", bad.display()));
    shelf.on_trial("1.1.0", 2, None);
    let supervisor = shelf.start();
    let first = running(&supervisor).await;
    assert_eq!(first.version, version("1.1.0"));
    let mut events = supervisor.events();
    touch(&bad);
    swap(&supervisor).await.expect("the old one serves");
    let said = event(&mut events, "trouble", |event| match event {
        Event::Trouble(what) => Some(what),
        _ => None,
    });
    assert!(said.await.contains("1.1.0"));
    assert_eq!(running(&supervisor).await, first);
    assert_eq!(shelf.bad(), []);
    let pointer = shelf.pointer().expect("pointer");
    assert!(pointer.trial.is_some(), "it goes on soaking: {pointer:?}");
    in_time("stop", supervisor.stop()).await;
}
