//! What a fleet's operator wants on which devices, and what one device does about it.
//!
//! ```text
//! Target per scope (global, group, device) ─► Heard: the newest of each, by generation
//!        │ layered: device before group before global; a ramp's share looked at
//!        ▼
//! Memory::settle ─► Order(version, its share of the jitter, since when) ─► follow::next ─► Step
//! ```
//!
//! The operator's side is [`ramp`]: how far a health-gated ramp may go, and when it must turn back.
//!
//! # Invariants
//!
//! * A target only names a version; whether that is one to be believed is not decided here.
//! * An older generation of a scope's target changes nothing, however often and in which order it comes.
//! * A device's share of the jitter is the same each time it is asked for, whenever the device restarts.

mod jitter;
mod memory;
mod name;
pub mod ramp;
mod scope;
mod step;
pub mod target;

pub use jitter::{Wait, lead, part};
pub use memory::{Heard, Memory, Order, Refused};
pub use name::{Name, NameError};
pub use scope::{Scope, Subject};
pub use step::{Now, Step, next};
pub use target::{RampPart, Target, TargetError};
