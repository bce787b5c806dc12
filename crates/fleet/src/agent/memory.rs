//! What a device remembers of its orders, on disk: `memory-runtime.json`, `memory-agent.json`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::{Memory, Subject};
use serde::{Deserialize, Serialize};

use crate::disk;

const SCHEMA: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    schema: u32,
    #[serde(flatten)]
    memory: Memory,
}

/// Where one subject's memory is kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept(PathBuf);

impl Kept {
    pub(crate) fn of(folder: &Path, subject: Subject) -> Self {
        Self(folder.join(format!("memory-{}.json", subject.as_str())))
    }

    /// What it holds. What cannot be read is set aside and told; the broker says again what counts. A newer
    /// program's file is left alone until something is to be remembered.
    pub(crate) fn load(&self, now: Timestamp) -> Memory {
        let bytes = match disk::read(&self.0) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Memory::default(),
            Err(error) => {
                tracing::warn!(path = %self.0.display(), %error, "cannot be read");
                return Memory::default();
            }
        };
        match serde_json::from_slice::<Stored>(&bytes) {
            Ok(stored) if stored.schema <= SCHEMA => stored.memory,
            other => {
                let why = other.err().map_or_else(
                    || "it is of a newer version".to_owned(),
                    |it| it.to_string(),
                );
                let aside = disk::set_aside(&self.0, now);
                tracing::warn!(path = %self.0.display(), ?aside, why, "cannot be used, and is set aside");
                Memory::default()
            }
        }
    }

    /// What it orders, as far as that can be read; changes nothing.
    fn ordered(&self) -> Option<Version> {
        let bytes = disk::read(&self.0).ok()??;
        let stored: Stored = serde_json::from_slice(&bytes).ok()?;
        Some(stored.memory.order()?.version.clone())
    }

    pub(crate) fn save(&self, memory: &Memory) -> std::io::Result<()> {
        let stored = Stored {
            schema: SCHEMA,
            memory: memory.clone(),
        };
        disk::replace(&self.0, &serde_json::to_vec(&stored)?)
    }
}

/// The version of the runtime that the operator last ordered for the device that keeps its memory in `folder`; none where
/// nothing is. For whoever shows it: changes nothing.
pub fn ordered(folder: &Path) -> Option<Version> {
    Kept::of(folder, Subject::Runtime).ordered()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// As the first version wrote it: to be read for ever.
    const SCHEMA_1: &str = include_str!("../../fixtures/memory-1.json");

    #[test]
    fn what_the_first_version_wrote_is_read_and_written_alike() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::of(dir.path(), Subject::Runtime);
        std::fs::write(dir.path().join("memory-runtime.json"), SCHEMA_1).unwrap();
        let memory = kept.load(at(0));
        assert_eq!(memory.order().unwrap().version.as_str(), "1.2.0");
        assert_eq!(memory.generation(), Some(1_781_251_200_000));
        assert_eq!(ordered(dir.path()).unwrap().as_str(), "1.2.0");
        kept.save(&memory).unwrap();
        assert_eq!(kept.load(at(0)), memory);
    }

    #[test]
    fn what_cannot_be_used_is_set_aside() {
        for text in [
            "",
            "{",
            "[]",
            r#"{"schema":2,"heard":{}}"#,
            r#"{"schema":1,"heard":{"x":1}}"#,
        ] {
            let dir = tempfile::tempdir().unwrap();
            let kept = Kept::of(dir.path(), Subject::Agent);
            std::fs::write(dir.path().join("memory-agent.json"), text).unwrap();
            assert_eq!(kept.ordered(), None, "{text}");
            assert_eq!(kept.load(at(5)), Memory::default(), "{text}");
            let aside = dir.path().join("memory-agent.json.invalid-5000");
            assert_eq!(std::fs::read_to_string(aside).unwrap(), text);
        }
    }
}
