//! An ordered downgrade is followed, and lists nothing as bad.

use device::Device;
use fleet::{Event, State};
use serde_json::json;

use crate::bench::{Bench, runs, until};
use crate::host::Release;
use crate::operator::{Operator, stands, told};

async fn on(operator: &Operator, bench: &Bench, version: &str) -> Device {
    let all = ["1.1.0", "1.2.0", "1.3.0"].map(|version| Release::new(version, ""));
    operator.releases(bench, &all).await;
    let device = bench.running("1.0.0").await;
    operator.orders(version).await;
    until(&device, |status| runs(status, version)).await;
    device
}

#[tokio::test]
async fn to_a_version_that_has_to_be_fetched_to_the_bundled_one_and_forward_again() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({ "soak": "1s" })).await;
    let device = on(&operator, &bench, "1.3.0").await;
    operator.hears(|it| it.event == Event::Confirmed).await;
    operator.orders("1.1.0").await;
    until(&device, |status| runs(status, "1.1.0")).await;
    // A second one right after it would have to stand for a minute: it goes up first, and then is the first again.
    assert_eq!(device.status().borrow().bad, []);
    operator.orders("1.3.0").await;
    until(&device, |status| runs(status, "1.3.0")).await;
    let reports = operator.hears(|it| {
        it.event == Event::Launched
            && it.version.as_ref().is_some_and(|it| it.as_str() == "1.3.0")
            && it.seq > 0
    });
    let reports = reports.await;
    assert!(!told(&reports, "1.3.0").is_empty());
    let all = operator.hears(|it| it.event == Event::RolledBack).await;
    assert_eq!(
        told(&all, "1.1.0"),
        [Event::Staged, Event::Staged, Event::RolledBack]
    );
    device.stop().await;
}

#[tokio::test]
async fn to_the_bundled_version() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({})).await;
    let device = on(&operator, &bench, "1.2.0").await;
    let bundled = Release::new("1.0.0", "");
    operator.publishes("1.0.0", bundled.pack()).await;
    operator.orders("1.0.0").await;
    let status = until(&device, |status| runs(status, "1.0.0")).await;
    assert_eq!(status.bad, []);
    stands(&device, State::Arrived, "").await;
    operator.orders("1.2.0").await;
    until(&device, |status| runs(status, "1.2.0")).await;
    device.stop().await;
}

#[tokio::test]
async fn to_what_runs_where_something_newer_waits() {
    let operator = Operator::start().await;
    let mut bench = operator.bench(json!({ "apply": "prompt" })).await;
    bench.headless = false;
    operator
        .releases(
            &bench,
            &[Release::new("1.1.0", ""), Release::new("1.2.0", "")],
        )
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.2.0").await;
    stands(&device, State::Staged, "person").await;
    operator
        .publishes("1.0.0", Release::new("1.0.0", "").pack())
        .await;
    operator.orders("1.0.0").await;
    let status = stands(&device, State::Arrived, "").await;
    assert_eq!((status.staged, status.bad), (None, Vec::new()));
    device.stop().await;
}
