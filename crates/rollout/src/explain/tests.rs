use super::*;
use crate::{BadReason, Manifest, NodeFact};
use proptest::prelude::*;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    format!("2026-06-{text}Z").parse().unwrap()
}

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

const SOURCES: Sources<'_> = Sources {
    off: "environment",
    trust: "configuration",
    pin: "configuration",
    terms: "manifest",
    device: "device-id",
    time: "clock",
    experimental: "REFIT_EXPERIMENTAL",
    age: "policy",
    running: "store",
    store: "store",
    candidate: "registry",
};

/// `device-a` is in bucket 79 of 1.0.1 and 65 of 1.0.0.
fn terms(news: &Value) -> Terms {
    let mut value = json!({
        "version": "1.0.1", "publishedAt": "2026-06-12T08:00:00Z", "stable": "1.0.0",
        "rollout": [{ "percent": 79, "delaySeconds": 0 }, { "percent": 21, "delaySeconds": 43_200 }],
    });
    for (key, news) in news.as_object().unwrap() {
        value[key] = news.clone();
    }
    Terms {
        manifest: Manifest::parse(value.to_string().as_bytes(), &"demo".parse().unwrap()).unwrap(),
        source: "https://host.example/latest.json".to_owned(),
        etag: None,
        verified_at: at("12T08:30:00"),
        signed: false,
        expires: None,
        floor: None,
    }
}

/// What a device with bundled 0.9.0 running 1.0.0 knows on the 12th at 9.
struct Scene {
    terms: Option<Terms>,
    bundled: Version,
    running: Version,
    host: Host,
    candidate: Option<Candidate>,
    bad: Vec<BadEntry>,
    pointer: Option<(Version, Integrity, Option<Gated>)>,
}

impl Scene {
    fn new(news: &Value) -> Self {
        Self {
            terms: Some(terms(news)),
            bundled: v("0.9.0"),
            running: v("1.0.0"),
            host: Host {
                node: NodeFact::Is(v("20.0.0")),
                shell: v("1.0.0"),
            },
            candidate: None,
            bad: Vec::new(),
            pointer: None,
        }
    }

    fn facts(&self) -> ExplainFacts<'_> {
        ExplainFacts {
            here: true,
            off: None,
            believes: Believes::Manifest,
            terms: self.terms.as_ref(),
            device: Some("device-a"),
            clock: at("12T09:00:00"),
            built: Some(at("01T00:00:00")),
            experimental: false,
            pin: None,
            candidate: self.candidate.as_ref(),
            bundled: &self.bundled,
            running: Some(&self.running),
            pointer: self
                .pointer
                .as_ref()
                .map(|(version, integrity, waits)| Pointed {
                    version,
                    integrity,
                    staged_at: at("12T08:40:00"),
                    waits: *waits,
                }),
            bad: &self.bad,
            host: Some(&self.host),
            minimum_age: None,
            first_seen: &[],
            settings: &[],
            sources: SOURCES,
        }
    }

    fn explain(&self) -> Explanation {
        explain(&self.facts())
    }
}

fn candidate(version: &str, node: &str) -> Candidate {
    Candidate {
        package: "demo".parse().unwrap(),
        version: v(version),
        integrity: Integrity::from_digest([1; 64]),
        engines: serde_json::from_value(json!({ "node": node })).unwrap(),
        tarball: "https://host.example/t.tgz".to_owned(),
        unpacked_size: None,
    }
}

fn verdict(told: &Explanation, name: &str) -> Verdict {
    gate(told, name).verdict
}

fn gate<'a>(told: &'a Explanation, name: &str) -> &'a Gate {
    told.gates.iter().find(|gate| gate.name == name).unwrap()
}

fn came_to(told: &Explanation) -> (&'static str, &'static str) {
    (told.decision, told.reason)
}

