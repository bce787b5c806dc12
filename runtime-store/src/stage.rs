//! Staging's disk half: from verified bytes to a pointer, one type per step.
//!
//! ```text
//! Store::begin_stage ─► Partial ─unpack─► Unpacked ─verify─► Whole ─commit─► Staged
//!   bad, unsuitable,      partial/<v>,      bytes nobody       checked,        versions/<v>,
//!   old, staged, busy     locked            vouches for        carried,        a trial
//!                                                              synced
//!                                                         Whole ─place─► Placed ─point─► Staged
//!                                                              versions/<v>,  └─condemn─► bad
//!                                                              no pointer yet
//! ```
//!
//! # Invariants
//!
//! * What was not verified has no type that a later step accepts, and dropping any of the types
//!   removes the partial.
//! * The pointer moves last, by one rename. Any failure before leaves it as it was, and nothing but
//!   a partial or a whole version that no pointer names.
//! * The store lock is held in `begin_stage`, `place`, `commit` and `point` only, not while bytes
//!   flow or something is rehearsed.

pub(crate) mod claim;
mod commit;
mod error;
pub(crate) mod manifest;
mod mend;
mod placed;
mod room;
mod standing;
pub(crate) mod sync;
mod take_up;
#[cfg(test)]
mod tests;
mod verify;

use std::io::Read;
use std::path::PathBuf;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use jiff::Timestamp;
use rollout::contract::{Needs, Unmet};
use rollout::{BadEntry, Candidate, Integrity, Unsuitable, Version};

use claim::Claim;
pub use error::StageError;
pub use manifest::ManifestError;
pub use placed::Placed;
use standing::Standing;

use crate::Store;
use crate::carry::Carried;
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::record::{Record, RehearsalRecord};
use crate::shell::Shell;
use crate::tree_manifest::{Digests, TreeManifest};
use crate::unpack::{self, Limits, UnpackedTree};

/// How a version is to be staged.
#[derive(Debug, Clone, Default)]
pub struct StagePlan {
    /// The file to start, relative to the package: `dist/cli.js`.
    pub entry: String,
    /// What to carry over from the bundled runtime: `node_modules/node-pty`.
    pub carry: Vec<String>,
    /// Bounds of the unpacking.
    pub limits: Limits,
    /// Where it comes from, for the record: a URL or file, never with credentials.
    pub source: String,
    /// When this staging began.
    pub now: Timestamp,
    /// An ordered roll back: the version may be older than what the pointer names. It must be newer
    /// than the bundled one all the same, or no launch would choose it.
    pub older: bool,
    /// Nobody asked for it: before its first launch, this device's turn in the rollout counts.
    pub gated: bool,
    /// A signed repository vouches for these very bytes.
    pub signed: bool,
    /// It is to be rehearsed before the pointer moves: [`Whole::place`] instead of
    /// [`Whole::commit`], and what is there already is not taken up without having passed.
    pub rehearse: bool,
    /// Its stored copy is damaged and is to be replaced by the same content: fetched although the
    /// pointer names it, and the pointer stays as it is.
    pub mend: bool,
}

/// What staging a candidate comes to.
#[derive(Debug)]
pub enum BeginStage {
    /// The pointer names exactly this already.
    AlreadyStaged,
    /// A whole version with this integrity was there and is what the pointer names now: nothing
    /// needs to be fetched.
    TakenUp(Staged),
    /// It failed here before.
    Bad(BadEntry),
    /// This host has not what it needs.
    Incompatible(Unsuitable),
    /// It is stored, and needs what this app does not offer.
    Contract(Unmet),
    /// It is not newer than what runs anyway.
    NotNewer {
        /// The pointer's or the bundled version.
        than: Version,
    },
    /// It is whole on disk, and to be rehearsed before the pointer moves.
    Unrehearsed(Placed),
    /// Another process is staging or rehearsing this version now.
    Busy,
    /// Its tarball is needed.
    Fetch(Partial),
}

/// `partial/<v>`, locked and empty. Dropping it removes the folder.
#[derive(Debug)]
pub struct Partial {
    claim: Claim,
    order: Box<Order>,
}

/// A tree whose bytes nobody has vouched for: it can only be verified or dropped.
#[derive(Debug)]
pub struct Unpacked {
    claim: Claim,
    order: Box<Order>,
    tree: UnpackedTree,
    digests: Digests,
}

/// A verified, complete and synced tree, still in `partial/`.
#[derive(Debug)]
pub struct Whole {
    claim: Claim,
    order: Box<Order>,
    record: Record,
    tree: TreeManifest,
}

/// A version that the pointer names now, on trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The version.
    pub version: Version,
    /// Its content.
    pub integrity: Integrity,
    /// Its entry, absolute and canonical.
    pub entry: PathBuf,
}

/// What is being staged, for whom and how.
#[derive(Debug, Clone)]
struct Order {
    store: Store,
    layout: Layout,
    candidate: Candidate,
    shell: Shell,
    plan: StagePlan,
}

