//! The guard process itself: plain threads, no async runtime but for hearing signals.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use process_wrap::std::{ChildWrapper, CommandWrap};
use runtime_store::Lease;

use super::platform::Runtime;
use super::{Job, Order, Report};

/// When the shell is dead, nobody waits for a longer grace: everything has to be gone in 5 s.
const ORPHANED_GRACE: Duration = Duration::from_secs(2);

/// How far a runtime at low priority stands back.
#[cfg(unix)]
const LOW: i32 = 10;

pub(super) enum Input {
    /// The shell wants the tree ended.
    Stop,
    /// The shell is gone, or the session ends.
    ShellGone,
    /// The runtime itself ended.
    Ended {
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// This process has no children any more.
    Childless,
}

/// Returns the exit code.
pub(super) fn run() -> i32 {
    adopt_orphans();
    let mut lines = BufReader::new(io::stdin()).lines();
    let Some(Ok(line)) = lines.next() else {
        return 0;
    };
    let job: Job = match serde_json::from_str(&line) {
        Ok(job) => job,
        Err(error) => return refuse(format!("the guard was not told what to start: {error}")),
    };
    let lease = match job.lease.as_ref().map(|path| Lease::join(Path::new(path))) {
        None => None,
        Some(Ok(lease)) => Some(lease),
        Some(Err(error)) => {
            return refuse(format!(
                "the lease {} could not be joined: {error}",
                Path::new(&job.lease.unwrap_or_default()).display()
            ));
        }
    };
    report(&Report::Leased);
    if job.low_priority {
        step_back();
    }
    let child = match spawn(&job) {
        Ok(child) => child,
        Err(error) => {
            return refuse(format!(
                "{} could not be started in {}: {error}",
                Path::new(&job.program).display(),
                Path::new(&job.cwd).display()
            ));
        }
    };
    report(&Report::Spawned { pid: child.id() });
    let (sender, inbox) = mpsc::channel();
    hear_shell(lines, sender.clone());
    hear_signals(sender.clone());
    let runtime = Runtime::watch(child, sender);
    let grace = match wait_for_the_end(&inbox) {
        Input::ShellGone => ORPHANED_GRACE.min(Duration::from_millis(job.grace_ms)),
        Input::Ended { code, signal } => {
            report(&Report::Exited { code, signal });
            Duration::from_millis(job.grace_ms)
        }
        Input::Stop | Input::Childless => Duration::from_millis(job.grace_ms),
    };
    runtime.end_all(&job.launch, &inbox, grace);
    // Before the report: whoever hears it may rely on the lease being free.
    drop(lease);
    report(&Report::Gone);
    0
}

fn wait_for_the_end(inbox: &Receiver<Input>) -> Input {
    // Every sender gone means that nobody can tell any more: then it is over as well.
    inbox.recv().unwrap_or(Input::ShellGone)
}

fn refuse(message: String) -> i32 {
    report(&Report::Error { message });
    1
}

/// The shell may be gone, and with it whoever reads this.
fn report(report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        let mut out = io::stdout().lock();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}

fn spawn(job: &Job) -> io::Result<Box<dyn ChildWrapper>> {
    let mut command = CommandWrap::from(Command::new(&job.program));
    command
        .command_mut()
        .args(&job.args)
        .env_clear()
        .envs(job.env.iter().map(|(name, value)| (name, value)))
        .current_dir(OsStr::new(&job.cwd))
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .stderr(io::stderr());
    #[cfg(unix)]
    command.wrap(process_wrap::std::ProcessGroup::leader());
    #[cfg(windows)]
    {
        use windows::Win32::System::Threading::{BELOW_NORMAL_PRIORITY_CLASS, CREATE_NO_WINDOW};
        let flags = if job.low_priority {
            CREATE_NO_WINDOW | BELOW_NORMAL_PRIORITY_CLASS
        } else {
            CREATE_NO_WINDOW
        };
        command.wrap(process_wrap::std::CreationFlags(flags));
        command.wrap(process_wrap::std::JobObject);
    }
    command.spawn()
}

/// Of this process, and so of all that it starts. Best effort: it is a courtesy.
fn step_back() {
    #[cfg(unix)]
    {
        let _ = rustix::process::nice(LOW);
    }
}

/// Out of the shell's process group, so that what is sent to that (Ctrl-C, a closed terminal) does
/// not reach the guard; and the new parent of every orphan below it.
fn adopt_orphans() {
    #[cfg(unix)]
    {
        let _ = rustix::process::setpgid(None, None);
    }
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

fn hear_shell(lines: impl Iterator<Item = io::Result<String>> + Send + 'static, to: Sender<Input>) {
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if matches!(serde_json::from_str(&line), Ok(Order::Stop)) {
                let _ = to.send(Input::Stop);
            }
        }
        let _ = to.send(Input::ShellGone);
    });
}

/// Whoever ends the shell by its name ends its guard too, which then has work to do first.
fn hear_signals(to: Sender<Input>) {
    #[cfg(unix)]
    thread::spawn(move || {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        else {
            return;
        };
        runtime.block_on(async move {
            let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = (
                signal(SignalKind::terminate()),
                signal(SignalKind::interrupt()),
                signal(SignalKind::hangup()),
            ) else {
                return;
            };
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hangup.recv() => {}
                }
                if to.send(Input::ShellGone).is_err() {
                    return;
                }
            }
        });
    });
    #[cfg(not(unix))]
    drop(to);
}
