//! What each gate says.

use super::{Believes, Findings, Gate, Verdict, age};
use crate::{Blocked, Manifest, Terms, Version, ramp};

use Verdict::{Closed, Idle, Open, Past, Unknown};

/// Every gate, in the order in which they are asked. `about` is the version that the decision names.
pub(super) fn all(findings: &Findings<'_>, about: Option<&Version>) -> Vec<Gate> {
    vec![
        updates(findings),
        trust(findings),
        expiry(findings),
        clock(findings),
        recall(findings),
        pin(findings),
        turn(findings),
        critical(findings),
        experimental(findings),
        newer(findings, about),
        bad(findings, about),
        staged(findings, about),
        age::gate(findings),
        engines(findings),
        first_launch(findings),
    ]
}

fn gate(name: &'static str, source: &str, (verdict, why): (Verdict, String)) -> Gate {
    Gate {
        name,
        verdict,
        why,
        source: source.to_owned(),
        opens_at: None,
    }
}

fn updates(findings: &Findings<'_>) -> Gate {
    let says = match findings.facts.off {
        _ if !findings.facts.here => elsewhere(),
        None => (Open, "this device updates by itself".to_owned()),
        Some(why) => (Closed, why.to_owned()),
    };
    gate("updates", findings.facts.sources.off, says)
}

/// Another device's switches and store are not looked at.
fn elsewhere() -> (Verdict, String) {
    (Unknown, "nothing is known of that device itself".to_owned())
}

fn trust(findings: &Findings<'_>) -> Gate {
    let facts = findings.facts;
    let says = match (facts.believes, facts.terms) {
        (Believes::Nobody(why), _) => (Closed, why.to_owned()),
        (Believes::Registry, None) => (
            Idle,
            "the registry's tag is believed, and nothing is rolled out".to_owned(),
        ),
        (Believes::Given, Some(terms)) => (Open, format!("{} is taken as it is", terms.source)),
        (_, Some(terms)) => (Open, heard(terms)),
        (Believes::Manifest | Believes::Given, None) => (
            Unknown,
            "no manifest was heard yet; without one the registry's tag counts".to_owned(),
        ),
        (Believes::Signed, None) => (
            Unknown,
            "nothing signed was heard yet, and nothing else counts".to_owned(),
        ),
    };
    gate("trust", facts.sources.trust, says)
}

fn heard(terms: &Terms) -> String {
    let how = if terms.signed {
        "signed"
    } else {
        "as its host sent it"
    };
    format!(
        "{} is believed, {how}, found so at {}",
        terms.source, terms.verified_at
    )
}

fn expiry(findings: &Findings<'_>) -> Gate {
    let terms = findings.facts.terms;
    let says = match terms.and_then(|terms| terms.expires) {
        None => (Idle, "nothing here expires".to_owned()),
        Some(at) if at <= findings.now => (
            Closed,
            format!("what was signed expired at {at}; what runs goes on, nothing new begins"),
        ),
        Some(at) => (Open, format!("what was signed holds until {at}")),
    };
    gate("expiry", findings.facts.sources.terms, says)
}

fn clock(findings: &Findings<'_>) -> Gate {
    let facts = findings.facts;
    let (clock, now) = (facts.clock, findings.now);
    let says = if now == clock {
        (Open, format!("it is {now}"))
    } else {
        (
            Past,
            format!(
                "the clock says {clock}, which is before this build or before what was signed last: {now} counts"
            ),
        )
    };
    gate("clock", facts.sources.time, says)
}

fn recall(findings: &Findings<'_>) -> Gate {
    let facts = findings.facts;
    let says = match facts.terms.map(|terms| &terms.manifest) {
        None => (Idle, "no manifest recalls anything".to_owned()),
        Some(manifest) => recalled(manifest, findings.recalled_here(), facts.pin),
    };
    gate("recall", facts.sources.terms, says)
}

