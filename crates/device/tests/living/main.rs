//! A device whose runtimes are real processes: what is tried, applied, kept and mended.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
#[path = "../host/mod.rs"]
#[expect(dead_code, reason = "other tests have other hosts")]
mod host;
mod keeping;
mod mending;
mod trying;
