//! An order is carried out: fetched on the registry's word, staged, swapped in, told.

use device::Updates;
use fleet::{Event, State};
use serde_json::json;

use crate::bench::{runs, until};
use crate::host::Release;
use crate::operator::{Operator, stands, told};

#[tokio::test]
async fn an_order_is_fetched_tried_confirmed_and_told() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({ "soak": "1s" })).await;
    operator
        .releases(
            &bench,
            &[Release::new("1.1.0", ""), Release::new("1.2.0", "")],
        )
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    until(&device, |status| runs(status, "1.1.0")).await;
    let reports = operator.hears(|it| it.event == Event::Confirmed).await;
    assert_eq!(
        told(&reports, "1.1.0"),
        [Event::Staged, Event::Launched, Event::Confirmed]
    );
    assert!(
        reports
            .iter()
            .skip(1)
            .all(|report| report.generation.is_some() || report.event == Event::Launched)
    );
    let status = stands(&device, State::Arrived, "").await;
    let fleet = status.fleet.unwrap();
    assert_eq!((fleet.device.as_str(), fleet.connected), ("device-a", true));
    // The bytes came from near, and what they had to be from the registry.
    assert_eq!(bench.host.asked_for("demo-1.1.0.tgz"), 0);
    assert!(bench.host.asked_for("/demo") > 0);
    device.stop().await;
}

#[tokio::test]
async fn bytes_that_are_others_than_the_registrys_are_fetched_from_the_registry() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({})).await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    operator
        .publishes("1.1.0", Release::new("1.1.0", "exit 1").pack())
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    until(&device, |status| runs(status, "1.1.0")).await;
    assert_eq!(bench.host.asked_for("demo-1.1.0.tgz"), 1);
    assert_eq!(device.status().borrow().bad, []);
    device.stop().await;
}

#[tokio::test]
async fn while_something_is_ordered_the_timer_brings_nothing_else() {
    let operator = Operator::start().await;
    let check = json!({ "after": "1s", "every": "1s" });
    let bench = operator
        .bench(json!({ "check": check, "apply": "now" }))
        .await;
    operator
        .releases(&bench, &[Release::new("1.1.0", "")])
        .await;
    operator.orders("1.1.0").await;
    let device = bench.running("1.1.0").await;
    bench
        .host
        .release(&[Release::new("1.1.0", ""), Release::new("1.9.0", "")]);
    // It looks, and sees it.
    let noticed = until(&device, |status| {
        let check = status.last_check.as_ref();
        check.is_some_and(|it| it.version.as_ref().is_some_and(|it| it.as_str() == "1.9.0"))
    });
    noticed.await;
    let seen = bench.host.asked_for("/demo");
    until(&device, |status| {
        bench.host.asked_for("/demo") > seen + 1 || status.staged.is_some()
    })
    .await;
    assert_eq!(bench.host.asked_for("demo-1.9.0.tgz"), 0);
    // Once nothing is ordered any more, it follows its channel again.
    operator.orders("").await;
    until(&device, |status| runs(status, "1.9.0")).await;
    device.stop().await;
}

#[tokio::test]
async fn where_somebody_sits_in_front_of_it_they_are_asked() {
    let operator = Operator::start().await;
    let mut bench = operator.bench(json!({ "apply": "prompt" })).await;
    bench.headless = false;
    operator
        .releases(&bench, &[Release::new("1.1.0", "")])
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    let status = stands(&device, State::Staged, "person").await;
    assert!(runs(&std::sync::Arc::new(status.clone()), "1.0.0"));
    assert_eq!(status.staged.unwrap().version.as_str(), "1.1.0");
    device.apply().await.unwrap();
    stands(&device, State::Arrived, "").await;
    device.stop().await;
}

#[tokio::test]
async fn work_is_waited_for() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({ "busy": { "http": "/busy" } })).await;
    operator
        .releases(&bench, &[Release::new("1.1.0", "")])
        .await;
    std::fs::write(
        bench.files().join("busy.json"),
        r#"{"busy":true,"tasks":2}"#,
    )
    .unwrap();
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    stands(&device, State::Staged, "busy").await;
    std::fs::write(bench.files().join("busy.json"), r#"{"busy":false}"#).unwrap();
    until(&device, |status| runs(status, "1.1.0")).await;
    device.stop().await;
}

