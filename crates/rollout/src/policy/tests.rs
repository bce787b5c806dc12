use super::*;
use crate::{BadReason, Engines, NodeFact};

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn candidate(version: &str) -> Candidate {
    Candidate {
        package: "demo".parse().unwrap(),
        version: v(version),
        integrity: Integrity::from_digest([9; 64]),
        engines: Engines::default(),
        tarball: "http://127.0.0.1/demo.tgz".to_owned(),
        unpacked_size: None,
    }
}

struct Device {
    latest: Option<Candidate>,
    bundled: Version,
    running: Option<Version>,
    staged: Option<(Version, Integrity)>,
    staged_blocked: bool,
    bad: Vec<BadEntry>,
    recalled: Vec<Version>,
    host: Host,
    offer: Offer,
}

impl Device {
    fn offered(version: &str) -> Self {
        Self {
            latest: Some(candidate(version)),
            bundled: v("1.0.0"),
            running: None,
            staged: None,
            staged_blocked: false,
            bad: vec![],
            recalled: vec![],
            offer: Offer::Unlimited(StageReason::NoManifest),
            host: Host {
                node: NodeFact::Is(v("22.0.0")),
                shell: v("1.0.0"),
            },
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            offer: &self.offer,
            candidate: self.latest.as_ref(),
            bundled: &self.bundled,
            running: self.running.as_ref(),
            staged: self.staged.as_ref().map(|(v, i)| (v, i)),
            staged_blocked: self.staged_blocked,
            bad: &self.bad,
            recalled: &self.recalled,
            host: &self.host,
            minimum_age: None,
        }
    }

    fn decide(&self) -> (&'static str, &'static str) {
        let decision = decide(&self.facts());
        (decision.kind(), decision.reason())
    }

    /// With a manifest's offer, asked of the source only where that is worth it.
    fn decide_on(mut self, offer: Offer) -> (&'static str, String, &'static str) {
        self.offer = offer;
        self.latest = worth_asking(&self.facts()).map(|it| candidate(it.as_str()));
        let decision = decide(&self.facts());
        let version = decision.version().map(ToString::to_string);
        (
            decision.kind(),
            version.unwrap_or_default(),
            decision.reason(),
        )
    }
}

#[test]
fn a_newer_version_is_staged() {
    assert_eq!(Device::offered("1.1.0").decide(), ("stage", "no-manifest"));
}

#[test]
fn nothing_offered_is_nothing_to_do() {
    let device = Device {
        latest: None,
        ..Device::offered("1.1.0")
    };
    assert_eq!(device.decide(), ("none", "no-latest"));
}

#[test]
fn bundled_and_running_both_bound_from_below() {
    for old in ["1.0.0", "0.9.0", "1.0.0+build", "1.0.0-rc.1"] {
        assert_eq!(
            Device::offered(old).decide(),
            ("none", "not-newer"),
            "{old}"
        );
    }
    let device = Device {
        running: Some(v("1.2.0")),
        ..Device::offered("1.1.0")
    };
    assert_eq!(device.decide(), ("none", "not-newer"));
    // A shell that was upgraded past what runs is bounded by its own bundled version.
    let device = Device {
        running: Some(v("0.5.0")),
        ..Device::offered("0.9.0")
    };
    assert_eq!(device.decide(), ("none", "not-newer"));
}

#[test]
fn what_is_staged_is_not_staged_again_unless_its_content_changed() {
    let mut device = Device::offered("1.1.0");
    device.staged = Some((v("1.1.0"), Integrity::from_digest([9; 64])));
    assert_eq!(device.decide(), ("none", "already-staged"));
    device.staged = Some((v("1.1.0"), Integrity::from_digest([8; 64])));
    assert_eq!(device.decide(), ("stage", "no-manifest"));
}

#[test]
fn an_older_answer_never_replaces_a_newer_staged_version() {
    let mut device = Device::offered("1.1.0");
    device.staged = Some((v("1.2.0"), Integrity::from_digest([3; 64])));
    assert_eq!(device.decide(), ("none", "not-newer"));
}

#[test]
fn bad_is_by_content() {
    let mut device = Device::offered("1.1.0");
    device.bad.push(BadEntry {
        version: v("1.1.0"),
        integrity: Integrity::from_digest([9; 64]),
        reason: BadReason::ExitedBeforeReady,
        detail: String::new(),
        at: jiff::Timestamp::UNIX_EPOCH,
    });
    assert_eq!(device.decide(), ("hold", "bad-version"));
    // The pointer may still name it when the disk refused to be written.
    device.staged = Some((v("1.1.0"), Integrity::from_digest([9; 64])));
    assert_eq!(device.decide(), ("hold", "bad-version"));
    device.bad[0].integrity = Integrity::from_digest([1; 64]);
    device.staged = None;
    assert_eq!(device.decide(), ("stage", "no-manifest"));
}

#[test]
fn a_person_who_went_back_is_not_told_of_a_failure() {
    let words = |reason| Decision::Hold(v("1.1.0"), HoldReason::BadVersion(reason)).to_string();
    assert!(words(BadReason::CrashLoop).contains("failed here before"));
    assert!(words(BadReason::RolledBack).contains("You went back"));
}

#[test]
fn a_version_that_needs_another_host_is_held() {
    let mut device = Device::offered("1.1.0");
    device.latest.as_mut().unwrap().engines.node = Some(">=24".to_owned());
    assert_eq!(device.decide(), ("hold", "incompatible"));
}

fn instead(stable: &str, newest: &str, withheld: Withheld) -> Offer {
    let newest = v(newest);
    Offer::Take {
        version: v(stable),
        reason: StageReason::Instead { newest, withheld },
    }
}

