//! From a target to what runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use broker::Broker;
use fleet::State;
use fleet::agent::{Pace, Staging};
use jiff::{SignedDuration, Timestamp};
use rollout::fleet::Refused;

use crate::played::Played;
use crate::scene::{Operator, agent, name, names, prepared, settings, target, until};

fn refused(reason: &str) -> Refused {
    Refused {
        reason: reason.to_owned(),
        detail: format!("because of {reason}"),
    }
}

#[tokio::test]
async fn an_order_is_staged_swapped_in_and_told() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let agent = agent(settings(&broker.url()), dir.path(), device.clone());
    let generation = operator.orders("global", "1.1.0", 0).await;
    device.comes_to("1.1.0").await;
    let seen = operator
        .sees("arrived", |it| it.runtime.state == State::Arrived)
        .await;
    assert_eq!(seen.runtime.generation, Some(generation));
    assert_eq!(seen.runtime.version.unwrap().as_str(), "1.1.0");
    assert_eq!(
        (seen.device.as_str(), seen.groups),
        ("device-a", vec![name("kiosks")])
    );
    assert_eq!(device.staged(), [("1.1.0".to_owned(), false)]);
    drop(agent);
}

#[tokio::test]
async fn the_devices_own_order_comes_before_its_groups_and_those_before_the_global_one() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    operator.orders("group.kiosks", "1.2.0", 0).await;
    operator.orders("group.others", "1.8.0", 0).await;
    operator.orders("global", "1.9.0", 0).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let _agent = agent(settings(&broker.url()), dir.path(), device.clone());
    device.comes_to("1.2.0").await;
    operator.orders("device.device-a", "1.1.0", 0).await;
    device.comes_to("1.1.0").await;
    assert_eq!(
        device.staged().last().unwrap(),
        &("1.1.0".to_owned(), true),
        "an ordered downgrade"
    );
    operator.orders("device.device-a", "", 0).await;
    device.comes_to("1.2.0").await;
}

#[tokio::test]
async fn replayed_reordered_and_forged_messages_change_nothing() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let running = agent(settings(&broker.url()), dir.path(), device.clone());
    operator.writes("global", &target("1.2.0", 20, 0)).await;
    device.comes_to("1.2.0").await;
    // Older ones, the same once more, and another one under its generation.
    for (version, generation) in [("1.1.0", 19), ("1.2.0", 20), ("6.6.6", 20), ("1.0.0", 1)] {
        operator
            .writes("global", &target(version, generation, 0))
            .await;
    }
    // What is no target at all, and a key that is deleted.
    let targets = operator.targets().await;
    targets
        .put("runtime.global", "{\"version\":".into())
        .await
        .unwrap();
    targets.delete("runtime.global").await.unwrap();
    // A message that never was in the bucket.
    let client = fleet::connect(&settings(&broker.url())).await.unwrap();
    client
        .publish("refit.target.runtime.nonsense", "x".into())
        .await
        .unwrap();
    client.flush().await.unwrap();
    // Heard in the order of the broker: once this one counts, the others were heard.
    operator
        .writes("group.kiosks", &target("1.3.0", 21, 0))
        .await;
    device.comes_to("1.3.0").await;
    let staged: Vec<_> = device.staged().into_iter().map(|it| it.0).collect();
    assert_eq!(staged, ["1.2.0", "1.3.0"]);
    // Nor after a restart, which reads the bucket anew.
    drop(running);
    let again = agent(settings(&broker.url()), dir.path(), device.clone());
    until(&again, "arrived", |it| it.runtime.state == State::Arrived).await;
    operator.writes("group.kiosks", &target("", 22, 0)).await;
    device.comes_to("1.2.0").await;
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason_and_what_is_transient_is_no_refusal() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    device.answers("1.1.0", [Staging::Refused(refused("recalled"))]);
    let trouble = || Staging::Trouble(refused("registry-unreachable"));
    device.answers("1.2.0", [trouble(), trouble(), trouble()]);
    let _agent = agent(settings(&broker.url()), dir.path(), device.clone());
    operator.orders("global", "1.1.0", 0).await;
    let seen = operator
        .sees("refused", |it| it.runtime.state == State::Refused)
        .await;
    assert_eq!(
        (&*seen.runtime.reason, &*seen.runtime.detail),
        ("recalled", "because of recalled")
    );
    operator.orders("global", "1.2.0", 0).await;
    device.comes_to("1.2.0").await;
    let client = fleet::connect(&settings(&broker.url())).await.unwrap();
    let reports = operator
        .reads_reports(|it| it.event == fleet::Event::Trouble)
        .await;
    let told: Vec<_> = reports.iter().map(|it| (it.event, &*it.reason)).collect();
    assert_eq!(
        told,
        [
            (fleet::Event::Refused, "recalled"),
            (fleet::Event::Trouble, "registry-unreachable")
        ],
        "three failures of one kind are told once"
    );
    drop(client);
}

