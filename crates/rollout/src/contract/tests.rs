use proptest::prelude::*;
use serde_json::json;

use super::*;

fn needs(contract: Option<u32>, requires: &[&str]) -> Needs {
    Needs {
        contract,
        requires: requires.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn offers(contract: u32, from: u32, offers: &[&str]) -> Offers {
    Offers {
        contract,
        from,
        offers: offers.iter().map(|&name| name.to_owned()).collect(),
    }
}

#[test]
fn who_says_nothing_needs_nothing() {
    for package in [
        json!({}),
        json!({ "refit": null }),
        json!({ "refit": {} }),
        json!({ "refit": { "contract": null, "requires": null, "later": true } }),
        json!("no object"),
    ] {
        let needs = Needs::of_package_json(&package).unwrap();
        assert_eq!(needs, Needs::default(), "{package}");
        assert_eq!(gate(&needs, &Offers::default()), Ok(()));
        assert_eq!(gate(&needs, &offers(9, 9, &[])), Ok(()));
    }
}

#[test]
fn a_declaration_is_read_with_everything_in_it() {
    let package = json!({ "refit": { "contract": 2, "requires": ["tray", "dialogs:v2"] } });
    assert_eq!(
        Needs::of_package_json(&package),
        Ok(needs(Some(2), &["tray", "dialogs:v2"]))
    );
}

#[test]
fn what_cannot_be_read_is_never_taken_for_needing_nothing() {
    for refit in [
        json!(2),
        json!([]),
        json!({ "contract": 0 }),
        json!({ "contract": -1 }),
        json!({ "contract": 1.5 }),
        json!({ "contract": "2" }),
        json!({ "contract": 4_294_967_296_u64 }),
        json!({ "requires": "tray" }),
        json!({ "requires": [7] }),
        json!({ "requires": [""] }),
        json!({ "requires": ["two words"] }),
        json!({ "requires": ["\u{202e}yart"] }),
        json!({ "requires": ["x".repeat(65)] }),
        json!({ "requires": vec!["x"; 65] }),
    ] {
        let found = Needs::of_package_json(&json!({ "refit": refit }));
        assert!(
            matches!(found, Err(Unmet::Malformed { .. })),
            "{refit}: {found:?}"
        );
    }
}

#[test]
fn contracts_pass_between_the_oldest_and_the_newest_that_are_offered() {
    let host = offers(3, 2, &[]);
    let at = |contract| gate(&needs(Some(contract), &[]), &host);
    assert_eq!(at(1), Err(Unmet::TooOld { needs: 1, from: 2 }));
    assert_eq!(at(2), Ok(()));
    assert_eq!(at(3), Ok(()));
    assert_eq!(
        at(4),
        Err(Unmet::TooNew {
            needs: 4,
            offered: 3
        })
    );
}

#[test]
fn every_feature_that_is_missing_is_named_once_and_in_order() {
    let found = gate(
        &needs(None, &["tray", "voice", "camera", "voice"]),
        &offers(1, 1, &["tray"]),
    );
    let unmet = found.unwrap_err();
    assert_eq!(
        unmet.to_string(),
        "needs what this app does not offer: camera, voice"
    );
    assert_eq!(unmet.code(), "contract");
}

#[test]
fn words_read_on_after_it() {
    for (unmet, words) in [
        (
            Unmet::TooNew {
                needs: 2,
                offered: 1,
            },
            "needs the host contract 2, this app offers 1",
        ),
        (
            Unmet::TooOld { needs: 1, from: 2 },
            "needs the host contract 1, this app offers none before 2",
        ),
        (
            malformed("`refit` is not an object"),
            "does not say readably what it needs of this app: `refit` is not an object",
        ),
    ] {
        assert_eq!(unmet.to_string(), words);
        let json = serde_json::to_value(&unmet).unwrap();
        assert_eq!(serde_json::from_value::<Unmet>(json).unwrap(), unmet);
    }
}

#[test]
fn a_host_that_names_some_of_it_has_the_rest_as_by_default() {
    let host: Offers = serde_json::from_str(r#"{"contract": 2}"#).unwrap();
    assert_eq!(host, offers(2, 1, &[]));
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn who_offers_more_runs_at_least_as_much(
        contract in prop::option::of(1_u32..6), requires in prop::collection::vec(name(), 0..4),
        newest in 1_u32..6, oldest in 1_u32..6, had in prop::collection::btree_set(name(), 0..4),
        newer in 0_u32..3, older in 0_u32..3, more in prop::collection::btree_set(name(), 0..4),
    ) {
        let needs = Needs { contract, requires };
        let host = Offers { contract: newest, from: oldest, offers: had.clone() };
        let richer = Offers {
            contract: newest + newer,
            from: oldest.saturating_sub(older),
            offers: had.union(&more).cloned().collect(),
        };
        prop_assert!(gate(&needs, &host).is_err() || gate(&needs, &richer).is_ok());
    }

    #[test]
    fn what_passes_has_everything_it_names(
        contract in prop::option::of(1_u32..6), requires in prop::collection::vec(name(), 0..4),
        newest in 1_u32..6, oldest in 1_u32..6, had in prop::collection::btree_set(name(), 0..4),
    ) {
        let host = Offers { contract: newest, from: oldest, offers: had };
        let needs = Needs { contract, requires };
        let has = needs.requires.iter().all(|name| host.offers.contains(name))
            && needs.contract.is_none_or(|it| (oldest..=newest).contains(&it));
        prop_assert_eq!(gate(&needs, &host).is_ok(), has);
    }

    #[test]
    fn what_is_declared_survives_a_record(
        contract in prop::option::of(1_u32..6), requires in prop::collection::vec(name(), 0..4),
    ) {
        let needs = Needs { contract, requires };
        let json = serde_json::to_value(&needs).unwrap();
        prop_assert_eq!(Needs::of_package_json(&json!({ "refit": json })), Ok(needs.clone()));
        prop_assert_eq!(serde_json::from_value::<Needs>(json).unwrap(), needs);
    }
}
