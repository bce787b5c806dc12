//! Why a device does or does not get the newest version: every gate's own word, and the decision
//! that a check would come to.
//!
//! ```text
//! ExplainFacts ─► offer ─► decide ─► headline ─► Explanation { decision, reason, gates, when the next opens }
//!       └──────► gates: updates · trust · expiry · clock · recall · pin · turn · critical ·
//!                       experimental · newer · bad · staged · age · engines · first-launch
//! ```

mod age;
mod gates;
mod headline;
mod setting;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

pub use setting::{Setting, settings};

use crate::{
    BadEntry, Blocked, Candidate, Decision, Engines, Facts, Host, Integrity, Launcher, MinimumAge,
    Offer, OfferFacts, PackageName, StageReason, Standing, Terms, Version, Waiting, decide, offer,
    ramp, worth_asking,
};

/// Everything that is known, and where from.
#[derive(Debug, Clone, Copy)]
pub struct ExplainFacts<'a> {
    /// Whether switches and store are this very device's; of another's nothing is known.
    pub here: bool,
    /// Why nothing happens by itself here, in words; nothing where it does.
    pub off: Option<&'a str>,
    /// Whom this device believes.
    pub believes: Believes<'a>,
    /// The last verified manifest.
    pub terms: Option<&'a Terms>,
    /// The device's id, where it has one.
    pub device: Option<&'a str>,
    /// What the clock says.
    pub clock: Timestamp,
    /// When this build was made; nothing where the time is to be taken as it is.
    pub built: Option<Timestamp>,
    /// Whether this device takes the newest without waiting for its turn.
    pub experimental: bool,
    /// The one version that this device is to have.
    pub pin: Option<&'a Version>,
    /// What is known of a version that could be staged, where anything is.
    pub candidate: Option<&'a Candidate>,
    /// The version inside the installer.
    pub bundled: &'a Version,
    /// The version that runs, or would.
    pub running: Option<&'a Version>,
    /// What the pointer names, where it names a stored version.
    pub pointer: Option<Pointed<'a>>,
    /// Versions that failed here.
    pub bad: &'a [BadEntry],
    /// What `engines` are judged against, where it is known.
    pub host: Option<&'a Host>,
    /// How old an administrator wants releases to be.
    pub minimum_age: Option<Duration>,
    /// When this device first saw a version.
    pub first_seen: &'a [(Version, Timestamp)],
    /// What counts of settings that several may make.
    pub settings: &'a [Setting],
    /// Where all this is from.
    pub sources: Sources<'a>,
}

/// Whom a device believes about versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Believes<'a> {
    /// The registry's tag.
    Registry,
    /// A manifest, as its host sends it.
    Manifest,
    /// A signed repository.
    Signed,
    /// A manifest that is given, to see what it would mean.
    Given,
    /// Nobody, although a signed repository is configured: why.
    Nobody(&'a str),
}

/// What the pointer names.
#[derive(Debug, Clone, Copy)]
pub struct Pointed<'a> {
    /// Its version.
    pub version: &'a Version,
    /// The sha512 of its tarball.
    pub integrity: &'a Integrity,
    /// When it was staged.
    pub staged_at: Timestamp,
    /// Whether no launch of it has become ready yet, and if so, whether nobody asked for it.
    pub waits: Option<Gated>,
}

/// Whether the rollout gate counts for what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gated {
    /// A timer staged it.
    Yes,
    /// A person asked for it.
    No,
}

/// Who said what: an option, a variable, a file.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Whether updates are on.
    pub off: &'a str,
    /// Whom to believe.
    pub trust: &'a str,
    /// Which version alone.
    pub pin: &'a str,
    /// The manifest.
    pub terms: &'a str,
    /// The device's id.
    pub device: &'a str,
    /// The time.
    pub time: &'a str,
    /// Whether to wait for a turn.
    pub experimental: &'a str,
    /// How old releases must be.
    pub age: &'a str,
    /// The version that runs.
    pub running: &'a str,
    /// What is staged, and what failed.
    pub store: &'a str,
    /// What is known of the version that could be staged.
    pub candidate: &'a str,
}

