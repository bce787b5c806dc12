//! How old a version must be here, and how old it is.

use jiff::Timestamp;

use super::{ExplainFacts, Findings, Gate, Verdict};
use crate::{MinimumAge, Version};

/// What is known of the age of `version`, where an administrator wants it to have one: counted from
/// its publication where the manifest that names it says that, else from when it was first seen here.
pub(super) fn of(
    facts: &ExplainFacts<'_>,
    version: Option<&Version>,
    now: Timestamp,
) -> Option<MinimumAge> {
    let (least, version) = (facts.minimum_age?, version?);
    let manifest = facts.terms.map(|terms| &terms.manifest);
    let published = manifest
        .filter(|manifest| manifest.version == *version)
        .and_then(|manifest| manifest.published_at);
    let seen = facts.first_seen.iter().find(|(seen, _)| seen == version);
    Some(MinimumAge {
        least,
        since: published.or(seen.map(|(_, at)| *at)),
        now,
    })
}

pub(super) fn gate(findings: &Findings<'_>) -> Gate {
    let (verdict, why, opens_at) = match (findings.facts.minimum_age, findings.age) {
        (None, _) => (Verdict::Idle, "releases may be new".to_owned(), None),
        (Some(_), None) => (
            Verdict::Unknown,
            "no version is known to be offered".to_owned(),
            None,
        ),
        (Some(_), Some(age)) => {
            let least = humantime::format_duration(age.least);
            let since = age.since.map_or_else(
                || "it was not seen here before".to_owned(),
                |since| format!("its age counts from {since}"),
            );
            match age.until() {
                None => (
                    Verdict::Open,
                    format!("it is at least {least} old: {since}"),
                    None,
                ),
                Some(until) => (
                    Verdict::Closed,
                    format!("it must be {least} old: {since}"),
                    Some(until).filter(|until| *until < Timestamp::MAX),
                ),
            }
        }
    };
    Gate {
        name: "age",
        verdict,
        why,
        source: findings.facts.sources.age.to_owned(),
        opens_at,
    }
}