#[test]
fn whoever_waits_is_told_until_when_and_why() {
    let told = Scene::new(&json!({})).explain();
    assert_eq!(came_to(&told), ("hold", "held"));
    assert_eq!(told.version, Some(v("1.0.1")));
    assert_eq!((told.bucket, told.delay_seconds), (Some(79), Some(43_200)));
    assert_eq!(told.eligible_at, Some(at("12T20:00:00")));
    let turn = gate(&told, "turn");
    assert_eq!(turn.verdict, Verdict::Closed);
    assert_eq!(turn.opens_at, Some(at("12T20:00:00")));
    assert_eq!(
        turn.why,
        "bucket 79 of 1.0.1 waits 43200 s: its turn is at 2026-06-12T20:00:00Z"
    );
    assert_eq!(turn.source, "manifest, device-id");
    let next = told.next.clone().unwrap();
    assert_eq!((next.gate, next.at), ("turn", at("12T20:00:00")));
    // 1.0.0, which it may have meanwhile, is what it has.
    assert_eq!(verdict(&told, "newer"), Verdict::Closed);
    assert_eq!(verdict(&told, "engines"), Verdict::Unknown);
}

#[test]
fn who_has_the_newest_already_waits_for_nothing() {
    let mut scene = Scene::new(&json!({}));
    scene.running = v("1.0.1");
    let told = scene.explain();
    assert_eq!(came_to(&told), ("none", "not-newer"));
    assert_eq!((verdict(&told, "turn"), told.next), (Verdict::Closed, None));
}

#[test]
fn meanwhile_it_may_have_what_is_stable() {
    let mut scene = Scene::new(&json!({}));
    scene.running = v("0.9.0");
    let told = scene.explain();
    assert_eq!(came_to(&told), ("stage", "held"));
    assert_eq!(told.version, Some(v("1.0.0")));
    assert_eq!(verdict(&told, "newer"), Verdict::Open);
    assert_eq!(verdict(&told, "turn"), Verdict::Closed);
}

#[test]
fn its_turn_comes_to_the_second() {
    let scene = Scene::new(&json!({}));
    let told = |clock| {
        let facts = ExplainFacts {
            clock: at(clock),
            ..scene.facts()
        };
        explain(&facts)
    };
    assert_eq!(came_to(&told("12T19:59:59")), ("hold", "held"));
    let came = told("12T20:00:00");
    assert_eq!(came_to(&came), ("stage", "eligible"));
    assert_eq!((verdict(&came, "turn"), came.next), (Verdict::Open, None));
}

#[test]
fn switches_and_publishers_let_past_the_turn_and_say_so() {
    let scene = Scene::new(&json!({}));
    let facts = ExplainFacts {
        experimental: true,
        ..scene.facts()
    };
    let told = explain(&facts);
    assert_eq!(came_to(&told), ("stage", "experimental"));
    assert!(told.bypassed);
    for name in ["turn", "experimental"] {
        assert_eq!(verdict(&told, name), Verdict::Past);
    }
    assert_eq!(gate(&told, "experimental").source, "REFIT_EXPERIMENTAL");

    let told = Scene::new(&json!({ "critical": true })).explain();
    assert_eq!(came_to(&told), ("stage", "critical"));
    assert_eq!(verdict(&told, "critical"), Verdict::Past);
    assert_eq!(verdict(&told, "experimental"), Verdict::Idle);

    let facts = ExplainFacts {
        off: Some("REFIT_NO_AUTO_UPDATE is set"),
        ..scene.facts()
    };
    let told = explain(&facts);
    assert_eq!(verdict(&told, "updates"), Verdict::Closed);
    assert_eq!(came_to(&told), ("hold", "held"), "its turn comes first");
    let mut here = Scene::new(&json!({ "rollout": [] }));
    let told = |scene: &Scene, here| {
        let facts = ExplainFacts {
            off: Some("REFIT_NO_AUTO_UPDATE is set"),
            here,
            ..scene.facts()
        };
        explain(&facts)
    };
    let off = told(&here, true);
    assert_eq!(came_to(&off), ("hold", "updates-off"));
    assert_eq!(
        off.message,
        "Version 1.0.1 is newer, but REFIT_NO_AUTO_UPDATE is set"
    );
    assert_eq!(came_to(&told(&here, false)), ("stage", "eligible"));
    here.running = v("1.0.1");
    assert_eq!(came_to(&told(&here, true)), ("none", "not-newer"));
}

