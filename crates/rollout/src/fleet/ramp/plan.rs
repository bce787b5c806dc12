//! The steps of a ramp: `5%:30m,25%:1h,50%:2h,100%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::Share;
use crate::ramp::{PlanError, parse_share};

/// The plan where nobody names one.
pub const DEFAULT_PLAN: &str = "5%:30m,25%:1h,50%:2h,100%";

/// More steps than anybody reads.
const MOST_STEPS: usize = 100;

/// All holds together: reports are kept for 30 days, and a ramp is judged by those since it began.
const MOST_HOLD: Duration = Duration::from_hours(28 * 24);

/// Steps with growing shares. There is at least one, and each but the last has its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<RampStep>", into = "Vec<RampStep>")]
pub struct RampPlan(Vec<RampStep>);

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RampStep {
    /// The part of the scope that is reached from this step on, with what was reached before.
    pub share: Share,
    /// For how long it is held, in seconds; none where it has no time of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<u64>,
}

/// Why a text is no plan of a ramp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RampPlanError {
    /// A share that is none.
    #[error(transparent)]
    Share(#[from] PlanError),
    /// No step at all.
    #[error("a plan needs at least one step, like `100%`")]
    Empty,
    /// More steps than anybody reads.
    #[error("there are {0} steps, and {MOST_STEPS} are the most")]
    TooMany(usize),
    /// A step that reaches no more than the one before it.
    #[error(
        "the step to {0} reaches no more than the one before it; write what is reached together"
    )]
    NotGrowing(Share),
    /// A step before the last without a time.
    #[error("the step to {0} needs its time, like `{n}%:30m`; only the last may leave it out", n = .0.percent())]
    NoTime(Share),
    /// No time.
    #[error("`{0}` is no time; write one like 30m, 2h or 1h30m")]
    NotATime(String),
    /// Finer than a second.
    #[error("`{0}` is not in whole seconds")]
    TimeTooFine(String),
    /// Longer than reports are kept.
    #[error("the steps take more than 28 days together, and reports are kept for 30")]
    TooLong,
}

impl RampPlan {
    /// The steps, in order.
    pub fn steps(&self) -> &[RampStep] {
        &self.0
    }

    /// The number of the last step.
    pub fn last(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    fn checked(steps: Vec<RampStep>) -> Result<Self, RampPlanError> {
        if steps.len() > MOST_STEPS {
            return Err(RampPlanError::TooMany(steps.len()));
        }
        let Some((_, before)) = steps.split_last() else {
            return Err(RampPlanError::Empty);
        };
        let mut reached = Share::NONE;
        for step in &steps {
            if step.share <= reached {
                return Err(RampPlanError::NotGrowing(step.share));
            }
            reached = step.share;
        }
        if let Some(step) = before.iter().find(|step| step.hold_seconds.is_none()) {
            return Err(RampPlanError::NoTime(step.share));
        }
        let all = steps.iter().filter_map(|step| step.hold_seconds);
        let all = all.fold(0_u64, u64::saturating_add);
        if all > MOST_HOLD.as_secs() {
            return Err(RampPlanError::TooLong);
        }
        Ok(Self(steps))
    }
}

impl Default for RampPlan {
    fn default() -> Self {
        let step = |percent: u32, hold_seconds| RampStep {
            share: Share::from_hundredths(percent * 100),
            hold_seconds,
        };
        Self(vec![
            step(5, Some(30 * 60)),
            step(25, Some(60 * 60)),
            step(50, Some(2 * 60 * 60)),
            step(100, None),
        ])
    }
}

impl TryFrom<Vec<RampStep>> for RampPlan {
    type Error = RampPlanError;

    fn try_from(steps: Vec<RampStep>) -> Result<Self, RampPlanError> {
        Self::checked(steps)
    }
}

impl From<RampPlan> for Vec<RampStep> {
    fn from(plan: RampPlan) -> Self {
        plan.0
    }
}

impl FromStr for RampPlan {
    type Err = RampPlanError;

