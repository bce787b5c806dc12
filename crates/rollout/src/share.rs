//! A part of a fleet, in hundredths of a percent: the finest that a position can tell apart.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// From nothing (0) to every device (10,000), in hundredths of a percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

/// Why a number is no share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a percentage")]
pub struct ShareError(f64);

impl Share {
    /// No device.
    pub const NONE: Self = Self(0);
    /// Every device.
    pub const ALL: Self = Self(10_000);

    /// From a percentage, rounded to the nearest hundredth. More than 100 is everyone.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value was brought into 0..=10,000 before"
    )]
    pub fn from_percent(percent: f64) -> Result<Self, ShareError> {
        if !percent.is_finite() || percent < 0.0 {
            return Err(ShareError(percent));
        }
        Ok(Self((percent.min(100.0) * 100.0).round() as u16))
    }

    /// From hundredths of a percent; more than 10,000 is everyone.
    pub fn from_hundredths(hundredths: u32) -> Self {
        u16::try_from(hundredths).map_or(Self::ALL, |value| Self(value.min(Self::ALL.0)))
    }

    /// In hundredths of a percent.
    pub fn hundredths(self) -> u16 {
        self.0
    }

    /// In percent.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Both together, at most everyone.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::from_hundredths(u32::from(self.0) + u32::from(other.0))
    }

    /// What `part` leaves of it.
    #[must_use]
    pub fn less(self, part: Self) -> Self {
        Self(self.0.saturating_sub(part.0))
    }
}

impl fmt::Display for Share {
    /// `30 %`, `0.1 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.percent())
    }
}

impl Serialize for Share {
    /// A whole number where it is one, so that plans read as people write them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(100) {
            serializer.serialize_u16(self.0 / 100)
        } else {
            serializer.serialize_f64(self.percent())
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_percent(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages_to_the_hundredth() {
        assert_eq!(Share::from_percent(0.1).unwrap().hundredths(), 10);
        assert_eq!(Share::from_percent(30.0).unwrap().to_string(), "30 %");
        assert_eq!(Share::from_percent(0.1).unwrap().to_string(), "0.1 %");
        assert_eq!(Share::from_percent(250.0).unwrap(), Share::ALL);
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Share::from_percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_are_written_as_they_are_read() {
        for text in ["30", "0.1", "99.99", "100", "0"] {
            let share: Share = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&share).unwrap(), text);
        }
        assert!(serde_json::from_str::<Share>("-3").is_err());
        assert!(serde_json::from_str::<Share>("\"3\"").is_err());
    }
}
