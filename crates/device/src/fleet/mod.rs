//! This device in its fleet: what is ordered is staged and swapped in here, and what happens is told.
//!
//! ```text
//! fleet::agent ─► Runtime (Steered) ─► Updater::stage, Store::roll_back ─► the next start runs it
//!                        └─► swap: busy? ─► restart, by itself where the settings or the headless agent say so
//! Supervisor, Updater ─► tell ─► Reporter ─► outbox
//! ```

mod crashes;
mod leave;
mod mirror;
mod note;
mod runtime;
mod staging;
mod steering;
mod swap;
mod tell;

pub use note::FleetNote;
pub use staging::{Ordered, OrderedStaging};
pub(crate) use steering::{Steering, prepare, start};