#[test]
fn what_is_recalled_is_named_with_what_comes_instead() {
    let told = Scene::new(&json!({ "recalled": ["1.0.1"] })).explain();
    assert_eq!(came_to(&told), ("hold", "recalled"));
    assert_eq!(verdict(&told, "recall"), Verdict::Closed);
    assert_eq!(told.next, None);

    let mut scene = Scene::new(&json!({ "recalled": ["1.0.0"], "stable": "0.9.5" }));
    let told = scene.explain();
    assert_eq!(came_to(&told), ("stage", "held"));
    assert_eq!(
        told.version,
        Some(v("0.9.5")),
        "older than what must not run"
    );
    assert!(gate(&told, "recall").why.contains("goes to 0.9.5"));
    assert_eq!(verdict(&told, "newer"), Verdict::Open);
    assert_eq!(
        told.message,
        "Version 1.0.0, which is here, was recalled: 0.9.5 takes its place"
    );

    // The same where what is recalled was passed over, so that it no longer counts as running.
    scene.pointer = Some((v("1.0.0"), Integrity::from_digest([3; 64]), None));
    scene.running = v("0.9.0");
    let told = scene.explain();
    assert!(told.message.contains("which is here"), "{}", told.message);
    assert!(gate(&told, "recall").why.contains("goes to 0.9.5"));

    scene.pointer = Some((v("1.0.0"), Integrity::from_digest([3; 64]), Some(Gated::No)));
    let told = scene.explain();
    assert_eq!(verdict(&told, "first-launch"), Verdict::Closed);
}

#[test]
fn a_pinned_device_has_its_own_version() {
    let scene = Scene::new(&json!({}));
    let (pin, newest) = (v("1.0.0"), v("1.0.1"));
    let facts = ExplainFacts {
        pin: Some(&pin),
        ..scene.facts()
    };
    let told = explain(&facts);
    assert_eq!(came_to(&told), ("hold", "pinned"));
    assert_eq!(verdict(&told, "pin"), Verdict::Closed);
    assert_eq!(verdict(&told, "turn"), Verdict::Idle);
    let facts = ExplainFacts {
        pin: Some(&newest),
        ..facts
    };
    let told = explain(&facts);
    assert_eq!(came_to(&told), ("stage", "pinned"));
    assert_eq!(verdict(&told, "pin"), Verdict::Open);
}

#[test]
fn what_failed_here_is_not_taken_again() {
    let mut scene = Scene::new(&json!({ "rollout": [] }));
    scene.bad.push(BadEntry {
        version: v("1.0.1"),
        integrity: Integrity::from_digest([1; 64]),
        reason: BadReason::CrashLoop,
        detail: String::new(),
        at: at("11T00:00:00"),
    });
    let told = scene.explain();
    assert_eq!(came_to(&told), ("hold", "bad-version"));
    assert!(
        gate(&told, "bad")
            .why
            .contains("unless its content is another")
    );

    scene.candidate = Some(candidate("1.0.1", ">=18"));
    assert_eq!(verdict(&scene.explain(), "bad"), Verdict::Closed);
    scene.bad[0].integrity = Integrity::from_digest([2; 64]);
    let told = scene.explain();
    assert_eq!(came_to(&told), ("stage", "eligible"));
    assert_eq!(verdict(&told, "bad"), Verdict::Open);
    assert_eq!(verdict(&told, "engines"), Verdict::Open);
}

#[test]
fn what_is_known_of_it_is_held_against_this_host() {
    let mut scene = Scene::new(&json!({ "rollout": [] }));
    scene.candidate = Some(candidate("1.0.1", ">=22"));
    let told = scene.explain();
    assert_eq!(came_to(&told), ("hold", "incompatible"));
    assert_eq!(verdict(&told, "engines"), Verdict::Closed);
    assert!(gate(&told, "engines").why.contains("needs node >=22"));
    // What is known of another version says nothing of this one.
    scene.candidate = Some(candidate("1.0.0", ">=22"));
    let told = scene.explain();
    assert_eq!(came_to(&told), ("stage", "eligible"));
    assert_eq!(verdict(&told, "engines"), Verdict::Unknown);
}

