//! The command line as people and scripts meet it: the real binary, real tarballs, loopback only.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(unix)]
mod agent;
mod bundle;
#[cfg(unix)]
mod crew;
mod device;
mod explain;
mod fleet;
mod fleet_dashboard;
#[cfg(unix)]
mod fleet_ramps;
#[cfg(unix)]
mod fleet_virtual;
mod keys;
mod looking;
#[cfg(unix)]
mod managed;
mod publish;
mod repo;
mod rollout;
mod rollout_signed;
#[cfg(unix)]
mod run;
mod serve;
mod signed;
mod simulate;
mod smoke;
mod storage;
mod support;
mod turns;
mod unpack;
mod with_data;
mod words;
mod workspaces;