#[tokio::test]
async fn where_updates_are_off_nothing_is_followed_until_they_are_on() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    device.turn(Some(refused("updates-off")));
    let agent = agent(settings(&broker.url()), dir.path(), device.clone());
    operator.orders("global", "1.1.0", 0).await;
    until(&agent, "off, with a target", |it| {
        it.runtime.state == State::Off && it.runtime.target.is_some()
    })
    .await;
    assert_eq!(device.staged(), []);
    device.turn(None);
    device.comes_to("1.1.0").await;
}

#[tokio::test]
async fn a_ping_is_answered_with_version_and_state() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let _agent = agent(settings(&broker.url()), dir.path(), device);
    // It listens before its first heartbeat.
    operator.sees("alive", |_| true).await;
    let client = fleet::connect(&settings(&broker.url())).await.unwrap();
    let answer = client
        .request(names().ping(&name("device-a")), "".into())
        .await
        .unwrap();
    let heartbeat: fleet::Heartbeat = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(heartbeat.runtime.version.unwrap().as_str(), "1.0.0");
    assert_eq!(heartbeat.runtime.state, State::Idle);
}

#[tokio::test]
async fn a_share_of_the_jitter_outlives_a_restart() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let first = agent(settings(&broker.url()), dir.path(), device.clone());
    // A week: whatever its share is, it is not over.
    operator.orders("global", "1.1.0", 604_800).await;
    until(&first, "waiting", |it| it.runtime.state == State::Waiting).await;
    let memory = || std::fs::read_to_string(dir.path().join("memory-runtime.json")).unwrap();
    let download = || {
        let memory: serde_json::Value = serde_json::from_str(&memory()).unwrap();
        memory["order"]["downloadAt"].as_str().unwrap().to_owned()
    };
    let before = download();
    drop(first);
    // What is not staged yet has its second wait still to come; what is, though nobody noted it, has it from now on.
    let pace = Pace::default();
    let prepared = prepared(settings(&broker.url()), dir.path(), pace);
    assert_eq!(prepared.not_before(&"1.0.0".parse().unwrap()), None);
    assert!(!memory().contains("\"swapAt\":\""), "{}", memory());
    drop(prepared);
    let again = agent(settings(&broker.url()), dir.path(), device.clone());
    until(&again, "waiting", |it| {
        it.is_connected && it.runtime.state == State::Waiting
    })
    .await;
    assert_eq!(download(), before);
    assert_eq!(device.staged(), []);
}

#[tokio::test]
async fn a_downgrade_is_followed_and_a_flapping_one_once_it_stood_for_a_minute() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.2.0");
    let later = Arc::new(AtomicI64::new(0));
    let clock = {
        let later = Arc::clone(&later);
        Arc::new(move || Timestamp::now() + SignedDuration::from_secs(later.load(Ordering::SeqCst)))
    };
    let agent = crate::scene::agent_by(clock, settings(&broker.url()), dir.path(), device.clone());
    operator.orders("global", "1.1.0", 0).await;
    device.comes_to("1.1.0").await;
    operator.orders("global", "1.2.0", 0).await;
    device.comes_to("1.2.0").await;
    operator.orders("global", "1.1.0", 0).await;
    let seen = operator
        .sees("it has to stand", |it| it.runtime.reason == "must-stand")
        .await;
    assert_eq!(seen.runtime.state, State::Waiting);
    assert_eq!(device.runs(), "1.2.0");
    later.store(61, Ordering::SeqCst);
    device.comes_to("1.1.0").await;
    drop(agent);
}
