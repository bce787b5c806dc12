//! The version that an operator wants on a scope.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Position, Share, Version};

/// The most bytes that a target is read from.
pub const MOST_BYTES: usize = 16 * 1024;

/// The longest jitter: a week. Longer is a slip of the pen.
pub const MOST_JITTER: Duration = Duration::from_hours(7 * 24);

/// What is wanted on a scope, as it stands under the scope's key. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The version; none where the scope wants nothing any more and a wider one counts again.
    pub version: Option<Version>,
    /// Grows with every order for this scope. It is at least the milliseconds since 1970 at the time of the order, so
    /// that it also grows over a broker that lost its disk.
    pub generation: u64,
    /// The window over which devices spread themselves, in whole seconds.
    #[serde(default)]
    pub jitter: u32,
    /// When it was ordered, by the operator's clock.
    pub at: Timestamp,
    /// Who ordered it, as they call themselves; nothing is decided by it.
    #[serde(default)]
    pub by: String,
    /// The part of the scope that it reaches; none for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampPart>,
}

/// The part of a scope that a ramp has reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RampPart {
    /// Which ramp: its id.
    pub id: String,
    /// Devices whose position for the version lies below this.
    pub share: Share,
    /// What all others are to have; none where they keep to a wider scope, or to what they have.
    #[serde(default)]
    pub otherwise: Option<Version>,
}

/// Why bytes are no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// More than any target has.
    #[error("it has {0} bytes, and {MOST_BYTES} are the most")]
    TooLong(usize),
    /// Not the JSON of one.
    #[error("it is no target: {0}")]
    Shape(String),
    /// A window that nobody would mean.
    #[error("its jitter is {0} s, and a week is the most")]
    Jitter(u32),
}

impl Target {
    /// Reads one. What a broker hands on is not to be trusted.
    pub fn parse(bytes: &[u8]) -> Result<Self, TargetError> {
        if bytes.len() > MOST_BYTES {
            return Err(TargetError::TooLong(bytes.len()));
        }
        let target: Self =
            serde_json::from_slice(bytes).map_err(|error| TargetError::Shape(error.to_string()))?;
        if target.window() > MOST_JITTER {
            return Err(TargetError::Jitter(target.jitter));
        }
        Ok(target)
    }

    /// The generation of the next order, made at `now` over one that had `last`.
    pub fn next_generation(last: Option<u64>, now: Timestamp) -> u64 {
        let clock = u64::try_from(now.as_millisecond()).unwrap_or(0);
        clock.max(last.map_or(0, |last| last.saturating_add(1)))
    }

    /// The window over which devices spread themselves.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.jitter.into())
    }

    /// What it wants on `device`; none where it says nothing of it.
    pub fn for_device(&self, device: &str) -> Option<&Version> {
        let version = self.version.as_ref()?;
        match &self.ramp {
            Some(part) if Position::of(device, version).hundredths() >= part.share.hundredths() => {
                part.otherwise.as_ref()
            }
            _ => Some(version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(json: &str) -> Result<Target, TargetError> {
        Target::parse(json.as_bytes())
    }

    #[test]
    fn what_is_no_target_is_told_and_what_is_unknown_in_it_ignored() {
        let plain =
            target(r#"{"version":"1.0.0","generation":7,"at":"2026-06-12T08:00:00Z","new":1}"#);
        let plain = plain.unwrap();
        assert_eq!((plain.generation, plain.jitter), (7, 0));
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"version":"1","generation":7,"at":"2026-06-12T08:00:00Z"}"#,
            r#"{"version":"1.0.0","generation":-7,"at":"2026-06-12T08:00:00Z"}"#,
            r#"{"version":"1.0.0","generation":7,"at":"then"}"#,
            r#"{"version":"1.0.0","generation":7,"jitter":604801,"at":"2026-06-12T08:00:00Z"}"#,
        ] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
        let long = " ".repeat(MOST_BYTES + 1);
        assert_eq!(target(&long), Err(TargetError::TooLong(MOST_BYTES + 1)));
    }

    #[test]
    fn a_ramp_reaches_positions_below_its_share_and_others_have_what_else_it_says() {
        // `device-a` is in bucket 65 of 1.0.0.
        let mut ramp = target(
            r#"{"version":"1.0.0","generation":7,"at":"2026-06-12T08:00:00Z",
                "ramp":{"id":"r","share":65,"otherwise":"0.9.0"}}"#,
        )
        .unwrap();
        assert_eq!(ramp.for_device("device-a").unwrap().as_str(), "0.9.0");
        ramp.ramp.as_mut().unwrap().share = Share::from_percent(66.0).unwrap();
        assert_eq!(ramp.for_device("device-a").unwrap().as_str(), "1.0.0");
        ramp.ramp.as_mut().unwrap().share = Share::NONE;
        ramp.ramp.as_mut().unwrap().otherwise = None;
        assert_eq!(ramp.for_device("device-a"), None);
    }

    #[test]
    fn generations_grow_whatever_the_clock_says() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let first = Target::next_generation(None, at("2026-06-12T08:00:00Z"));
        assert_eq!(first, 1_781_251_200_000);
        let back = Target::next_generation(Some(first), at("1999-01-01T00:00:00Z"));
        assert_eq!(back, first + 1);
        assert_eq!(
            Target::next_generation(Some(u64::MAX), at("2026-06-12T08:00:00Z")),
            u64::MAX
        );
    }
}