#[test]
fn what_waits_is_judged_as_before_its_first_launch() {
    let mut scene = Scene::new(&json!({}));
    let staged = |waits| Some((v("1.0.1"), Integrity::from_digest([1; 64]), waits));
    scene.pointer = staged(Some(Gated::Yes));
    let told = scene.explain();
    assert_eq!(
        came_to(&told),
        ("hold", "held"),
        "the plan changed under it"
    );
    let first = gate(&told, "first-launch");
    assert_eq!(
        (first.verdict, first.opens_at),
        (Verdict::Closed, Some(at("12T20:00:00")))
    );

    scene.pointer = staged(Some(Gated::No));
    let told = scene.explain();
    assert_eq!(came_to(&told), ("none", "already-staged"));
    assert_eq!(verdict(&told, "first-launch"), Verdict::Open);
    assert_eq!(verdict(&told, "staged"), Verdict::Closed);

    scene.terms = Some(terms(
        &json!({ "version": "1.0.0", "stable": null, "rollout": [] }),
    ));
    scene.pointer = staged(Some(Gated::Yes));
    let told = scene.explain();
    assert!(
        gate(&told, "first-launch")
            .why
            .contains("no longer being rolled out")
    );
}

#[test]
fn what_expired_begins_nothing_new() {
    let mut scene = Scene::new(&json!({ "rollout": [] }));
    let terms = scene.terms.as_mut().unwrap();
    (terms.signed, terms.expires) = (true, Some(at("12T09:00:00")));
    let told = scene.explain();
    assert_eq!(came_to(&told), ("hold", "expired"));
    assert_eq!(verdict(&told, "expiry"), Verdict::Closed);
    scene.terms.as_mut().unwrap().expires = Some(at("12T09:00:01"));
    assert_eq!(came_to(&scene.explain()), ("stage", "eligible"));
}

#[test]
fn a_clock_behind_what_was_signed_is_replaced() {
    let mut scene = Scene::new(&json!({}));
    scene.terms.as_mut().unwrap().floor = Some(at("12T21:00:00"));
    let told = scene.explain();
    assert_eq!(told.at, at("12T21:00:00"));
    assert_eq!(came_to(&told), ("stage", "eligible"));
    assert_eq!(verdict(&told, "clock"), Verdict::Past);
    let facts = ExplainFacts {
        built: None,
        ..scene.facts()
    };
    let told = explain(&facts);
    assert_eq!(
        (told.at, told.reason),
        (at("12T09:00:00"), "held"),
        "as it was asked"
    );
}

#[test]
fn what_is_halted_does_not_open_by_time() {
    let scene = Scene::new(&json!({ "publishedAt": "9999-01-01T00:00:00Z", "stable": null }));
    let told = scene.explain();
    assert_eq!(came_to(&told), ("hold", "halted"));
    assert_eq!((told.next, told.eligible_at), (None, None));
    assert!(
        told.message.contains("is halted") && !told.message.contains("9999"),
        "{}",
        told.message
    );
}

#[test]
fn without_a_manifest_the_registry_is_believed_or_nobody() {
    let mut scene = Scene::new(&json!({}));
    scene.terms = None;
    scene.candidate = Some(candidate("1.0.1", ">=18"));
    let told = |believes, scene: &Scene| {
        let facts = ExplainFacts {
            believes,
            ..scene.facts()
        };
        explain(&facts)
    };
    let registry = told(Believes::Registry, &scene);
    assert_eq!(came_to(&registry), ("stage", "no-manifest"));
    assert_eq!(registry.bucket, None);
    assert_eq!(verdict(&registry, "turn"), Verdict::Idle);
    let nobody = Believes::Nobody("root.json is missing");
    for (believes, reason) in [
        (Believes::Manifest, "no-manifest"),
        // What a registry said once does not count where only what is signed does.
        (Believes::Signed, "not-heard"),
        (nobody, "no-trust"),
    ] {
        assert_eq!(told(believes, &scene).reason, reason, "{believes:?}");
    }
    scene.candidate = None;
    for (believes, wanted, reason, words) in [
        (
            Believes::Registry,
            Verdict::Idle,
            "not-heard",
            "the registry names",
        ),
        (
            Believes::Signed,
            Verdict::Unknown,
            "not-heard",
            "Nothing signed",
        ),
        (
            Believes::Manifest,
            Verdict::Unknown,
            "not-heard",
            "No manifest",
        ),
        (nobody, Verdict::Closed, "no-trust", "root.json is missing"),
    ] {
        let told = told(believes, &scene);
        assert_eq!(came_to(&told), ("none", reason));
        assert!(told.message.contains(words), "{}", told.message);
        assert_eq!(verdict(&told, "trust"), wanted);
    }
    let heard = Scene::new(&json!({ "rollout": [] }));
    let told = told(nobody, &heard);
    assert_eq!(came_to(&told), ("none", "no-trust"));
    assert_eq!(told.version, None, "nobody is believed about any");
}

