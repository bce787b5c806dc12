//! `checks.json`: when each stored version was last read from end to end.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollout::{Integrity, Version};
use serde::{Deserialize, Serialize};

use super::{Health, recorded};
use crate::damage::Damage;
use crate::files::{self, Found};
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::pointer::VersionId;
use crate::record::Record;
use crate::tree_manifest::{Pace, TreeManifest};
use crate::{Store, StoreError, durable};

/// The content of `checks.json`. Losing it costs one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Checks {
    schema: u32,
    versions: Vec<Checked>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Checked {
    version: Version,
    integrity: Integrity,
    at: Timestamp,
}

impl Store {
    /// Reads every stored version that was not read within `every`, no faster than somebody who
    /// does something else should notice, and says which are damaged. Makes the tree manifests of
    /// versions that were staged without one. What was found stays in [`Store::damaged`].
    ///
    /// It takes as long as it takes: to be called on a thread of its own. Ended half way, it goes on
    /// with what is left.
    pub fn daily_check(&self, now: Timestamp, every: Duration) -> Vec<Damage> {
        self.check_all(now, every).unwrap_or_else(|error| {
            tracing::warn!(%error, "stored versions could not be checked");
            Vec::new()
        })
    }

    fn check_all(&self, now: Timestamp, every: Duration) -> Result<Vec<Damage>, StoreError> {
        let layout = self.layout();
        let mut damaged = Vec::new();
        for version in recorded(layout)? {
            let Some(record) = Record::load(layout, &version)? else {
                continue;
            };
            let id = record.id();
            let described = match TreeManifest::find(layout, &id)? {
                Found::Valid(_) => true,
                Found::Missing | Found::Invalid(_) => false,
                // A newer shell's, for that shell to check.
                Found::Newer(..) => continue,
            };
            let last = Checks::load(layout).last(&id);
            if described && !is_due(last, record.staged_at, now, every) {
                continue;
            }
            let checked = if described {
                self.full_check(&id, Pace::Low).map(|health| {
                    if let Health::Damaged(damage) = health {
                        damaged.push(damage);
                    }
                })
            } else if layout.version(&version).is_dir() {
                self.describe(&record)
            } else {
                continue;
            };
            // One that cannot be read now must not keep the others from being checked.
            match checked {
                Ok(()) => self.note(&id, now)?,
                Err(error) => tracing::warn!(%error, %version, "could not be checked"),
            }
        }
        Ok(damaged)
    }

    fn note(&self, id: &VersionId, now: Timestamp) -> Result<(), StoreError> {
        let layout = self.layout();
        let stored = recorded(layout)?;
        let _lock = StoreLock::take(layout)?;
        let path = Checks::path(layout);
        if let Found::Newer(..) = files::read_schema::<Checks>(&path, Checks::SCHEMA.into())? {
            return Ok(());
        }
        let mut checks = Checks::load(layout);
        checks
            .versions
            .retain(|it| it.version != id.version && stored.contains(&it.version));
        checks.versions.push(Checked {
            version: id.version.clone(),
            integrity: id.integrity.clone(),
            at: now,
        });
        durable::write_json(&path, &checks)
    }
}

impl Checks {
    const SCHEMA: u32 = 1;

    fn path(layout: &Layout) -> PathBuf {
        layout.root().join("checks.json")
    }

    fn load(layout: &Layout) -> Self {
        match files::read_schema(&Self::path(layout), Self::SCHEMA.into()) {
            Ok(Found::Valid(checks)) => checks,
            _ => Self {
                schema: Self::SCHEMA,
                versions: Vec::new(),
            },
        }
    }

    fn last(&self, id: &VersionId) -> Option<Timestamp> {
        self.versions
            .iter()
            .find(|it| it.version == id.version && it.integrity == id.integrity)
            .map(|it| it.at)
    }
}

/// Whether a version is to be read again. Staging it was reading it, too. A time that is yet to come
/// is a clock's mistake and counts for nothing.
fn is_due(last: Option<Timestamp>, staged_at: Timestamp, now: Timestamp, every: Duration) -> bool {
    let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
    ![last, Some(staged_at)]
        .into_iter()
        .flatten()
        .any(|at| at <= now && now.duration_since(at) < every)
}

#[cfg(test)]
mod tests;
