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

/// Starts `binary --version`, which has to answer with `refit` and `version`.
pub(super) fn says(binary: &Path, version: &Version) -> Result<(), String> {
    let wanted = format!("refit {version}");
    let mut child = spawn(binary).map_err(|error| error.to_string())?;
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() >= until => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it said nothing within {} s", PATIENCE.as_secs()));
            }
            None => thread::sleep(STEP),
        }
    };
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        let _ = stdout.take(ANSWER).read_to_string(&mut said);
    }
    if !status.success() {
        return Err(format!("asked for its version, it ended with {status}"));
    }
    if said.trim() != wanted {
        return Err(format!(
            "asked for its version, it said `{}`",
            said.trim().escape_debug()
        ));
    }
    Ok(())
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
