//! What devices may with the configuration in `packaging/nats`, and what they may not.

use std::time::Duration;

use fleet::agent::News;
use fleet::operator::observe::{self, Reports, Watch};
use fleet::operator::orders::Order;
use fleet::operator::releases::{self, Artifact};
use fleet::operator::{Overview, orders, ping};
use fleet::{Event, Login, State};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use rollout::fleet::{Scope, Subject};
use serde_json::json;

use crate::house::{House, PATIENCE, settings, until};
use crate::orders::order;
use crate::played::Played;
use crate::support::{name, publish};

#[tokio::test]
async fn a_device_can_do_all_that_it_needs_and_an_operator_all_that_is_ordered() {
    let house = House::new().await;
    let jetstream = fleet::jetstream(&house.operator);
    let names = &house.names;
    for version in ["1.0.0", "2.0.0"] {
        let artifact = Artifact::runtime(version.parse().unwrap());
        publish(&jetstream, names, artifact, version.as_bytes())
            .await
            .unwrap();
    }
    // The agent itself.
    let folder = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let agent = house.agent_of_kiosk_8(folder.path(), device.clone());
    let order = Order {
        jitter: Duration::ZERO,
        ..order("2.0.0")
    };
    orders::place(&jetstream, names, &order, &Scope::Group(name("kiosks")))
        .await
        .unwrap();
    device.comes_to("2.0.0").await;
    let tell = async |event| {
        let news = News::new(Subject::Runtime, event, "2.0.0".parse().ok());
        agent.reporter().tell(news).await;
    };
    tell(Event::Launched).await;

    // It answers, and what it tells comes.
    let kiosk_8 = name("kiosk-8");
    until("an answer", async || {
        let (client, patience) = (&house.operator, Duration::from_secs(5));
        let answer = ping::ping(client, names, &kiosk_8, patience, Timestamp::now());
        answer
            .await
            .is_ok_and(|it| it.runtime.state == State::Arrived)
    })
    .await;
    let mut watch = Watch::open(&jetstream, names).await.unwrap();
    let mut overview = Overview::default();
    until("a heartbeat", async || {
        let news = watch.next().await.unwrap();
        assert!(matches!(news, observe::News::Beat(..)), "{news:?}");
        news.tell(&mut overview, Timestamp::now());
        let seen = overview.device(&name("kiosk-8")).unwrap();
        seen.runtime.state == State::Arrived
    })
    .await;
    let mut reports = Reports::open(&jetstream, names, None).await.unwrap();
    let mut next = async || {
        let next = tokio::time::timeout(PATIENCE, reports.next()).await;
        next.unwrap().unwrap()
    };
    let (first, _) = next().await.unwrap();
    assert_eq!((&first.device, first.event), (&kiosk_8, Event::Launched));
    // Another one that uses up the id of its next report does not keep it back.
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("kiosk-8-{}", first.seq + 1));
    let other = fleet::jetstream(&house.kiosk_7().await);
    let taken = other
        .publish_with_headers("refit.report.kiosk-7", headers, "{}".into())
        .await;
    taken.unwrap().await.unwrap();
    tell(Event::Confirmed).await;
    assert_eq!(next().await, None, "it is no report");
    let (second, _) = next().await.unwrap();
    assert_eq!(
        (second.seq, second.event),
        (first.seq + 1, Event::Confirmed)
    );
    drop(agent);

    // The rest of what operators do.
    orders::history(&jetstream, names, None, None)
        .await
        .unwrap();
    assert_eq!(orders::current(&jetstream, names).await.unwrap().len(), 1);
    let unpublish = async |it: &str| {
        releases::unpublish(&jetstream, names, Subject::Runtime, &it.parse().unwrap()).await
    };
    assert_eq!(unpublish("2.0.0").await.unwrap_err().kind(), "in-use");
    unpublish("1.0.0").await.unwrap();
    let ramps = jetstream.get_key_value(names.ramps()).await.unwrap();
    ramps.create("lease", "me".into()).await.unwrap();
    assert!(!house.refused("iolation"), "{}", house.broker.log());
}

