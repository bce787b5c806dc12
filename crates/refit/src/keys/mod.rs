//! The keys that sign a repository: `docs/formats/keys.md`.
//!
//! ```text
//! keys new ─► KeyDir::make: four files, each whole or not there, for their owner only
//! a command ─► KeyDir::open ─► secret(role) ─► SecretKey, a tough::KeySource
//!                         └──► trusted_root(): what the repository must lead back to
//! ```
//!
//! # Invariants
//!
//! * No key is ever overwritten, and none is printed: errors and `Debug` know a key by its file only.
//! * A key is read when it is needed and not before, so that the root's may be elsewhere.
//! * A key file that others may read is used, and said aloud.

mod dir;
mod role;
mod secret;
mod versions;

pub(crate) use dir::KeyDir;
pub(crate) use role::Role;
pub(crate) use secret::SecretKey;
pub(crate) use versions::Versions;
