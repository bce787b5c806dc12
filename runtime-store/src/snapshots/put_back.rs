//! Putting a snapshot back, and finishing what a power cut interrupted.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{DATA, DataSnapshot, DataSnapshots, REPLACED, SCHEMA, SnapshotError};
use crate::files::{self, Found};
use crate::{StoreError, VersionId, durable};

/// A snapshot that is in the folder's place now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// Which. It is used up.
    pub snapshot: DataSnapshot,
    /// Where what it replaced lies until the next snapshot is taken; none where there was nothing.
    pub replaced: Option<PathBuf>,
}

/// `put-back.json`: there from before the first rename until after the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Intent {
    schema: u32,
    /// Whole, because a cut may come when its own file is gone already.
    snapshot: DataSnapshot,
    /// The name, beside the snapshots, that what is replaced gets.
    replaced: String,
}

impl DataSnapshots {
    /// Puts the folder back to what it was before the first launch of `id`. Nothing may be running
    /// in it. None where there is no such snapshot, and then nothing changes.
    pub fn put_back(&self, id: &VersionId) -> Result<Option<PutBack>, SnapshotError> {
        if !self.root.is_dir() {
            return Ok(None);
        }
        let _lock = self.lock()?;
        self.finish()?;
        let place = self.place(&id.version);
        let Some(snapshot) = self.read(&place).filter(|snapshot| snapshot.id() == *id) else {
            return Ok(None);
        };
        if !is_folder(&place.join(DATA)) {
            return Ok(None);
        }
        let intent = Intent {
            schema: SCHEMA,
            replaced: self.free_name(&snapshot),
            snapshot,
        };
        self.step()?;
        durable::write_json(&self.intent(), &intent)?;
        self.step()
            .and_then(|()| self.carry_out(&intent))
            .inspect_err(|_| self.give_up(&intent))
            .map(Some)
    }

    /// Finishes what was begun when the power went, and frees what was left half done. To be called
    /// before anything is launched.
    pub fn recover(&self) -> Result<Option<PutBack>, SnapshotError> {
        if !self.root.is_dir() {
            return Ok(None);
        }
        let _lock = self.lock()?;
        let finished = self.finish()?;
        self.clear_leftovers();
        Ok(finished)
    }

    /// As [`recover`](Self::recover), under the lock.
    pub(super) fn finish(&self) -> Result<Option<PutBack>, SnapshotError> {
        let path = self.intent();
        let stuck = |why: String| SnapshotError::Stuck {
            intent: path.clone(),
            why,
        };
        let intent: Intent = match files::read_schema(&path, SCHEMA.into())? {
            Found::Missing => return Ok(None),
            Found::Valid(intent) => intent,
            Found::Invalid(why) => return Err(stuck(format!("cannot be read: {why}"))),
            Found::Newer(schema, _) => {
                return Err(StoreError::NewerSchema { path, schema }.into());
            }
        };
        if intent.snapshot.folder != self.folder {
            // The setting was changed meanwhile: it is finished where it was begun.
            let other = Self {
                folder: intent.snapshot.folder.clone(),
                ..self.clone()
            };
            return other.resume(&intent).map(Some);
        }
        self.resume(&intent).map(Some)
    }

    /// Goes on with what was begun; what was not, and cannot be, is not begun later either.
    fn resume(&self, intent: &Intent) -> Result<PutBack, SnapshotError> {
        let is_begun = !is_there(&self.folder) || is_there(&self.root.join(&intent.replaced));
        self.carry_out(intent).inspect_err(|_| {
            if !is_begun {
                self.give_up(intent);
            }
        })
    }

    /// Leaves all as it was before a put back that failed: were it finished at another start, it would
    /// take what the runtime wrote until then. The snapshot stays.
    fn give_up(&self, intent: &Intent) {
        #[cfg(test)]
        if self.cut.is_cut() {
            return;
        }
        if !is_there(&self.place(&intent.snapshot.version).join(DATA)) {
            return;
        }
        let replaced = self.root.join(&intent.replaced);
        let is_whole = is_there(&self.folder)
            || !is_there(&replaced)
            || durable::rename(&replaced, &self.folder).is_ok();
        if is_whole && let Err(error) = durable::remove_file(&self.intent()) {
            tracing::error!(%error, "a put back that failed is tried again at the next start");
        }
    }

    /// Every step can be done again: what is where says which were done.
    fn carry_out(&self, intent: &Intent) -> Result<PutBack, SnapshotError> {
        let place = self.place(&intent.snapshot.version);
        let kept = place.join(DATA);
        let mut replaced = self.root.join(&intent.replaced);
        if is_there(&kept) {
            if is_there(&self.folder) {
                if is_there(&replaced) {
                    // Somebody made the folder anew between the cut and now.
                    replaced = self.root.join(self.free_name(&intent.snapshot));
                }
                durable::rename(&self.folder, &replaced)?;
                self.step()?;
            } else if let Some(parent) = self.folder.parent() {
                fs::create_dir_all(parent)
                    .map_err(|error| StoreError::io("make the folder", parent, error))?;
            }
            durable::rename(&kept, &self.folder)?;
            self.step()?;
        } else if !is_there(&self.folder) {
            return Err(SnapshotError::Stuck {
                intent: self.intent(),
                why: format!(
                    "neither `{}` nor `{}` is there",
                    kept.display(),
                    self.folder.display()
                ),
            });
        }
        self.remove(&place)?;
        self.step()?;
        durable::remove_file(&self.intent())?;
        Ok(PutBack {
            snapshot: intent.snapshot.clone(),
            replaced: is_there(&replaced).then_some(replaced),
        })
    }

    /// A name for what is replaced that nothing has yet.
    fn free_name(&self, snapshot: &DataSnapshot) -> String {
        let first = format!("{REPLACED}{}", snapshot.version);
        if !is_there(&self.root.join(&first)) {
            return first;
        }
        format!("{first}~{}", uuid::Uuid::new_v4())
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}