#[tokio::test]
async fn a_device_reads_what_is_published_larger_than_one_message_too() {
    let house = House::new().await;
    let jetstream = fleet::jetstream(&house.operator);
    let names = &house.names;
    let runtime = Artifact::runtime("1.0.0".parse().unwrap());
    publish(&jetstream, names, runtime.clone(), b"1.0.0")
        .await
        .unwrap();
    let agents = Artifact::agent("3.0.0".parse().unwrap(), name("linux-x86_64"));
    let binary: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
    publish(&jetstream, names, agents.clone(), &binary)
        .await
        .unwrap();

    let kiosk = fleet::jetstream(&house.kiosk_7().await);
    let found = releases::find(&kiosk, names, &runtime)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.size, 5);
    let unpublished = Artifact::runtime("9.0.0".parse().unwrap());
    assert_eq!(
        releases::find(&kiosk, names, &unpublished).await.unwrap(),
        None
    );
    let mut reading = releases::open(&kiosk, names, &agents)
        .await
        .unwrap()
        .unwrap();
    let mut read = Vec::new();
    while let Some(chunk) = reading.chunk().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert_eq!(read, binary);
    assert!(!house.refused("iolation"), "{}", house.broker.log());
}

#[tokio::test]
async fn a_device_writes_no_target_and_nothing_in_anothers_name_and_destroys_nothing() {
    let house = House::new().await;
    let jetstream = fleet::jetstream(&house.operator);
    let artifact = Artifact::runtime("1.0.0".parse().unwrap());
    publish(&jetstream, &house.names, artifact, b"1")
        .await
        .unwrap();
    orders::place(&jetstream, &house.names, &order("1.0.0"), &Scope::Global)
        .await
        .unwrap();
    // The other device has told something.
    let other = house.kiosk_8().await;
    for subject in ["refit.report.kiosk-8", "$KV.refit-devices.kiosk-8"] {
        let told = fleet::jetstream(&other)
            .publish(subject, "{}".into())
            .await
            .unwrap();
        told.await.unwrap();
    }
    let before = house.everything().await;

    let mut heard = house.operator.subscribe("refit.target.>").await;
    if let Ok(heard) = &mut heard {
        heard.unsubscribe().await.unwrap();
    }
    let mut listening = other.subscribe("refit.target.>").await.unwrap();
    other.flush().await.unwrap();
    let kiosk = house.kiosk_7().await;
    let evil = json!({ "version": "6.6.6", "generation": u64::MAX, "at": "2026-06-12T08:00:00Z" })
        .to_string();
    let attempts = [
        "$KV.refit-targets.runtime.global",
        "refit.target.runtime.global",
        "refit.report.kiosk-8",
        "$KV.refit-devices.kiosk-8",
        "$KV.refit-ramps.lease",
        "$O.refit-runtime.M.MS4wLjA=",
        "refit.ping.kiosk-8",
        "_INBOX.kiosk-8.x",
        "$JS.API.STREAM.DELETE.KV_refit-targets",
        "$JS.API.STREAM.PURGE.KV_refit-targets",
        "$JS.API.STREAM.PURGE.refit-reports",
        "$JS.API.STREAM.MSG.DELETE.refit-reports",
        "$JS.API.STREAM.CREATE.mine",
        "$JS.API.STREAM.UPDATE.KV_refit-devices",
        "$JS.API.STREAM.INFO.refit-reports",
        "$JS.API.STREAM.MSG.GET.refit-reports",
        "$JS.API.CONSUMER.CREATE.OBJ_refit-runtime",
        "$JS.API.CONSUMER.DURABLE.CREATE.refit-reports.mine",
        "$JS.API.DIRECT.GET.refit-reports.refit.report.kiosk-8",
        "$JS.API.DIRECT.GET.KV_refit-devices.$KV.refit-devices.kiosk-8",
        "$JS.FC.KV_refit-targets.x.y",
    ];
    for subject in attempts {
        kiosk
            .publish_with_reply(subject, "_INBOX.kiosk-7.answer", evil.clone().into())
            .await
            .unwrap();
        until(subject, async || {
            kiosk.flush().await.unwrap();
            house.refused("Publish Violation") && house.refused(&format!("\"{subject}\""))
        })
        .await;
    }
    for subject in [
        "_INBOX.>",
        "_INBOX.kiosk-8.>",
        ">",
        "refit.report.>",
        "refit.ping.kiosk-8",
        "refit.ping.*",
        "$KV.>",
    ] {
        let _ = kiosk.subscribe(subject).await.unwrap();
        until(subject, async || {
            kiosk.flush().await.unwrap();
            house.refused("Subscription Violation") && house.refused(&format!("\"{subject}\""))
        })
        .await;
    }
    assert_eq!(house.everything().await, before);
    // And the other device has heard of nothing.
    let order = Order {
        version: None,
        ..order("")
    };
    orders::place(&jetstream, &house.names, &order, &Scope::Global)
        .await
        .unwrap();
    let first = tokio::time::timeout(PATIENCE, listening.next())
        .await
        .unwrap()
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&first.payload).contains("6.6.6"),
        "{first:?}"
    );
}

