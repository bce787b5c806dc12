//! One spawn: its guard process, its log, and how it ended.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_store::Launch;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use crate::guard::{Job, Order, Report};
use crate::log::{self, Log};
use crate::plain::plain;
use crate::template::{Values, fill};
use crate::verdict::End;
use crate::{Readiness, Spec, env, tree};

/// Beyond the grace, how long a guard may take to kill what is left and say so.
const GUARD_PATIENCE: Duration = Duration::from_secs(5);
/// How long the last lines may take to arrive once the tree is gone.
const OUTPUT_PATIENCE: Duration = Duration::from_millis(300);
/// How long to go on killing what a lost guard left behind.
const SWEEP_PATIENCE: Duration = Duration::from_secs(5);

/// How much a runtime is in a hurry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    Normal,
    /// Whatever else runs here comes first.
    Low,
}

pub(crate) struct Child {
    guard: tokio::process::Child,
    guard_pid: u32,
    orders: Option<ChildStdin>,
    reports: Lines<BufReader<ChildStdout>>,
    log: Log,
    launch_id: String,
    grace: Duration,
    /// Nothing is left of the tree.
    gone: bool,
}

impl Child {
    /// Starts the guard and tells it what to spawn. The error says why there is no process.
    pub(crate) async fn spawn(
        spec: &Arc<Spec>,
        launch: &Arc<Launch>,
        port: u16,
    ) -> Result<Self, String> {
        Self::spawn_at(spec, launch, port, Priority::Normal).await
    }

    /// The same, in whatever haste.
    pub(crate) async fn spawn_at(
        spec: &Arc<Spec>,
        launch: &Arc<Launch>,
        port: u16,
        priority: Priority,
    ) -> Result<Self, String> {
        let mut job = {
            let (spec, launch) = (Arc::clone(spec), Arc::clone(launch));
            tokio::task::spawn_blocking(move || job(&spec, &launch, port))
                .await
                .map_err(|error| error.to_string())??
        };
        job.low_priority = priority == Priority::Low;
        let mut line = serde_json::to_vec(&job).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let [program, args @ ..] = spec.guard.as_slice() else {
            return Err("no guard program is named".to_owned());
        };
        let failed = |error: std::io::Error| {
            format!(
                "the guard {} could not be started: {error}",
                PathBuf::from(program).display()
            )
        };
        let mut guard = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(guard_pid), Some(mut orders), Some(reports), Some(output)) = (
            guard.id(),
            guard.stdin.take(),
            guard.stdout.take(),
            guard.stderr.take(),
        ) else {
            return Err("the guard ended at once".to_owned());
        };
        let wanted = match &spec.ready {
            Readiness::Line { contains, .. } => Some(contains.clone()),
            _ => None,
        };
        let heading = format!(
            "[{} launch {} of {} on port {port}]\n",
            runtime_store::now(),
            launch.id,
            launch.choice.version
        );
        let file = log::file_of(&spec.logs, &launch.choice.version);
        let log = Log::start(output, file, heading, wanted);
        // A guard that died already is noticed as soon as its reports end.
        let _ = orders.write_all(&line).await;
        Ok(Self {
            guard,
            guard_pid,
            orders: Some(orders),
            reports: BufReader::new(reports).lines(),
            log,
            launch_id: launch.id.clone(),
            grace: spec.grace,
            gone: false,
        })
    }

    pub(crate) fn guard_pid(&self) -> u32 {
        self.guard_pid
    }

    /// Turns true once the line that tells readiness was printed.
    pub(crate) fn seen(&self) -> watch::Receiver<bool> {
        self.log.seen()
    }

    /// Waits until the runtime itself has ended. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> End {
        loop {
            match self.next().await {
                Some(Report::Exited { code, signal }) => return End::Exited { code, signal },
                Some(Report::Error { message }) => {
                    self.gone = true;
                    return End::NotSpawned(message);
                }
                // Somebody ended the guard in order, or by force.
                Some(Report::Gone) => {
                    self.gone = true;
                    return End::GuardLost;
                }
                None => return End::GuardLost,
                Some(Report::Leased | Report::Spawned { .. }) => {}
            }
        }
    }

    /// Ends the whole tree, politely first; returns once it is gone.
    pub(crate) async fn stop(&mut self) {
        if let Some(orders) = &mut self.orders
            && let Ok(mut line) = serde_json::to_vec(&Order::Stop)
        {
            line.push(b'\n');
            let _ = orders.write_all(&line).await;
        }
        self.wait_until_gone().await;
    }

    /// Waits until nothing is left of the tree, and sees to it where the guard cannot any more.
    pub(crate) async fn wait_until_gone(&mut self) {
        let told = tokio::time::timeout(self.grace + GUARD_PATIENCE, async {
            while !self.gone {
                match self.next().await {
                    Some(Report::Gone | Report::Error { .. }) => self.gone = true,
                    Some(_) => {}
                    None => return,
                }
            }
        });
        let _ = told.await;
        self.orders = None;
        if !self.gone {
            let _ = self.guard.start_kill();
            let id = self.launch_id.clone();
            let swept = tokio::task::spawn_blocking(move || sweep(&id)).await;
            if !matches!(swept, Ok(true)) {
                tracing::error!(
                    launch = self.launch_id,
                    "processes of a launch are left over"
                );
            }
            self.gone = true;
        }
        // Reaps the guard; it has nothing left to do but to exit.
        let _ = tokio::time::timeout(GUARD_PATIENCE, self.guard.wait()).await;
    }

    /// The last lines of output.
    pub(crate) async fn tail(&mut self) -> String {
        self.log.tail(OUTPUT_PATIENCE).await
    }

    /// Cancel-safe; none when the guard is gone. What is no report is none of ours: skipped.
    async fn next(&mut self) -> Option<Report> {
        loop {
            let line = self.reports.next_line().await.ok()??;
            if let Ok(report) = serde_json::from_str(&line) {
                return Some(report);
            }
        }
    }
}

