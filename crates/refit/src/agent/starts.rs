//! Whether a binary starts on this machine: a missing library shows here, and not after the swap.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rollout::Version;

/// How long it may take to say its version; it does so within milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether it has.
const STEP: Duration = Duration::from_millis(10);
/// How much of an answer is read, in bytes.
const ANSWER: u64 = 4096;

/// Why a binary did not say what it should.
#[derive(Debug)]
pub(super) enum Silent {
    /// It cannot be started here, or says something else.
    Binary(String),
    /// This machine has no room for another process just now, or so.
    Machine(io::Error),
}

/// Starts `binary --version`, which has to answer with `refit` and `version`.
pub(super) fn says(binary: &Path, version: &Version) -> Result<(), Silent> {
    let wanted = format!("refit {version}");
    let mut child = spawn(binary).map_err(Silent::of)?;
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(Silent::Machine)? {
            Some(status) => break status,
            None if Instant::now() >= until => {
                let _ = child.kill();
                let _ = child.wait();
                let words = format!("it said nothing within {} s", PATIENCE.as_secs());
                return Err(Silent::Binary(words));
            }
            None => thread::sleep(STEP),
        }
    };
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        let _ = stdout.take(ANSWER).read_to_string(&mut said);
    }
    if !status.success() {
        let words = format!("asked for its version, it ended with {status}");
        return Err(Silent::Binary(words));
    }
    if said.trim() != wanted {
        return Err(Silent::Binary(format!(
            "asked for its version, it said `{}`",
            said.trim().escape_debug()
        )));
    }
    Ok(())
}

impl Silent {
    /// Of an error at its start.
    fn of(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            // Processes, memory, or a file that somebody holds: for all that is known the binary is good.
            Kind::WouldBlock | Kind::OutOfMemory | Kind::ExecutableFileBusy | Kind::Interrupted => {
                Self::Machine(error)
            }
            // Open files, of this process or of the system, have no kind of their own.
            _ if cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24)) => {
                Self::Machine(error)
            }
            _ => Self::Binary(error.to_string()),
        }
    }
}

/// A file that was just written may be open for writing still, in a child that another thread is about to start.
fn spawn(binary: &Path) -> io::Result<Child> {
    let until = Instant::now() + PATIENCE;
    loop {
        let spawned = Command::new(binary)
            .arg("--version")
            .env_clear()
            .current_dir(binary.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        match spawned {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < until =>
            {
                thread::sleep(STEP);
            }
            spawned => return spawned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_room_says_nothing_against_a_binary() {
        for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::OutOfMemory] {
            assert!(
                matches!(Silent::of(kind.into()), Silent::Machine(_)),
                "{kind}"
            );
        }
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied] {
            assert!(
                matches!(Silent::of(kind.into()), Silent::Binary(_)),
                "{kind}"
            );
        }
        #[cfg(unix)]
        for (code, is_machine) in [(11, true), (12, true), (23, true), (24, true), (8, false)] {
            let found = Silent::of(io::Error::from_raw_os_error(code));
            assert_eq!(matches!(found, Silent::Machine(_)), is_machine, "{code}");
        }
    }
}
