use fleet::operator::orders;
use fleet::operator::releases::{self, Artifact, Published, find, list, open, unpublish};
use futures_util::future::join_all;
use rollout::fleet::{Scope, Subject};

use crate::support::{Room, name, publish};

fn version(text: &str) -> rollout::Version {
    text.parse().unwrap()
}

/// More than one message of the store.
fn large(seed: u8) -> Vec<u8> {
    (0..300_000_u32).map(|n| (n % 251) as u8 ^ seed).collect()
}

async fn read(room: &Room, artifact: &Artifact) -> Option<Vec<u8>> {
    let mut reading = open(&room.jetstream, &room.names, artifact)
        .await
        .unwrap()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = reading.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    Some(bytes)
}

async fn messages(room: &Room) -> u64 {
    let mut stream = room
        .jetstream
        .get_stream("OBJ_refit-runtime")
        .await
        .unwrap();
    stream.info().await.unwrap().state.messages
}

#[tokio::test]
async fn one_version_has_one_content() {
    let room = Room::new().await;
    let content = large(0);
    let Published::New(release) = room.publish("1.0.0", &content).await.unwrap() else {
        panic!("it was not there before");
    };
    assert_eq!(release.size, 300_000);
    let before = messages(&room).await;

    let again = room.publish("1.0.0", &content).await.unwrap();
    assert_eq!(again, Published::Already(release.clone()));
    // Neither is a version another one for its letters or its build metadata.
    for same in ["1.0.0", "1.0.0+build"] {
        let refused = room.publish(same, &large(1)).await.unwrap_err();
        assert_eq!(refused.kind(), "other-content");
        assert!(refused.to_string().contains("1.0.0"), "{refused}");
    }
    assert_eq!(messages(&room).await, before, "nothing was left behind");

    let artifact = release.artifact();
    let found = find(&room.jetstream, &room.names, &artifact).await.unwrap();
    assert_eq!(found, Some(release));
    assert_eq!(read(&room, &artifact).await, Some(content));
    let other = Artifact::runtime(version("1.0.1"));
    assert_eq!(
        find(&room.jetstream, &room.names, &other).await.unwrap(),
        None
    );
    assert_eq!(read(&room, &other).await, None);
}

#[tokio::test]
async fn of_many_who_publish_at_once_one_wins_and_the_others_hear_of_it() {
    let room = Room::new().await;
    let contents: Vec<_> = (0..8).map(large).collect();
    let all = contents
        .iter()
        .map(|content| room.publish("1.0.0", content));
    let ended = join_all(all).await;

    let won: Vec<_> = (0..8).filter(|n| ended[*n].is_ok()).collect();
    assert_eq!(won.len(), 1, "{ended:?}");
    let lost = ended.iter().filter_map(|it| it.as_ref().err());
    assert!(
        lost.clone().all(|it| it.kind() == "other-content"),
        "{ended:?}"
    );
    let artifact = Artifact::runtime(version("1.0.0"));
    assert_eq!(read(&room, &artifact).await.unwrap(), contents[won[0]]);
    let alone = messages(&room).await;
    assert_eq!(
        alone,
        300_000_u64.div_ceil(128 * 1024) + 1,
        "what lost is gone"
    );
}

