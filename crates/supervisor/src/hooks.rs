//! What a launch asks of whoever composed the parts: to put right what it passed over, and to keep
//! the data that a new version may spoil.

use std::fmt::Debug;
use std::pin::Pin;

use rollout::contract::Unmet;
use runtime_store::VersionId;

/// A boxed future, the same type as `futures_util::future::BoxFuture`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Puts right what keeps the version that the pointer names from being launched.
pub trait Mender: Debug + Send + Sync {
    /// Asked at most once per launch, before anything is spawned. True: something changed, choose
    /// again. No answer within a minute counts as false, and an order that comes meanwhile ends
    /// the wait; the future is then dropped.
    fn mend(&self, finding: Finding) -> BoxFuture<'_, bool>;
}

/// Why the launch passed over the version that the pointer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Its stored copy is not what was staged.
    Damaged {
        /// Which version.
        id: VersionId,
        /// What is wrong with the copy, for a person.
        detail: String,
    },
    /// It needs what this app does not offer.
    Contract {
        /// Which version.
        id: VersionId,
        /// What is not met.
        unmet: Unmet,
    },
}

/// Keeps the data of a workspace safe from a version that turns out bad.
pub trait DataKeeper: Debug + Send + Sync {
    /// Before each spawn of a trial that was never ready. An error is told and stops nothing.
    /// Waited for to its end, so that no snapshot is of a folder that is being written.
    fn before_first_launch(&self, id: &VersionId) -> BoxFuture<'_, Result<(), String>>;

    /// Something that is no trial which was kept for writes from now on: `runs`, none for the bundled
    /// version. What was kept before any other is not to be put back over that by itself. Before its
    /// spawn, and where it serves on after a swap that failed.
    fn others_write(&self, runs: Option<&VersionId>) -> BoxFuture<'_, Result<(), String>>;

    /// A trial failed, and the machine was not to blame: before the next choice is spawned. Ok with
    /// true where something was put back. Waited for to its end.
    fn put_back(&self, id: &VersionId) -> BoxFuture<'_, Result<bool, String>>;
}
