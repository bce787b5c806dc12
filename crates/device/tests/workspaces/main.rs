//! Workspaces with real processes: one store, one version, one upgrade.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(unix)]

#[expect(dead_code, reason = "other tests have other hosts")]
#[path = "../host/mod.rs"]
mod host;

mod apps;
mod leading;
mod membership;
mod scene;
mod schedules;
mod upgrading;
