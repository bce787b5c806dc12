//! Virtual devices: the headless agent's own parts, thousands in one process, of which only the spawn is pretended.
//!
//! ```text
//! fleet::agent (link, watcher, follower, outbox, heart) ─► VirtualDevice (Steered)
//!      └─ device::OrderedStaging ─► updater: registry, bytes, unpacking ─► runtime_store: a store of its own
//!      └─ launch: runtime_store::begin_launch ─► a spawn that is played ─► ready, condemned, soaked
//! ```
//!
//! What a version's entry says is what its spawn does: `refit-virtual: exit` on a line of its own fails on every
//! device, `refit-virtual: exit 30%` on so many of them, always the same ones; anything else becomes ready.

mod crowd;
mod device;
mod launch;
mod seen;
mod spread;

pub(crate) use crowd::{Crowd, CrowdSpec};
