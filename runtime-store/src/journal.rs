//! Logs of JSON lines that never grow beyond a cap: `rollout.log` and `history.log`. Best effort:
//! what cannot be logged is never in the way of what it tells of.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use jiff::Timestamp;
use rollout::Version;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::lock::StoreLock;

/// The most bytes that a log may have; then its older half goes.
pub(crate) const CAP: u64 = 256 * 1024;

/// One line of `history.log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: HistoryEvent,
    /// To which version; after a fall back or roll back, the one that runs.
    pub version: Version,
    /// What ran before, where that says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    /// Why, as a reason code or in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What can happen to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryEvent {
    /// It waits for a restart.
    Staged,
    /// It became ready for the first time.
    Applied,
    /// Its soak is over.
    Confirmed,
    /// Another failed, and this one runs.
    FellBack,
    /// A person or a fleet went back to it.
    RolledBack,
    /// It may be tried again.
    Forgiven,
    /// It ran out of sight and passed the smoke check.
    Rehearsed,
    /// It ran out of sight and failed; `reason` says how it ended: `failed`, `bad`, `inconclusive`,
    /// and after `: ` what was seen.
    RehearsalFailed,
    /// It was not rehearsed.
    RehearsalSkipped,
    /// Its files are not as they were staged.
    Damaged,
    /// Its files were replaced as a whole.
    Mended,
    /// It needs another host than this one.
    ContractUnmet,
    /// The data folder was kept before its first launch.
    Snapshot,
    /// The data folder is again as it was before its first launch.
    PutBack,
    /// A workspace runs it; `from` is what it ran before.
    Upgraded,
    /// It did not become ready in a workspace, or kept crashing there.
    WorkspaceDead,
}

impl Store {
    /// What happened on this device, oldest first; lines that cannot be read are left out.
    pub fn history(&self) -> Vec<HistoryEntry> {
        let text = fs::read(self.layout().history()).unwrap_or_default();
        text.split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }

    /// Appends to the history.
    pub fn record_history(&self, entry: &HistoryEntry) {
        self.append(&self.layout().history(), entry);
    }

    /// Appends one JSON line to `rollout.log`.
    pub fn log_decision<T: Serialize>(&self, line: &T) {
        self.append(&self.layout().rollout_log(), line);
    }

    fn append(&self, path: &Path, line: &impl Serialize) {
        let written = StoreLock::take(self.layout())
            .map_err(|error| error.to_string())
            .and_then(|_lock| {
                let mut line = serde_json::to_vec(line).map_err(|error| error.to_string())?;
                line.push(b'\n');
                append(path, &line).map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            tracing::debug!(path = %path.display(), error, "a line could not be logged");
        }
    }
}

/// Appends a line; where the file would outgrow the cap, drops the older half of its lines first.
fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let length = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Err(io::Error::other("it is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    if length + line.len() as u64 > CAP {
        let old = fs::read(path)?;
        let mut kept = newer_half(&old).to_vec();
        kept.extend_from_slice(line);
        let folder = path.parent().unwrap_or(path);
        let mut temporary = tempfile::Builder::new()
            .prefix(".log.")
            .suffix(crate::durable::TEMPORARY)
            .tempfile_in(folder)?;
        temporary.write_all(&kept)?;
        temporary.persist(path).map_err(|error| error.error)?;
        return Ok(());
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(line)
}

/// The whole lines in the newer half of a log, at most half the cap of them.
fn newer_half(log: &[u8]) -> &[u8] {
    let most = usize::try_from(CAP / 2).unwrap_or(usize::MAX);
    let start = log.len().saturating_sub(most.min(log.len() / 2));
    log[start..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(&[], |end| &log[start + end + 1..])
}

#[cfg(test)]
mod tests;
