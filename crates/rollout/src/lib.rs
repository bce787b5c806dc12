//! Which version of the runtime should this device run, and why?
//!
//! Everything here is a plain function over plain data. This crate reads no clock, no file, no
//! socket, no environment variable and no random number: time and facts are arguments, so every
//! decision can be replayed from what was written down about it.
//!
//! ```text
//! Candidate (what the registry offers) ─┐
//! Facts (what this device has)          ├─► policy::decide ─► Stage | Hold(reason) | None(reason)
//! bad list, engines, staged             ┘
//! ```
//!
//! # Invariants
//!
//! * A version is never offered that is bad here, unsuitable for this shell, or not newer than what
//!   the next launch would run anyway.
//! * Two versions whose names could not stand side by side on every file system are one version.

mod bad;
mod candidate;
mod engines;
mod integrity;
mod policy;
mod version;

pub use bad::{BadEntry, BadReason};
pub use candidate::{Candidate, PackageName, PackageNameError};
pub use engines::{Engines, Host, NodeFact, Unsuitable};
pub use integrity::{Integrity, IntegrityError};
pub use policy::{Decision, Facts, HoldReason, NoneReason, StageReason, decide};
pub use version::{Version, VersionError};