    /// Steps with commas between, each the share that is reached by then and, behind a `:`, how long it
    /// is held before the next. The last may leave its time out.
    fn from_str(text: &str) -> Result<Self, RampPlanError> {
        let count = text.split(',').count();
        if count > MOST_STEPS {
            return Err(RampPlanError::TooMany(count));
        }
        let step = |part: &str| {
            let (share, hold) = match part.split_once(':') {
                Some((share, hold)) => (share.trim(), Some(hold.trim())),
                None => (part.trim(), None),
            };
            Ok(RampStep {
                share: parse_share(share)?,
                hold_seconds: hold.map(seconds).transpose()?,
            })
        };
        let steps: Vec<_> = text
            .split(',')
            .map(step)
            .collect::<Result<_, RampPlanError>>()?;
        Self::checked(steps)
    }
}

fn seconds(text: &str) -> Result<u64, RampPlanError> {
    let own = || text.to_owned();
    let hold: SignedDuration = text.parse().map_err(|_| RampPlanError::NotATime(own()))?;
    if hold.subsec_nanos() != 0 {
        return Err(RampPlanError::TimeTooFine(own()));
    }
    u64::try_from(hold.as_secs()).map_err(|_| RampPlanError::NotATime(own()))
}

impl fmt::Display for RampPlan {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            write!(f, "{}%", step.share.percent())?;
            if let Some(seconds) = step.hold_seconds {
                f.write_str(":")?;
                time(seconds, f)?;
            }
        }
        Ok(())
    }
}

/// `2h`, `1h30m`, `45s`.
fn time(seconds: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if seconds == 0 {
        return f.write_str("0s");
    }
    [
        (seconds / 3_600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steps(text: &str) -> Vec<(u16, Option<u64>)> {
        let plan: RampPlan = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        let step = |step: &RampStep| (step.share.hundredths(), step.hold_seconds);
        plan.steps().iter().map(step).collect()
    }

    #[test]
    fn plans_are_read_and_the_default_is_its_text() {
        let default = [
            (500, Some(1_800)),
            (2_500, Some(3_600)),
            (5_000, Some(7_200)),
            (10_000, None),
        ];
        assert_eq!(steps(DEFAULT_PLAN), default);
        assert_eq!(RampPlan::default(), DEFAULT_PLAN.parse().unwrap());
        assert_eq!(RampPlan::default().to_string(), DEFAULT_PLAN);
        assert_eq!(
            steps(" 0.1 % : 90s , 100% : 1h30m"),
            [(10, Some(90)), (10_000, Some(5_400))]
        );
        assert_eq!(steps("20%"), [(2_000, None)]);
        assert_eq!(steps("20%:0s,100%"), [(2_000, Some(0)), (10_000, None)]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "empty batch"),
            ("5%:30m,", "empty batch"),
            ("5:30m", "`5` is not a percentage"),
            ("0%:30m,100%", "`0%` is nobody"),
            ("101%", "more than everyone"),
            ("0.001%", "finer than 0.01%"),
            ("5%:30m,5%:1h", "the step to 5 % reaches no more"),
            ("50%:30m,25%:1h", "the step to 25 % reaches no more"),
            ("5%,100%", "the step to 5 % needs its time, like `5%:30m`"),
            ("5%:,100%", "`` is no time"),
            ("5%:soon,100%", "`soon` is no time"),
            ("5%:-1h,100%", "`-1h` is no time"),
            ("5%:30,100%", "`30` is no time"),
            ("5%:0.5s,100%", "`0.5s` is not in whole seconds"),
            ("5%:600h,100%:600h", "more than 28 days"),
            ("5%:30m:1h,100%", "no time"),
        ] {
            let error = text.parse::<RampPlan>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let many: Vec<_> = (1..=101).map(|n| format!("0.{n:02}%:1s")).collect();
        let error = many.join(",").parse::<RampPlan>().unwrap_err();
        assert_eq!(error, RampPlanError::TooMany(101));
    }

    #[test]
    fn what_is_stored_is_checked_as_well() {
        for wrong in [
            "[]",
            r#"[{"share":5}, {"share":100}]"#,
            r#"[{"share":5,"holdSeconds":1}, {"share":5}]"#,
            r#"[{"share":0}]"#,
            r#"[{"share":5,"holdSeconds":18446744073709551615}, {"share":6,"holdSeconds":9}]"#,
        ] {
            assert!(serde_json::from_str::<RampPlan>(wrong).is_err(), "{wrong}");
        }
        let text = serde_json::to_string(&RampPlan::default()).unwrap();
        assert_eq!(
            text,
            r#"[{"share":5,"holdSeconds":1800},{"share":25,"holdSeconds":3600},{"share":50,"holdSeconds":7200},{"share":100}]"#
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "[0-9%:hms., -]{0,20}") {
            let _ = text.parse::<RampPlan>();
        }

        #[test]
        fn a_plan_is_written_as_it_is_read(text in "[1-9](\\.[0-9]{1,2})?%(:[0-9]{1,3}[ms],[1-9][0-9]%){0,4}") {
            if let Ok(plan) = text.parse::<RampPlan>() {
                prop_assert!(plan.steps().is_sorted_by(|a, b| a.share < b.share));
                prop_assert_eq!(plan.to_string().parse::<RampPlan>().unwrap(), plan);
            }
        }
    }
}
