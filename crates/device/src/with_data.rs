//! Rolling back together with the data folder: what the version had written is put aside, and what
//! was there before it takes its place while nothing runs.

use rollout::Version;
use runtime_store::{DataSnapshots, Store, VersionId};

use crate::device::Device;
use crate::{Problem, keeper};

/// What is to be put back on the way to another version.
#[derive(Debug, Clone)]
pub(crate) struct DataBack {
    snapshots: DataSnapshots,
    store: Option<Store>,
    id: VersionId,
}

impl DataBack {
    /// Puts it back. Nothing may run in the folder. Blocks.
    pub(crate) fn now(&self) -> Result<(), String> {
        match keeper::put_back(&self.snapshots, self.store.as_ref(), &self.id)? {
            Some(_) => Ok(()),
            None => Err(format!(
                "what was kept before version {} is gone; the data stay as they are",
                self.id.version
            )),
        }
    }
}

impl Device {
    /// What to put back on the way to `to`: what was kept of its data, else what was kept before the
    /// version that the pointer names, where that is of no newer version.
    pub(crate) async fn data_back(&self, to: &Version) -> Result<DataBack, Problem> {
        let running = self.status().borrow().running.clone();
        if running.is_some_and(|running| running.version == *to) {
            return Err(Problem::new(
                "no-snapshot",
                format!("version {to} is running; its data are its own"),
                "Roll back without the data.",
            ));
        }
        if keeper::others_write(self) {
            return Err(Problem::new(
                "workspaces-run",
                "other workspaces run, and may write into the data that would be put back",
                "Close the app, then use `refit rollback --with-data`; or roll back without the data.",
            ));
        }
        let snapshots = match keeper::snapshots(&self.0.local) {
            Some(Ok(snapshots)) => snapshots,
            Some(Err(error)) => {
                let hint =
                    "Correct `snapshot` in the configuration, or roll back without the data.";
                return Err(Problem::from_error("snapshot", &error, hint));
            }
            None => {
                return Err(Problem::new(
                    "no-snapshot",
                    "this app keeps no data of earlier versions",
                    "Roll back without the data, or set `snapshot` in the configuration.",
                ));
            }
        };
        let left = self
            .snapshot()
            .await?
            .pointer
            .map(|pointer| pointer.version);
        let (looked, wanted) = (snapshots.clone(), to.clone());
        let found = tokio::task::spawn_blocking(move || {
            // What a newer version left is nothing for an older one.
            let suits = |of: &Version| !of.is_newer_than(&wanted);
            let before = |left: &Version| {
                let mut all = looked.list().into_iter();
                all.rfind(|it| it.version == *left && it.of.as_ref().is_none_or(suits))
            };
            looked
                .of(&wanted)
                .or_else(|| left.as_ref().and_then(before))
        });
        let found = found
            .await
            .map_err(|error| Problem::from_error("internal", &error, "Please report this."))?;
        match found {
            Some(snapshot) => Ok(DataBack {
                id: snapshot.id(),
                store: self.0.local.store().cloned(),
                snapshots,
            }),
            None => Err(Problem::new(
                "no-snapshot",
                format!("nothing is kept of the data as version {to} left them"),
                "Roll back without the data; see `refit status` for what is kept.",
            )),
        }
    }

    /// Where a roll back leads, as far as that can be told before it is done.
    pub(crate) async fn lies_before(&self) -> Result<Version, Problem> {
        let snapshot = self.snapshot().await?;
        let pointer = snapshot.pointer.as_ref();
        let previous = pointer
            .and_then(|pointer| pointer.previous.as_ref())
            .map(|previous| previous.version.clone())
            .filter(|version| !snapshot.recalls(version));
        Ok(previous.unwrap_or_else(|| self.0.local.shell().bundled.version.clone()))
    }
}