impl Store {
    /// Judges a candidate by what is on disk: the publisher's terms, the bad list, `engines`, the
    /// pointer, whole versions and the room that is free. Sweeps partials first, then makes `partial/<v>` if its bytes are
    /// needed.
    pub fn begin_stage(
        &self,
        candidate: &Candidate,
        shell: &Shell,
        plan: &StagePlan,
    ) -> Result<BeginStage, StageError> {
        let order = Box::new(Order {
            store: self.clone(),
            layout: self.layout().clone(),
            candidate: candidate.clone(),
            shell: shell.clone(),
            plan: plan.clone(),
        });
        // What cannot be swept takes room, and no more: it must not hide what is to be said here.
        if let Err(error) = self.sweep() {
            tracing::warn!(%error, "leftovers of earlier stagings could not be swept");
        }
        if plan.mend || mend::is_due(&order) {
            return mend::begin(order);
        }
        let lock = StoreLock::take(&order.layout)?;
        let standing = Standing::load(&lock, &order)?;
        if let Some(refusal) = standing.refuse(&lock, &order)? {
            return Ok(refusal);
        }
        drop(lock);
        // Reads whole trees, so it is done for what may be staged only, and without the lock. What
        // was judged may have changed by then.
        let whole = take_up::find(&order)?;
        let lock = StoreLock::take(&order.layout)?;
        let standing = Standing::load(&lock, &order)?;
        if let Some(refusal) = standing.refuse(&lock, &order)? {
            return Ok(refusal);
        }
        if let Some(found) = whole
            && let Some(outcome) = take_up::take_up(&lock, &order, &standing, &found)?
        {
            return Ok(outcome);
        }
        order.enough_room()?;
        let claim = Claim::take(&lock, &order.layout, &order.candidate.version)?;
        drop(lock);
        Ok(match claim {
            Some(claim) => BeginStage::Fetch(Partial {
                claim: claim.unlocked(),
                order,
            }),
            None => BeginStage::Busy,
        })
    }
}

impl Partial {
    /// One pass over the tarball's bytes: hash, gunzip, unpack.
    pub fn unpack(self, tarball: impl Read) -> Result<Unpacked, StageError> {
        let Self { claim, order } = self;
        let mut digests = Digests::new();
        let tree = {
            let dir = Dir::open_ambient_dir(claim.dir(), ambient_authority())
                .map_err(|error| StageError::write("open the folder", claim.dir(), error))?;
            let limits = &order.plan.limits;
            unpack::unpack(tarball, &dir, claim.dir(), limits, Some(&mut digests))?
        };
        Ok(Unpacked {
            claim,
            order,
            tree,
            digests,
        })
    }
}

impl Unpacked {
    /// What was really in the archive. Nobody vouches for it yet.
    pub fn tree(&self) -> &UnpackedTree {
        &self.tree
    }

    /// Holds the tree against the decision (integrity, name, version, entry, `engines`), carries
    /// the shared dependencies over and brings all of it to disk.
    pub fn verify(self) -> Result<Whole, StageError> {
        let Self {
            claim,
            order,
            tree,
            digests,
        } = self;
        order.right_bytes(&tree)?;
        let manifest = order.right_package(claim.dir())?;
        order.right_entry(claim.dir())?;
        order.suits(&manifest)?;
        let needs = order.meets(&manifest)?;
        let carried = order.carry(claim.dir(), &manifest)?;
        let tree = order.describe(claim.dir(), &digests)?;
        sync::sync_tree(claim.dir())?;
        let record = order.record(&manifest, needs, &carried);
        Ok(Whole {
            claim,
            order,
            record,
            tree,
        })
    }
}

impl Whole {
    /// What its record will say.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Under the store lock: record, rename, parents to disk. The pointer stays as it is.
    pub fn place(self) -> Result<Placed, StageError> {
        let Self {
            claim,
            order,
            record,
            tree,
        } = self;
        placed::place(claim, order, record, &tree)
    }

    /// Under the store lock: record, rename, parents to disk, pointer. Nobody rehearses it. What is
    /// mended takes its old place, and the pointer stays as it is.
    pub fn commit(self) -> Result<Staged, StageError> {
        let Self {
            claim,
            order,
            mut record,
            tree,
        } = self;
        if order.plan.mend {
            return mend::mend(claim, &order, record, &tree);
        }
        record.rehearsal = None;
        commit::commit(claim, &order, &record, &tree)
    }
}

impl Order {
    fn record(&self, manifest: &manifest::Manifest, needs: Needs, carried: &[Carried]) -> Record {
        Record {
            schema: Record::SCHEMA,
            package: self.candidate.package.clone(),
            version: self.candidate.version.clone(),
            integrity: self.candidate.integrity.clone(),
            entry: self.plan.entry.clone(),
            engines: manifest.engines.clone(),
            needs: Some(needs),
            rehearsal: self.plan.rehearse.then(RehearsalRecord::default),
            source: self.plan.source.clone(),
            staged_at: self.plan.now,
            // Plain texts always make a JSON value.
            carried: (!carried.is_empty())
                .then(|| serde_json::to_value(carried).ok())
                .flatten(),
            extra: serde_json::Map::new(),
        }
    }
}
