use std::time::Duration;

use fleet::operator::observe::{News, Reports, Watch};
use fleet::operator::{Overview, ping};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use rollout::fleet::Subject;
use serde_json::{Value, json};

use crate::support::{Room, name};

fn beat(device: &str, version: &str) -> Value {
    json!({
        "device": device, "at": "1999-01-01T00:00:00Z", "groups": ["kiosks"], "bucket": 7, "uptimeSeconds": 1,
        "runtime": { "version": version, "state": "arrived" },
    })
}

async fn send(room: &Room, subject: &str, value: &Value) {
    let sent = room
        .jetstream
        .publish(subject.to_owned(), value.to_string().into())
        .await;
    sent.unwrap().await.unwrap();
}

#[tokio::test]
async fn the_last_heartbeat_of_each_device_is_caught_up_with_and_then_each_that_comes() {
    let room = Room::new().await;
    for n in 0..20 {
        send(
            &room,
            &format!("$KV.refit-devices.d{n}"),
            &beat(&format!("d{n}"), "1.0.0"),
        )
        .await;
    }
    send(&room, "$KV.refit-devices.d0", &beat("d0", "2.0.0")).await;
    // Sent under another's name, or nothing at all.
    send(&room, "$KV.refit-devices.d1", &beat("d2", "9.0.0")).await;
    send(&room, "$KV.refit-devices.d3", &json!({})).await;

    let mut watch = Watch::open(&room.jetstream, &room.names).await.unwrap();
    let mut overview = Overview::default();
    watch
        .catch_up(&mut overview, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(overview.len(), 18);
    let counts = overview.counts(Subject::Runtime, Timestamp::now());
    let mix: Vec<_> = counts
        .mix
        .iter()
        .map(|it| (it.version.clone().unwrap().to_string(), it.devices))
        .collect();
    assert_eq!(mix, [("2.0.0".to_owned(), 1), ("1.0.0".to_owned(), 17)]);
    assert_eq!(counts.late, 0, "the device's own clock counts for nothing");

    send(&room, "$KV.refit-devices.d5", &beat("d5", "2.0.0")).await;
    let News::Beat(beat, _) = watch.next().await.unwrap() else {
        panic!("a heartbeat");
    };
    assert_eq!(beat.device.as_str(), "d5");
    let bucket = room.jetstream.get_key_value("refit-devices").await.unwrap();
    bucket.delete("d5").await.unwrap();
    assert_eq!(watch.next().await.unwrap(), News::Gone(name("d5")));
}

#[tokio::test]
async fn an_empty_fleet_is_caught_up_with_at_once() {
    let room = Room::new().await;
    let mut watch = Watch::open(&room.jetstream, &room.names).await.unwrap();
    let mut overview = Overview::default();
    watch
        .catch_up(&mut overview, Timestamp::now())
        .await
        .unwrap();
    assert!(overview.is_empty());
    assert!(
        Reports::open(&room.jetstream, &room.names, None)
            .await
            .unwrap()
            .is_caught_up()
    );
}

#[tokio::test]
async fn reports_come_in_order_and_only_those_of_the_device_itself() {
    let room = Room::new().await;
    let report = |device: &str, seq: u64| {
        json!({ "device": device, "seq": seq, "at": "2026-06-12T08:00:00Z", "subject": "runtime",
            "event": "confirmed", "version": "1.0.0" })
    };
    send(&room, "refit.report.a", &report("a", 1)).await;
    send(&room, "refit.report.b", &report("a", 2)).await;
    send(&room, "refit.report.a", &report("a", 2)).await;
    let mut reports = Reports::open(&room.jetstream, &room.names, None)
        .await
        .unwrap();
    let mut found = Vec::new();
    while !reports.is_caught_up() {
        found.push(reports.next().await.unwrap().map(|(report, _)| report.seq));
    }
    assert_eq!(found, [Some(1), None, Some(2)]);
    let later = Some(Timestamp::now());
    assert!(
        Reports::open(&room.jetstream, &room.names, later)
            .await
            .unwrap()
            .is_caught_up()
    );
}

#[tokio::test]
async fn a_device_answers_or_it_is_said_when_it_was_last_heard_of() {
    let room = Room::new().await;
    let device = name("d1");
    let ping = async || {
        let now = Timestamp::now();
        ping::ping(
            &room.client,
            &room.names,
            &device,
            Duration::from_secs(30),
            now,
        )
        .await
    };
    let never = ping().await.unwrap_err();
    assert_eq!(never.kind(), "no-answer");
    assert!(never.to_string().contains("not heard of"), "{never}");
    send(&room, "$KV.refit-devices.d1", &beat("d1", "1.0.0")).await;
    let once = ping().await.unwrap_err();
    assert!(once.to_string().contains("last heard of"), "{once}");

    let mut asked = room.client.subscribe("refit.ping.d1").await.unwrap();
    room.client.flush().await.unwrap();
    let client = room.client.clone();
    let answering = tokio::spawn(async move {
        for answer in [beat("d1", "1.0.0"), beat("d2", "1.0.0"), json!("what")] {
            let request = asked.next().await.unwrap();
            client
                .publish(request.reply.unwrap(), answer.to_string().into())
                .await
                .unwrap();
        }
    });
    assert_eq!(ping().await.unwrap().device, device);
    assert_eq!(ping().await.unwrap_err().kind(), "fleet-data");
    assert_eq!(ping().await.unwrap_err().kind(), "fleet-data");
    answering.await.unwrap();
}

#[tokio::test]
async fn whoever_looks_on_hears_of_a_stream_that_was_made_anew() {
    let mut room = Room::new().await;
    send(&room, "$KV.refit-devices.d1", &beat("d1", "1.0.0")).await;
    let mut watch = Watch::open(&room.jetstream, &room.names).await.unwrap();
    let mut overview = Overview::default();
    watch
        .catch_up(&mut overview, Timestamp::now())
        .await
        .unwrap();
    room.broker.restart_empty();
    let waited = tokio::time::timeout(Duration::from_secs(90), watch.next()).await;
    assert!(waited.unwrap().is_err());
}