fn recalled(
    manifest: &Manifest,
    here: Option<&Version>,
    pin: Option<&Version>,
) -> (Verdict, String) {
    let stable = manifest.usable_stable();
    let to = stable.map_or_else(|| "the bundled version".to_owned(), ToString::to_string);
    let newest = pin.unwrap_or(&manifest.version);
    if manifest.recalls(newest) {
        (Closed, format!("{newest} was recalled by its publisher"))
    } else if let Some(here) = here {
        let why =
            format!("{here}, which is here, was recalled: the next launch goes to {to} or newer");
        (Open, why)
    } else {
        (Open, format!("{newest} is not recalled"))
    }
}

fn pin(findings: &Findings<'_>) -> Gate {
    let facts = findings.facts;
    let newest = facts.terms.map(|terms| &terms.manifest.version);
    let says = match (facts.pin, newest) {
        (None, _) => (Idle, "this device is to have the newest".to_owned()),
        (Some(pin), Some(newest)) if newest != pin => (
            Closed,
            format!("this device is to have {pin} and nothing else"),
        ),
        (Some(pin), _) => (Open, format!("this device is to have {pin}")),
    };
    gate("pin", facts.sources.pin, says)
}

fn turn(findings: &Findings<'_>) -> Gate {
    let facts = findings.facts;
    let (Some(terms), Some(standing)) = (facts.terms, findings.standing) else {
        let says = (Idle, "nothing is rolled out in batches".to_owned());
        return gate("turn", facts.sources.terms, says);
    };
    let manifest = &terms.manifest;
    let source = format!("{}, {}", facts.sources.terms, facts.sources.device);
    let place = match standing.bucket {
        Some(bucket) => format!("bucket {bucket} of {}", manifest.version),
        None => format!("no device id, so the slowest batch of {}", manifest.version),
    };
    let wait = format!("waits {} s", standing.delay_seconds);
    let Some(at) = standing.eligible_at else {
        let says = (Open, format!("{place}: everyone may have it"));
        return gate("turn", &source, says);
    };
    let came = standing.admits(findings.now);
    let never = manifest
        .published_at
        .is_some_and(|from| from >= ramp::never());
    let verdict = match (came, facts.pin) {
        // Neither a pinned device nor a recalled version has a turn.
        (_, Some(_)) => Idle,
        _ if manifest.recalls(&manifest.version) => Idle,
        (true, None) => Open,
        (false, None) if findings.bypassed => Past,
        (false, None) => Closed,
    };
    let why = if never {
        format!(
            "{} is halted: nobody's turn comes before it is resumed",
            manifest.version
        )
    } else if came {
        format!("{place} {wait}: its turn came at {at}")
    } else {
        format!("{place} {wait}: its turn is at {at}")
    };
    Gate {
        opens_at: Some(at).filter(|_| !never && verdict != Idle),
        ..gate("turn", &source, (verdict, why))
    }
}

fn critical(findings: &Findings<'_>) -> Gate {
    let says = match findings.facts.terms {
        Some(terms) if terms.manifest.critical => (
            past_if(findings),
            format!("{} is for everyone at once", terms.manifest.version),
        ),
        _ => (Idle, "the newest is not critical".to_owned()),
    };
    gate("critical", findings.facts.sources.terms, says)
}

fn experimental(findings: &Findings<'_>) -> Gate {
    let says = if findings.facts.experimental {
        (
            past_if(findings),
            "this device does not wait for its turn".to_owned(),
        )
    } else {
        (Idle, "this device waits for its turn".to_owned())
    };
    gate("experimental", findings.facts.sources.experimental, says)
}

fn past_if(findings: &Findings<'_>) -> Verdict {
    if findings.bypassed { Past } else { Idle }
}

/// The version that is offered, in place of the newest where that is withheld.
fn offered<'a>(findings: &Findings<'a>) -> Option<&'a Version> {
    let known = findings.facts.candidate.map(|it| &it.version);
    findings.offer.version().or(known)
}

