//! Health-gated ramps over real brokers: scripted devices, real controllers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "ramps/beginning.rs"]
mod beginning;
#[path = "ramps/devices.rs"]
mod devices;
#[path = "ramps/judging.rs"]
mod judging;
#[path = "ramps/leading.rs"]
mod leading;
#[path = "ramps/losing.rs"]
mod losing;
#[path = "ramps/ordering.rs"]
mod ordering;
#[path = "ramps/room.rs"]
mod room;
