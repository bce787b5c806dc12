//! What is said of a decision.

use rollout::contract::Unmet;
use rollout::{Blocked, Decision, Version};

use super::Here;
use crate::follow::Word;
use crate::releases::By;
use crate::status::CheckReport;

/// The decision's own words, unless it takes somebody back from what was recalled: that is not newer.
pub(super) fn of(decision: &Decision, word: &Word, here: &Here) -> String {
    let recalled = |version: &&Version| {
        let terms = word.terms.as_ref();
        terms.is_some_and(|terms| terms.manifest.recalls(version))
    };
    let pointer = here.snapshot.pointer.as_ref();
    let had = here.running.iter().chain(pointer.map(|it| &it.version));
    match decision {
        Decision::Stage(version, _) => had
            .filter(recalled)
            .find(|had| had.is_newer_than(version))
            .map(|had| format!("Version {version} takes the place of {had}, which was recalled")),
        _ => None,
    }
    .unwrap_or_else(|| decision.to_string())
}

/// What is staged and would not be launched is not said to be ready.
pub(super) fn admit_blocked(by: By, blocked: Blocked, report: &mut CheckReport) {
    // A person's own check is all that it takes for a turn that has not come.
    let counts = by == By::Timer || !matches!(blocked, Blocked::Held { .. } | Blocked::Withdrawn);
    if report.reason == "already-staged"
        && counts
        && let Some(version) = &report.version
    {
        report.decision = "hold";
        report.message = format!("Version {version} is staged and {blocked}");
        blocked.reason().clone_into(&mut report.reason);
    }
}

/// Nor is what asks for more than this app offers.
pub(super) fn admit_unmet(unmet: &Unmet, report: &mut CheckReport) {
    if report.reason == "already-staged"
        && let Some(version) = &report.version
    {
        report.decision = "hold";
        report.message = format!("Version {version} is staged and {unmet}");
        unmet.code().clone_into(&mut report.reason);
    }
}
