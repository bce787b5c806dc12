//! What goes to the pages: names and payloads of events.
//!
//! Statuses, answers and errors are `device`'s own types as they stand.

use device::{DeviceEvent, Version};
use serde::Serialize;

/// The whole [`Status`](device::Status).
pub(crate) const STATUS: &str = "refit://status";
/// [`UpdateStaged`]
pub(crate) const UPDATE_STAGED: &str = "runtime:update-staged";
/// [`RolledBack`]
pub(crate) const ROLLED_BACK: &str = "runtime:rolled-back";

/// A version waits for a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UpdateStaged {
    pub(crate) version: Version,
}

/// A version failed or was rolled back from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RolledBack {
    /// What runs now.
    pub(crate) version: Version,
    /// In words.
    pub(crate) reason: String,
}

/// News by name, with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    Staged(UpdateStaged),
    RolledBack(RolledBack),
}

impl From<DeviceEvent> for News {
    fn from(event: DeviceEvent) -> Self {
        match event {
            DeviceEvent::UpdateStaged { version } => Self::Staged(UpdateStaged { version }),
            DeviceEvent::RolledBack { version, reason } => {
                Self::RolledBack(RolledBack { version, reason })
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
