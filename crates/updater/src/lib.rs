//! From what a publisher says to a staged version, and when to look.
//!
//! ```text
//!                 ┌ timer: 30 s after the start, then every 30 min ±10 % of the device's own, and
//!                 │        when the device's turn comes
//! Updater::check ◄┤
//!                 └ a person: at once, or the check that already runs
//!      │
//!      ├─► Followed: nobody | latest.json (ETag → 304) | a signed repository ─► Word: Terms, trouble
//!      ├─► rollout::offer(terms, device, time) ─► worth_asking? ─► Candidate of that version from
//!      │     the registry (ETag → 304), or from its signed description
//!      ├─► rollout::decide(facts) ─► Stage | Hold | None, written to rollout.log
//!      └─► Stage: network → bounded channel → hash → gunzip → unpack → verify → place
//!              └─► Rehearser, where there is one: passed → point, and it waits for a restart
//!                    twice failed, while the bundled version passes → bad │ else held till later
//! ```
//!
//! Which bytes may become a version is the store's to judge; this crate brings them, and says what
//! happened. It names no registry: where nobody configured any, npm is asked for its own.
//!
//! # Invariants
//!
//! * A token goes to the origin it was configured for and nowhere else, neither across a redirect
//!   nor to a tarball's host, and no `Debug`, error or log line holds one.
//! * Nothing but HTTPS, or HTTP on this very machine, is asked.
//! * What is not a registry's answer (HTML, garbage, half a body) never counts as a check.
//! * No answer is held beyond its limit; a tarball is never held at all.
//! * No limit on the length of a transfer, only on silence, and on a trickle that is hardly more.
//! * One check and one stage at a time. Nothing that happens in a check ends the loop.
//! * Where a signed repository is followed, nothing that it does not name is staged, however it is
//!   asked for and whoever cannot be reached.
//! * A person is never gated by a rollout, a timer always is; no request is made for what is withheld.
//! * What was heard last counts until something else is heard: only the host's own "there is none"
//!   does away with an unsigned manifest, and nothing with a signed one.
//! * Where there is a [`Rehearser`], nothing that it did not see pass, or said aloud that it would not
//!   look at, is pointed at; and nothing is condemned by it unless the bundled version passed just then.
//! * Fetching a damaged copy again waits for no check: a launch may be waiting for it. It changes no
//!   pointer.
//! * No script of a package is ever run.

mod age;
mod body;
mod bytes;
mod check;
mod decide;
mod download;
mod error;
mod feed;
mod follow;
mod http;
mod journal;
mod mend;
mod mirror;
mod named;
mod npmrc;
mod packument;
mod plain;
mod policy;
mod rate;
mod registry;
mod rehearse;
mod releases;
mod restore;
mod retry;
mod schedule;
mod secret;
mod signed;
mod source;
mod stage;
mod status;
#[cfg(test)]
mod stories;
mod tarball;
#[cfg(test)]
mod testing;
mod timer;
mod updater;
mod whole;

pub use download::Download;
pub use error::{RegistryError, UpdateError};
pub use http::Timeouts;
pub use mirror::{Mirror, MirrorBytes};
pub use npmrc::NpmSettings;
pub use packument::Packument;
pub use policy::{Follow, Mode, Policy};
pub use registry::{CachedPackument, PACKUMENT_BYTES, PackumentAnswer, Registry};
pub use rehearse::{Rehearsal, RehearsalFault, Rehearser};
pub use releases::{By, ErrorReport, LastCheck};
pub use signed::read_signed;
pub use status::{
    CheckReport, Outcome, Phase, Progress, RehearsalOutcome, StageReport, TermsView, UpdateEvent,
    UpdaterStatus,
};
pub use updater::{Updater, UpdaterSpec, Wanted};
