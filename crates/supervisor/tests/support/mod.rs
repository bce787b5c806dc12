//! What the stories share: a folder with a bundled script, and ways to wait for what happens.
#![expect(dead_code, reason = "each story uses some of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_store::{Asked, Shell};
use supervisor::{Event, FailureReport, Running, Spec, State, Supervisor};
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::broadcast;

pub(crate) mod asking;
mod settings;
pub(crate) mod shelf;

/// Far longer than anything here takes, so that a failure is a failure and not a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn fixture() -> PathBuf {
    env!("CARGO_BIN_EXE_supervisor-fixture").into()
}

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) shell: Shell,
    pub(crate) spec: Spec,
}

impl Bench {
    /// `bundled`: what the bundled runtime does.
    pub(crate) fn new(bundled: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let root = fs::canonicalize(folder.path()).expect("real path");
        let shell = settings::shell(&root);
        let spec = settings::spec(&root, fixture());
        write(&shell.bundled.entry, bundled);
        Self {
            folder,
            shell,
            spec,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.shell.bundled.dir.parent().expect("root").join(name)
    }

    /// Writes another script, and returns its path.
    pub(crate) fn script(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path(name);
        write(&path, script);
        path
    }

    pub(crate) fn start(&self) -> Supervisor {
        let shell = Arc::new(self.shell.clone());
        Supervisor::start(None, shell, self.spec.clone(), Asked::Passively)
    }

    pub(crate) fn port(&self) -> u16 {
        let text = fs::read_to_string(&self.spec.port_file).expect("port file");
        text.lines().next().expect("port").parse().expect("number")
    }
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("folder")).expect("make folder");
    fs::write(path, text).expect("write");
}

pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, future).await;
    waited.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(crate) async fn running(supervisor: &Supervisor) -> Running {
    let mut state = supervisor.state();
    let wanted = state.wait_for(|state| matches!(state, State::Running(_) | State::Failed(_)));
    match in_time("running", wanted).await.expect("alive").clone() {
        State::Running(running) => running,
        other => panic!("not running: {other:?}"),
    }
}

pub(crate) async fn failed(supervisor: &Supervisor) -> FailureReport {
    let mut state = supervisor.state();
    let wanted = state.wait_for(|state| matches!(state, State::Running(_) | State::Failed(_)));
    match in_time("failed", wanted).await.expect("alive").clone() {
        State::Failed(report) => report,
        other => panic!("not failed: {other:?}"),
    }
}

/// The failure that follows something that ran.
pub(crate) async fn failed_after(supervisor: &Supervisor) -> FailureReport {
    let mut state = supervisor.state();
    let wanted = state.wait_for(|state| matches!(state, State::Failed(_)));
    match in_time("failed", wanted).await.expect("alive").clone() {
        State::Failed(report) => report,
        other => panic!("not failed: {other:?}"),
    }
}

/// The first event that `pick` takes; those before it are passed over.
pub(crate) async fn event<T>(
    events: &mut broadcast::Receiver<Event>,
    what: &str,
    pick: impl Fn(Event) -> Option<T>,
) -> T {
    in_time(what, async {
        loop {
            if let Some(found) = pick(events.recv().await.expect("event")) {
                return found;
            }
        }
    })
    .await
}

/// What a path of the runtime answers; none when nobody does.
pub(crate) async fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// Waits, off the async threads, until it is so.
pub(crate) async fn eventually(what: &str, so: impl Fn() -> bool + Send + 'static) -> Duration {
    let waited = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if so() {
                return Some(start.elapsed());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    });
    match waited.await.expect("wait") {
        Some(waited) => waited,
        None => panic!("waited in vain until {what}"),
    }
}

/// The process ids that scripts wrote into a file, once there are so many.
pub(crate) async fn pids(file: &Path, count: usize) -> Vec<u32> {
    let read = {
        let file = file.to_owned();
        move || -> Vec<u32> {
            let text = fs::read_to_string(&file).unwrap_or_default();
            // The last line may be half written.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            whole.lines().filter_map(|line| line.parse().ok()).collect()
        }
    };
    let again = read.clone();
    eventually("processes have told their ids", move || {
        again().len() >= count
    })
    .await;
    read()
}

/// Runs; a zombie does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().expect("process table");
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing(),
    );
    system.process(pid).is_some_and(|process| {
        !matches!(
            process.status(),
            ProcessStatus::Zombie | ProcessStatus::Dead
        )
    })
}

/// The guard of the only child of this test that runs a launch.
pub(crate) fn parent_of(pid: u32) -> u32 {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().expect("process table");
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing(),
    );
    let process = system.process(pid).expect("process");
    process.parent().expect("parent").as_u32()
}

#[cfg(unix)]
pub(crate) fn send(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).expect("pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("pid");
    rustix::process::kill_process(pid, signal).expect("signal");
}