/// What one gate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// Which: `updates`, `turn`, `engines`, ….
    pub name: &'static str,
    /// What it comes to.
    pub verdict: Verdict,
    /// Why, in words.
    pub why: String,
    /// Where that is from.
    pub source: String,
    /// When it opens, where that is known.
    pub opens_at: Option<Timestamp>,
}

/// What a gate comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It lets the version through.
    Open,
    /// It would not, and this device is let past it.
    Past,
    /// It does not.
    Closed,
    /// What it would say is not known here.
    Unknown,
    /// It has no say.
    Idle,
}

/// Why a device does or does not get the newest version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `stage`, `hold` or `none`: what a check that nobody asks for would come to.
    pub decision: &'static str,
    /// The version it is about.
    pub version: Option<Version>,
    /// The reason's code.
    pub reason: &'static str,
    /// The reason in words.
    pub message: String,
    /// This device's bucket for the manifest's version.
    pub bucket: Option<u8>,
    /// How long it waits after the publication, in seconds.
    pub delay_seconds: Option<u32>,
    /// When its turn is, or was; nothing where it is never.
    pub eligible_at: Option<Timestamp>,
    /// Whether it is let past its turn.
    pub bypassed: bool,
    /// The corrected time that all this is for.
    pub at: Timestamp,
    /// The gate that opens next by time alone, and when.
    pub next: Option<Opening>,
    /// Every gate, in the order in which they are asked.
    pub gates: Vec<Gate>,
    /// What counts of settings that several may make, and whose word it is.
    pub settings: Vec<Setting>,
}

/// A gate that opens by time alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opening {
    /// Which.
    pub gate: &'static str,
    /// When.
    pub at: Timestamp,
}

/// What was found out on the way.
#[derive(Debug, Clone, Copy)]
struct Findings<'a> {
    facts: &'a ExplainFacts<'a>,
    /// The corrected time.
    now: Timestamp,
    standing: Option<Standing>,
    offer: &'a Offer,
    bypassed: bool,
    /// Whether the candidate is really known.
    known: bool,
    /// What is left to be said of what waits.
    blocked: Option<Blocked>,
    /// How old what is offered must be, and is.
    age: Option<MinimumAge>,
}

impl<'a> Findings<'a> {
    /// What runs here, or is staged, and must not run. Where the next start is what counts as running,
    /// that has been passed over already.
    fn recalled_here(&self) -> Option<&'a Version> {
        let manifest = &self.facts.terms?.manifest;
        let pointed = self.facts.pointer.map(|pointer| pointer.version);
        let mut here = [self.facts.running, pointed].into_iter().flatten();
        here.find(|version| manifest.recalls(version))
    }
}

/// What every gate says, and what a check that nobody asks for would come to.
pub fn explain(facts: &ExplainFacts<'_>) -> Explanation {
    let now = match facts.built {
        Some(built) => Terms::corrected(facts.terms, facts.clock, built),
        None => facts.clock,
    };
    let terms = facts.terms;
    let standing = terms.map(|terms| Standing::of(&terms.manifest, facts.device));
    let (offered, bypassed) = offered(facts, now);
    let recalled = terms.map_or(&[][..], |terms| &terms.manifest.recalled);
    let anything = Host {
        node: crate::NodeFact::NotUsed,
        shell: facts.bundled.clone(),
    };
    let mut question = Facts {
        offer: &offered,
        candidate: None,
        bundled: facts.bundled,
        running: facts.running,
        staged: facts.pointer.map(|it| (it.version, it.integrity)),
        staged_blocked: blocked(facts, now).is_some(),
        bad: facts.bad,
        recalled,
        host: facts.host.unwrap_or(&anything),
        minimum_age: None,
    };
    let unlimited = facts.candidate.map(|it| &it.version);
    let age = age::of(facts, offered.version().or(unlimited), now);
    question.minimum_age = age;
    let wanted = worth_asking(&question).cloned();
    let about = match &wanted {
        Some(version) => facts.candidate.filter(|it| it.version == *version),
        None if matches!(offered, Offer::Unlimited(_)) => facts.candidate,
        None => None,
    };
    let stand_in = match (about, &wanted) {
        (None, Some(version)) => stand_in(facts, version),
        _ => None,
    };
    question.candidate = about.or(stand_in.as_ref());
    let findings = Findings {
        facts,
        now,
        standing,
        offer: &offered,
        bypassed,
        known: about.is_some(),
        blocked: blocked(facts, now),
        age,
    };
    told(&findings, &decide(&question))
}

