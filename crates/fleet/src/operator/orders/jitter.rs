//! A window as an operator types it.

use std::time::Duration;

use rollout::fleet::target::MOST_JITTER;

/// Why a text is no jitter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JitterError {
    /// No length of time.
    #[error("`{text}` is no length of time: {why}. Write it like 90s, 30m or 2h")]
    Shape {
        /// What was read.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// More than a week.
    #[error("`{0}` is longer than a week, which is the most")]
    TooLong(String),
    /// Parts of a second.
    #[error("`{0}` has parts of a second; whole seconds are the finest")]
    TooFine(String),
}

/// Reads a window: `90s`, `30m`, `1h 30m`; at most a week, in whole seconds.
///
/// # Errors
/// See [`JitterError`].
pub fn parse_jitter(text: &str) -> Result<Duration, JitterError> {
    let shown = || crate::report::detail(text);
    // 0 needs no unit.
    let jitter = if text == "0" {
        Duration::ZERO
    } else {
        humantime::parse_duration(text).map_err(|error| JitterError::Shape {
            text: shown(),
            why: error.to_string(),
        })?
    };
    if jitter > MOST_JITTER {
        return Err(JitterError::TooLong(shown()));
    }
    if jitter.subsec_nanos() != 0 {
        return Err(JitterError::TooFine(shown()));
    }
    Ok(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jitter_is_a_length_of_time_of_at_most_a_week() {
        for (text, seconds) in [
            ("0", 0),
            ("0s", 0),
            ("90s", 90),
            ("30m", 1_800),
            ("1h 30m", 5_400),
            ("7d", 604_800),
        ] {
            assert_eq!(
                parse_jitter(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for wrong in [
            "",
            "30",
            "m",
            "-5m",
            "half an hour",
            "8d",
            "1y",
            "500ms",
            "99999999999999999999s",
        ] {
            assert!(parse_jitter(wrong).is_err(), "{wrong}");
        }
    }
}