fn newer(findings: &Findings<'_>, about: Option<&Version>) -> Gate {
    let facts = findings.facts;
    let is_recalled = |version| facts.terms.is_some_and(|it| it.manifest.recalls(version));
    let running = facts
        .running
        .filter(|it| it.is_newer_than(facts.bundled) && !is_recalled(it))
        .unwrap_or(facts.bundled);
    let newest = facts
        .terms
        .map(|terms| &terms.manifest.version)
        .filter(|_| facts.pin.is_none());
    let says = match offered(findings).or(about) {
        None => (Unknown, "no version is known to be offered".to_owned()),
        Some(version) => {
            let instead = if newest.is_some_and(|newest| newest != version) {
                ", which it may have meanwhile,"
            } else {
                ""
            };
            if version.is_newer_than(running) {
                (Open, format!("{version}{instead} is newer than {running}"))
            } else {
                (
                    Closed,
                    format!("{version}{instead} is not newer than {running}"),
                )
            }
        }
    };
    gate("newer", facts.sources.running, says)
}

fn bad(findings: &Findings<'_>, about: Option<&Version>) -> Gate {
    let facts = findings.facts;
    let version = offered(findings).or(about);
    let listed = facts
        .bad
        .iter()
        .rev()
        .find(|bad| Some(&bad.version) == version);
    let says = match listed {
        _ if !facts.here => elsewhere(),
        None => (Open, "it never failed here".to_owned()),
        Some(bad) => {
            let why = format!("{} was listed at {}: {}", bad.version, bad.at, bad.reason);
            let candidate = facts.candidate.filter(|it| it.version == bad.version);
            match candidate {
                Some(candidate) if candidate.integrity != bad.integrity => {
                    (Open, format!("{why}, with other content"))
                }
                Some(_) => (Closed, why),
                None => (Closed, format!("{why}; unless its content is another now")),
            }
        }
    };
    gate("bad", facts.sources.store, says)
}

fn staged(findings: &Findings<'_>, about: Option<&Version>) -> Gate {
    let facts = findings.facts;
    let version = offered(findings).or(about);
    let says = match facts.pointer {
        _ if !facts.here => elsewhere(),
        None => (Open, "nothing is staged".to_owned()),
        Some(pointed) if Some(pointed.version) == version => (
            Closed,
            match pointed.waits {
                Some(_) => format!("{} is staged and waits for a start", pointed.version),
                None => format!("{} is here", pointed.version),
            },
        ),
        Some(pointed) => match version {
            Some(version) if pointed.version.is_newer_than(version) => (
                Closed,
                format!("{}, which is staged, is newer", pointed.version),
            ),
            _ => (
                Open,
                format!("{} is staged, which is older", pointed.version),
            ),
        },
    };
    gate("staged", facts.sources.store, says)
}

fn engines(findings: &Findings<'_>) -> Gate {
    let facts = findings.facts;
    let candidate = facts.candidate.filter(|_| findings.known);
    let says = match (candidate, facts.host) {
        (Some(candidate), Some(host)) => match candidate.engines.suit(host) {
            Ok(()) => (Open, format!("{} suits this host", candidate.version)),
            Err(unsuitable) => (Closed, format!("{} {unsuitable}", candidate.version)),
        },
        _ => (
            Unknown,
            "what it needs of its host is asked for when it is fetched".to_owned(),
        ),
    };
    gate("engines", facts.sources.candidate, says)
}

fn first_launch(findings: &Findings<'_>) -> Gate {
    let facts = findings.facts;
    let waits = facts.pointer.filter(|pointed| pointed.waits.is_some());
    let says = match (waits, findings.blocked) {
        _ if !facts.here => elsewhere(),
        (Some(pointed), Some(blocked)) => (Closed, format!("{} {blocked}", pointed.version)),
        (Some(pointed), None) => (Open, format!("{} may be started", pointed.version)),
        (None, _) => (Idle, "nothing waits for its first start".to_owned()),
    };
    let opens_at = match findings.blocked {
        Some(Blocked::Held { eligible_at }) => eligible_at.filter(|at| *at < ramp::never()),
        _ => None,
    };
    Gate {
        opens_at: opens_at.filter(|_| waits.is_some()),
        ..gate("first-launch", facts.sources.store, says)
    }
}