fn offered(facts: &ExplainFacts<'_>, now: Timestamp) -> (Offer, bool) {
    match (facts.terms, facts.pin) {
        (Some(terms), pin) => offer(&OfferFacts {
            manifest: &terms.manifest,
            device: facts.device,
            now,
            by_person: false,
            experimental: facts.experimental,
            pin,
        }),
        (None, Some(_)) => (Offer::Unlimited(StageReason::Pinned), false),
        (None, None) => (Offer::Unlimited(StageReason::NoManifest), false),
    }
}

/// A version of which nothing is known here suits; where it failed here, it is taken to be the same.
fn stand_in(facts: &ExplainFacts<'_>, version: &Version) -> Option<Candidate> {
    let listed = facts.bad.iter().rev().find(|bad| bad.version == *version);
    let package = facts
        .terms
        .and_then(|terms| terms.manifest.package.clone())
        .or_else(|| "unknown".parse::<PackageName>().ok())?;
    Some(Candidate {
        package,
        version: version.clone(),
        integrity: listed.map_or_else(
            || Integrity::from_digest([0; 64]),
            |bad| bad.integrity.clone(),
        ),
        engines: Engines::default(),
        tarball: String::new(),
        unpacked_size: None,
    })
}

/// Why what waits would not be launched for the first time.
fn blocked(facts: &ExplainFacts<'_>, now: Timestamp) -> Option<Blocked> {
    let pointed = facts.pointer?;
    let terms = facts.terms?;
    if terms.manifest.recalls(pointed.version) {
        return Some(Blocked::Recalled);
    }
    let waiting = Waiting {
        version: pointed.version,
        staged_at: pointed.staged_at,
        gated: pointed.waits? == Gated::Yes,
    };
    let launcher = Launcher {
        device: facts.device,
        now,
        by_person: false,
        experimental: facts.experimental,
    };
    terms.judge(&waiting, &launcher).err()
}

fn told(findings: &Findings<'_>, decision: &Decision) -> Explanation {
    let now = findings.now;
    let (kind, reason, message) = headline::headline(findings, decision);
    // What nobody is believed about is no news of any version.
    let version = decision
        .version()
        .filter(|_| !matches!(reason, "no-trust" | "not-heard"))
        .cloned();
    let gates = gates::all(findings, version.as_ref());
    let next = gates
        .iter()
        // Where there is nothing to do, no gate opens onto anything.
        .filter(|gate| gate.verdict == Verdict::Closed && kind != "none")
        .filter_map(|gate| {
            let at = gate.opens_at.filter(|at| *at > now)?;
            Some(Opening {
                gate: gate.name,
                at,
            })
        })
        .min_by_key(|opening| opening.at);
    Explanation {
        decision: kind,
        version,
        reason,
        message,
        bucket: findings.standing.and_then(|it| it.bucket),
        delay_seconds: findings.standing.map(|it| it.delay_seconds),
        eligible_at: findings
            .standing
            .and_then(|it| it.eligible_at)
            .filter(|at| *at < ramp::never()),
        bypassed: findings.bypassed,
        at: now,
        next,
        gates,
        settings: findings.facts.settings.to_vec(),
    }
}

#[cfg(test)]
mod tests;
