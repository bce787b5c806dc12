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
    let ordered = runtime.target.as_ref().map_or_else(
        || "no version is ordered for this device".to_owned(),
        |version| format!("version {version} is ordered"),
    );
    let how = match runtime.state {
        State::Idle => "",
        State::Arrived => ", and runs",
        State::Waiting if runtime.reason.is_empty() => "; its moment comes within the window",
        State::Waiting => ", and waits",
        State::Staging => ", and being fetched",
        State::Staged => ", and waits for a restart",
        State::Swapping => ", and being started",
        State::Refused => ", and is not taken here",
        State::Trouble => ", and could not be fetched yet",
        State::Off => "; orders are not followed here",
        State::Halted => "; nothing runs on this device",
    };
    let mut words = format!("Fleet {fleet}: {ordered}{how}.");
    let mut add = |sentence: &str| {
        words.push(' ');
        let mut letters = sentence.trim_end_matches('.').chars();
        words.extend(letters.next().map(|first| first.to_uppercase().to_string()));
        words.push_str(letters.as_str());
        words.push('.');
    };
    if !runtime.detail.is_empty() {
        add(&runtime.detail);
    }
    if let Some(trouble) = status.trouble.as_ref().filter(|_| !status.is_connected) {
        add(&format!("its broker cannot be reached: {trouble}"));
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
            "Fleet kiosks: version 1.2.0 is ordered, and is not taken here. It was recalled."
        );
        let mut lost = status(State::Idle, None, "");
        (lost.is_connected, lost.trouble) = (false, Some("no answer".to_owned()));
        assert_eq!(
            said(&lost),
            "Fleet kiosks: no version is ordered for this device. Its broker cannot be reached: no answer."
        );
    }
}
