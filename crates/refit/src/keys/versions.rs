//! How far a repository has come, so that nobody's host can put its publisher back.

use serde::{Deserialize, Serialize};

use super::Role;

/// The version of each role's metadata. 0 where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Versions {
    #[serde(default)]
    pub(crate) root: u64,
    #[serde(default)]
    pub(crate) targets: u64,
    #[serde(default)]
    pub(crate) snapshot: u64,
    #[serde(default)]
    pub(crate) timestamp: u64,
}

impl Versions {
    /// One role's.
    pub(crate) fn of(&self, role: Role) -> u64 {
        match role {
            Role::Root => self.root,
            Role::Targets => self.targets,
            Role::Snapshot => self.snapshot,
            Role::Timestamp => self.timestamp,
        }
    }

    /// The first role in which `self` is behind `seen`.
    pub(crate) fn behind(&self, seen: &Self) -> Option<Role> {
        Role::ALL
            .into_iter()
            .find(|role| self.of(*role) < seen.of(*role))
    }

    /// The later of both, role by role.
    pub(crate) fn later(self, other: Self) -> Self {
        Self {
            root: self.root.max(other.root),
            targets: self.targets.max(other.targets),
            snapshot: self.snapshot.max(other.snapshot),
            timestamp: self.timestamp.max(other.timestamp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_role_behind_is_behind() {
        let seen = Versions {
            root: 1,
            targets: 4,
            snapshot: 5,
            timestamp: 9,
        };
        assert_eq!(seen.behind(&seen), None);
        let older = Versions {
            snapshot: 4,
            ..seen
        };
        assert_eq!(older.behind(&seen), Some(Role::Snapshot));
        assert_eq!(seen.behind(&older), None);
        assert_eq!(older.later(seen), seen);
    }
}
