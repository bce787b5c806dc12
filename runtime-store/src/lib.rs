//! The disk truth of Refit: which versions of the runtime are there, and which one runs next.
//!
//! Plain calls that block; no network, no async runtime, no window. Every change is
//! lock → load → transition → persist, where the transition is a plain function over plain data:
//!
//! ```text
//!                    ┌── choose.rs: pointer, previous or bundled, and why
//! files on disk ─► facts ─► transition.rs: what pointer and bad list are next
//!   layout.rs        └── orders.rs: roll back, forgive
//!   ruling.rs (what the publisher's terms let pass)
//!   pointer.rs, bad.rs, record.rs, lease.rs (formats)
//!   files.rs (reading), durable.rs (writing), lock.rs
//!
//! a tarball ─► unpack/ ─► stage/ ─► versions/<v> ─► pointer: a trial
//!           └► tree_manifest.rs ─► check.rs, damage.rs: is it still that? ─► stage/mend.rs
//!                     ╰─► placed, rehearsed (not here) ─╯ or condemned       stage/placed.rs
//! begin_launch ─► spawn (not here) ─► ready | failed ─► soaked ─► confirmed  begin.rs, launch.rs
//! follow_launch: what the first workspace runs, and nothing else             follow.rs
//! ```
//!
//! # Invariants
//!
//! * Something runnable is always there: bundled passes always, and any error in choosing means
//!   bundled.
//! * An attempt is on disk before [`Store::begin_launch`] returns.
//! * `versions/<v>/` never changes once it has its name, and is never removed while a lease is held
//!   on it.
//! * A version that its publisher recalled is passed over and stays; so does a trial that may not
//!   be launched yet, or no more. Neither is a failure, and a confirmed version is not judged by time.
//! * What waits for its rehearsal is named by no pointer, and a rehearsal is counted before its
//!   process exists. One that failed is condemned as any other: bad list first, folder last.
//! * Every choice passes one gate: what it needs of its host is offered. What does not is passed over
//!   and stays; only the bundled runtime runs all the same, and that is told.
//! * A launch that follows takes no attempt, condemns nothing and runs nothing else in its place.
//! * A damaged version is passed over, named with what is wrong, and never listed as bad. The same
//!   content may take its place as a whole while nobody uses it; nothing else of it changes.
//! * The pointer moves by one rename. It is checked in the same way when read and when written.
//! * The bad list is written before anything is removed: bad list, pointer, folder.
//! * What cannot be read is set aside and reported, never silently reset; a newer shell's file is
//!   left alone, and so is a version that it staged.
//! * The lock is never held across network, unpacking, the reading or deleting of whole trees, or a
//!   child. A dead owner never blocks, and a stopped one no longer than a few seconds.

mod bad;
mod begin;
mod carry;
mod check;
mod choose;
mod damage;
mod device_id;
mod durable;
mod error;
mod failure;
mod files;
mod fingerprints;
mod follow;
mod heard;
mod journal;
mod launch;
mod layout;
mod lease;
mod lock;
mod moment;
mod not_before;
mod orders;
mod pointer;
mod recarry;
mod record;
mod ruling;
mod shell;
mod small;
mod snapshots;
mod stage;
mod store;
mod stored;
mod sweep;
mod transition;
mod tree_manifest;
mod unpack;
mod versions;

#[cfg(test)]
mod property;
#[cfg(test)]
mod testing;

pub use carry::{Carried, CarryError};
pub use choose::{Choice, PassedOver, Source, WhyNot};
pub use damage::Damage;
pub use device_id::DeviceId;
pub use error::StoreError;
pub use failure::{Failure, How};
pub use journal::{HistoryEntry, HistoryEvent};
pub use launch::{AfterCrash, Launch, Soak, TakenAttempt};
pub use lease::Lease;
pub use moment::now;
pub use not_before::NotBefore;
pub use orders::{RollBack, RolledBack};
pub use pointer::{Pointer, Previous, Replaced, Trial, VersionId};
pub use record::{Record, RehearsalRecord, Rehearsed};
pub use shell::{Asked, Bundled, Shell};
pub use snapshots::{BeforeLaunch, DataSnapshot, DataSnapshots, PutBack, SnapshotError, Taken};
pub use stage::{
    BeginStage, ManifestError, Partial, Placed, StageError, StagePlan, Staged, Unpacked, Whole,
};
pub use store::{Snapshot, Store};
pub use sweep::Swept;
pub use unpack::{Limits, Refusal, UnpackError, UnpackedTree, unpack_into};
pub use versions::Verified;