#[tokio::test]
async fn a_device_empties_no_bucket_with_a_header() {
    let house = House::new().await;
    for device in [house.kiosk_7().await, house.kiosk_8().await] {
        let device = fleet::jetstream(&device);
        let told = device
            .publish("$KV.refit-devices.kiosk-8", "{}".into())
            .await
            .unwrap()
            .await;
        let _ = told;
    }
    let kiosk = fleet::jetstream(&house.kiosk_7().await);
    for (subject, rollup) in [
        ("$KV.refit-devices.kiosk-7", "all"),
        ("$KV.refit-devices.kiosk-7", "sub"),
        ("refit.report.kiosk-7", "all"),
    ] {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Rollup", rollup);
        let answer = kiosk
            .publish_with_headers(subject, headers, "{}".into())
            .await
            .unwrap()
            .await;
        assert!(answer.is_err(), "{subject} {rollup}: {answer:?}");
    }
    let all = house.everything().await;
    assert!(
        all.iter()
            .any(|(subject, _)| subject == "$KV.refit-devices.kiosk-8"),
        "{all:?}"
    );
}

/// Whoever asks names the subject of the answer, and the broker looks at no permission for that.
#[tokio::test]
async fn what_a_device_has_the_broker_answer_elsewhere_is_believed_by_nobody() {
    let house = House::new().await;
    let jetstream = fleet::jetstream(&house.operator);
    let artifact = Artifact::runtime("1.0.0".parse().unwrap());
    publish(&jetstream, &house.names, artifact, b"1")
        .await
        .unwrap();
    let placed = orders::place(&jetstream, &house.names, &order("1.0.0"), &Scope::Global)
        .await
        .unwrap();

    let folder = tempfile::tempdir().unwrap();
    let device = Played::running("0.9.0");
    let agent = house.agent_of_kiosk_8(folder.path(), device.clone());
    let heard = async |generation: u64| {
        let mut status = agent.status();
        let waited = status.wait_for(|it| it.runtime.generation == Some(generation));
        tokio::time::timeout(PATIENCE, waited)
            .await
            .unwrap()
            .unwrap();
    };
    heard(placed.target.generation).await;

    let kiosk = house.kiosk_7().await;
    let mut all_told = kiosk.subscribe("refit.target.>").await.unwrap();
    let own = fleet::jetstream(&kiosk);
    let lies = [
        json!({ "version": "6.6.6", "generation": u64::MAX, "at": "2026-06-12T08:00:00Z" }),
        json!({ "device": "kiosk-8", "seq": 77, "at": "2026-06-12T08:00:00Z", "subject": "runtime",
            "event": "fell-back", "version": "1.0.0" }),
        json!({ "device": "kiosk-8", "at": "2026-06-12T08:00:00Z", "bucket": 0, "uptimeSeconds": 0,
            "runtime": { "version": "6.6.6", "state": "halted" } }),
    ];
    for lie in lies {
        let stored = own
            .publish("refit.report.kiosk-7", lie.to_string().into())
            .await
            .unwrap();
        stored.await.unwrap();
        for answer in [
            "$KV.refit-targets.runtime.global",
            "$KV.refit-targets.runtime.device.kiosk-8",
            "refit.target.runtime.device.kiosk-8",
            "refit.target.runtime.global",
            "refit.report.kiosk-8",
            "$KV.refit-devices.kiosk-8",
        ] {
            let ask = "$JS.API.DIRECT.GET.refit-reports.refit.report.kiosk-7";
            kiosk
                .publish_with_reply(ask, answer, "".into())
                .await
                .unwrap();
        }
    }
    // Answered in order: with this one the others have been.
    let last = own
        .publish("refit.report.kiosk-7", "{}".into())
        .await
        .unwrap();
    last.await.unwrap();

    // It did come to where devices listen, and the agent believed none of it.
    let told = tokio::time::timeout(PATIENCE, all_told.next())
        .await
        .unwrap()
        .unwrap();
    assert!(String::from_utf8_lossy(&told.payload).contains("6.6.6"));
    let next = Order {
        jitter: Duration::ZERO,
        ..order("1.0.0")
    };
    let next = orders::place(&jetstream, &house.names, &next, &Scope::Global)
        .await
        .unwrap();
    heard(next.target.generation).await;
    device.comes_to("1.0.0").await;
    assert_eq!(device.staged(), [("1.0.0".to_owned(), false)]);
    drop(agent);

    // No bucket has it.
    let stands = orders::current(&jetstream, &house.names).await.unwrap();
    assert_eq!(stands.len(), 1);
    assert_eq!(stands[0].target, Ok(next.target));
    // Nobody reads it as the other device's.
    let mut reports = Reports::open(&jetstream, &house.names, None).await.unwrap();
    while !reports.is_caught_up() {
        if let Some((report, _)) = reports.next().await.unwrap() {
            panic!("{report:?}");
        }
    }
    let mut watch = Watch::open(&jetstream, &house.names).await.unwrap();
    let mut overview = Overview::default();
    watch
        .catch_up(&mut overview, Timestamp::now())
        .await
        .unwrap();
    // Its own heartbeat may not have come yet; nobody else's came under its name.
    let seen = overview.device(&name("kiosk-8"));
    assert!(seen.is_none_or(|it| it.runtime.state != State::Halted));
}

