//! A device's own share of a window: spread evenly over the fleet, the same for ever on the device.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The download.
    Download,
    /// The swap.
    Swap,
}

/// The share of `window` that `device` waits for order `generation`: with h the first eight bytes,
/// big-endian, of `sha256("deviceId:generation:download")`, or `…:swap`, it is window × h / 2⁶⁴, in
/// whole milliseconds.
pub fn part(device: &str, generation: u64, wait: Wait, window: Duration) -> Duration {
    let word = match wait {
        Wait::Download => "download",
        Wait::Swap => "swap",
    };
    let hash = Sha256::digest(format!("{device}:{generation}:{word}"));
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    let part = (window.as_millis() * u128::from(u64::from_be_bytes(first))) >> 64;
    Duration::from_millis(u64::try_from(part).unwrap_or(u64::MAX))
}

/// A fleet has heard of an order within so long.
const HEARD: Duration = Duration::from_secs(5);

/// How long after an order its window begins: once the fleet has heard of it, so that nobody's share is over before that and
/// the spread is even from its first moment on. A tenth of the window at most.
pub fn lead(window: Duration) -> Duration {
    HEARD.min(window / 10)
}

/// From when the window counts on a device that heard of an order of `at` at `heard`.
///
/// From a moment after the order, so that the fleet's spread is one; but a device that heard of it later than by a
/// tenth of the window, or whose clock is as far off, counts from then: those that were cut off
/// together do not come back together.
pub(super) fn begin(at: Timestamp, heard: Timestamp, window: Duration) -> Timestamp {
    let late = heard.duration_since(at).unsigned_abs();
    if late <= window / 10 {
        after(at, lead(window))
    } else {
        heard
    }
}

pub(super) fn after(from: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| from.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn known_answers() {
        // Written down once, and the same on every platform for ever.
        for (device, generation, wait, milliseconds) in [
            ("device-a", 1, Wait::Download, KNOWN[0]),
            ("device-a", 1, Wait::Swap, KNOWN[1]),
            ("device-b", 1, Wait::Download, KNOWN[2]),
            ("device-a", 2, Wait::Download, KNOWN[3]),
        ] {
            let found = part(device, generation, wait, HOUR).as_millis();
            assert_eq!(found, milliseconds, "{device} {generation} {wait:?}");
        }
    }

    /// Reckoned once by another program.
    const KNOWN: [u128; 4] = [1_880_796, 285_191, 3_519_980, 2_157_171];

    /// The largest distance between what was drawn and what an even spread would be.
    fn kolmogorov_smirnov(mut drawn: Vec<f64>) -> f64 {
        drawn.sort_by(f64::total_cmp);
        let n = f64::from(u32::try_from(drawn.len()).unwrap());
        (0_u32..)
            .zip(drawn)
            .map(|(i, x)| {
                (x - f64::from(i) / n)
                    .abs()
                    .max((f64::from(i + 1) / n - x).abs())
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn shares_are_spread_evenly_and_the_two_waits_are_two_draws() {
        let of = |wait, generation, n: u32| {
            let device = format!("device-{n}");
            part(&device, generation, wait, HOUR).as_secs_f64() / HOUR.as_secs_f64()
        };
        // p = 0.01 for two thousand: of 40 draws more than three beyond it would be no accident.
        let beyond = (0..20)
            .flat_map(|generation| [(generation, Wait::Download), (generation, Wait::Swap)])
            .filter(|(generation, wait)| {
                let drawn = (0..2_000).map(|n| of(*wait, *generation, n)).collect();
                kolmogorov_smirnov(drawn) > 1.628 / 2_000_f64.sqrt()
            });
        assert!(beyond.count() <= 3);
        let apart: f64 = (0..1_000)
            .map(|n| (of(Wait::Download, 7, n) - of(Wait::Swap, 7, n)).abs())
            .sum();
        assert!(apart / 1_000.0 > 0.25, "{apart}");
    }

    proptest! {
        #[test]
        fn a_share_is_within_its_window_and_the_same_each_time(
            device in "[a-f0-9-]{1,36}", generation in any::<u64>(), seconds in 0_u64..=604_800
        ) {
            let window = Duration::from_secs(seconds);
            let share = part(&device, generation, Wait::Swap, window);
            prop_assert!(share <= window);
            prop_assert_eq!(share, part(&device, generation, Wait::Swap, window));
        }
    }
}