#[test]
fn of_another_device_nothing_is_known_but_its_turn() {
    let scene = Scene::new(&json!({}));
    let facts = ExplainFacts {
        here: false,
        believes: Believes::Given,
        ..scene.facts()
    };
    let told = explain(&facts);
    assert_eq!(came_to(&told), ("hold", "held"));
    for name in ["updates", "bad", "staged", "first-launch"] {
        assert_eq!(verdict(&told, name), Verdict::Unknown, "{name}");
    }
    assert_eq!(verdict(&told, "trust"), Verdict::Open);
}

#[test]
fn a_device_without_an_id_is_in_the_slowest_batch() {
    let scene = Scene::new(&json!({}));
    let facts = ExplainFacts {
        device: None,
        ..scene.facts()
    };
    let told = explain(&facts);
    assert_eq!((told.bucket, told.delay_seconds), (None, Some(43_200)));
    assert!(gate(&told, "turn").why.contains("slowest batch"));
}

#[test]
fn it_is_one_object() {
    let told = serde_json::to_value(Scene::new(&json!({})).explain()).unwrap();
    for key in [
        "decision",
        "version",
        "reason",
        "bucket",
        "delaySeconds",
        "eligibleAt",
    ] {
        assert!(!told[key].is_null(), "{key}: {told}");
    }
    assert_eq!(
        told["next"],
        json!({ "gate": "turn", "at": "2026-06-12T20:00:00Z" })
    );
    assert_eq!(told["gates"].as_array().unwrap().len(), 15);
    assert_eq!(told["gates"][6]["verdict"], "closed");
    assert_eq!(told["gates"][6]["opensAt"], "2026-06-12T20:00:00Z");
}

proptest! {
    #[test]
    fn it_comes_to_what_a_check_comes_to(
        hours in 0_i64..40, critical in any::<bool>(), experimental in any::<bool>(),
        recalled in any::<bool>(), running in 0_u8..3, device in "[a-z]{4}"
    ) {
        let recalled = if recalled { vec!["1.0.1"] } else { vec![] };
        let mut scene = Scene::new(&json!({ "critical": critical, "recalled": recalled }));
        scene.running = v(&format!("1.0.{running}"));
        scene.candidate = Some(candidate("1.0.1", "*"));
        let facts = ExplainFacts {
            device: Some(&device), experimental,
            clock: at("12T06:00:00") + jiff::SignedDuration::from_hours(hours),
            ..scene.facts()
        };
        let told = explain(&facts);
        let manifest = &scene.terms.as_ref().unwrap().manifest;
        let (offered, bypassed) = offer(&OfferFacts {
            manifest, device: Some(&device), now: facts.clock, by_person: false, experimental, pin: None,
        });
        let mut asked = Facts {
            offer: &offered, candidate: None, bundled: &scene.bundled, running: Some(&scene.running),
            staged: None, staged_blocked: false,
            bad: &[], recalled: &manifest.recalled, host: &scene.host,
            minimum_age: None,
        };
        let found = worth_asking(&asked).map(|wanted| candidate(wanted.as_str(), "*"));
        asked.candidate = found.as_ref();
        let decision = decide(&asked);
        prop_assert_eq!(came_to(&told), (decision.kind(), decision.reason()));
        prop_assert_eq!(told.version.as_ref(), decision.version());
        prop_assert_eq!(told.bypassed, bypassed);
        let shut = told.gates.iter().any(|gate| gate.verdict == Verdict::Closed);
        let through = ["eligible", "experimental", "critical"].contains(&decision.reason());
        prop_assert_eq!(shut, !through, "{:#?}", told);
    }
}

mod ages;
