//! The roots a device has gone through, from the first to the newest.

use std::collections::BTreeSet;

use tough::schema::{RoleType, Root};

use crate::held::Held;
use crate::judge::{self, Flaw};

/// Consecutive versions, each signed as the one before it demands. Never empty.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    first: Held<Root>,
    later: Vec<Held<Root>>,
}

impl Roots {
    /// Begins with `first`, which has to be signed as it demands itself.
    pub(crate) fn begin(first: Held<Root>) -> Result<Self, Flaw> {
        judge::first_root(first.signed())?;
        Ok(Self {
            first,
            later: Vec::new(),
        })
    }

    /// Adds the next one.
    pub(crate) fn push(&mut self, next: Held<Root>) -> Result<(), Flaw> {
        judge::next_root(self.newest().signed(), next.signed())?;
        self.later.push(next);
        Ok(())
    }

    pub(crate) fn newest(&self) -> &Held<Root> {
        self.later.last().unwrap_or(&self.first)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held<Root>> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// Whether the app's own root takes the place of these.
    ///
    /// It does where it is newer than all of them, and where it is another root of a version they
    /// have: then the publisher began anew, and the app, which a person installed, says so. An older
    /// one, of an app put back, does not: a key that was taken away would come back with it.
    pub(crate) fn give_way_to(&self, shipped: &Held<Root>) -> bool {
        if shipped.version() > self.newest().version() {
            return true;
        }
        self.iter()
            .find(|root| root.version() == shipped.version())
            .is_some_and(|root| root.role() != shipped.role())
    }
}

/// Whether the keys of the timestamp or the snapshot differ: then what they signed is forgotten, so
/// that a publisher gets past versions that a thief of the old keys signed.
pub(crate) fn rotated(before: &Root, after: &Root) -> bool {
    [RoleType::Timestamp, RoleType::Snapshot]
        .into_iter()
        .any(|role| keys(before, role) != keys(after, role))
}

fn keys(root: &Root, role: RoleType) -> BTreeSet<&[u8]> {
    root.roles
        .get(&role)
        .map(|keys| keys.keyids.iter().map(|id| &**id).collect())
        .unwrap_or_default()
}
