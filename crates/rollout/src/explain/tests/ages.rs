//! How old a release must be, and whose word counts for what.

use super::*;

#[test]
fn how_old_a_release_must_be_is_a_gate_with_a_time() {
    let scene = Scene::new(&json!({ "rollout": [] }));
    let seen = [(v("1.0.1"), at("10T08:00:00"))];
    let aged = |least: u64, seen| ExplainFacts {
        minimum_age: Some(Duration::from_hours(least)),
        first_seen: seen,
        ..scene.facts()
    };
    // Published on the 12th at 8, whenever it was seen.
    let told = explain(&aged(24, &seen));
    assert_eq!(came_to(&told), ("hold", "minimum-age"));
    let age = gate(&told, "age");
    assert_eq!(age.verdict, Verdict::Closed);
    assert_eq!(age.opens_at, Some(at("13T08:00:00")));
    assert_eq!(age.source, "policy");
    assert_eq!(told.next.as_ref().unwrap().gate, "age");
    assert_eq!(verdict(&explain(&aged(1, &[])), "age"), Verdict::Open);
    assert_eq!(verdict(&explain(&scene.facts()), "age"), Verdict::Idle);
}

#[test]
fn what_nobody_says_the_publication_of_counts_from_when_it_was_seen() {
    let mut scene = Scene::new(&json!({}));
    scene.terms = None;
    scene.candidate = Some(candidate("1.0.1", ">=20"));
    let seen = [(v("1.0.1"), at("12T06:00:00"))];
    let aged = |seen| ExplainFacts {
        believes: Believes::Registry,
        minimum_age: Some(Duration::from_hours(3)),
        first_seen: seen,
        ..scene.facts()
    };
    let told = explain(&aged(&seen));
    assert_eq!(came_to(&told), ("stage", "no-manifest"));
    let told = explain(&aged(&[]));
    assert_eq!(came_to(&told), ("hold", "minimum-age"));
    assert_eq!(gate(&told, "age").opens_at, Some(at("12T12:00:00")));
}

#[test]
fn each_setting_names_whose_word_it_is() {
    use crate::admin::{AdminPolicy, Asked, settle};
    let policy = AdminPolicy::parse(br#"{"updates":"managed","minimumAge":"3d"}"#).unwrap();
    let asked = Asked {
        fleet: None,
        no_auto_update: true,
        experimental: true,
        channel: "latest",
    };
    let told = settings(&settle(Some(&policy), &asked), |name, source| {
        format!("{name} by {source}")
    });
    let told: Vec<_> = told
        .iter()
        .map(|it| (it.name, it.value.as_str(), it.from.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("updates", "managed", "updates by policy"),
            ("channel", "latest", "channel by configuration"),
            ("minimumAge", "3days", "minimumAge by policy"),
            ("experimental", "false", "experimental by default"),
        ]
    );
}