#[tokio::test]
async fn each_platform_has_an_agent_of_its_own() {
    let room = Room::new().await;
    let agent = |platform: &str| Artifact::agent(version("2.0.0"), name(platform));
    let publish = async |platform: &str, content: &[u8]| {
        publish(&room.jetstream, &room.names, agent(platform), content).await
    };
    publish("linux-x86_64", b"linux").await.unwrap();
    publish("macos-aarch64", b"mac").await.unwrap();
    let refused = publish("macos-aarch64", b"other").await.unwrap_err();
    assert_eq!(refused.kind(), "other-content");
    assert!(refused.to_string().contains("macos-aarch64"), "{refused}");
    assert_eq!(read(&room, &agent("macos-aarch64")).await.unwrap(), b"mac");

    let all = list(&room.jetstream, &room.names, Subject::Agent)
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
    assert!(
        list(&room.jetstream, &room.names, Subject::Runtime)
            .await
            .unwrap()
            .is_empty()
    );
    let gone = unpublish(
        &room.jetstream,
        &room.names,
        Subject::Agent,
        &version("2.0.0"),
    )
    .await;
    assert_eq!(gone.unwrap().len(), 2);
    assert!(
        list(&room.jetstream, &room.names, Subject::Agent)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn what_some_scope_is_to_have_stays_and_what_is_gone_may_come_back_as_something_else() {
    let room = Room::new().await;
    for it in ["1.0.0", "1.10.0", "1.9.0"] {
        room.publish(it, it.as_bytes()).await.unwrap();
    }
    let order = crate::orders::order("1.10.0");
    let kiosks = Scope::Group(name("kiosks"));
    orders::place(&room.jetstream, &room.names, &order, &kiosks)
        .await
        .unwrap();
    // A ramp's other devices are to have 1.9.0.
    let ramp = br#"{"version":"1.10.0","generation":1,"at":"2026-06-12T08:00:00Z",
        "ramp":{"id":"r","share":5,"otherwise":"1.9.0"}}"#;
    let bucket = room.jetstream.get_key_value("refit-targets").await.unwrap();
    bucket
        .put("runtime.global", ramp.to_vec().into())
        .await
        .unwrap();

    let unpublish = async |it: &str| {
        unpublish(&room.jetstream, &room.names, Subject::Runtime, &version(it)).await
    };
    let refused = unpublish("1.10.0").await.unwrap_err();
    assert_eq!(refused.kind(), "in-use");
    assert!(
        refused.to_string().contains("global, group.kiosks"),
        "{refused}"
    );
    let refused = unpublish("1.9.0").await.unwrap_err();
    assert!(refused.to_string().contains("global"), "{refused}");
    assert_eq!(
        unpublish("1.2.0").await.unwrap_err().kind(),
        "not-published"
    );
    unpublish("1.0.0").await.unwrap();
    assert_eq!(
        unpublish("1.0.0").await.unwrap_err().kind(),
        "not-published"
    );

    let all = releases::list(&room.jetstream, &room.names, Subject::Runtime)
        .await
        .unwrap();
    let all: Vec<_> = all.iter().map(|it| it.version.to_string()).collect();
    assert_eq!(all, ["1.10.0", "1.9.0"]);
    let again = room.publish("1.0.0", b"other").await.unwrap();
    assert!(matches!(again, Published::New(_)));
    let artifact = Artifact::runtime(version("1.0.0"));
    assert_eq!(read(&room, &artifact).await.unwrap(), b"other");
    // A target that nobody can read may name anything.
    bucket
        .put("runtime.global", "garbage".into())
        .await
        .unwrap();
    assert_eq!(unpublish("1.0.0").await.unwrap_err().kind(), "in-use");
}

#[tokio::test]
async fn bytes_that_are_not_those_that_were_recorded_are_an_error_at_their_end() {
    let room = Room::new().await;
    let Published::New(release) = room.publish("1.0.0", &large(0)).await.unwrap() else {
        panic!("it was not there before");
    };
    // Whoever may write to the store names other bytes by the same label.
    let store = room
        .jetstream
        .get_object_store("refit-runtime")
        .await
        .unwrap();
    let info = store.info("1.0.0").await.unwrap();
    let meta = async_nats::jetstream::object_store::ObjectMetadata {
        name: "1.0.0".to_owned(),
        metadata: info.metadata,
        ..Default::default()
    };
    store.put(meta, &mut large(1).as_slice()).await.unwrap();
    let mut reading = open(&room.jetstream, &room.names, &release.artifact())
        .await
        .unwrap()
        .unwrap();
    let error = loop {
        match reading.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it was believed"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("another digest"), "{error}");

    // Bytes that are gone are no end.
    let mut reading = open(&room.jetstream, &room.names, &release.artifact())
        .await
        .unwrap()
        .unwrap();
    assert!(reading.chunk().await.unwrap().is_some());
    let stream = room
        .jetstream
        .get_stream("OBJ_refit-runtime")
        .await
        .unwrap();
    stream.purge().filter("$O.refit-runtime.C.>").await.unwrap();
    assert_eq!(reading.chunk().await.unwrap_err().kind(), "fleet-data");
}

#[tokio::test]
async fn a_broker_without_the_fleet_says_so() {
    let room = Room::new().await;
    let names = fleet::Names::of(&name("other"));
    for refused in [
        list(&room.jetstream, &names, Subject::Runtime)
            .await
            .map(|_| ()),
        publish(
            &room.jetstream,
            &names,
            Artifact::runtime(version("1.0.0")),
            b"x",
        )
        .await
        .map(|_| ()),
        orders::current(&room.jetstream, &names).await.map(|_| ()),
        fleet::operator::observe::Watch::open(&room.jetstream, &names)
            .await
            .map(|_| ()),
    ] {
        assert_eq!(refused.unwrap_err().kind(), "no-fleet");
    }
}

#[tokio::test]
async fn an_order_and_a_withdrawal_at_one_moment_leave_no_order_for_what_is_gone() {
    let room = Room::new().await;
    let (mut ordered, mut withdrawn) = (0, 0);
    for round in 0..40_u64 {
        let it = format!("1.0.{round}");
        room.publish(&it, it.as_bytes()).await.unwrap();
        let order = crate::orders::order(&it);
        let ordering = async {
            // Sometimes the one is ahead, sometimes the other.
            tokio::time::sleep(std::time::Duration::from_micros(round % 10 * 150)).await;
            orders::place(&room.jetstream, &room.names, &order, &Scope::Global).await
        };
        let version = version(&it);
        let withdrawing = unpublish(&room.jetstream, &room.names, Subject::Runtime, &version);
        let (placed, gone) = tokio::join!(ordering, withdrawing);
        let artifact = Artifact::runtime(version.clone());
        let left = find(&room.jetstream, &room.names, &artifact).await.unwrap();
        assert!(placed.is_err() || left.is_some(), "{placed:?} {gone:?}");
        assert_eq!(gone.is_err(), left.is_some(), "{placed:?} {gone:?}");
        if left.is_some() {
            assert_eq!(read(&room, &artifact).await.unwrap(), it.as_bytes());
        }
        ordered += u32::from(placed.is_ok());
        withdrawn += u32::from(gone.is_ok());
    }
    assert_ne!(ordered + withdrawn, 0);
}
