//! What is ordered and not to be trusted, or not to be had here, is refused with its reason.

use fleet::{Event, State};
use serde_json::json;

use crate::bench::{runs, until};
use crate::host::Release;
use crate::operator::{Operator, stands, told};

#[tokio::test]
async fn a_version_that_the_registry_does_not_know_whatever_the_broker_has() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({})).await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    operator
        .publishes("6.6.6", Release::new("6.6.6", "").pack())
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders("6.6.6").await;
    stands(&device, State::Refused, "unknown").await;
    let reports = operator.hears(|it| it.event == Event::Refused).await;
    assert_eq!(reports.last().unwrap().reason, "unknown");
    assert!(!bench.stored("6.6.6").exists());
    device.stop().await;
}

#[tokio::test]
async fn a_version_that_fails_here_falls_back_and_is_bad_from_then_on() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({})).await;
    operator
        .releases(&bench, &[Release::new("1.1.0", "exit 1")])
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    let status = stands(&device, State::Refused, "bad-version").await;
    assert!(runs(&std::sync::Arc::new(status.clone()), "1.0.0"));
    assert_eq!(status.bad[0].version.as_str(), "1.1.0");
    let reports = operator.hears(|it| it.event == Event::Refused).await;
    assert_eq!(
        told(&reports, "1.1.0"),
        [Event::Staged, Event::FellBack, Event::Refused]
    );
    device.stop().await;
}

#[tokio::test]
async fn a_version_that_fails_its_rehearsal_is_told_and_never_swapped_in() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({ "rehearse": true })).await;
    operator
        .releases(&bench, &[Release::new("1.1.0", "exit-in-rehearsal")])
        .await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    let status = stands(&device, State::Refused, "bad-version").await;
    assert!(runs(&std::sync::Arc::new(status), "1.0.0"));
    let reports = operator.hears(|it| it.event == Event::Refused).await;
    assert_eq!(
        told(&reports, "1.1.0"),
        [Event::RehearsalFailed, Event::Refused]
    );
    device.stop().await;
}

#[tokio::test]
async fn a_version_that_was_recalled() {
    let operator = Operator::start().await;
    let manifest = format!("{}latest.json", "HOST");
    let mut bench = operator.bench(json!({})).await;
    bench.news["manifest"] = json!(manifest.replace("HOST", &bench.host.url));
    operator
        .releases(
            &bench,
            &[Release::new("1.1.0", ""), Release::new("1.2.0", "")],
        )
        .await;
    bench
        .host
        .say(&json!({ "version": "1.2.0", "recalled": ["1.1.0"] }));
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    stands(&device, State::Refused, "recalled").await;
    operator.orders("1.2.0").await;
    until(&device, |status| runs(status, "1.2.0")).await;
    device.stop().await;
}

#[tokio::test]
async fn a_version_that_needs_another_host() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({})).await;
    let release = Release {
        needs: json!({ "contract": 9 }),
        ..Release::new("1.1.0", "")
    };
    operator.releases(&bench, &[release]).await;
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    stands(&device, State::Refused, "contract").await;
    device.stop().await;
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_no_versions_fault() {
    let operator = Operator::start().await;
    let bench = operator.bench(json!({})).await;
    operator
        .publishes("1.1.0", Release::new("1.1.0", "").pack())
        .await;
    bench.host.put("/demo", "<html>a login page</html>");
    let device = bench.running("1.0.0").await;
    operator.orders("1.1.0").await;
    stands(&device, State::Trouble, "not-json").await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    until(&device, |status| runs(status, "1.1.0")).await;
    let reports = operator
        .hears(|it| {
            it.event == Event::Launched
                && it.version.as_ref().is_some_and(|it| it.as_str() == "1.1.0")
        })
        .await;
    assert_eq!(
        told(&reports, "1.1.0"),
        [Event::Trouble, Event::Staged, Event::Launched]
    );
    assert_eq!(device.status().borrow().bad, []);
    device.stop().await;
}
