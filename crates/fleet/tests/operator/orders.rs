use std::time::Duration;

use fleet::operator::orders::{self, Order, current, history, last, place};
use futures_util::StreamExt as _;
use rollout::fleet::{Scope, Subject, Target};

use crate::support::{Room, at, name};

pub(crate) fn order(version: &str) -> Order {
    Order {
        subject: Subject::Runtime,
        version: version.parse().ok(),
        jitter: Duration::from_mins(30),
        by: "operator".to_owned(),
        at: at(),
    }
}

#[tokio::test]
async fn an_order_is_stored_told_and_remembered() {
    let room = Room::new().await;
    for it in ["1.0.0", "2.0.0"] {
        room.publish(it, it.as_bytes()).await.unwrap();
    }
    let mut told = room.client.subscribe("refit.target.>").await.unwrap();
    room.client.flush().await.unwrap();
    let kiosks = Scope::Group(name("kiosks"));

    let first = place(&room.jetstream, &room.names, &order("1.0.0"), &kiosks)
        .await
        .unwrap();
    assert_eq!(first.before, None);
    let second = place(&room.jetstream, &room.names, &order("2.0.0"), &kiosks)
        .await
        .unwrap();
    assert_eq!(second.before.as_ref(), Some(&first.target));
    assert!(
        second.target.generation > first.target.generation,
        "with one clock for both"
    );

    for target in [&first.target, &second.target] {
        let message = told.next().await.unwrap();
        assert_eq!(
            message.subject.as_str(),
            "refit.target.runtime.group.kiosks"
        );
        assert_eq!(Target::parse(&message.payload).as_ref(), Ok(target));
    }
    let cleared = Order {
        version: None,
        ..order("")
    };
    place(&room.jetstream, &room.names, &cleared, &kiosks)
        .await
        .unwrap();
    place(
        &room.jetstream,
        &room.names,
        &order("1.0.0"),
        &Scope::Global,
    )
    .await
    .unwrap();

    let all = current(&room.jetstream, &room.names).await.unwrap();
    let all: Vec<_> = all
        .iter()
        .map(|it| {
            (
                it.scope.to_string(),
                it.target.clone().unwrap().version.map(|it| it.to_string()),
            )
        })
        .collect();
    assert_eq!(
        all,
        [
            ("global".to_owned(), Some("1.0.0".to_owned())),
            ("group.kiosks".to_owned(), None)
        ]
    );
    let past = history(&room.jetstream, &room.names, None, Some(&kiosks))
        .await
        .unwrap();
    let versions: Vec<_> = past
        .iter()
        .map(|it| it.target.clone().unwrap().version)
        .collect();
    assert_eq!(versions, ["1.0.0", "2.0.0", ""].map(|it| it.parse().ok()));
    let all = history(&room.jetstream, &room.names, Some(Subject::Runtime), None)
        .await
        .unwrap();
    assert_eq!(all.len(), 4);
    let none = history(&room.jetstream, &room.names, Some(Subject::Agent), None)
        .await
        .unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_version_that_is_not_published_is_refused_with_what_is() {
    let room = Room::new().await;
    let refused = place(
        &room.jetstream,
        &room.names,
        &order("3.0.0"),
        &Scope::Global,
    )
    .await;
    assert!(refused.unwrap_err().hint().contains("Nothing is published"));
    room.publish("1.0.0", b"1").await.unwrap();
    let refused = place(
        &room.jetstream,
        &room.names,
        &order("3.0.0"),
        &Scope::Global,
    )
    .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), "not-published");
    assert!(refused.hint().contains("1.0.0"), "{}", refused.hint());
    // A runtime is no agent.
    let agent = Order {
        subject: Subject::Agent,
        ..order("1.0.0")
    };
    let refused = place(&room.jetstream, &room.names, &agent, &Scope::Global).await;
    assert_eq!(refused.unwrap_err().kind(), "not-published");
    assert!(
        current(&room.jetstream, &room.names)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn nobodys_order_is_overwritten_unseen() {
    let room = Room::new().await;
    room.publish("1.0.0", b"1").await.unwrap();
    place(
        &room.jetstream,
        &room.names,
        &order("1.0.0"),
        &Scope::Global,
    )
    .await
    .unwrap();
    let seen = last(
        &room.jetstream,
        &room.names,
        Subject::Runtime,
        &Scope::Global,
    )
    .await;
    let seen = seen.unwrap().unwrap();
    let theirs = place(
        &room.jetstream,
        &room.names,
        &order("1.0.0"),
        &Scope::Global,
    )
    .await
    .unwrap();

    let mine = seen.target.unwrap();
    let put = async |revision| {
        orders::put(
            &room.jetstream,
            &room.names,
            Subject::Runtime,
            &Scope::Global,
            &mine,
            revision,
        )
        .await
    };
    assert_eq!(
        put(seen.revision).await.unwrap_err().kind(),
        "changed-meanwhile"
    );
    assert_eq!(put(0).await.unwrap_err().kind(), "changed-meanwhile");
    let stands = last(
        &room.jetstream,
        &room.names,
        Subject::Runtime,
        &Scope::Global,
    )
    .await;
    assert_eq!(stands.unwrap().unwrap().target, Ok(theirs.target));
}

#[tokio::test]
async fn an_order_ends_a_ramp_and_replaces_what_cannot_be_read() {
    let room = Room::new().await;
    room.publish("1.0.0", b"1").await.unwrap();
    let bucket = room.jetstream.get_key_value("refit-targets").await.unwrap();
    let ramp = br#"{"version":"2.0.0","generation":9000000000000000,"at":"2026-06-12T08:00:00Z",
        "ramp":{"id":"ramp-7","share":5,"otherwise":"1.0.0"}}"#;
    bucket
        .put("runtime.global", ramp.to_vec().into())
        .await
        .unwrap();
    let placed = place(
        &room.jetstream,
        &room.names,
        &order("1.0.0"),
        &Scope::Global,
    )
    .await
    .unwrap();
    assert_eq!(placed.ended_ramp(), Some("ramp-7"));
    assert_eq!(placed.target.generation, 9_000_000_000_000_001);

    bucket
        .put("runtime.global", "garbage".into())
        .await
        .unwrap();
    let all = current(&room.jetstream, &room.names).await.unwrap();
    assert!(all[0].target.is_err());
    let placed = place(
        &room.jetstream,
        &room.names,
        &order("1.0.0"),
        &Scope::Global,
    )
    .await
    .unwrap();
    assert_eq!(placed.before, None);
}
