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
    bad: Vec<BadEntry>,
    host: Host,
}

impl Device {
    fn offered(version: &str) -> Self {
        Self {
            latest: Some(candidate(version)),
            bundled: v("1.0.0"),
            running: None,
            staged: None,
            bad: vec![],
            host: Host {
                node: NodeFact::Is(v("22.0.0")),
                shell: v("1.0.0"),
            },
        }
    }

    fn decide(&self) -> (&'static str, &'static str) {
        let decision = decide(&Facts {
            latest: self.latest.as_ref(),
            bundled: &self.bundled,
            running: self.running.as_ref(),
            staged: self.staged.as_ref().map(|(v, i)| (v, i)),
            bad: &self.bad,
            host: &self.host,
        });
        (decision.kind(), decision.reason())
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
