//! What a ramp was judged by: numbers of devices, new version against baseline.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Share;

/// How one version did, in devices: one that failed twice counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Wire", into = "Wire")]
pub struct Side {
    /// Devices that tried it, or that something which is no version's fault kept from it.
    pub devices: u64,
    /// Devices that ran it, or tried to.
    pub tried: u64,
    /// Of these, those on which it failed: fell back, kept crashing, failed its rehearsal.
    pub failed: u64,
    /// Devices that had trouble which is no version's fault, or on which nothing ran any more.
    pub infrastructure: u64,
    /// Devices that do not follow the order for it: no failure.
    pub refused: u64,
}

impl Side {
    /// Failed devices of those that tried it.
    pub fn failure_rate(&self) -> Share {
        rate(self.failed, self.tried)
    }

    /// Devices with trouble of all that were reached.
    pub fn infrastructure_rate(&self) -> Share {
        rate(self.infrastructure, self.devices)
    }
}

/// Rounded to the hundredth of a percent; nobody of nobody is none.
fn rate(part: u64, all: u64) -> Share {
    if all == 0 {
        return Share::NONE;
    }
    let hundredths = (u128::from(part) * 10_000 + u128::from(all) / 2) / u128::from(all);
    Share::from_hundredths(u32::try_from(hundredths).unwrap_or(u32::MAX))
}

/// A side as it is written: with its rates, for who reads it. They are not read back.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    devices: u64,
    tried: u64,
    failed: u64,
    infrastructure: u64,
    #[serde(default)]
    refused: u64,
    #[serde(default, skip_deserializing)]
    failure_rate: Share,
    #[serde(default, skip_deserializing)]
    infrastructure_rate: Share,
}

impl From<Wire> for Side {
    fn from(wire: Wire) -> Self {
        Self {
            devices: wire.devices,
            tried: wire.tried,
            failed: wire.failed,
            infrastructure: wire.infrastructure,
            refused: wire.refused,
        }
    }
}

impl From<Side> for Wire {
    fn from(side: Side) -> Self {
        Self {
            devices: side.devices,
            tried: side.tried,
            failed: side.failed,
            infrastructure: side.infrastructure,
            refused: side.refused,
            failure_rate: side.failure_rate(),
            infrastructure_rate: side.infrastructure_rate(),
        }
    }
}

/// Both versions in one window of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The version that is ramped up, on devices within the share.
    pub new: Side,
    /// The baseline, on the same fleet.
    pub old: Side,
}

/// All that a judgement needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Since the step began.
    pub step: Window,
    /// Since the ramp began.
    pub whole: Window,
    /// Devices of the scope that were heard of lately, and that no narrower order steers elsewhere.
    pub living: u64,
    /// Devices of the scope that are known within the share, be they heard of lately or not, and that no narrower
    /// order steers elsewhere.
    #[serde(default)]
    pub within: u64,
    /// Of the living, those within the share.
    pub asked: u64,
    /// Of these, those that have answered for the version: it runs there, failed there, or is refused.
    pub answered: u64,
    /// The devices that this step reached, and no step before it.
    #[serde(default)]
    pub newly: Newly,
}

/// The devices whose position lies at or above the share of the step before, and below that of this one. Whether a
/// step has shown enough is judged of them alone: what earlier steps' devices did was judged then. Those that a
/// narrower order steers elsewhere are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newly {
    /// Those that lived when the step began, or were heard of or tried the version since.
    pub known: u64,
    /// Of these, those that were heard of lately.
    pub asked: u64,
    /// Of the asked, those that have answered for the version.
    pub answered: u64,
    /// Those that tried the version since the step began, be they heard of lately or not.
    pub tried: u64,
}

/// What happened to a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A step began.
    Entered,
    /// A step was judged well.
    Passed,
    /// It was stopped, and who was reached turned back.
    Halted,
    /// A person stopped the clock.
    Paused,
    /// A person let it go on.
    Resumed,
    /// The last step was judged well.
    Completed,
    /// Somebody ordered something else for the scope.
    Cancelled,
}

/// One judgement, or one order of a person, and the numbers at that moment. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// When, by the broker's clock.
    pub at: Timestamp,
    /// What happened.
    pub what: What,
    /// At which step, from 0.
    pub step: usize,
    /// The share of that step.
    pub share: Share,
    /// The generation of the target that stood, or that was made.
    pub generation: u64,
    /// Why, in words; empty where there is nothing to add.
    #[serde(default)]
    pub why: String,
    /// The numbers; none where nobody counted.
    #[serde(default)]
    pub counts: Option<Counts>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_devices_of_devices_and_nobody_of_nobody_is_none() {
        let side = Side {
            devices: 60,
            tried: 40,
            failed: 3,
            infrastructure: 20,
            refused: 0,
        };
        assert_eq!(side.failure_rate().to_string(), "7.5 %");
        assert_eq!(side.infrastructure_rate().to_string(), "33.33 %");
        assert_eq!(Side::default().failure_rate(), Share::NONE);
    }

    #[test]
    fn rates_are_written_and_reckoned_anew_when_read() {
        let side = Side {
            devices: 4,
            tried: 4,
            failed: 1,
            ..Side::default()
        };
        let text = serde_json::to_string(&side).unwrap();
        assert_eq!(
            text,
            r#"{"devices":4,"tried":4,"failed":1,"infrastructure":0,"refused":0,"failureRate":25,"infrastructureRate":0}"#
        );
        let forged = text.replace("25", "0");
        assert_eq!(serde_json::from_str::<Side>(&forged).unwrap(), side);
    }
}
