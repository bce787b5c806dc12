//! The ramp's document, as it stands on the broker.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Evidence, RampPlan, RampStep};
use crate::fleet::target::MOST_JITTER;
use crate::fleet::{Scope, Subject};
use crate::{Share, Version};

/// The schema that is written, and the only one that is read.
pub const SCHEMA: u32 = 1;

/// The most bytes that a document is read from.
pub const MOST_BYTES: usize = 512 * 1024;

/// For how long a last step without a time of its own is watched at most, once its devices have had their windows.
pub const LAST_WATCH: SignedDuration = SignedDuration::from_hours(1);

/// One ramp of one version over one scope. Unknown fields are ignored. Every time in it is the broker's,
/// so that it makes no difference whose machine leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ramp {
    /// The document's schema.
    pub schema: u32,
    /// The ramp's own id.
    pub id: String,
    /// Of what.
    pub subject: Subject,
    /// On which part of the fleet.
    pub scope: Scope,
    /// The version that is ramped up.
    pub version: Version,
    /// What all others have, and what who was reached goes back to.
    pub baseline: Version,
    /// The steps.
    pub plan: RampPlan,
    /// By how much a rate may be above the baseline's.
    pub halt_above: Share,
    /// How many devices must have tried the version before a rate counts. 0 is read as 1.
    pub min_devices: u32,
    /// The window over which devices of a step spread themselves, in seconds.
    #[serde(default)]
    pub jitter: u32,
    /// How it stands.
    pub state: Standing,
    /// The step that it is at, from 0.
    pub step: usize,
    /// Since when.
    pub step_since: Timestamp,
    /// For how long it was paused within this step, in milliseconds.
    #[serde(default)]
    pub paused_millis: u64,
    /// The generation of the target that must stand.
    pub generation: u64,
    /// The generation of the target that this one was made over; none where there was none.
    #[serde(default)]
    pub over: Option<u64>,
    /// The generation of the target that the whole ramp was begun over; none where there was none. What stands
    /// may be that one, or any of the ramp's own since: a document may have come without its target.
    #[serde(default)]
    pub begun_over: Option<u64>,
    /// When that target was ordered.
    pub ordered_at: Timestamp,
    /// Who began it, as they call themselves.
    #[serde(default)]
    pub by: String,
    /// When it began.
    pub at: Timestamp,
    /// Where in the stream of reports it began.
    #[serde(default)]
    pub reports: Origin,
    /// Every step and what it was judged by, in order.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// How a ramp stands, since when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The state.
    pub is: RampState,
    /// Since when.
    pub since: Timestamp,
    /// Why, in words; empty where there is nothing to add.
    #[serde(default)]
    pub why: String,
}

/// The states of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RampState {
    /// It goes on by itself.
    Running,
    /// It stays where it is until a person says more; it still halts by itself.
    Paused,
    /// It was stopped, and who was reached turned back.
    Halted,
    /// Its last step was judged well.
    Completed,
    /// Somebody ordered something else for the scope.
    Cancelled,
}

impl RampState {
    /// Its word in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where in the stream of reports a ramp began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// When the stream was made: one that was made later has only reports since.
    #[serde(default)]
    pub stream: Option<Timestamp>,
    /// The number of the first report that may count.
    #[serde(default)]
    pub first: u64,
}

/// Why bytes are no ramp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RampError {
    /// More than any document has.
    #[error("it has {0} bytes, and {MOST_BYTES} are the most")]
    TooLong(usize),
    /// Not the JSON of one.
    #[error("it is no ramp: {0}")]
    Shape(String),
    /// A newer program's.
    #[error("its schema is {0}, and this program knows {SCHEMA}; use a newer one")]
    Schema(u32),
    /// A step that its plan does not have.
    #[error("it is at step {step} of {steps}")]
    Step {
        /// The step, from 0.
        step: usize,
        /// How many there are.
        steps: usize,
    },
    /// A window that nobody would mean.
    #[error("its jitter is {0} s, and a week is the most")]
    Jitter(u32),
}

