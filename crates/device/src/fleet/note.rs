//! What a status says of the fleet.

use fleet::State;
use fleet::agent::Status;
use rollout::Version;
use rollout::fleet::{Name, Scope};
use serde::{Deserialize, Serialize};

/// How this device stands in its fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetNote {
    /// The fleet's name.
    pub name: Name,
    /// This device's name in it.
    pub device: Name,
    /// Whether there is a connection to its broker.
    pub connected: bool,
    /// Why there is none, or why orders cannot be read, in words.
    pub trouble: Option<String>,
    /// How it stands to what is ordered.
    pub state: State,
    /// The version that is ordered.
    pub target: Option<Version>,
    /// The generation of that order.
    pub generation: Option<u64>,
    /// For whom it was ordered.
    pub scope: Option<Scope>,
    /// Why it stands so, as a code; empty where there is nothing to say.
    pub reason: String,
    /// In words.
    pub detail: String,
    /// Reports that wait to be sent.
    pub unsent: u64,
}

impl FleetNote {
    pub(crate) fn of(fleet: &Name, device: &Name, status: Status) -> Self {
        let runtime = status.runtime;
        Self {
            name: fleet.clone(),
            device: device.clone(),
            connected: status.is_connected,
            trouble: status.trouble,
            state: runtime.state,
            target: runtime.target,
            generation: runtime.generation,
            scope: runtime.scope,
            reason: runtime.reason,
            detail: runtime.detail,
            unsent: status.unsent,
        }
    }
}
