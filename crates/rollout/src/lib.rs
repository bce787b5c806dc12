//! Which version of the runtime should this device run, and why?
//!
//! Everything here is a plain function over plain data. This crate reads no clock, no file, no
//! socket, no environment variable and no random number: time and facts are arguments, so every
//! decision can be replayed from what was written down about it.
//!
//! ```text
//! Manifest, device, time ─► offer ─► Take(version, why) | Nothing(newest, why)
//!                                          │
//! Candidate (what the source has of it) ───┤
//! Facts (what this device has, bad list) ──┴─► decide ─► Stage | Hold(reason) | None(reason)
//! Terms + what waits ─► Terms::judge ─► may it be launched for the first time?
//! Needs (a package.json), Offers (this app) ─► contract::gate ─► can it run here at all?
//! ```
//!
//! [`explain`] says of every gate on that way whether it is open. The publisher's side is [`ramp`], what
//! starting, halting and recalling make of a manifest, and [`simulate`], how a ramp would go.
//!
//! # Invariants
//!
//! * A version is never offered that is bad here, unsuitable for this shell, or not newer than what
//!   the next launch would run anyway.
//! * A version that was recalled is never offered, not even to whoever asks for it.
//! * Time and a growing plan only admit; nobody waits more than a day after the publication.
//! * Two versions whose names could not stand side by side on every file system are one version.

pub mod admin;
mod agent_release;
pub mod applying;
mod bad;
mod candidate;
pub mod clock;
pub mod contract;
mod description;
mod engines;
mod explain;
pub mod fleet;
mod integrity;
mod manifest;
mod offer;
mod plan;
mod policy;
mod position;
pub mod ramp;
pub mod rehearsal;
mod share;
pub mod simulate;
mod standing;
mod terms;
pub mod timetable;
mod version;

pub use agent_release::{AgentRelease, AgentReleaseError};
pub use bad::{BadEntry, BadReason};
pub use candidate::{Candidate, PackageName, PackageNameError};
pub use description::{Description, DescriptionError};
pub use engines::{Engines, Host, NodeFact, Unsuitable};
pub use explain::{
    Believes, ExplainFacts, Explanation, Gate, Gated, Opening, Pointed, Setting, Sources, Verdict,
    explain, settings,
};
pub use integrity::{Integrity, IntegrityError};
pub use manifest::{Manifest, ManifestError};
pub use offer::{Offer, OfferFacts, offer};
pub use plan::{Batch, Plan, Step};
pub use policy::{
    Decision, Facts, HoldReason, MinimumAge, NoneReason, StageReason, Withheld, decide,
    worth_asking,
};
pub use position::Position;
pub use share::{Share, ShareError};
pub use standing::Standing;
pub use terms::{Blocked, Launcher, Terms, Waiting};
pub use version::{Version, VersionError};
