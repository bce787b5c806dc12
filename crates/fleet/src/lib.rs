//! Fleets over NATS JetStream: what an operator wants on which devices, and what they tell.
//!
//! ```text
//! operator ─► targets (key-value) ─► the broker tells each once it is stored ─► agent on a device
//!                                                                                │ rollout::fleet decides
//!                        ┌── outbox on disk ◄── reports ◄── Steered: stage, apply ◄─┘
//!                        ▼
//!          reports (stream) · last heartbeat by device (key-value) ─► status, ramps, dashboard
//! published versions (object stores) ─► devices, which believe bytes only by a digest they trust
//! ```
//!
//! The engine is the broker's: nothing here is a server.
//!
//! # Invariants
//!
//! * The broker is not trusted with content: a target names a version, and which bytes those are says
//!   whoever this device trusts. What comes from the broker is checked like what comes from anywhere.
//! * A device's watcher never ends: no answer, refusal or loss of the broker stops it.
//! * A report is on disk before it is sent, is sent in order, and counts once however often it comes.
//! * No secret is logged, and none stands in an address.

pub mod agent;
mod connect;
pub mod controller;
mod disk;
mod error;
mod login;
pub mod names;
pub mod operator;
mod origin;
mod report;
mod settings;
mod setup;

pub use async_nats::Client;
pub use connect::{address, connect};
pub use error::FleetError;
pub use names::Names;
pub use report::{Event, Failures, Heartbeat, Report, Standing, State, detail};
pub use settings::{Login, Settings};
pub use setup::{Ensured, FORGOTTEN, ensure};

pub(crate) use rollout::fleet::target;

/// JetStream on this connection.
pub fn jetstream(client: &Client) -> async_nats::jetstream::Context {
    async_nats::jetstream::new(client.clone())
}
