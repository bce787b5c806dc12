//! Health-gated ramps: how far a version may go over a fleet, and when it must turn back.
//!
//! ```text
//! "5%:30m,25%:1h,50%:2h,100%" ─► RampPlan ─► Ramp: the document on the broker
//! reports, heartbeats ─► Ledger ─► Counts (new and old, in the step's window and the whole ramp's)
//!                                     │
//!                     Ramp::next(counts, now) ─► wait | go on | complete | halt ─► the next document
//!                                                                                      │
//!                                               Ramp::target: what must stand for the scope
//! ```
//!
//! # Invariants
//!
//! * A ramp never goes on while a rate is above, never skips a step, and never goes back from one
//!   without halting.
//! * Time alone never halts, and alone never lets a step pass.
//! * Only devices within the share count as reached.
//! * A step passes by what the devices say that it reached first: no step passes by an earlier one's.
//! * Which target must stand follows from the document alone, so that whoever reads it can finish what
//!   another began.

mod change;
mod document;
mod evidence;
mod judge;
mod ledger;
mod plan;
#[cfg(test)]
mod testing;

pub use change::{ChangeError, Stands, Wish};
pub use document::{LAST_WATCH, MOST_BYTES, Origin, Ramp, RampError, RampState, SCHEMA, Standing};
pub use evidence::{Counts, Evidence, Newly, Side, What, Window};
pub use judge::{Cause, Judgement, Kind, Next, Wait};
pub use ledger::{Beat, Fact, Ledger};
pub use plan::{DEFAULT_PLAN, RampPlan, RampPlanError, RampStep};

use crate::Share;

/// How much worse than the baseline a rate may be, where nobody says: 2 %.
pub fn default_halt_above() -> Share {
    Share::from_hundredths(200)
}

/// How many devices must have tried the new version before its rates say something, where nobody says.
pub const DEFAULT_MIN_DEVICES: u32 = 20;
