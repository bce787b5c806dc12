//! A plan as a person writes it: `30%,30%@12h,40%@24h`.

use jiff::SignedDuration;

use crate::{Batch, Plan, Share};

/// The most batches that are read: a day has 96 quarters of an hour.
const MOST_BATCHES: usize = 100;

/// Why a text is no plan that could be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing in it, or nothing between two commas.
    #[error("there is an empty batch; write batches like `30%` or `30%@12h`, with commas between")]
    Empty,
    /// More steps than anybody follows.
    #[error("there are {0} batches, and {MOST_BATCHES} are the most")]
    TooMany(usize),
    /// A batch's share is not written as a percentage.
    #[error("`{0}` is not a percentage like `30%` or `0.1%`")]
    NotAShare(String),
    /// A share of no device.
    #[error("`{0}` is nobody; leave that batch out")]
    Nobody(String),
    /// A share of more than there is.
    #[error("`{0}` is more than everyone (100%)")]
    TooMuch(String),
    /// A share that positions cannot tell apart.
    #[error("`{0}` is finer than 0.01%, which is the finest there is")]
    TooFine(String),
    /// Together they are more than there is.
    #[error("the batches are {0} together, more than everyone (100%)")]
    SumTooMuch(String),
    /// A batch's delay is not written as a time.
    #[error("`{0}` is not a delay like `12h`, `90m` or `1h30m`")]
    NotADelay(String),
    /// A delay with a part of a second.
    #[error("the delay `{0}` is not in whole seconds")]
    DelayTooFine(String),
    /// A delay that devices would cut off.
    #[error("the delay `{0}` is over 24 hours, which is the longest that any device waits")]
    DelayTooLong(String),
    /// Only the first batch may go without saying when.
    #[error("`{0}` needs a delay, like `{0}@12h`: only the first batch may leave it out")]
    NoDelay(String),
    /// A batch that is not later than the one before it.
    #[error("the delay `{0}` is not later than that of the batch before it")]
    NotIncreasing(String),
}

/// Reads a plan: batches with commas between, each a percentage with at most two decimals and, behind
/// an `@`, how long it waits. The first batch may leave the delay out: it is everyone's at once.
/// Delays increase and none is over a day; the shares are at most everyone together. What they leave
/// out waits a day.
pub fn parse_plan(text: &str) -> Result<Plan, PlanError> {
    let batches = text.split(',').count();
    if batches > MOST_BATCHES {
        return Err(PlanError::TooMany(batches));
    }
    let mut plan = Plan::default();
    for part in text.split(',').map(str::trim) {
        let (share_text, delay) = match part.split_once('@') {
            Some((share, delay)) => (share.trim(), Some(delay.trim())),
            None => (part, None),
        };
        let share = parse_share(share_text)?;
        let last = plan.0.last().map(|batch| batch.delay_seconds);
        let delay_seconds = match (delay, last) {
            (None, None) => 0,
            (None, Some(_)) => return Err(PlanError::NoDelay(share_text.to_owned())),
            (Some(delay), last) => {
                let seconds = seconds(delay)?;
                if last.is_some_and(|last| seconds <= last) {
                    return Err(PlanError::NotIncreasing(delay.to_owned()));
                }
                seconds
            }
        };
        plan.0.push(Batch {
            share,
            delay_seconds,
        });
    }
    let sum: u32 = plan
        .0
        .iter()
        .map(|batch| u32::from(batch.share.hundredths()))
        .sum();
    if sum > u32::from(Share::ALL.hundredths()) {
        return Err(PlanError::SumTooMuch(format!(
            "{} %",
            f64::from(sum) / 100.0
        )));
    }
    Ok(plan)
}

/// Reads a share of the fleet: more than nobody, at most everyone, at most two decimals.
pub fn parse_share(text: &str) -> Result<Share, PlanError> {
    let own = || text.to_owned();
    if text.is_empty() {
        return Err(PlanError::Empty);
    }
    let Some(number) = text.strip_suffix('%').map(str::trim_end) else {
        return Err(PlanError::NotAShare(own()));
    };
    // By digits and not as a float: 0.07 has none, and what is too fine must not be rounded away.
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return Err(PlanError::NotAShare(own()));
    }
    let part = part.trim_end_matches('0');
    if part.len() > 2 {
        return Err(PlanError::TooFine(own()));
    }
    let too_much = |_| PlanError::TooMuch(own());
    let whole: u32 = whole.parse().map_err(too_much)?;
    let hundredths: u32 = format!("{part:0<2}").parse().map_err(too_much)?;
    let all = u32::from(Share::ALL.hundredths());
    match whole.saturating_mul(100).saturating_add(hundredths) {
        0 => Err(PlanError::Nobody(own())),
        sum if sum > all => Err(PlanError::TooMuch(own())),
        sum => Ok(Share::from_hundredths(sum)),
    }
}

