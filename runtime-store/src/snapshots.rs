//! What the runtime keeps in a folder of its own, as it was before a new version touched it.
//!
//! ```text
//! <data>/snapshots/<workspace>/
//!   <version>/snapshot.json, data/   taken before that version's first launch; only whole ones have this name
//!   <version>/written-since          another version wrote into the folder after it was taken
//!   replaced-<version>/              what was put aside when <version>'s snapshot was put back
//!   put-back.json                    a put back on its way
//!   taking/, removing-*              leftovers of a power cut
//!   lock
//!
//! take:      copy ─► fsync ─► taking/ ─► rename <version>/ ─► older ones and replaced-* go
//! put back:  put-back.json ─► rename folder, replaced-<version>/ ─► rename <version>/data, folder
//!              ─► <version>/ goes ─► put-back.json goes
//! ```
//!
//! # Invariants
//!
//! * What the runtime's folder held is at every moment whole in one place: the folder itself, the
//!   snapshot, or what was put aside. Nothing of it is deleted before what takes its place is on disk.
//! * A put back that was begun is finished by [`DataSnapshots::recover`], wherever it was cut off.
//! * A snapshot belongs to one trial: another attempt of the same trial takes none, so that what a
//!   failed attempt wrote is not in it, and a later trial of the same version takes its own. Where
//!   another version ran between two attempts, the next attempt takes its own too: what that one wrote
//!   is nothing that a trial may cost.

mod error;
mod put_back;
mod take;
mod tree;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rollout::{Integrity, Version};
use serde::{Deserialize, Serialize};

use crate::files::{self, Found};
use crate::layout::names;
use crate::{StoreError, VersionId, durable};

pub use error::SnapshotError;
pub use put_back::PutBack;
pub use take::{BeforeLaunch, Taken};

const SCHEMA: u32 = 1;
const ABOUT: &str = "snapshot.json";
const DATA: &str = "data";
const SINCE: &str = "written-since";
const TAKING: &str = "taking";
const REMOVING: &str = "removing-";
const REPLACED: &str = "replaced-";
const INTENT: &str = "put-back.json";
const LOCK: &str = "lock";

/// How long another process may be busy with the snapshots: copying takes its time.
const PATIENCE: Duration = Duration::from_mins(1);

/// The snapshots of one folder of one workspace. Every call blocks, on disk and on other processes.
#[derive(Debug, Clone)]
pub struct DataSnapshots {
    /// `<data>/snapshots/<workspace>`.
    root: PathBuf,
    folder: PathBuf,
    cap: u64,
    links: bool,
    #[cfg(test)]
    cut: std::sync::Arc<tests::Cut>,
}

/// `snapshot.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataSnapshot {
    schema: u32,
    /// It was taken before the first launch of this version.
    pub version: Version,
    /// The content of that version.
    pub integrity: Integrity,
    /// When that version was staged: says which trial of it.
    pub staged_at: Timestamp,
    /// The data are those of this version, where one ran before.
    pub of: Option<Version>,
    /// When it was taken.
    pub at: Timestamp,
    /// The bytes of all files in it, shared or not.
    pub bytes: u64,
    /// How many files and links it holds.
    pub files: u64,
    /// The folder that it was taken of.
    pub folder: PathBuf,
}

impl DataSnapshot {
    /// The version before whose first launch it was taken.
    pub fn id(&self) -> VersionId {
        VersionId {
            version: self.version.clone(),
            integrity: self.integrity.clone(),
        }
    }
}

impl DataSnapshots {
    /// The snapshots that `workspace` has of `folder`, below `data`. Makes nothing. `cap` is the
    /// most bytes that one may copy where the disk cannot share them; `links` allows hard links.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Unfit`] where the folder is not absolute, or would hold its own snapshots.
    pub fn new(
        data: &Path,
        workspace: &str,
        folder: PathBuf,
        cap: u64,
        links: bool,
    ) -> Result<Self, SnapshotError> {
        let root = data.join("snapshots").join(workspace);
        let unfit = |why| SnapshotError::Unfit {
            folder: folder.clone(),
            why,
        };
        if !folder.is_absolute() || folder.file_name().is_none() {
            return Err(unfit("it is not a whole path to a folder"));
        }
        if root.starts_with(&folder) || folder.starts_with(data.join("snapshots")) {
            return Err(unfit("its own snapshots would be part of it"));
        }
        if data.join("runtime-store").starts_with(&folder) {
            return Err(unfit("the runtime store would be put back with it"));
        }
        Ok(Self {
            root,
            folder,
            cap,
            links,
            #[cfg(test)]
            cut: std::sync::Arc::default(),
        })
    }

