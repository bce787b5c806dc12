//! A device in a fleet: a real broker, a registry on loopback, runtimes that are real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../living/bench.rs"]
#[expect(dead_code, reason = "other tests look at other things")]
mod bench;
mod following;
mod going_back;
#[path = "../host/mod.rs"]
#[expect(dead_code, reason = "other tests have other hosts")]
mod host;
#[cfg(unix)]
#[path = "../laid/mod.rs"]
mod laid;
#[cfg(unix)]
mod managed;
mod operator;
#[path = "../../../trust/tests/support/mod.rs"]
#[expect(dead_code, reason = "its own stories need all of it")]
mod publisher;
mod refusing;
mod signed;
