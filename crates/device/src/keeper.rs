//! Keeps the runtime's data folder from before the first launch of a version, and puts it back where
//! that version fails its trial, or a person goes back with it.

use std::sync::{Arc, Weak};

use jiff::Timestamp;
use rollout::Version;
use runtime_store::{
    BeforeLaunch, DataSnapshot, DataSnapshots, HistoryEvent, PutBack, SnapshotError, Store, Taken,
    VersionId,
};
use supervisor::BoxFuture;

use crate::device::{Device, Inner};
use crate::history;
use crate::local::Local;
use crate::notes::SnapshotNote;

/// The snapshots of the main workspace.
pub(crate) const WORKSPACE: &str = "main";

/// The folder and its snapshots; none where nothing is to be kept.
pub(crate) fn snapshots(local: &Local) -> Option<Result<DataSnapshots, SnapshotError>> {
    let setting = local.config().snapshot.as_ref()?;
    let folder = local.place(&setting.folder);
    let (cap, links) = (setting.cap, setting.links);
    Some(DataSnapshots::new(
        local.data_dir(),
        WORKSPACE,
        folder,
        cap,
        links,
    ))
}

/// What is kept, oldest first.
pub(crate) fn list(local: &Local) -> Vec<SnapshotNote> {
    let Some(Ok(snapshots)) = snapshots(local) else {
        return Vec::new();
    };
    let note = |it: DataSnapshot| SnapshotNote {
        version: it.version,
        of: it.of,
        at: it.at,
        bytes: it.bytes,
    };
    snapshots.list().into_iter().map(note).collect()
}

/// Finishes what a power cut left half done; says what is wrong where that cannot be done. Blocks.
pub(crate) fn recover(local: &Local) -> Option<String> {
    let recovered = match snapshots(local)? {
        Ok(snapshots) => snapshots.recover(),
        Err(error) => Err(error),
    };
    match recovered {
        Ok(Some(done)) => {
            note_put_back(local.store(), &done);
            None
        }
        Ok(None) => None,
        Err(error) => Some(format!("the runtime's data cannot be kept: {error}")),
    }
}

/// Whether other workspaces run that may have files in the folder open: what is moved away then takes
/// what they write with it. Only the first one works in the configuration's `cwd`.
pub(crate) fn others_write(device: &Device) -> bool {
    let local = &device.0.local;
    let own = local.workspace();
    let is_own = own != local.data_dir()
        && local
            .config()
            .snapshot
            .as_ref()
            .is_some_and(|setting| local.place(&setting.folder).starts_with(&own));
    !is_own && device.0.crew.is_at_work()
}

/// What a launch asks.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Store,
    snapshots: DataSnapshots,
    bundled: Version,
    /// Holds no device: a launch must not keep its own device alive.
    device: Weak<Inner>,
}

impl Keeper {
    /// None where nothing is to be kept, or it cannot be, which is told at the start.
    pub(crate) fn of(device: &Device) -> Option<Self> {
        let local = &device.0.local;
        Some(Self {
            store: local.store()?.clone(),
            snapshots: snapshots(local)?.ok()?,
            bundled: local.shell().bundled.version.clone(),
            device: Arc::downgrade(&device.0),
        })
    }

    /// Why nothing may be put back now.
    fn obstacle(&self, id: &VersionId) -> Option<&'static str> {
        if self.snapshots.is_written_over(id) {
            return Some("another version wrote there since");
        }
        let device = self.device.upgrade().map(Device)?;
        others_write(&device).then_some("other workspaces run, and may write there")
    }

    /// When `id` was staged, and whose data lie there: what ran last in this run, else what it was
    /// staged over, be that confirmed or not.
    fn trial(&self, id: &VersionId) -> Option<(Timestamp, Version)> {
        let pointer = self.store.snapshot().pointer.filter(|it| it.id() == *id)?;
        let device = self.device.upgrade();
        let ran = device.and_then(|device| device.running.borrow().clone());
        let replaced = pointer.replaced.as_ref().map(|it| it.version.clone());
        let previous = pointer.previous.as_ref().map(|it| it.version.clone());
        let of = ran
            .filter(|ran| *ran != id.version)
            .or(replaced)
            .or(previous)
            .unwrap_or_else(|| self.bundled.clone());
        Some((pointer.staged_at, of))
    }
}

impl supervisor::DataKeeper for Keeper {
    fn before_first_launch(&self, id: &VersionId) -> BoxFuture<'_, Result<(), String>> {
        let id = id.clone();
        off_the_threads(self, move |keeper| {
            // The pointer moved on: another launch's business.
            let Some((staged_at, of)) = keeper.trial(&id) else {
                return Ok(());
            };
            let before = BeforeLaunch {
                id: &id,
                staged_at,
                of: Some(&of),
            };
            let taken = keeper.snapshots.take(&before, runtime_store::now());
            let taken = taken.map_err(|error| {
                format!(
                    "the runtime's data were not kept before version {}: {error}",
                    id.version
                )
            })?;
            if let Taken::New(taken) = taken {
                let reason = format!("{} bytes in {} files", taken.bytes, taken.files);
                let (event, store) = (HistoryEvent::Snapshot, Some(&keeper.store));
                history::write(store, event, &id.version, Some(&of), Some(&reason));
            }
            Ok(())
        })
    }

    fn others_write(&self, runs: Option<&VersionId>) -> BoxFuture<'_, Result<(), String>> {
        let runs = runs.cloned();
        off_the_threads(self, move |keeper| {
            let noted = keeper.snapshots.others_write(runs.as_ref());
            noted.map_err(|error| error.to_string())
        })
    }

    fn put_back(&self, id: &VersionId) -> BoxFuture<'_, Result<bool, String>> {
        let id = id.clone();
        off_the_threads(self, move |keeper| {
            if let Some(why) = keeper.obstacle(&id) {
                return Err(format!(
                    "{why}. They stay as they are; `refit rollback --with-data`, while the app is \
                     closed, puts back what was kept before version {}",
                    id.version
                ));
            }
            put_back(&keeper.snapshots, Some(&keeper.store), &id).map(|done| done.is_some())
        })
    }
}

/// Puts back what was kept before the first launch of `id`. Nothing may run in the folder. Blocks.
pub(crate) fn put_back(
    snapshots: &DataSnapshots,
    store: Option<&Store>,
    id: &VersionId,
) -> Result<Option<PutBack>, String> {
    let done = snapshots.put_back(id).map_err(|error| {
        format!(
            "the runtime's data from before version {} were not put back: {error}",
            id.version
        )
    })?;
    if let Some(done) = &done {
        note_put_back(store, done);
    }
    Ok(done)
}

fn note_put_back(store: Option<&Store>, done: &PutBack) {
    let version = &done.snapshot.version;
    let aside = done.replaced.as_ref();
    tracing::warn!(%version, aside = ?aside, "the runtime's data are as they were before this version");
    let reason = aside.map(|path| format!("what it had written lies in {}", path.display()));
    let (event, of) = (HistoryEvent::PutBack, done.snapshot.of.as_ref());
    history::write(store, event, version, of, reason.as_deref());
}

fn off_the_threads<T: Send + 'static>(
    keeper: &Keeper,
    work: impl FnOnce(&Keeper) -> Result<T, String> + Send + 'static,
) -> BoxFuture<'static, Result<T, String>> {
    let keeper = Keeper {
        store: keeper.store.clone(),
        snapshots: keeper.snapshots.clone(),
        bundled: keeper.bundled.clone(),
        device: keeper.device.clone(),
    };
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(move || work(&keeper)).await;
        done.unwrap_or_else(|error| Err(error.to_string()))
    })
}