impl Ramp {
    /// Reads one. What a broker hands on is not to be trusted.
    pub fn parse(bytes: &[u8]) -> Result<Self, RampError> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let shape = |error: serde_json::Error| RampError::Shape(error.to_string());
        if bytes.len() > MOST_BYTES {
            return Err(RampError::TooLong(bytes.len()));
        }
        let Schema { schema } = serde_json::from_slice(bytes).map_err(shape)?;
        if schema != SCHEMA {
            return Err(RampError::Schema(schema));
        }
        let ramp: Self = serde_json::from_slice(bytes).map_err(shape)?;
        let steps = ramp.plan.steps().len();
        if ramp.step >= steps {
            return Err(RampError::Step {
                step: ramp.step,
                steps,
            });
        }
        if u64::from(ramp.jitter) > MOST_JITTER.as_secs() {
            return Err(RampError::Jitter(ramp.jitter));
        }
        Ok(ramp)
    }

    /// Whether it may still change: running or paused.
    pub fn is_open(&self) -> bool {
        matches!(self.state.is, RampState::Running | RampState::Paused)
    }

    /// The step that it is at.
    pub fn at_step(&self) -> RampStep {
        let none = RampStep {
            share: Share::NONE,
            hold_seconds: None,
        };
        self.plan.steps().get(self.step).copied().unwrap_or(none)
    }

    /// The part of the scope that is reached, or was when it ended.
    pub fn share(&self) -> Share {
        self.at_step().share
    }

    /// The part of the scope that was reached before this step.
    pub fn share_before(&self) -> Share {
        let before = self.step.checked_sub(1);
        let before = before.and_then(|it| self.plan.steps().get(it));
        before.map_or(Share::NONE, |step| step.share)
    }

    /// When the step's time is over, pauses left out. A step without a time has none to wait for.
    pub fn due_at(&self) -> Timestamp {
        self.after(self.at_step().hold_seconds.unwrap_or(0))
    }

    /// Until when a step without a time is watched, pauses left out, if not every device answers before; none
    /// for a step that has its time. A device waits up to one window before it fetches a version, and up to another
    /// before it runs it.
    pub fn watched_until(&self) -> Option<Timestamp> {
        let windows = u64::from(self.jitter).saturating_mul(2);
        let watch = windows.saturating_add(LAST_WATCH.as_secs().unsigned_abs());
        let is_timed = self.at_step().hold_seconds.is_some();
        (!is_timed).then(|| self.after(watch))
    }

    /// So many seconds after the step began, pauses left out.
    fn after(&self, seconds: u64) -> Timestamp {
        let wait = seconds
            .saturating_mul(1_000)
            .saturating_add(self.paused_millis);
        let wait = i64::try_from(wait).map_or(SignedDuration::MAX, SignedDuration::from_millis);
        self.step_since.checked_add(wait).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Newly;
    use super::super::testing::{at, ramp};
    use super::*;

    #[test]
    fn what_is_no_ramp_is_told_and_what_is_unknown_in_it_ignored() {
        let value = serde_json::to_value(ramp("5%:30m,100%")).unwrap();
        let parse = |value: &serde_json::Value| Ramp::parse(value.to_string().as_bytes());
        let changed = |path: &str, new: serde_json::Value| {
            let mut value = value.clone();
            *value.pointer_mut(path).unwrap() = new;
            parse(&value)
        };
        let mut more = value.clone();
        more["later"] = serde_json::json!({ "x": 1 });
        assert_eq!(parse(&more).unwrap(), ramp("5%:30m,100%"));
        assert_eq!(changed("/schema", 2.into()), Err(RampError::Schema(2)));
        let step = RampError::Step { step: 2, steps: 2 };
        assert_eq!(changed("/step", 2.into()), Err(step));
        assert_eq!(
            changed("/jitter", 604_801.into()),
            Err(RampError::Jitter(604_801))
        );
        for path in ["/plan", "/version", "/scope", "/at", "/haltAbove"] {
            let error = changed(path, "\u{7}".into()).unwrap_err();
            assert!(matches!(error, RampError::Shape(_)), "{path}: {error}");
        }
        assert!(Ramp::parse(b"").is_err());
        let long = vec![b' '; MOST_BYTES + 1];
        assert_eq!(Ramp::parse(&long), Err(RampError::TooLong(MOST_BYTES + 1)));
    }

    #[test]
    fn samples_that_were_ever_written_are_read() {
        let sample = include_bytes!("../../../fixtures/fleet-ramp-1.json");
        let ramp = Ramp::parse(sample).unwrap();
        assert_eq!(ramp.state.is, RampState::Halted);
        assert_eq!(ramp.evidence.len(), 4);
        let counts = ramp.evidence[3].counts.unwrap();
        assert_eq!(counts.step.new.failure_rate().to_string(), "6.6 %");
        // It was written before these were counted.
        assert_eq!(counts.newly, Newly::default());

        let sample = include_bytes!("../../../fixtures/fleet-ramp-2.json");
        let ramp = Ramp::parse(sample).unwrap();
        let counts: Vec<_> = ramp.evidence.iter().map(|it| it.counts).collect();
        assert!(counts[0].is_none() && counts[2].is_none());
        assert_eq!(counts[3].unwrap().newly.asked, 1_988);
    }

    #[test]
    fn a_step_is_due_after_its_time_without_pauses() {
        let mut ramp = ramp("5%:30m,100%");
        assert_eq!(ramp.due_at(), at(1_800));
        ramp.paused_millis = 60_000;
        assert_eq!(ramp.due_at(), at(1_860));
        assert_eq!(ramp.watched_until(), None);
        assert_eq!(ramp.share_before(), Share::NONE);
        ramp.step = 1;
        ramp.paused_millis = 0;
        assert_eq!(ramp.due_at(), at(0));
        assert_eq!(ramp.share_before().hundredths(), 500);
        assert_eq!(ramp.watched_until(), Some(at(3_600)));
        (ramp.paused_millis, ramp.jitter) = (60_000, 300);
        assert_eq!(ramp.watched_until(), Some(at(3_600 + 60 + 600)));
    }
}
