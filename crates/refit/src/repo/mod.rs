//! A signed repository (TUF) on any static host: `docs/formats/repository.md`.
//!
//! ```text
//! Desk::open ─► loaded: verified from the publisher's own trusted root ─► Editor ─► Unsigned ─► Signed
//!                                                                             keys ──┘           │
//! shelf (releases) ──┐                                                                           ▼
//! rollouts (manifest)┴─► Draft ───────────────────────────────────────────────► site::changes, in order
//! init · refresh · rotate: the same states, begun otherwise
//! ```
//!
//! # Invariants
//!
//! * Nothing unsigned is written below `repo/`: only [`editor::Signed`] has files.
//! * What is signed was verified first, and is never older than what was signed with these keys before.
//! * `timestamp.json` is replaced only as it was read; all other files are new, never replaced. So of two
//!   publishers one is told, and nobody's change is lost.
//! * Stopped anywhere, the repository is the old one or the new one.

mod clock;
mod desk;
pub(crate) mod editor;
mod init;
pub(crate) mod layout;
mod lifetime;
mod loaded;
mod mend;
mod refresh;
mod root;
mod rotate;
mod signing;
#[cfg(test)]
mod tests;

pub(crate) use desk::{Change, Desk, Draft, plain_manifest};
pub(crate) use init::{Init, init};
pub(crate) use lifetime::Lifetimes;
pub(crate) use refresh::{Refresh, refresh};
pub(crate) use rotate::{Rotation, rotate};
