//! What the publisher says of stored versions, with real processes: what runs, and what says why.

mod support;

use rollout::{Blocked, Version};
use runtime_store::{Asked, PassedOver, Source, WhyNot};
use serde_json::json;
use supervisor::{Event, Outcome, Supervisor};
use support::shelf::{Shelf, version};
use support::{event, get, in_time, running};

fn passed_over(version: &str, why: WhyNot) -> Vec<PassedOver> {
    vec![PassedOver {
        version: Some(self::version(version)),
        source: Source::Pointer,
        why,
    }]
}

/// 1.2.0 over the confirmed 1.1.0.
fn shelf() -> Shelf {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.put("1.2.0", "serve");
    shelf
}

async fn restart(supervisor: &Supervisor, asked: Asked) -> Outcome {
    let restarted = supervisor.restart(asked);
    in_time("restart", restarted).await.expect("ready")
}

async fn runs(supervisor: &Supervisor) -> Version {
    running(supervisor).await.version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_runs_a_recalled_version_goes_back_at_the_next_launch_and_says_why() {
    let shelf = shelf();
    shelf.confirmed("1.2.0", Some("1.1.0"));
    let supervisor = shelf.start();
    let first = running(&supervisor).await;
    assert_eq!(first.version, version("1.2.0"));
    assert_eq!(first.passed_over, []);

    shelf.hear(&json!({ "version": "1.1.0", "recalled": ["1.2.0"] }));
    assert_eq!(runs(&supervisor).await, version("1.2.0"), "it runs on");
    let mut events = supervisor.events();
    let outcome = restart(&supervisor, Asked::ByPerson).await;
    let why = passed_over("1.2.0", WhyNot::Recalled);
    assert_eq!(outcome.version, version("1.1.0"));
    assert_eq!(outcome.passed_over, why);
    assert_eq!(outcome.fell_back_from, None, "a recall is no failure");
    let running = running(&supervisor).await;
    assert_eq!(
        (running.source, running.passed_over),
        (Source::Previous, why.clone())
    );
    let told = event(&mut events, "the launch", |event| match event {
        Event::Launching { passed_over, .. } => Some(passed_over),
        _ => None,
    });
    assert_eq!(told.await, why);
    assert_eq!(shelf.bad(), []);
    assert_eq!(shelf.named().as_deref(), Some("1.2.0"));

    shelf.hear(&json!({ "version": "1.2.0" }));
    let outcome = restart(&supervisor, Asked::Passively).await;
    assert_eq!(
        (outcome.version, outcome.passed_over),
        (version("1.2.0"), Vec::new())
    );
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recalled_version_that_crashes_is_not_started_again() {
    let shelf = shelf();
    shelf.confirmed("1.2.0", Some("1.1.0"));
    let supervisor = shelf.start();
    let first = running(&supervisor).await;
    shelf.hear(&json!({ "version": "1.1.0", "recalled": ["1.2.0", "1.1.0"] }));
    let mut events = supervisor.events();
    get(first.port, "/exit/1").await;
    let next = event(&mut events, "the next one", |event| match event {
        Event::Ready(running) => Some(running),
        _ => None,
    });
    let next = next.await;
    assert_eq!(next.source, Source::Bundled);
    let whys: Vec<_> = next.passed_over.into_iter().map(|it| it.why).collect();
    assert_eq!(whys, [WhyNot::Recalled, WhyNot::Recalled]);
    assert_eq!(shelf.bad(), []);
    in_time("stop", supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_whose_turn_has_not_come_waits_for_it_or_for_a_person() {
    let shelf = shelf();
    shelf.on_trial("1.2.0", 2, Some("1.1.0"));
    shelf.gate();
    let published = "2999-01-01T00:00:00Z";
    shelf.hear(&json!({ "version": "1.2.0", "publishedAt": published }));
    let supervisor = shelf.start();
    let first = running(&supervisor).await;
    assert_eq!(first.version, version("1.1.0"));
    let held = Blocked::Held {
        eligible_at: published.parse().ok(),
    };
    assert_eq!(
        first.passed_over,
        passed_over("1.2.0", WhyNot::Blocked(held))
    );
    assert_eq!(shelf.attempts_left(), 2);

    let outcome = restart(&supervisor, Asked::ByPerson).await;
    assert_eq!(outcome.version, version("1.2.0"));
    assert_eq!(shelf.attempts_left(), 1);
    // Ready once: it is not judged by time any more.
    assert_eq!(
        restart(&supervisor, Asked::Passively).await.version,
        version("1.2.0")
    );
    in_time("stop", supervisor.stop()).await;
}
