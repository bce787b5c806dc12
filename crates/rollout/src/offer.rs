//! Which version a manifest has for this device now.

use jiff::Timestamp;

use crate::policy::{HoldReason, StageReason, Withheld};
use crate::{Manifest, Standing, Version};

/// Everything that an offer may depend on.
#[derive(Debug, Clone, Copy)]
pub struct OfferFacts<'a> {
    /// What the publisher says.
    pub manifest: &'a Manifest,
    /// The device's id; none where it could not be written.
    pub device: Option<&'a str>,
    /// The corrected time.
    pub now: Timestamp,
    /// Whether a person asks, who is never gated.
    pub by_person: bool,
    /// Whether this device takes the newest without waiting for its turn.
    pub experimental: bool,
    /// The one version that this device is to have, where there is one.
    pub pin: Option<&'a Version>,
}

/// What this device may have now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// No manifest: whatever the registry names, for this reason.
    Unlimited(StageReason),
    /// This version.
    Take {
        /// It.
        version: Version,
        /// Why it.
        reason: StageReason,
    },
    /// Nothing; the newest is not for this device.
    Nothing {
        /// The newest.
        newest: Version,
        /// Why it is not.
        withheld: Withheld,
    },
}

/// The offer of `facts`, and whether it let this device past its turn.
///
/// A recall comes before everything. A pin comes before the rollout: who is pinned does not follow
/// it. Whoever may not have the newest may have `stable`.
pub fn offer(facts: &OfferFacts<'_>) -> (Offer, bool) {
    let manifest = facts.manifest;
    if let Some(pin) = facts.pin {
        return (pinned(manifest, pin), false);
    }
    if manifest.recalls(&manifest.version) {
        return (instead(manifest, Withheld::Recalled), false);
    }
    let standing = Standing::of(manifest, facts.device);
    let (reason, bypassed) = if standing.admits(facts.now) {
        (StageReason::Eligible, false)
    } else if manifest.critical {
        (StageReason::Critical, true)
    } else if facts.experimental {
        (StageReason::Experimental, true)
    } else if facts.by_person {
        (StageReason::Eligible, true)
    } else {
        let eligible_at = standing.eligible_at;
        return (instead(manifest, Withheld::Held { eligible_at }), false);
    };
    let version = manifest.version.clone();
    (Offer::Take { version, reason }, bypassed)
}

fn pinned(manifest: &Manifest, pin: &Version) -> Offer {
    let withheld = Withheld::Pinned { to: pin.clone() };
    if manifest.recalls(pin) {
        return Offer::Nothing {
            newest: pin.clone(),
            withheld: Withheld::Recalled,
        };
    }
    let reason = if manifest.version.is_newer_than(pin) {
        StageReason::Instead {
            newest: manifest.version.clone(),
            withheld,
        }
    } else {
        StageReason::Pinned
    };
    Offer::Take {
        version: pin.clone(),
        reason,
    }
}

fn instead(manifest: &Manifest, withheld: Withheld) -> Offer {
    let newest = manifest.version.clone();
    match manifest.usable_stable() {
        Some(stable) => Offer::Take {
            version: stable.clone(),
            reason: StageReason::Instead { newest, withheld },
        },
        None => Offer::Nothing { newest, withheld },
    }
}

impl Offer {
    /// The version that is offered, where it is known before the registry is asked.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Take { version, .. } => Some(version),
            Self::Unlimited(_) | Self::Nothing { .. } => None,
        }
    }

    /// The newest, and why this device may not have it.
    pub(crate) fn withheld(&self) -> Option<(&Version, HoldReason)> {
        match self {
            Self::Nothing { newest, withheld }
            | Self::Take {
                reason: StageReason::Instead { newest, withheld },
                ..
            } => Some((newest, withheld.clone().into())),
            Self::Unlimited(_) | Self::Take { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