#[tokio::test]
async fn where_updates_are_off_nothing_is_followed() {
    let operator = Operator::start().await;
    let mut bench = operator.bench(json!({})).await;
    operator
        .releases(&bench, &[Release::new("1.1.0", "")])
        .await;
    operator.orders("1.1.0").await;
    bench.env = vec![("REFIT_NO_AUTO_UPDATE", "1")];
    let device = bench.running("1.0.0").await;
    assert_eq!(device.status().borrow().updates, Updates::NoAutoUpdate);
    let heard = until(&device, |status| {
        let fleet = status.fleet.as_ref();
        fleet.is_some_and(|it| it.state == State::Off && it.target.is_some())
    });
    assert_eq!(heard.await.fleet.as_ref().unwrap().reason, "updates-off");
    assert!(!bench.stored("1.1.0").exists());
    device.stop().await;
}

#[tokio::test]
async fn a_restart_does_not_swap_in_what_has_its_share_of_the_window_later() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({})).await;
    operator
        .releases(&bench, &[Release::new("1.1.0", "")])
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders_to_fetch_now_and_swap_later("1.1.0").await;
    stands(&device, State::Staged, "").await;
    device.stop().await;
    // Without its broker too: what was drawn is on disk.
    let device = bench.running("1.0.0").await;
    let status = stands(&device, State::Staged, "").await;
    assert!(runs(&std::sync::Arc::new(status), "1.0.0"));
    assert_eq!(device.status().borrow().bad, []);
    // A person may all the same.
    device.apply().await.unwrap();
    until(&device, |status| runs(status, "1.1.0")).await;
    device.stop().await;
}

#[tokio::test]
async fn ordering_it_again_without_a_window_swaps_it_in_at_once() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({})).await;
    operator
        .releases(&bench, &[Release::new("1.1.0", "")])
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders_to_fetch_now_and_swap_later("1.1.0").await;
    stands(&device, State::Staged, "").await;
    operator.orders("1.1.0").await;
    until(&device, |status| runs(status, "1.1.0")).await;
    device.stop().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_tried_again_and_nothing_goes_by_the_channel_meanwhile() {
    let operator = Operator::start().await;
    let bench = operator
        .bench(json!({ "check": { "after": "1s", "every": "1h" } }))
        .await;
    operator
        .releases(
            &bench,
            &[Release::new("1.1.0", ""), Release::new("1.2.0", "")],
        )
        .await;
    operator.orders("1.1.0").await;
    let folder = bench.dir.path().join("data/fleet");
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    let device = bench.running("1.0.0").await;
    until(&device, |status| {
        let problems = &status.problems;
        problems.iter().any(|it| it.contains("not followed")) && status.last_check.is_some()
    })
    .await;
    assert!(!bench.stored("1.2.0").exists());
    std::fs::remove_file(&folder).unwrap();
    until(&device, |status| runs(status, "1.1.0")).await;
    let problems = device.status().borrow().problems.clone();
    assert!(problems.is_empty(), "{problems:?}");
    assert!(!bench.stored("1.2.0").exists());
    device.stop().await;
}

#[tokio::test]
async fn what_keeps_crashing_past_its_trial_is_started_again_and_told() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({ "soak": "100ms" })).await;
    operator
        .releases(&bench, &[Release::new("1.1.0", "")])
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    operator.hears(|it| it.event == Event::Confirmed).await;
    let mut launch = String::new();
    for _ in 0..3 {
        let status = until(&device, |status| {
            let running = status.running.as_ref();
            runs(status, "1.1.0") && running.is_some_and(|it| it.launch_id != launch)
        })
        .await;
        let running = status.running.as_ref().unwrap();
        launch.clone_from(&running.launch_id);
        dies(&running.url);
    }
    let reports = operator.hears(|it| it.event == Event::CrashLoop).await;
    let last = reports.last().unwrap();
    assert_eq!(last.version.as_ref().unwrap().as_str(), "1.1.0");
    until(&device, |status| runs(status, "1.1.0")).await;
    assert_eq!(device.status().borrow().bad, []);
    device.stop().await;
}

/// Has the runtime die.
fn dies(url: &str) {
    use std::io::{Read as _, Write as _};
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /die HTTP/1.1\r\n\r\n").unwrap();
    let _ = stream.read(&mut [0]);
}
