//! How devices stand, in words.

use fleet::{Standing, State};

use crate::rollouts::words::plain;

/// A state's name, as in JSON.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Arrived => "arrived",
        State::Waiting => "waiting",
        State::Staging => "staging",
        State::Staged => "staged",
        State::Swapping => "swapping",
        State::Refused => "refused",
        State::Trouble => "trouble",
        State::Off => "off",
        State::Halted => "halted",
    }
}

/// What runs.
pub(super) fn version(version: Option<&rollout::Version>) -> String {
    version.map_or("nothing".to_owned(), ToString::to_string)
}

/// `1.2.0, staging (is to have 1.3.0): why`.
pub(super) fn standing(standing: &Standing) -> String {
    let runs = version(standing.version.as_ref());
    let mut text = format!("{runs}, {}", state(standing.state));
    if let Some(target) = &standing.target
        && standing.target != standing.version
    {
        text.extend([" (is to have ", target.as_str(), ")"]);
    }
    if let Some(why) = why(standing) {
        text.push_str(": ");
        text.push_str(&why);
    }
    text
}

/// The reason, with its words.
pub(super) fn why(standing: &Standing) -> Option<String> {
    let (reason, detail) = (plain(&standing.reason), plain(&standing.detail));
    match (reason.is_empty(), detail.is_empty()) {
        (true, true) => None,
        (false, true) => Some(reason),
        (true, false) => Some(detail),
        (false, false) => Some(format!("{reason}: {detail}")),
    }
}
