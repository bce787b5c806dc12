//! Taking a snapshot.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rollout::Version;

use super::tree::{Copying, Size};
use super::{
    ABOUT, DATA, DataSnapshot, DataSnapshots, REPLACED, SCHEMA, SnapshotError, TAKING, tree,
};
use crate::layout::names;
use crate::{StoreError, VersionId, durable};

/// How many snapshots are kept: of the version on trial, and of the one before it.
const KEPT: usize = 2;

/// The launch before which a snapshot is taken.
#[derive(Debug, Clone, Copy)]
pub struct BeforeLaunch<'a> {
    /// The version that is launched for the first time.
    pub id: &'a VersionId,
    /// When it was staged: says which trial of it.
    pub staged_at: Timestamp,
    /// The version that ran before it.
    pub of: Option<&'a Version>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A new one.
    New(DataSnapshot),
    /// The one that an earlier attempt of the same trial took.
    Kept(DataSnapshot),
}

impl DataSnapshots {
    /// Takes a snapshot before the first launch of a version. A folder that is not there yet is
    /// kept as an empty one. With the new one on disk, all but the last two go, and so does what
    /// an earlier put back set aside.
    ///
    /// # Errors
    ///
    /// None leaves anything behind, and the snapshots that were there are still there, but for one
    /// of an earlier trial of this version: it must not be put back when this trial fails.
    pub fn take(&self, before: &BeforeLaunch<'_>, now: Timestamp) -> Result<Taken, SnapshotError> {
        self.make_root()?;
        let _lock = self.lock()?;
        self.finish()?;
        let place = self.place(&before.id.version);
        if let Some(kept) = self.read(&place)
            && kept.id() == *before.id
            && kept.staged_at == before.staged_at
            && !self.is_written_over(before.id)
        {
            return Ok(Taken::Kept(kept));
        }
        self.clear_leftovers();
        // An earlier trial's: what was written since must not be lost to it if this one cannot be taken.
        self.remove(&place)?;
        self.step()?;
        let taking = self.root.join(TAKING);
        let taken = self.fill(&taking, before, now);
        let about = match taken {
            Ok(about) => about,
            Err(error) => {
                #[cfg(test)]
                if self.cut.is_cut() {
                    return Err(error);
                }
                tree::delete(&taking);
                return Err(error);
            }
        };
        durable::rename(&taking, &place)?;
        self.step()?;
        self.prune(&place)?;
        Ok(Taken::New(about))
    }

    fn fill(
        &self,
        taking: &Path,
        before: &BeforeLaunch<'_>,
        now: Timestamp,
    ) -> Result<DataSnapshot, SnapshotError> {
        super::make_private(taking)
            .map_err(|error| StoreError::io("make the folder", taking, error))?;
        self.step()?;
        let size = self.copy_to(&taking.join(DATA))?;
        self.step()?;
        let about = DataSnapshot {
            schema: SCHEMA,
            version: before.id.version.clone(),
            integrity: before.id.integrity.clone(),
            staged_at: before.staged_at,
            of: before.of.cloned(),
            at: now,
            bytes: size.bytes,
            files: size.files,
            folder: self.folder.clone(),
        };
        durable::write_json(&taking.join(ABOUT), &about)?;
        self.step()?;
        Ok(about)
    }

    fn copy_to(&self, to: &Path) -> Result<Size, SnapshotError> {
        let make = |error| StoreError::io("make the folder", to, error);
        match fs::symlink_metadata(&self.folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(self.unfit("it is a link or a file")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                fs::create_dir(to).map_err(make)?;
                durable::sync_folder(to)?;
                return Ok(Size::default());
            }
            Err(error) => return Err(StoreError::io("read the folder", &self.folder, error).into()),
        }
        if self.holds_its_own() {
            return Err(self.unfit("through a link it is, or holds, what Refit keeps itself"));
        }
        if !same_disk(&self.folder, &self.root) {
            // It could not be put back by a rename, which alone cannot be cut in two.
            return Err(self.unfit("it lies on another disk than the app's data"));
        }
        let (bytes, sample) = Copying::measure(&self.folder);
        let share = sample.is_some_and(|sample| self.can_share(&sample));
        if !share && !self.links && bytes > self.cap {
            return Err(SnapshotError::TooBig {
                folder: self.folder.clone(),
                bytes,
                cap: self.cap,
            });
        }
        let copying = Copying {
            folder: &self.folder,
            cap: self.cap,
            links: self.links,
            share,
        };
        copying.copy(&self.folder, to)
    }

    /// Whether the folder, at its real place, has the snapshots or the store in it, or lies in them.
    fn holds_its_own(&self) -> bool {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = real(&self.folder);
        let all = self.root.parent().unwrap_or(&self.root);
        let store = all.with_file_name("runtime-store");
        [all, &store].into_iter().any(|own| {
            let own = real(own);
            own.starts_with(&folder) || folder.starts_with(&own)
        })
    }

    /// Whether the disk shares the bytes of `sample` with a copy here.
    fn can_share(&self, sample: &Path) -> bool {
        let probe = self.root.join(TAKING).join("probe");
        let shared = reflink_copy::reflink(sample, &probe).is_ok();
        let _ = fs::remove_file(&probe);
        shared
    }

    fn unfit(&self, why: &'static str) -> SnapshotError {
        SnapshotError::Unfit {
            folder: self.folder.clone(),
            why,
        }
    }

    /// Removes all but the last few, never the one in `newest`, and what was put aside.
    fn prune(&self, newest: &Path) -> Result<(), SnapshotError> {
        let older = self.list();
        let mut older: Vec<_> = older
            .iter()
            .map(|snapshot| self.place(&snapshot.version))
            .filter(|place| place != newest)
            .collect();
        older.truncate((older.len() + 1).saturating_sub(KEPT));
        let aside = names(&self.root)?;
        let aside = aside.iter().filter(|name| name.starts_with(REPLACED));
        older.extend(aside.map(|name| self.root.join(name)));
        for place in older {
            self.step()?;
            self.remove(&place)?;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn same_disk(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let disk = |path: &Path| fs::metadata(path).map(|about| about.dev()).ok();
    disk(one) == disk(other)
}

#[cfg(not(unix))]
fn same_disk(_one: &Path, _other: &Path) -> bool {
    // Told by the rename, if it is not so.
    true
}
