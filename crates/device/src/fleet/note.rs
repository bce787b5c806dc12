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
    /// All that in words, for a person.
    pub message: String,
}

impl FleetNote {
    pub(crate) fn of(fleet: &Name, device: &Name, status: Status) -> Self {
        let message = message(fleet, &status);
        let runtime = status.runtime;
        Self {
            message,
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

/// How it stands, in words.
fn message(fleet: &Name, status: &Status) -> String {
    let runtime = &status.runtime;
    let mut words = format!("Fleet {fleet}: ");
    let version = runtime
        .target
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    match runtime.state {
        State::Idle => words.push_str("no version is ordered for this device."),
        State::Arrived => words = format!("{words}version {version} is ordered, and runs."),
        State::Waiting => {
            words =
                format!("{words}version {version} is ordered; its moment comes within the window.")
        }
        State::Staging => {
            words = format!("{words}version {version} is ordered, and being fetched.")
        }
        State::Staged => {
            words = format!("{words}version {version} is ordered, and waits for a restart.")
        }
        State::Swapping => words = format!("{words}version {version} is being started."),
        State::Refused => {
            words = format!("{words}version {version} is ordered, and is not taken here.")
        }
        State::Trouble => {
            words = format!("{words}version {version} is ordered, and could not be fetched yet.")
        }
        State::Off if version.is_empty() => words.push_str("its orders are not followed here."),
        State::Off => {
            words =
                format!("{words}version {version} is ordered, and orders are not followed here.")
        }
        State::Halted => words.push_str("nothing runs on this device."),
    }
    if !runtime.detail.is_empty() {
        words = format!("{words} {}.", runtime.detail.trim_end_matches('.'));
    }
    if let Some(trouble) = status.trouble.as_ref().filter(|_| !status.is_connected) {
        words = format!(
            "{words} Its broker cannot be reached: {}.",
            trouble.trim_end_matches('.')
        );
    }
    words
}

#[cfg(test)]
mod tests {
    use fleet::Standing;

    use super::*;

    fn status(state: State, target: Option<&str>, detail: &str) -> Status {
        Status {
            is_connected: true,
            trouble: None,
            runtime: Standing {
                version: None,
                state,
                target: target.map(|it| it.parse().unwrap()),
                generation: None,
                scope: None,
                reason: String::new(),
                detail: detail.to_owned(),
                bad: Vec::new(),
            },
            agent: None,
            unsent: 0,
            not_before: None,
        }
    }

    #[test]
    fn it_says_what_is_ordered_and_why_it_does_not_run() {
        let fleet = "kiosks".parse().unwrap();
        let said = |status: &Status| message(&fleet, status);
        assert_eq!(
            said(&status(State::Arrived, Some("1.2.0"), "")),
            "Fleet kiosks: version 1.2.0 is ordered, and runs."
        );
        assert_eq!(
            said(&status(State::Refused, Some("1.2.0"), "it was recalled.")),
            "Fleet kiosks: version 1.2.0 is ordered, and is not taken here. it was recalled."
        );
        let mut lost = status(State::Idle, None, "");
        (lost.is_connected, lost.trouble) = (false, Some("no answer".to_owned()));
        assert_eq!(
            said(&lost),
            "Fleet kiosks: no version is ordered for this device. Its broker cannot be reached: no answer."
        );
    }
}
