//! What is said first: the decision, unless a gate that a check knows nothing of comes before it.

use super::{Believes, Findings};
use crate::{Decision, Offer, ramp};

/// A decision, its reason's code, and the reason in words.
pub(super) type Headline = (&'static str, &'static str, String);

/// What a check that nobody asks for would come to.
pub(super) fn headline(findings: &Findings<'_>, decision: &Decision) -> Headline {
    let facts = findings.facts;
    if let Believes::Nobody(why) = facts.believes {
        return (
            "none",
            "no-trust",
            format!("No publisher is believed here: {why}"),
        );
    }
    let (kind, reason, message) = not_heard(findings)
        .or_else(|| halted(findings, decision))
        .or_else(|| expired_or_blocked(findings, decision))
        .or_else(|| recalled_here(findings, decision))
        .unwrap_or_else(|| (decision.kind(), decision.reason(), decision.to_string()));
    match facts.off.filter(|_| facts.here && kind == "stage") {
        Some(off) => ("hold", "updates-off", format!("{message}, but {off}")),
        None => (kind, reason, message),
    }
}

/// Where nothing was heard, nothing is known: neither that there is something newer nor that there is not.
fn not_heard(findings: &Findings<'_>) -> Option<Headline> {
    let facts = findings.facts;
    let what = match facts.believes {
        _ if facts.terms.is_some() => return None,
        Believes::Signed => "Nothing signed was heard yet, and nothing else counts",
        // Without a manifest the registry's word counts, where that is known.
        _ if facts.candidate.is_some() => return None,
        Believes::Manifest | Believes::Given => {
            "No manifest was heard yet, and what the registry names is not known here"
        }
        _ => "Nothing was heard yet: what the registry names is not known here",
    };
    Some(("none", "not-heard", what.to_owned()))
}

/// Who is to have nothing because of a halt has no turn to wait for.
fn halted(findings: &Findings<'_>, decision: &Decision) -> Option<Headline> {
    let manifest = &findings.facts.terms?.manifest;
    let never = manifest.published_at.is_some_and(|at| at >= ramp::never());
    let is_it = decision.kind() == "hold" && decision.reason() == "held";
    (never && is_it).then(|| {
        let message = format!(
            "Version {} is halted: nobody's turn comes before it is resumed",
            manifest.version
        );
        ("hold", "halted", message)
    })
}

fn expired_or_blocked(findings: &Findings<'_>, decision: &Decision) -> Option<Headline> {
    let version = decision.version()?;
    let expired = findings.facts.terms?.expired(findings.now);
    if let Some(since) = expired.filter(|_| decision.kind() == "stage") {
        let message = format!(
            "Version {version} is newer, but the signed manifest that names it expired at {since}"
        );
        return Some(("hold", "expired", message));
    }
    let blocked = findings
        .blocked
        .filter(|_| decision.reason() == "already-staged")?;
    let message = format!("Version {version} is staged and {blocked}");
    Some(("hold", blocked.reason(), message))
}

/// Whoever has what must not run goes to what need not be newer.
fn recalled_here(findings: &Findings<'_>, decision: &Decision) -> Option<Headline> {
    let here = findings.recalled_here()?;
    let version = decision.version()?;
    let taken = matches!(findings.offer, Offer::Take { .. });
    (taken && decision.kind() == "stage" && !version.is_newer_than(here)).then(|| {
        let message =
            format!("Version {here}, which is here, was recalled: {version} takes its place");
        (decision.kind(), decision.reason(), message)
    })
}
