//! What a device may believe of a signed repository (TUF) on a static host.
//!
//! ```text
//! Trust::refresh(fetch, now)
//!   Disk: newest generation ─► State: roots, newest of each role, last whole set
//!   update: N+1.root.json … ─► timestamp ─► snapshot ─► targets      each step judged, then taken
//!   Disk: a new generation: folder, fsyncs, one rename               also where a later step failed
//!   ─► Repository: target(name), read(name)
//!
//! Trust::kept()  ─► the same Repository from disk alone, every signature checked again
//! ```
//!
//! The shape of the metadata, key ids and signatures are `tough`'s. The order of the steps, the clock
//! and the store are ours: tough's own client keeps its store in place, reads the clock itself, asks
//! for every delegated role and takes a failing `N+1.root.json` for "no newer root".
//!
//! # Invariants
//!
//! * Nothing gets into the `State` that `judge` did not pass, and nothing else is committed.
//! * No version of a role goes back, unless a newer root changed the keys of the timestamp or the
//!   snapshot. No root goes back ever, so a key that was taken away stays away.
//! * What was verified before a refresh failed is remembered; what had expired is not taken.
//! * The store changes by one rename of a whole, synced folder. A stored file that is not what was
//!   written is an error, never a fresh start.
//! * No clock is read here: expiry is judged at the time given, and no time is stored. A clock that
//!   was far ahead once locks nobody out.
//! * Every answer has a limit of bytes, every wait a limit of silence, every refresh a deadline.
//! * No error holds a login or the query of a URL.

mod address;
mod chain;
mod delegation;
mod disk;
mod durable;
mod error;
mod fetch;
mod held;
mod judge;
mod limits;
mod pattern;
mod repository;
mod state;
mod target;
mod trust;
mod update;

pub use error::TrustError;
pub use fetch::{Fetch, FetchError};
pub use limits::Limits;
pub use repository::Repository;
pub use target::TargetInfo;
pub use trust::Trust;
