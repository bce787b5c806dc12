//! How much of everything a repository may send.

use std::time::Duration;

/// Bounds against endless data and endless waiting. The defaults suit a repository of thousands of
/// releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one `N.root.json`.
    pub root: u64,
    /// Bytes of `timestamp.json`.
    pub timestamp: u64,
    /// Bytes of the snapshot, unless the timestamp names fewer.
    pub snapshot: u64,
    /// Bytes of the targets and of each delegated role, unless the snapshot names fewer.
    pub targets: u64,
    /// New roots in one refresh; the next refresh goes on from there.
    pub roots: usize,
    /// Delegated roles looked into for one target.
    pub delegations: usize,
    /// The longest silence of the host.
    pub idle: Duration,
    /// The longest time a whole refresh, or the reading of one target, may take.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            root: 512 * 1024,
            timestamp: 64 * 1024,
            snapshot: 2 * 1024 * 1024,
            targets: 8 * 1024 * 1024,
            roots: 256,
            delegations: 32,
            idle: Duration::from_secs(20),
            total: Duration::from_mins(1),
        }
    }
}
