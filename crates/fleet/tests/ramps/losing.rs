//! Brokers that lose a leader, or their disk, in mid-ramp.

use std::collections::BTreeSet;
use std::time::Duration;

use broker::{Broker, Cluster};
use fleet::Report;
use fleet::controller::Told;
use futures_util::StreamExt as _;
use rollout::fleet::ramp::What;

use crate::devices::Devices;
use crate::room::{Room, Running, pace, record, until, whole, wish, works};

/// Which node leads a stream.
async fn leader(room: &Room, stream: &str) -> String {
    let jetstream = fleet::jetstream(&room.client);
    loop {
        if let Ok(stream) = jetstream.get_stream(stream).await
            && let Some(leader) = stream
                .cached_info()
                .cluster
                .clone()
                .and_then(|it| it.leader)
        {
            return leader;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every report in the stream, by device and number; none while a cluster chooses its leader.
async fn reports(room: &Room) -> Option<BTreeSet<(String, u64)>> {
    let jetstream = fleet::jetstream(&room.client);
    let stream = jetstream.get_stream(room.names.reports()).await.ok()?;
    let config = async_nats::jetstream::consumer::pull::OrderedConfig::default();
    let consumer = stream.create_consumer(config).await.ok()?;
    let mut pending = consumer.cached_info().num_pending;
    let mut messages = consumer.messages().await.ok()?;
    let mut found = BTreeSet::new();
    while pending > 0 {
        let message = messages.next().await?.ok()?;
        pending = message.info().unwrap().pending;
        let report: Report = serde_json::from_slice(&message.payload).unwrap();
        found.insert((report.device.to_string(), report.seq));
    }
    Some(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_of_the_cluster_is_killed_in_mid_ramp_and_nothing_is_lost() {
    let mut cluster = Cluster::start();
    let room = Room::new(&cluster.urls(), 3, &["1.0.0", "1.1.0"]).await;
    let devices = Devices::start(&room.client, &room.names, 200, "1.0.0", works()).await;
    room.begin(wish("20%:2s,50%:2s,80%:2s,100%")).await.unwrap();
    let controller = Running::start(&room.connect().await, &room.names, "desk", pace());
    // In mid-step: whoever leads the ramps, and, when that one is back, whoever leads the targets.
    controller.records(What::Entered, 1).await;
    let ramps = leader(&room, &format!("KV_{}", room.names.ramps())).await;
    cluster.named(&ramps).unwrap().kill();
    controller.records(What::Entered, 2).await;
    cluster.named(&ramps).unwrap().restart();
    let targets = leader(&room, &room.names.targets_stream()).await;
    cluster.named(&targets).unwrap().kill();
    let done = controller.records(What::Completed, 3).await;
    assert_eq!(record(&done), whole(4));
    until("everyone", || devices.runs().get("1.1.0") == Some(&200)).await;
    let shares = room.shares().await;
    assert_eq!(shares, ["20 %", "50 %", "80 %", "100 %", "1.1.0"]);
    let sent: BTreeSet<_> = (0..200)
        .map(|n| (crate::devices::name(n).to_string(), 1))
        .collect();
    // The devices send each until the broker has it.
    while !reports(&room).await.is_some_and(|it| it.is_superset(&sent)) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let counts = done.evidence.last().unwrap().counts.unwrap();
    assert_eq!(counts.whole.new.failed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_its_disk_is_told_again_and_the_ramp_completes() {
    let mut broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let devices = Devices::start(&room.client, &room.names, 150, "1.0.0", works()).await;
    room.begin(wish("20%:1s,50%:3s,100%")).await.unwrap();
    let controller = Running::start(&room.connect().await, &room.names, "desk", pace());
    let before = controller.records(What::Entered, 1).await;
    broker.kill();
    controller
        .tells("trouble", |it| matches!(it, Told::Trouble { .. }))
        .await;
    broker.restart_empty();
    for what in ["the ramp of 1.1.0 on global", "the target of global"] {
        let restored = |it: &Told| matches!(it, Told::Restored { what: it } if it == what);
        controller.tells(what, restored).await;
    }
    let done = controller.records(What::Completed, 2).await;
    assert_eq!(done.id, before.id);
    assert_eq!(record(&done), whole(3));
    until("everyone", || devices.runs().get("1.1.0") == Some(&150)).await;
    // The second step's target is the one that stood before, and newer ones follow it.
    let targets = room.targets().await;
    assert_eq!(targets[0].generation, before.generation);
    assert_eq!(room.shares().await[..2], ["50 %", "100 %"]);
    controller
        .tells("that it is well", |it| *it == Told::Well)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_remembers_nothing_says_what_is_gone() {
    let mut broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &[]).await;
    let controller = Running::start(&room.connect().await, &room.names, "desk", pace());
    controller
        .tells("that it leads", |it| *it == Told::Leads)
        .await;
    broker.restart_empty();
    let lost = |it: &Told| matches!(it, Told::Lost { what } if what == "KV_works-ramps");
    controller.tells("what is lost", lost).await;
    // It goes on for all that, once the fleet is there again.
    let jetstream = fleet::jetstream(&room.client);
    fleet::ensure(&jetstream, &room.names, 1).await.unwrap();
    controller
        .tells("that it is well", |it| *it == Told::Well)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_an_older_target_that_somebody_had_stored_is_written_over() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    room.order("1.0.0").await;
    let devices = Devices::start(&room.client, &room.names, 60, "1.0.0", works()).await;
    room.begin(wish("50%:10h,100%")).await.unwrap();
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    controller.waits("held until").await;
    // Whoever may read may have the answer sent anywhere: here, the first order to where the last stands.
    let stream = room.names.targets_stream();
    let last = |room: &Room| {
        let (client, stream) = (room.client.clone(), stream.clone());
        async move {
            let jetstream = fleet::jetstream(&client);
            let stream = jetstream.get_stream(stream).await.unwrap();
            let last = stream.get_last_raw_message_by_subject("$KV.works-targets.runtime.global");
            last.await.unwrap()
        }
    };
    let before = last(&room).await;
    room.client
        .publish_with_reply(
            format!("$JS.API.DIRECT.GET.{stream}"),
            "$KV.works-targets.runtime.global",
            r#"{"seq":1}"#.into(),
        )
        .await
        .unwrap();
    let restored =
        |it: &Told| matches!(it, Told::Restored { what } if what == "the target of global");
    controller.tells("that it wrote it again", restored).await;
    let after = last(&room).await;
    assert_eq!(after.payload, before.payload);
    assert_eq!(after.sequence, before.sequence + 2);
    assert_eq!(room.ramp().await.evidence.len(), 1, "and the ramp goes on");
    until("the first step", || devices.runs().contains_key("1.1.0")).await;
}