    /// Every whole snapshot, oldest first. One that cannot be read is no snapshot.
    pub fn list(&self) -> Vec<DataSnapshot> {
        let mut all: Vec<_> = names(&self.root)
            .unwrap_or_default()
            .iter()
            .filter(|name| !name.starts_with(REMOVING) && !name.starts_with(REPLACED))
            .map(|name| self.root.join(name))
            // The lock and the like are files.
            .filter(|place| place.is_dir())
            .filter_map(|place| self.read(&place))
            .collect();
        all.sort_by_key(|snapshot| (snapshot.at, snapshot.version.to_string()));
        all
    }

    /// The newest snapshot whose data are those of `version`.
    pub fn of(&self, version: &Version) -> Option<DataSnapshot> {
        let mut all = self.list();
        all.retain(|snapshot| snapshot.of.as_ref() == Some(version));
        all.pop()
    }

    /// The snapshot in `place`, if its name is its version's and it is of this very folder.
    fn read(&self, place: &Path) -> Option<DataSnapshot> {
        let about: DataSnapshot = match files::read_schema(&place.join(ABOUT), SCHEMA.into()) {
            Ok(Found::Valid(about)) => about,
            Ok(Found::Missing) => return None,
            other => {
                tracing::warn!(place = %place.display(), ?other, "not a snapshot that can be read");
                return None;
            }
        };
        (self.place(&about.version) == place && about.folder == self.folder).then_some(about)
    }

    /// Notes that `runs` (none: the bundled version) writes into the folder from now on: what was kept
    /// before any other version is not what that other one would find. To be called before the
    /// spawn.
    pub fn others_write(&self, runs: Option<&VersionId>) -> Result<(), SnapshotError> {
        let is_news = |it: &DataSnapshot| Some(&it.id()) != runs && !self.is_written_over(&it.id());
        if !self.list().iter().any(is_news) {
            return Ok(());
        }
        let _lock = self.lock()?;
        for snapshot in self.list().into_iter().filter(is_news) {
            let place = self.place(&snapshot.version);
            let note = place.join(SINCE);
            let failed = |error| StoreError::io("write", &note, error);
            File::create(&note)
                .and_then(|file| file.sync_all())
                .map_err(failed)?;
            durable::sync_folder(&place)?;
        }
        Ok(())
    }

    /// Whether another version wrote into the folder since the snapshot before `id` was taken: then
    /// only a person puts it back.
    pub fn is_written_over(&self, id: &VersionId) -> bool {
        let place = self.place(&id.version);
        let about = self.read(&place).filter(|snapshot| snapshot.id() == *id);
        about.is_some() && fs::symlink_metadata(place.join(SINCE)).is_ok()
    }

    fn place(&self, version: &Version) -> PathBuf {
        self.root.join(version.as_str())
    }

    fn intent(&self) -> PathBuf {
        self.root.join(INTENT)
    }

    /// Makes the folder for snapshots, for their owner's eyes only: what they hold may be secret.
    fn make_root(&self) -> Result<(), SnapshotError> {
        let parent = self.root.parent().unwrap_or(&self.root);
        for folder in [parent, &self.root] {
            match make_private(folder) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StoreError::io("make the folder", folder, error).into()),
                Ok(()) => durable::sync_folder(folder.parent().unwrap_or(folder))?,
            }
            if !fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
                let path = folder.to_owned();
                return Err(StoreError::NotAFolder { path }.into());
            }
        }
        Ok(())
    }

    /// Keeps other processes out until it is dropped.
    fn lock(&self) -> Result<File, SnapshotError> {
        let path = self.root.join(LOCK);
        let failed = |error| StoreError::io("lock the snapshots with", &path, error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(error).into()),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= PATIENCE => {
                    return Err(StoreError::LockHeld { path }.into());
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Takes a name away at once and the bytes after it.
    fn remove(&self, place: &Path) -> Result<(), SnapshotError> {
        if fs::symlink_metadata(place).is_err() {
            return Ok(());
        }
        let away = self
            .root
            .join(format!("{REMOVING}{}", uuid::Uuid::new_v4()));
        durable::rename(place, &away)?;
        self.step()?;
        tree::delete(&away);
        Ok(())
    }

    /// Frees what a power cut left.
    fn clear_leftovers(&self) {
        for name in names(&self.root).unwrap_or_default() {
            if name == TAKING || name.starts_with(REMOVING) {
                tree::delete(&self.root.join(name));
            }
        }
    }

    /// Between two steps: where tests cut the power.
    #[cfg_attr(not(test), expect(clippy::unnecessary_wraps, clippy::unused_self))]
    fn step(&self) -> Result<(), SnapshotError> {
        #[cfg(test)]
        self.cut.step()?;
        Ok(())
    }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests;
