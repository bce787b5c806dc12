//! One runtime, no store: what a launch gives it, when it counts as ready, and how its end is told.

mod support;

use std::fs;
use std::time::{Duration, Instant};

use runtime_store::{Asked, How, Source};
use supervisor::{Event, Readiness, State, SupervisorError};
use support::{Bench, event, eventually, failed, get, in_time, running};

fn http(timeout: Duration) -> Readiness {
    Readiness::Http {
        path: "/".to_owned(),
        timeout,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_gets_its_port_folder_arguments_and_scrubbed_environment() {
    let mut bench = Bench::new("serve");
    let env = &mut bench.spec.inherited;
    env.insert("NODE_OPTIONS".into(), "--inspect".into());
    env.insert("npm_config__authToken".into(), "secret".into());
    env.insert("KEPT".into(), "yes".into());
    bench.spec.env.insert("SET".into(), "by the app".into());
    let supervisor = bench.start();
    let running = running(&supervisor).await;
    assert_eq!(running.url, format!("http://127.0.0.1:{}/", running.port));
    assert_eq!(running.source, Source::Bundled);
    assert!(!running.trial);
    let env = get(running.port, "/env").await.expect("env");
    let line = |name: &str| {
        env.lines()
            .find(|line| line.starts_with(&format!("{name}=")))
    };
    assert_eq!(line("KEPT"), Some("KEPT=yes"));
    assert_eq!(line("SET"), Some("SET=by the app"));
    assert_eq!(line("REFIT_VERSION"), Some("REFIT_VERSION=1.0.0"));
    assert_eq!(
        line("REFIT_LAUNCH_ID"),
        Some(format!("REFIT_LAUNCH_ID={}", running.launch_id).as_str())
    );
    assert_eq!(
        line("REFIT_PORT"),
        Some(format!("REFIT_PORT={}", running.port).as_str())
    );
    assert_eq!(line("NODE_OPTIONS"), None);
    assert!(!env.contains("secret"), "{env}");
    let args = get(running.port, "/args").await.expect("args");
    let entry = bench.shell.bundled.entry.display().to_string();
    assert!(args.ends_with(&entry), "{args}");
    let cwd = get(running.port, "/cwd").await.expect("cwd");
    assert_eq!(cwd, bench.path("data/workspace").display().to_string());
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_working_folder_that_cannot_be_made_is_replaced_by_the_choices_own() {
    let mut bench = Bench::new("serve");
    let file = bench.script("data/file", "in the way");
    bench.spec.cwd = "{data}/file/workspace".to_owned();
    let supervisor = bench.start();
    let port = running(&supervisor).await.port;
    let cwd = get(port, "/cwd").await.expect("cwd");
    assert_eq!(cwd, bench.shell.bundled.dir.display().to_string());
    assert!(file.is_file(), "what is in the way stays");
    supervisor.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_program_may_lie_in_the_bundled_runtime() {
    let mut bench = Bench::new("serve");
    let program = bench.shell.bundled.dir.join("program");
    std::os::unix::fs::symlink(support::fixture(), program).expect("link");
    bench.spec.program = "{bundled}/program".into();
    let supervisor = bench.start();
    let port = running(&supervisor).await.port;
    let args = get(port, "/args").await.expect("args");
    let program = args.lines().next().expect("program");
    let expected = bench.shell.bundled.dir.join("program");
    assert_eq!(program, expected.display().to_string());
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_output_is_in_the_log_of_its_version() {
    let bench = Bench::new("print hello from the runtime\nserve");
    let supervisor = bench.start();
    let launch_id = running(&supervisor).await.launch_id;
    let log = bench.spec.logs.join("1.0.0.log");
    eventually("the log is written", move || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.contains("hello from the runtime\n") && text.contains(&launch_id)
    })
    .await;
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_exit_is_told_at_once_with_code_and_last_lines() {
    let mut bench = Bench::new("print Error: cannot find module\nexit 3");
    bench.spec.ready = http(Duration::from_hours(1));
    let supervisor = bench.start();
    let report = failed(&supervisor).await;
    assert!(
        report.message.contains("1.0.0") && report.message.contains("code 3"),
        "{}",
        report.message
    );
    assert!(report.detail.ends_with("Error: cannot find module"));
    assert!(!report.hint.is_empty());
    assert_eq!(report.tried.len(), 1);
    assert_eq!(report.tried[0].how, How::Exited);
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn being_alive_is_not_being_ready() {
    let mut bench = Bench::new("print loading");
    bench.spec.ready = http(Duration::from_millis(400));
    let supervisor = bench.start();
    let report = failed(&supervisor).await;
    assert_eq!(report.tried[0].how, How::TimedOut);
    assert!(report.message.contains("not ready in time"));
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_of_its_own_is_an_exit_and_a_kill_is_a_kill() {
    let bench = Bench::new("abort");
    let supervisor = bench.start();
    let report = failed(&supervisor).await;
    assert_eq!(report.tried[0].how, How::Exited, "{report:?}");
    supervisor.stop().await;

    let bench = Bench::new("");
    let pid_file = bench.path("pid");
    support::write(
        &bench.shell.bundled.entry,
        &format!("pid {}", pid_file.display()),
    );
    let supervisor = bench.start();
    #[cfg(unix)]
    {
        let pid = support::pids(&pid_file, 1).await[0];
        support::send(pid, rustix::process::Signal::KILL);
        let report = failed(&supervisor).await;
        assert_eq!(report.tried[0].how, How::Killed, "{report:?}");
    }
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_interpreter_is_the_machines_fault_and_is_named() {
    let mut bench = Bench::new("serve");
    bench.spec.program = bench.path("no-such-node");
    let supervisor = bench.start();
    let report = failed(&supervisor).await;
    assert_eq!(report.tried[0].how, How::Environment);
    assert!(
        report.message.contains("no-such-node"),
        "{}",
        report.message
    );
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_guard_is_the_machines_fault_and_is_named() {
    let mut bench = Bench::new("serve");
    bench.spec.guard = vec![bench.path("no-such-shell").into()];
    let supervisor = bench.start();
    let report = failed(&supervisor).await;
    assert_eq!(report.tried[0].how, How::Environment);
    assert!(
        report.message.contains("no-such-shell"),
        "{}",
        report.message
    );
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_that_cannot_work_fails_by_name_and_starts_nothing() {
    let mut bench = Bench::new("serve");
    bench.spec.args.push("--home={home}".to_owned());
    let supervisor = bench.start();
    let report = failed(&supervisor).await;
    assert!(report.message.contains("{home}"), "{}", report.message);
    let again = in_time("restart", supervisor.restart(Asked::ByPerson)).await;
    assert!(matches!(again, Err(SupervisorError::Failed(_))));
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_and_a_listening_socket_can_tell_readiness_too() {
    let mut bench = Bench::new("print up and listening now");
    bench.spec.ready = Readiness::Line {
        contains: "listening".to_owned(),
        timeout: support::PATIENCE,
    };
    let supervisor = bench.start();
    running(&supervisor).await;
    supervisor.stop().await;

    let mut bench = Bench::new("serve");
    bench.spec.ready = Readiness::Tcp {
        timeout: support::PATIENCE,
    };
    let supervisor = bench.start();
    running(&supervisor).await;
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_port_and_takes_a_fresh_launch_id() {
    let bench = Bench::new("serve with-id");
    let supervisor = bench.start();
    let first = running(&supervisor).await;
    let outcome = in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    assert_eq!(outcome.version.as_str(), "1.0.0");
    assert_eq!(outcome.source, Source::Bundled);
    assert_eq!(outcome.fell_back_from, None);
    let second = running(&supervisor).await;
    assert_eq!(second.port, first.port);
    assert_ne!(second.launch_id, first.launch_id);
    supervisor.stop().await;
    let stopped = supervisor.restart(Asked::ByPerson).await;
    assert_eq!(stopped, Err(SupervisorError::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_a_restart_tries_again() {
    let bench = Bench::new("");
    let once = bench.path("once");
    support::write(
        &bench.shell.bundled.entry,
        &format!("exit-once {}\nserve", once.display()),
    );
    let supervisor = bench.start();
    failed(&supervisor).await;
    let outcome = in_time("restart", supervisor.restart(Asked::ByPerson)).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_during_the_probe_is_obeyed_at_once() {
    let mut bench = Bench::new("");
    bench.spec.ready = http(Duration::from_hours(1));
    let (once, go) = (bench.path("once"), bench.path("go"));
    // Only the second spawn serves: the first hangs until it is stopped.
    let script = format!("pid {}\nwait-for {}\nserve", once.display(), go.display());
    support::write(&bench.shell.bundled.entry, &script);
    let supervisor = bench.start();
    support::pids(&once, 1).await;
    let impatient = supervisor.clone();
    let restart = tokio::spawn(async move { impatient.restart(Asked::ByPerson).await });
    support::pids(&once, 2).await;
    fs::write(&go, "").expect("go");
    let outcome = in_time("restart", restart).await.expect("task");
    assert!(outcome.is_ok(), "{outcome:?}");
    supervisor.stop().await;

    let bench = Bench::new("");
    let pid = bench.path("pid");
    support::write(
        &bench.shell.bundled.entry,
        &format!("pid {}", pid.display()),
    );
    let supervisor = bench.start();
    let pid = support::pids(&pid, 1).await[0];
    let start = Instant::now();
    in_time("stop", supervisor.stop()).await;
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(!support::is_alive(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_while_a_stranger_holds_the_port_is_tried_again_on_another() {
    let bench = Bench::new("");
    let (pid, go) = (bench.path("pid"), bench.path("go"));
    let script = format!("pid {}\nwait-for {}\nserve", pid.display(), go.display());
    support::write(&bench.shell.bundled.entry, &script);
    let supervisor = bench.start();
    support::pids(&pid, 1).await;
    let stolen = bench.port();
    let stranger = std::net::TcpListener::bind(("127.0.0.1", stolen)).expect("steal");
    fs::write(&go, "").expect("go");
    let first = running(&supervisor).await;
    assert_ne!(first.port, stolen);
    assert_eq!(support::pids(&pid, 2).await.len(), 2, "spawned twice");
    drop(stranger);
    // The workspace's own port is taken again as soon as it is free.
    in_time("restart", supervisor.restart(Asked::ByPerson))
        .await
        .expect("ready");
    assert_eq!(running(&supervisor).await.port, stolen);
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_answer_makes_nothing_ready() {
    let mut bench = Bench::new("");
    bench.spec.ready = http(Duration::from_secs(2));
    let pid = bench.path("pid");
    let script = format!("pid {}", pid.display());
    support::write(&bench.shell.bundled.entry, &script);
    let supervisor = bench.start();
    support::pids(&pid, 1).await;
    let port = bench.port();
    let stranger = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .expect("steal");
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = stranger.accept().await {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer).await;
        }
    });
    let report = failed(&supervisor).await;
    assert_eq!(report.tried[0].how, How::Environment, "{report:?}");
    assert!(report.detail.contains(&port.to_string()), "{report:?}");
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_crashes_is_restarted_on_its_port() {
    let bench = Bench::new("serve");
    let supervisor = bench.start();
    let mut events = supervisor.events();
    let first = running(&supervisor).await;
    get(first.port, "/exit/9").await;
    let crashes = event(&mut events, "the crash", |event| match event {
        Event::Crashed {
            crashes, detail, ..
        } => Some((crashes, detail)),
        _ => None,
    })
    .await;
    assert_eq!(crashes, (0, "exited with code 9".to_owned()));
    let second = event(&mut events, "ready again", |event| match event {
        Event::Ready(running) if running.launch_id != first.launch_id => Some(running),
        _ => None,
    })
    .await;
    assert_eq!(second.port, first.port);
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_while_a_crashed_runtime_waits_for_its_restart_ends_at_once() {
    let bench = Bench::new("serve");
    let supervisor = bench.start();
    let port = running(&supervisor).await.port;
    let mut events = supervisor.events();
    get(port, "/exit/1").await;
    event(&mut events, "the crash", |event| {
        matches!(event, Event::Crashed { .. }).then_some(())
    })
    .await;
    assert!(matches!(
        *supervisor.state().borrow(),
        State::Restarting { .. }
    ));
    in_time("stop", supervisor.stop()).await;
    assert_eq!(*supervisor.state().borrow(), State::Stopped);
}
