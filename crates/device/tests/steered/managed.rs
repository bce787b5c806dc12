//! Whose word counts: the administrator's before the fleet's, and the fleet's before the configuration's.

use fleet::State;
use serde_json::json;

use crate::bench::{runs, until};
use crate::host::Release;
use crate::laid::Laid;
use crate::operator::{Operator, stands};

fn releases() -> [Release<'static>; 2] {
    [Release::new("1.1.0", ""), Release::new("1.2.0", "")]
}

#[tokio::test]
async fn what_an_administrator_pins_is_taken_from_a_fleet_and_nothing_else() {
    let Some(laid) = Laid::new() else { return };
    laid.say(r#"{"updates":"managed","pin":"1.1.0"}"#);
    let operator = Operator::start().await;
    let bench = operator.bench(laid.about(&json!({}))).await;
    operator.releases(&bench, &releases()).await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.2.0").await;
    stands(&device, State::Refused, "pinned").await;
    operator.orders("1.1.0").await;
    until(&device, |status| runs(status, "1.1.0")).await;
    device.stop().await;
}

#[tokio::test]
async fn where_an_administrator_says_which_channel_is_followed_no_fleet_is() {
    let Some(laid) = Laid::new() else { return };
    laid.say(r#"{"updates":"managed","channel":"latest"}"#);
    let operator = Operator::start().await;
    let bench = operator.bench(laid.about(&json!({}))).await;
    operator.releases(&bench, &releases()).await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    stands(&device, State::Off, "policy-channel").await;
    assert!(!bench.stored("1.1.0").exists());
    device.stop().await;
}

#[tokio::test]
async fn a_fleets_order_comes_before_what_the_configuration_pins_and_the_settings_say_so() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({ "channel": "1.1.0" })).await;
    operator.releases(&bench, &releases()).await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.2.0").await;
    until(&device, |status| runs(status, "1.2.0")).await;
    let settings = device.local().settings("refit.json");
    let pin = settings.iter().find(|it| it.name == "pin").unwrap();
    assert_eq!(
        (&*pin.value, pin.source.to_string()),
        ("1.2.0", "fleet".to_owned())
    );
    assert!(pin.from.ends_with("memory-runtime.json"), "{}", pin.from);
    device.stop().await;
}
