//! The operator's side against a real broker.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod observe;
mod orders;
mod releases;
mod support;
