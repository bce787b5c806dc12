//! A plan: which part of the fleet waits how long.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{Position, Share};

/// Some of the devices, and how long they wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// How many: a percentage, with at most two decimals.
    #[serde(rename = "percent")]
    pub share: Share,
    /// From `publishedAt` until they may have it. What is above [`Plan::MOST_DELAY`] counts as that.
    pub delay_seconds: u64,
}

impl<'de> Deserialize<'de> for Batch {
    /// From an object only: a derived one would also read a list as the fields in their order.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields {
            percent: Share,
            #[serde(default)]
            delay_seconds: u64,
        }
        let object = Map::<String, Value>::deserialize(deserializer)?;
        let fields = serde_json::from_value(Value::Object(object)).map_err(D::Error::custom)?;
        let Fields {
            percent,
            delay_seconds,
        } = fields;
        Ok(Self {
            share: percent,
            delay_seconds,
        })
    }
}

/// Batches in order: each takes the positions that follow those of the batch before it. No batch
/// at all is everyone at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan(pub Vec<Batch>);

impl Plan {
    /// The longest that anybody waits, in seconds, and how long whoever is in no batch does.
    pub const MOST_DELAY: u32 = 86_400;

    /// How long the device at `position` waits after `publishedAt`, in seconds.
    pub fn delay(&self, position: Position) -> u32 {
        self.steps()
            .find(|step| position.hundredths() < step.upto.hundredths())
            .map_or(0, |step| step.delay)
    }

    /// How long the last device waits, in seconds.
    pub fn slowest(&self) -> u32 {
        self.steps().map(|step| step.delay).max().unwrap_or(0)
    }

    /// The share that may have it this many seconds after `publishedAt`.
    pub fn admitted(&self, elapsed: i64) -> Share {
        if self.0.is_empty() {
            return if elapsed < 0 { Share::NONE } else { Share::ALL };
        }
        self.steps()
            .filter(|step| i64::from(step.delay) <= elapsed)
            .fold(Share::NONE, |sum, step| sum.and(step.upto.less(step.from)))
    }

    /// The batches as ranges of positions, the uncovered rest last. None for an empty plan.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        let mut from = Share::NONE;
        let covered = self
            .0
            .iter()
            .fold(Share::NONE, |sum, batch| sum.and(batch.share));
        let rest = (!self.0.is_empty() && covered < Share::ALL).then_some(Batch {
            share: Share::ALL.less(covered),
            delay_seconds: u64::from(Self::MOST_DELAY),
        });
        self.0.iter().copied().chain(rest).map(move |batch| {
            let step = Step {
                from,
                upto: from.and(batch.share),
                delay: u32::try_from(batch.delay_seconds)
                    .unwrap_or(Self::MOST_DELAY)
                    .min(Self::MOST_DELAY),
            };
            from = step.upto;
            step
        })
    }
}

/// A range of positions that wait equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The first position in it.
    pub from: Share,
    /// The first position behind it.
    pub upto: Share,
    /// In seconds.
    pub delay: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(json: &str) -> Plan {
        serde_json::from_str(json).unwrap()
    }

    /// The first position of a bucket, and the last.
    fn ends(bucket: u32) -> [Position; 2] {
        [
            Position::from_hash(bucket),
            Position::from_hash(9_900 + bucket),
        ]
    }

    const THREE: &str = r#"[{"percent":30,"delaySeconds":0},{"percent":30,"delaySeconds":43200},
        {"percent":40,"delaySeconds":86400}]"#;

    #[test]
    fn batches_meet_exactly() {
        for (bucket, delay) in [
            (0, 0),
            (29, 0),
            (30, 43_200),
            (59, 43_200),
            (60, 86_400),
            (99, 86_400),
        ] {
            for position in ends(bucket) {
                assert_eq!(plan(THREE).delay(position), delay, "bucket {bucket}");
            }
        }
    }

    #[test]
    fn no_plan_is_everyone_now() {
        assert_eq!(Plan::default().delay(Position::from_hash(99)), 0);
        assert_eq!(Plan::default().slowest(), 0);
        assert_eq!(Plan::default().admitted(0), Share::ALL);
        assert_eq!(Plan::default().admitted(-1), Share::NONE);
    }

    #[test]
    fn whoever_is_in_no_batch_waits_a_day() {
        let plan = plan(r#"[{"percent":10,"delaySeconds":60}]"#);
        assert_eq!(plan.delay(ends(9)[1]), 60);
        assert_eq!(plan.delay(ends(10)[0]), 86_400);
        assert_eq!(plan.slowest(), 86_400);
    }

    #[test]
    fn more_than_a_hundred_percent_is_cut_off_and_no_delay_is_over_a_day() {
        let plan = plan(
            r#"[{"percent":80,"delaySeconds":1},{"percent":80,"delaySeconds":999999999999},{"percent":5}]"#,
        );
        assert_eq!(plan.delay(ends(79)[1]), 1);
        assert_eq!(plan.delay(ends(99)[1]), 86_400);
        assert_eq!(plan.slowest(), 86_400);
        assert_eq!(plan.admitted(86_400), Share::ALL);
    }

    #[test]
    fn a_tenth_of_a_percent_is_a_tenth_of_the_first_bucket() {
        let plan =
            plan(r#"[{"percent":0.1,"delaySeconds":0},{"percent":99.9,"delaySeconds":3600}]"#);
        // Bucket 0, places 0 to 9 are in; place 10, and bucket 1, are not.
        assert_eq!(plan.delay(Position::from_hash(900)), 0);
        assert_eq!(plan.delay(Position::from_hash(1_000)), 3_600);
        assert_eq!(plan.delay(Position::from_hash(1)), 3_600);
    }

    fn any_plan() -> impl Strategy<Value = Plan> {
        let batch = (0_u32..=12_000, 0_u64..=200_000).prop_map(|(share, delay_seconds)| Batch {
            share: Share::from_hundredths(share),
            delay_seconds,
        });
        prop::collection::vec(batch, 0..6).prop_map(Plan)
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_a_day(plan in any_plan(), h in any::<u32>()) {
            prop_assert!(plan.delay(Position::from_hash(h)) <= plan.slowest());
            prop_assert!(plan.slowest() <= Plan::MOST_DELAY);
            prop_assert_eq!(plan.admitted(i64::from(Plan::MOST_DELAY)), Share::ALL);
        }

        #[test]
        fn time_only_admits(plan in any_plan(), at in 0_i64..100_000, more in 0_i64..100_000) {
            prop_assert!(plan.admitted(at) <= plan.admitted(at + more));
        }

        #[test]
        fn the_share_admitted_is_the_positions_that_are(plan in any_plan(), at in 0_u32..100_000) {
            let admitted = (0..10_000_u32)
                .filter(|n| plan.delay(Position::from_hash(n % 100 * 100 + n / 100)) <= at)
                .count();
            prop_assert_eq!(usize::from(plan.admitted(i64::from(at)).hundredths()), admitted);
        }

        #[test]
        fn a_larger_first_batch_takes_nobody_out(first in 0_u32..=10_000, more in 0_u32..=10_000, h in any::<u32>()) {
            let plan = |first| Plan(vec![
                Batch { share: Share::from_hundredths(first), delay_seconds: 0 },
                Batch { share: Share::ALL, delay_seconds: 3_600 },
            ]);
            let position = Position::from_hash(h);
            prop_assert!(plan(first + more).delay(position) <= plan(first).delay(position));
        }
    }
}