fn nothing(newest: &str, withheld: Withheld) -> Offer {
    let newest = v(newest);
    Offer::Nothing { newest, withheld }
}

const HELD: Withheld = Withheld::Held { eligible_at: None };

fn running(version: &str) -> Device {
    Device {
        running: Some(v(version)),
        ..Device::offered("1.0.0")
    }
}

fn is(
    kind: &'static str,
    version: &str,
    reason: &'static str,
) -> (&'static str, String, &'static str) {
    (kind, version.to_owned(), reason)
}

#[test]
fn a_manifests_offer_is_staged_for_its_reason() {
    for (reason, code) in [
        (StageReason::Eligible, "eligible"),
        (StageReason::Experimental, "experimental"),
        (StageReason::Critical, "critical"),
        (StageReason::Pinned, "pinned"),
    ] {
        let version = v("1.2.0");
        let offer = Offer::Take { version, reason };
        assert_eq!(
            running("1.1.0").decide_on(offer),
            is("stage", "1.2.0", code)
        );
    }
}

#[test]
fn whoever_is_held_has_what_is_stable_and_then_waits() {
    let offer = || instead("1.2.0", "1.3.0", HELD);
    assert_eq!(
        running("1.1.0").decide_on(offer()),
        is("stage", "1.2.0", "held")
    );
    assert_eq!(
        running("1.2.0").decide_on(offer()),
        is("hold", "1.3.0", "held")
    );
    assert_eq!(
        running("1.3.0").decide_on(offer()),
        is("none", "1.3.0", "not-newer")
    );
    assert_eq!(
        running("1.1.0").decide_on(nothing("1.3.0", HELD)),
        is("hold", "1.3.0", "held")
    );
    assert_eq!(
        running("1.3.0").decide_on(nothing("1.3.0", HELD)),
        is("none", "1.3.0", "not-newer")
    );
}

#[test]
fn what_a_person_staged_waits_although_it_is_held() {
    let mut device = running("1.1.0");
    device.staged = Some((v("1.3.0"), Integrity::from_digest([9; 64])));
    assert_eq!(
        device.decide_on(nothing("1.3.0", HELD)),
        is("none", "1.3.0", "already-staged")
    );
}

#[test]
fn a_recalled_version_gives_way_to_an_older_one() {
    let device = || Device {
        recalled: vec![v("1.3.0")],
        staged: Some((v("1.3.0"), Integrity::from_digest([9; 64]))),
        ..running("1.3.0")
    };
    let stable = instead("1.2.0", "1.3.0", Withheld::Recalled);
    assert_eq!(device().decide_on(stable), is("stage", "1.2.0", "recalled"));
    let gone = nothing("1.3.0", Withheld::Recalled);
    assert_eq!(device().decide_on(gone), is("hold", "1.3.0", "recalled"));
    // What is bundled needs no staging.
    let bundled = instead("1.0.0", "1.3.0", Withheld::Recalled);
    assert_eq!(device().decide_on(bundled), is("hold", "1.3.0", "recalled"));
}

#[test]
fn a_halt_downgrades_nobody() {
    let version = v("1.1.0");
    let reason = StageReason::Eligible;
    let halted = Offer::Take { version, reason };
    assert_eq!(
        running("1.2.0").decide_on(halted),
        is("none", "1.1.0", "not-newer")
    );
}

#[test]
fn a_pin_says_so_when_there_is_nothing_to_do() {
    let to = v("1.1.0");
    let offer = instead("1.1.0", "1.2.0", Withheld::Pinned { to });
    assert_eq!(
        running("1.1.0").decide_on(offer),
        is("hold", "1.2.0", "pinned")
    );
    let version = v("1.1.0");
    let reason = StageReason::Pinned;
    let offer = Offer::Take { version, reason };
    assert_eq!(
        running("1.2.0").decide_on(offer),
        is("none", "1.1.0", "pinned")
    );
}

#[test]
fn nobody_is_asked_about_what_changes_nothing() {
    let ask = |device: Device, offer: Offer| {
        let device = Device { offer, ..device };
        worth_asking(&device.facts()).map(ToString::to_string)
    };
    let take = |version: &str| Offer::Take {
        version: v(version),
        reason: StageReason::Eligible,
    };
    assert_eq!(
        ask(running("1.1.0"), take("1.2.0")).as_deref(),
        Some("1.2.0")
    );
    assert_eq!(ask(running("1.2.0"), take("1.2.0")), None);
    assert_eq!(ask(running("1.1.0"), nothing("1.2.0", HELD)), None);
    let mut waiting = running("1.1.0");
    waiting.staged = Some((v("1.2.0"), Integrity::from_digest([9; 64])));
    assert_eq!(ask(waiting, take("1.2.0")), None);
}

#[test]
fn a_version_that_the_source_does_not_have_is_not_staged() {
    let mut device = running("1.1.0");
    device.latest = None;
    device.offer = Offer::Take {
        version: v("1.2.0"),
        reason: StageReason::Eligible,
    };
    assert_eq!(device.decide(), ("none", "no-latest"));
    device.latest = Some(candidate("1.2.1"));
    assert_eq!(device.decide(), ("none", "no-latest"));
}

#[test]
fn a_withdrawn_version_that_waits_is_in_nobodys_way() {
    let waiting = |staged_blocked| Device {
        staged: Some((v("1.3.0"), Integrity::from_digest([9; 64]))),
        staged_blocked,
        ..running("1.1.0")
    };
    let put_back = || Offer::Take {
        version: v("1.2.0"),
        reason: StageReason::Eligible,
    };
    assert_eq!(
        waiting(false).decide_on(put_back()),
        is("none", "1.2.0", "not-newer")
    );
    assert_eq!(
        waiting(true).decide_on(put_back()),
        is("stage", "1.2.0", "eligible")
    );
}

mod ages;
