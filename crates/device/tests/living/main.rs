//! A device whose runtimes are real processes: what is tried, applied, kept and mended.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
#[cfg(unix)]
mod deciding;
#[path = "../host/mod.rs"]
#[expect(dead_code, reason = "other tests have other hosts")]
mod host;
mod keeping;
#[cfg(unix)]
#[path = "../laid/mod.rs"]
mod laid;
mod mending;
mod trying;
