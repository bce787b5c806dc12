//! The operator's side against a real broker.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod formats;
mod house;
mod observe;
mod orders;
#[expect(dead_code, reason = "the agents' own stories need more of it")]
#[path = "../agent/played.rs"]
mod played;
mod releases;
mod support;

/// What the agents' stories have in theirs.
mod scene {
    pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);
}