fn job(spec: &Spec, launch: &Launch, port: u16) -> Result<Job, String> {
    let (entry, data, bundled) = (
        plain(&launch.choice.entry),
        plain(&spec.data),
        plain(&spec.bundled),
    );
    let mut values = Values {
        entry: &entry,
        port,
        data: &data,
        bundled: &bundled,
        launch: &launch.id,
        workspace: Path::new(""),
    };
    let cwd = if let Some(folder) = &spec.folder {
        own_folder(plain(folder).into_owned())?
    } else {
        let wanted = PathBuf::from(filled(&spec.cwd, &values)?);
        working_folder(&plain(&wanted), &plain(&launch.choice.dir))
    };
    values.workspace = &cwd;
    let args = spec
        .args
        .iter()
        .map(|arg| filled(arg, &values))
        .collect::<Result<Vec<OsString>, _>>()?;
    let program = match spec.program.to_str() {
        Some(program) => filled(program, &values)?,
        // What is no text names nothing to fill in.
        None => spec.program.clone().into_os_string(),
    };
    let facts = env::Facts {
        launch_id: &launch.id,
        port,
        version: launch.choice.version.as_str(),
        data: data.as_os_str(),
        workspace: &spec.workspace,
    };
    Ok(Job {
        launch: launch.id.clone(),
        lease: launch
            .lease
            .as_ref()
            .map(|lease| lease.path().as_os_str().to_owned()),
        program,
        args,
        env: env::of_child(&spec.inherited, &spec.env, &facts)
            .into_iter()
            .collect(),
        cwd: cwd.clone().into_os_string(),
        grace_ms: u64::try_from(spec.grace.as_millis()).unwrap_or(u64::MAX),
        low_priority: false,
    })
}

fn filled(text: &str, values: &Values<'_>) -> Result<OsString, String> {
    fill(text, values).map_err(|error| error.to_string())
}

/// What a person keeps in a workspace is not to end up anywhere else.
fn own_folder(folder: PathBuf) -> Result<PathBuf, String> {
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => Err(format!(
            "the workspace's folder {} is not there and cannot be made: {error}",
            folder.display()
        )),
    }
}

/// A folder that cannot be made is no reason to run nothing: the choice's own is there.
fn working_folder(wanted: &Path, own: &Path) -> PathBuf {
    match std::fs::create_dir_all(wanted) {
        Ok(()) => wanted.to_owned(),
        Err(error) => {
            tracing::warn!(wanted = %wanted.display(), own = %own.display(), %error,
                "the working folder could not be made; the runtime gets its own folder");
            own.to_owned()
        }
    }
}

/// Kills what carries the launch id, and everything below, until nothing is left.
fn sweep(launch_id: &str) -> bool {
    let start = Instant::now();
    let me = std::process::id();
    loop {
        let mut left = tree::members(&tree::processes(Some(launch_id)), &[]);
        left.remove(&me);
        if left.is_empty() {
            return true;
        }
        if start.elapsed() > SWEEP_PATIENCE {
            return false;
        }
        for pid in left {
            tree::kill(pid);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
