//! A publisher's side of a rollout: what starting, promoting, halting, resuming and recalling make
//! of `latest.json`, and who may have what because of it.
//!
//! ```text
//! "30%,30%@12h,40%@24h" ─► plan ─┐
//! latest.json ─► Document ───────┴─► start | promote | halt | resume | recall | unrecall
//!                                         └─► Change { before, after } ─► Outlook: whose turn is when
//! ```
//!
//! # Invariants
//!
//! * Fields that are not known here stay as they are, in their place.
//! * Promoting takes nobody out, and resuming lets in who was in when it was halted.
//! * What is recalled is neither started, resumed nor named as what to go back to; nor is what never was
//!   everyone's named as that.

mod change;
mod document;
mod error;
mod outlook;
mod plan_text;
mod recall;
#[cfg(test)]
mod testing;

pub use change::{Change, Start, halt, promote, resume, start};
pub use document::{Document, DocumentError, Halted};
pub use error::RampError;
pub use outlook::{Outlook, Turn, everyone};
pub use plan_text::{PlanError, parse_plan, parse_share, plan_text};
pub use recall::{recall, unrecall};

use jiff::Timestamp;

/// The publication time of what is halted with nothing older to put back: nobody's turn has come
/// before the year 9999.
pub fn never() -> Timestamp {
    Timestamp::from_second(253_370_764_800).unwrap_or(Timestamp::MAX)
}

/// Publication times are whole seconds.
fn whole(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