#[tokio::test]
async fn over_tls_a_broker_is_believed_by_its_root_and_by_nothing_else() {
    let house = House::with(true).await;
    assert!(
        orders::current(&fleet::jetstream(&house.operator), &house.names)
            .await
            .unwrap()
            .is_empty()
    );
    let mut unknown = settings(
        &house.broker,
        Login::Nkey(house.dir.path().join("operator.nk")),
    );
    unknown.servers = vec![house.broker.url().replace("nats://", "tls://")];
    let refused = fleet::connect(&unknown).await.unwrap_err();
    assert_eq!(refused.kind(), "broker-unreachable");
}

#[tokio::test]
async fn an_operator_signs_in_by_password_too_and_a_stranger_not_at_all() {
    let house = House::new().await;
    let file = house.dir.path().join("of-operator");
    std::fs::write(&file, "of-operator\n").unwrap();
    let login = |user: &str| Login::Password {
        user: user.to_owned(),
        file: file.clone(),
    };
    let operator = fleet::connect(&settings(&house.broker, login("operator")))
        .await
        .unwrap();
    orders::current(&fleet::jetstream(&operator), &house.names)
        .await
        .unwrap();
    for login in [login("bob"), Login::Nobody] {
        let refused = fleet::connect(&settings(&house.broker, login))
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), "broker-unreachable");
        assert!(!refused.to_string().contains("of-operator"), "{refused}");
    }
}