fn seconds(text: &str) -> Result<u64, PlanError> {
    let own = || text.to_owned();
    let delay: SignedDuration = text.parse().map_err(|_| PlanError::NotADelay(own()))?;
    if delay.subsec_nanos() != 0 {
        return Err(PlanError::DelayTooFine(own()));
    }
    let seconds = u64::try_from(delay.as_secs()).map_err(|_| PlanError::NotADelay(own()))?;
    if seconds > u64::from(Plan::MOST_DELAY) {
        return Err(PlanError::DelayTooLong(own()));
    }
    Ok(seconds)
}

/// A plan as [`parse_plan`] reads it. Everyone at once is `100%`.
pub fn plan_text(plan: &Plan) -> String {
    if plan.0.is_empty() {
        return "100%".to_owned();
    }
    let batch = |batch: &Batch| {
        let share = batch.share.percent();
        match batch.delay_seconds {
            0 => format!("{share}%"),
            delay => format!("{share}%@{}", delay_text(delay)),
        }
    };
    plan.0.iter().map(batch).collect::<Vec<_>>().join(",")
}

/// `12h`, `1h30m`, `45s`.
fn delay_text(seconds: u64) -> String {
    [
        (seconds / 3_600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, unit)| format!("{count}{unit}"))
    .collect::<Vec<_>>()
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batches(text: &str) -> Vec<(u16, u64)> {
        let plan = parse_plan(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let batch = |batch: &Batch| (batch.share.hundredths(), batch.delay_seconds);
        plan.0.iter().map(batch).collect()
    }

    #[test]
    fn plans_are_read() {
        let three = [(3_000, 0), (3_000, 43_200), (4_000, 86_400)];
        assert_eq!(batches("30%,30%@12h,40%@24h"), three);
        assert_eq!(batches(" 30 % , 30%@720m, 40% @ 23h60m "), three);
        assert_eq!(batches("100%"), [(10_000, 0)]);
        assert_eq!(batches("0.1%,99.90%@1h30m"), [(10, 0), (9_990, 5_400)]);
        assert_eq!(batches("0.01%@0s,0.29%@1s"), [(1, 0), (29, 1)]);
        assert_eq!(batches("10%@1h"), [(1_000, 3_600)]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "empty batch"),
            ("30%,", "empty batch"),
            (",30%", "empty batch"),
            ("@1h", "empty batch"),
            ("30", "`30` is not a percentage"),
            ("-5%", "not a percentage"),
            ("+5%", "not a percentage"),
            ("1e1%", "not a percentage"),
            (".5%", "not a percentage"),
            ("5.%", "not a percentage"),
            ("%", "not a percentage"),
            ("٣%", "not a percentage"),
            ("0%", "`0%` is nobody"),
            ("0.00%,100%@1h", "nobody"),
            ("100.01%", "`100.01%` is more than everyone"),
            ("99999999999999999999%", "more than everyone"),
            ("0.001%", "finer than 0.01%"),
            ("33.333%,66.667%@1h", "finer than 0.01%"),
            ("60%,60%@1h", "the batches are 120 % together"),
            ("99.99%,0.02%@1h", "the batches are 100.01 % together"),
            ("30%@", "`` is not a delay"),
            ("30%@soon", "not a delay"),
            ("30%@12", "not a delay"),
            ("30%@-1h", "not a delay"),
            ("30%@1.5s", "not in whole seconds"),
            ("30%,70%@25h", "`25h` is over 24 hours"),
            ("30%,70%@24h1s", "over 24 hours"),
            ("30%,70%@99999999999999999h", "delay"),
            ("30%,30%,40%@1h", "`30%` needs a delay, like `30%@12h`"),
            ("30%,70%@0s", "not later than"),
            ("30%,30%@12h,40%@12h", "`12h` is not later than"),
            ("30%@12h,70%@1h", "not later than"),
        ] {
            let error = parse_plan(text).expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_hundred_batches_are_enough() {
        let plan = |batches: u32| {
            let all: Vec<_> = (1..=batches).map(|n| format!("0.01%@{n}m")).collect();
            parse_plan(&all.join(","))
        };
        assert_eq!(plan(100).unwrap().0.len(), 100);
        let error = plan(101).unwrap_err().to_string();
        assert_eq!(error, "there are 101 batches, and 100 are the most");
    }

    #[test]
    fn a_plan_is_written_as_it_is_read() {
        for text in ["30%,30%@12h,40%@24h", "0.1%,99.9%@1h30m5s", "100%", "5%@1s"] {
            assert_eq!(plan_text(&parse_plan(text).unwrap()), text);
        }
        assert_eq!(plan_text(&Plan::default()), "100%");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "[0-9%@hms., -]{0,20}") {
            let _ = parse_plan(&text);
        }

        #[test]
        fn what_is_read_can_be_meant(text in "[1-9][0-9]?(\\.[0-9]{1,2})?%(,[1-9]%@[1-9]h){0,4}") {
            if let Ok(plan) = parse_plan(&text) {
                prop_assert!(plan.0.iter().all(|batch| batch.share > Share::NONE));
                prop_assert!(plan.0.is_sorted_by(|a, b| a.delay_seconds < b.delay_seconds));
                prop_assert!(plan.slowest() <= Plan::MOST_DELAY);
                prop_assert_eq!(parse_plan(&plan_text(&plan)).unwrap(), plan);
            }
        }
    }
}
