use proptest::prelude::*;

use super::*;

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn parse(text: &str) -> Result<AdminPolicy, String> {
    AdminPolicy::parse(text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn a_policy_says_who_may_change_what_and_which_version() {
    let policy = parse(
        "\u{feff}{\"updates\":\"managed\",\"pin\":\"1.2.3\",\"channel\":\"stable\",\"minimumAge\":\"3d 12h\"}",
    );
    assert_eq!(
        policy.unwrap(),
        AdminPolicy {
            updates: AdminUpdates::Managed,
            pin: Some(v("1.2.3")),
            channel: Some("stable".to_owned()),
            minimum_age: Some(Duration::from_hours(84)),
        }
    );
    let nothing = parse("{}").unwrap();
    assert_eq!(nothing, AdminPolicy::default());
    assert!(nothing.people_may_change());
    assert!(!parse(r#"{"updates":"off"}"#).unwrap().people_may_change());
}

#[test]
fn a_slip_of_the_pen_is_told_and_gives_nobody_rights() {
    for (text, about) in [
        ("", "object"),
        ("[]", "object"),
        (r#"["user"]"#, "object"),
        ("{", "EOF"),
        (r#"{"update":"off"}"#, "update"),
        (r#"{"updates":"Off"}"#, "Off"),
        (r#"{"updates":null}"#, "expected"),
        (r#"{"pin":"1.2"}"#, "1.2"),
        (r#"{"pin":"latest"}"#, "latest"),
        (r#"{"channel":"1.2.3"}"#, "pin"),
        (r#"{"channel":""}"#, "dist-tag"),
        (r#"{"channel":"a/b"}"#, "dist-tag"),
        (r#"{"channel":"../x"}"#, "dist-tag"),
        (r#"{"minimumAge":"3"}"#, "minimumAge"),
        (r#"{"minimumAge":3}"#, "3"),
        (r#"{"minimumAge":"soon"}"#, "soon"),
        (r#"{"minimum_age":"3d"}"#, "minimum_age"),
        (r#"{"updates":"user"} x"#, "trailing"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(about), "{text}: {error}");
    }
    assert!(!AdminPolicy::unreadable().people_may_change());
}

#[test]
fn a_policy_is_written_as_it_is_read() {
    let text = r#"{"updates":"managed","pin":"1.2.3","minimumAge":"3days"}"#;
    assert_eq!(serde_json::to_string(&parse(text).unwrap()).unwrap(), text);
}

const NOBODY: Asked<'_> = Asked {
    fleet: None,
    no_auto_update: false,
    experimental: false,
    channel: "latest",
};

fn policy(text: &str) -> AdminPolicy {
    parse(text).unwrap()
}

#[test]
fn without_a_policy_nothing_is_different() {
    let settled = settle(None, &NOBODY);
    assert_eq!(settled.channel.value, Channel::Tag("latest".to_owned()));
    assert_eq!(settled.channel.source, SettingSource::Configuration);
    assert_eq!(settled.updates.value, Updating::On);
    assert_eq!(settled.minimum_age.value, None);
    let pinned = settle(
        None,
        &Asked {
            channel: "1.0.0",
            ..NOBODY
        },
    );
    assert_eq!(pinned.channel.value, Channel::Pin(v("1.0.0")));
    let off = settle(
        None,
        &Asked {
            no_auto_update: true,
            ..NOBODY
        },
    );
    assert_eq!(off.updates.value, Updating::OnlyAsked);
    assert_eq!(off.updates.source, SettingSource::Environment);
}

#[test]
fn a_channel_of_the_policy_beats_a_pin_of_everybody_else() {
    let target = v("2.0.0");
    let asked = Asked {
        fleet: Some(&target),
        channel: "1.0.0",
        ..NOBODY
    };
    let settled = settle(Some(&policy(r#"{"channel":"stable"}"#)), &asked);
    assert_eq!(settled.channel.value, Channel::Tag("stable".to_owned()));
    assert_eq!(settled.channel.source, SettingSource::Policy);
    let settled = settle(Some(&policy("{}")), &asked);
    assert_eq!(settled.channel.value, Channel::Pin(target.clone()));
    assert_eq!(settled.channel.source, SettingSource::Fleet);
    let settled = settle(
        Some(&policy(r#"{"channel":"stable","pin":"3.0.0"}"#)),
        &asked,
    );
    assert_eq!(settled.channel.value, Channel::Pin(v("3.0.0")));
}

#[test]
fn nobody_but_a_policy_that_leaves_it_to_the_user_heeds_a_variable() {
    let asked = Asked {
        no_auto_update: true,
        experimental: true,
        ..NOBODY
    };
    let updates = |text: &str| settle(Some(&policy(text)), &asked).updates.value;
    assert_eq!(updates(r#"{"updates":"managed"}"#), Updating::Managed);
    assert_eq!(updates(r#"{"updates":"off"}"#), Updating::Off);
    assert_eq!(updates(r#"{"updates":"user"}"#), Updating::OnlyAsked);
    assert!(Updating::Managed.is_passive() && !Updating::Off.is_passive());
}

#[test]
fn what_an_administrator_pins_is_old_enough() {
    let aged = |text: &str| settle(Some(&policy(text)), &NOBODY).minimum_age;
    let age = aged(r#"{"minimumAge":"3d","channel":"stable"}"#);
    assert_eq!(age.value, Some(Duration::from_hours(72)));
    assert_eq!(age.source, SettingSource::Policy);
    assert_eq!(aged(r#"{"minimumAge":"3d","pin":"1.0.0"}"#).value, None);
}

fn policies() -> impl Strategy<Value = AdminPolicy> {
    let updates = prop_oneof![
        Just(AdminUpdates::User),
        Just(AdminUpdates::Managed),
        Just(AdminUpdates::Off)
    ];
    let version = prop_oneof![Just("1.0.0"), Just("2.0.0")].prop_map(v);
    let pin = prop::option::of(version);
    let channel = prop::option::of(Just("stable".to_owned()));
    let age = prop::option::of((0_u64..1_000_000).prop_map(Duration::from_secs));
    (updates, pin, channel, age).prop_map(|(updates, pin, channel, minimum_age)| AdminPolicy {
        updates,
        pin,
        channel,
        minimum_age,
    })
}

proptest! {
    #[test]
    fn nothing_below_a_policy_takes_back_what_it_says(
        policy in policies(),
        fleet in any::<bool>(),
        no_auto_update in any::<bool>(),
        experimental in any::<bool>(),
        channel in prop_oneof![Just("latest"), Just("0.9.0")],
    ) {
        let target = v("9.0.0");
        let asked = Asked { fleet: fleet.then_some(&target), no_auto_update, experimental, channel };
        let settled = settle(Some(&policy), &asked);
        let alone = settle(Some(&policy), &NOBODY);
        if policy.pin.is_some() || policy.channel.is_some() {
            prop_assert_eq!(&settled.channel, &alone.channel);
        }
        if !policy.people_may_change() {
            prop_assert_eq!(&settled.updates, &alone.updates);
            prop_assert!(!settled.experimental.value);
        }
        prop_assert_eq!(&settled.minimum_age, &alone.minimum_age);
        // No policy gives a device rights that it has not without one.
        let without = settle(None, &asked);
        prop_assert!(!settled.experimental.value || without.experimental.value);
    }

    #[test]
    fn what_is_written_is_read_again(policy in policies()) {
        let text = serde_json::to_vec(&policy).unwrap();
        prop_assert_eq!(AdminPolicy::parse(&text).unwrap(), policy);
    }
}
