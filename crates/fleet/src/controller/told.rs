//! What a controller tells while it runs.

use std::fmt;

use rollout::fleet::ramp::{Evidence, Ramp, Side, What};

/// One thing to tell. `Display` says it in a line of words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// This controller leads now.
    Leads,
    /// Another one leads; this one is ready to take over.
    Follows {
        /// What people know it by.
        leader: String,
    },
    /// Something is on record now.
    Record {
        /// The ramp as it stands.
        ramp: Box<Ramp>,
        /// What is new in it.
        evidence: Box<Evidence>,
    },
    /// A ramp stays where it is for another reason than before.
    Waits {
        /// The ramp's id.
        ramp: String,
        /// Why.
        why: String,
    },
    /// What devices reported is not counted to the end yet, and until it is the ramp is not judged.
    Counts {
        /// The ramp's id.
        ramp: String,
    },
    /// A document or a target that was lost with the broker's disk was written again.
    Restored {
        /// Which.
        what: String,
    },
    /// Something is lost with the broker's disk, and nobody here remembers it.
    Lost {
        /// Which.
        what: String,
    },
    /// The broker does not do as it should; it is tried again.
    Trouble {
        /// What it says.
        why: String,
    },
    /// It does again.
    Well,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leads => f.write_str("This controller leads."),
            Self::Follows { leader } => {
                write!(f, "{leader} leads; this controller is ready to take over.")
            }
            Self::Record { ramp, evidence } => record(f, ramp, evidence),
            Self::Waits { why, .. } => write!(f, "It stays where it is: {why}."),
            Self::Counts { .. } => f.write_str(
                "Still counting what devices reported; the ramp is judged once that is done.",
            ),
            Self::Restored { what } => {
                write!(f, "The broker had lost {what}; it was written again.")
            }
            Self::Lost { what } => write!(
                f,
                "The broker has no {what} any more, and nothing here remembers it. Devices keep to what they \
                 heard last; `refit fleet init` makes the fleet anew."
            ),
            Self::Trouble { why } => write!(f, "Trouble: {why}. Trying again."),
            Self::Well => f.write_str("The broker does as it should again."),
        }
    }
}

fn record(f: &mut fmt::Formatter<'_>, ramp: &Ramp, evidence: &Evidence) -> fmt::Result {
    let step = evidence.step + 1;
    let steps = ramp.plan.steps().len();
    let (version, share) = (&ramp.version, evidence.share);
    match evidence.what {
        What::Entered => write!(
            f,
            "Step {step} of {steps}: {version} on {share} of {}.",
            ramp.scope
        )?,
        What::Passed => write!(f, "Step {step} of {steps} passed.")?,
        What::Halted => write!(
            f,
            "Halted at step {step} of {steps} ({share}); whoever was reached goes back to {}.",
            ramp.baseline
        )?,
        What::Paused => write!(f, "Paused at step {step} of {steps} ({share}).")?,
        What::Resumed => write!(f, "Resumed at step {step} of {steps} ({share}).")?,
        What::Completed => write!(f, "Completed: {version} on {share} of {}.", ramp.scope)?,
        What::Cancelled => write!(f, "Cancelled at step {step} of {steps} ({share}).")?,
    }
    if !evidence.why.is_empty() {
        // A sentence of its own, behind another.
        let mut letters = evidence.why.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        let why: String = first.chain(letters).collect();
        write!(f, " {}.", why.trim_end_matches('.'))?;
    }
    if let Some(counts) = evidence.counts.filter(|_| evidence.what != What::Entered) {
        write!(
            f,
            " Since it began: {version} {}; {} {}.",
            Words(counts.whole.new),
            ramp.baseline,
            Words(counts.whole.old)
        )?;
    }
    Ok(())
}

/// A side in words.
struct Words(Side);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = &self.0;
        write!(
            f,
            "tried by {}, failed on {} ({}), infrastructure {} ({})",
            side.tried,
            side.failed,
            side.failure_rate(),
            side.infrastructure,
            side.infrastructure_rate()
        )?;
        if side.refused > 0 {
            write!(f, ", refused by {}", side.refused)?;
        }
        Ok(())
    }
}
