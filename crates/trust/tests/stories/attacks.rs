//! Each way in which somebody between publisher and device may try to make it believe something else.
//! What the device believes afterwards is what it believed before.

use std::time::Duration;

use trust::TrustError;

use crate::settled::{number, refused, settled};
use crate::support::device::Device;
use crate::support::signer::{Key, metafile, signed};
use crate::support::{Publisher, days, start};

#[tokio::test]
async fn rollback_of_everything_is_refused() {
    let (device, _, past) = settled().await;
    let error = refused(&device, &past.host()).await;
    assert!(
        matches!(&error, TrustError::Rollback { role, seen: 3, offered: 2, .. } if role == "timestamp"),
        "{error:?}"
    );
}

#[tokio::test]
async fn rollback_of_the_snapshot_under_a_new_timestamp_is_refused() {
    let (device, mut publisher, _) = settled().await;
    publisher.snapshot.version = number(2);
    publisher.sign_snapshot();
    publisher.stamp();
    let error = refused(&device, &publisher.host()).await;
    assert!(
        matches!(&error, TrustError::Rollback { role, seen: 3, offered: 2, .. } if role == "snapshot"),
        "{error:?}"
    );
    assert_eq!(
        device.version("timestamp"),
        3,
        "and the timestamp is not taken either"
    );
}

#[tokio::test]
async fn rollback_of_the_targets_under_a_new_snapshot_is_refused() {
    let (device, mut publisher, past) = settled().await;
    publisher.targets = past.targets;
    publisher.sign_targets();
    publisher.snapshot.version = number(4);
    publisher.sign_snapshot();
    publisher.stamp();
    let error = refused(&device, &publisher.host()).await;
    assert!(
        matches!(&error, TrustError::Rollback { role, seen: 3, offered: 2, .. } if role == "targets"),
        "{error:?}"
    );
    assert_eq!(device.version("snapshot"), 3);
}

#[tokio::test]
async fn a_role_that_is_no_longer_listed_is_a_rollback() {
    let mut publisher = Publisher::with_latest(b"two");
    publisher.delegate("team", &["*"], &[]);
    publisher.publish();
    let device = Device::up_to_date(&publisher).await;
    publisher.snapshot.meta.remove("team.json");
    publisher.snapshot.version = number(4);
    publisher.sign_snapshot();
    publisher.stamp();
    let error = device.refresh(&publisher.host()).await.unwrap_err();
    assert!(
        matches!(&error, TrustError::Rollback { role, offered: 0, .. } if role == "team"),
        "{error:?}"
    );
}

#[tokio::test]
async fn rollback_of_a_root_is_refused() {
    let (device, mut publisher, _) = settled().await;
    publisher.rotate("timestamp");
    publisher.publish();
    device.refresh(&publisher.host()).await.unwrap();
    // The host answers for the next root with the first one.
    let host = publisher.host();
    host.put("metadata/3.root.json", &publisher.first_root());
    let error = refused(&device, &host).await;
    assert!(matches!(error, TrustError::Mismatch { .. }), "{error:?}");
    assert_eq!(device.version("root"), 2);
}

#[tokio::test]
async fn a_frozen_timestamp_is_refused_once_it_expired() {
    let (device, publisher, _) = settled().await;
    let host = publisher.host();
    device.refresh_at(&host, start() + days(29)).await.unwrap();
    for later in [days(30), days(400)] {
        let error = device.refresh_at(&host, start() + later).await.unwrap_err();
        // The root expires too, in the end, and is judged first.
        assert!(
            matches!(&error, TrustError::Expired { .. }) && error.is_refusal(),
            "{error:?}"
        );
    }
    // What is known is still there, and says itself until when it counts.
    let kept = device.trust().kept().await.unwrap().unwrap();
    assert_eq!(kept.expires(), start() + days(30));
}

#[tokio::test]
async fn the_last_second_before_expiry_counts_and_the_next_does_not() {
    let (device, publisher, _) = settled().await;
    let host = publisher.host();
    let end = start() + days(30);
    let second = Duration::from_secs(1);
    device.refresh_at(&host, end - second).await.unwrap();
    device.refresh_at(&host, end).await.unwrap_err();
}

#[tokio::test]
async fn an_expired_role_is_not_taken_over_and_those_before_it_are() {
    for (role, expected) in [
        ("timestamp", [1, 3, 3, 3]),
        ("snapshot", [1, 4, 3, 3]),
        ("targets", [1, 4, 4, 3]),
    ] {
        let (device, mut publisher, _) = settled().await;
        let past = start() - days(1);
        match role {
            "timestamp" => publisher.timestamp.expires = past,
            "snapshot" => publisher.snapshot.expires = past,
            _ => publisher.targets.expires = past,
        }
        publisher.publish();
        let error = refused(&device, &publisher.host()).await;
        assert!(
            matches!(&error, TrustError::Expired { role: named, at } if named == role && *at == past),
            "{error:?}"
        );
        assert_eq!(device.versions(), expected, "{role}");
    }
}

#[tokio::test]
async fn an_expired_root_is_remembered_and_nothing_below_it_is_taken() {
    let (device, mut publisher, _) = settled().await;
    publisher.root.expires = start() - days(1);
    publisher.next_root(&[]);
    publisher.publish();
    let error = refused(&device, &publisher.host()).await;
    assert!(matches!(&error, TrustError::Expired { role, .. } if role == "root"));
    assert_eq!(device.versions(), [2, 3, 3, 3]);
}

#[tokio::test]
async fn mixing_files_of_different_times_is_refused() {
    // Old files under the names that the new timestamp and snapshot give.
    for role in ["snapshot", "targets"] {
        let (device, mut publisher, _) = settled().await;
        publisher.add("latest.json", b"three");
        publisher.publish();
        let host = publisher.host();
        let old = publisher.files[&format!("metadata/3.{role}.json")].clone();
        host.put(&format!("metadata/4.{role}.json"), &old);
        let error = refused(&device, &host).await;
        assert!(
            matches!(error, TrustError::Mismatch { .. }),
            "{role} {error:?}"
        );
    }
    // The same length and no digest to tell: the version inside tells.
    let (device, mut publisher, _) = settled().await;
    publisher.publish();
    let old = publisher.files["metadata/3.targets.json"].clone();
    let mut meta = metafile(number(4), &old);
    meta.hashes = None;
    publisher.snapshot.meta.insert("targets.json".into(), meta);
    publisher.sign_snapshot();
    publisher.sign_timestamp();
    let host = publisher.host();
    host.put("metadata/4.targets.json", &old);
    let error = refused(&device, &host).await;
    assert!(matches!(error, TrustError::Mismatch { .. }), "{error:?}");
}

/// The publisher once signed two files of the same version and length, and meant the other one.
#[tokio::test]
async fn a_file_of_the_right_version_is_told_from_another_by_its_digest() {
    for role in ["snapshot", "targets"] {
        let (device, mut publisher, _) = settled().await;
        let mut other = publisher.clone();
        publisher.add("latest.json", b"meant");
        publisher.publish();
        other.add("latest.json", b"other");
        other.publish();
        let path = format!("metadata/4.{role}.json");
        assert_eq!(publisher.files[&path].len(), other.files[&path].len());
        let host = publisher.host();
        host.put(&path, &other.files[&path]);
        let error = refused(&device, &host).await;
        assert!(
            matches!(&error, TrustError::Mismatch { why, .. } if why.contains("sha256")),
            "{role} {error:?}"
        );
    }
}

#[tokio::test]
async fn a_file_shorter_than_signed_is_refused_without_a_digest_too() {
    let (device, mut publisher, _) = settled().await;
    publisher.publish();
    let meta = publisher.snapshot.meta.get_mut("targets.json").unwrap();
    meta.hashes = None;
    meta.length = meta.length.map(|length| length + 1);
    publisher.sign_snapshot();
    publisher.sign_timestamp();
    let error = refused(&device, &publisher.host()).await;
    assert!(matches!(error, TrustError::Mismatch { .. }), "{error:?}");
}

#[tokio::test]
async fn a_timestamp_that_lists_more_than_the_snapshot_is_refused() {
    let (device, mut publisher, _) = settled().await;
    publisher.publish();
    let meta = publisher.timestamp.meta["snapshot.json"].clone();
    publisher.timestamp.meta.insert("targets.json".into(), meta);
    publisher.sign_timestamp();
    let error = refused(&device, &publisher.host()).await;
    assert!(matches!(error, TrustError::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_repository_of_somebody_else_is_refused() {
    let (device, _, _) = settled().await;
    let stranger = Publisher::with_latest(b"evil");
    let error = refused(&device, &stranger.host()).await;
    assert!(matches!(error, TrustError::Signatures { .. }), "{error:?}");
}

#[tokio::test]
async fn a_role_signed_by_another_roles_key_or_by_nobody_is_refused() {
    for role in ["timestamp", "snapshot", "targets"] {
        for keys in ["root", "nobody", "stranger"] {
            let (device, mut publisher, _) = settled().await;
            let wrong = match keys {
                "nobody" => Vec::new(),
                "stranger" => vec![Key::new()],
                other => publisher.keys[other].clone(),
            };
            publisher.keys.insert(role.into(), wrong);
            publisher.add("latest.json", b"evil");
            publisher.publish();
            let error = refused(&device, &publisher.host()).await;
            assert!(
                matches!(error, TrustError::Signatures { .. }),
                "{role} {keys}"
            );
        }
    }
}

#[tokio::test]
async fn metadata_altered_after_signing_is_refused() {
    let (device, mut publisher, _) = settled().await;
    publisher.publish();
    let text = String::from_utf8(publisher.files["metadata/timestamp.json"].clone()).unwrap();
    let host = publisher.host();
    let altered = text.replacen("2026-07-12", "2036-07-12", 1);
    assert_ne!(altered, text);
    host.put("metadata/timestamp.json", altered.as_bytes());
    let error = refused(&device, &host).await;
    assert!(matches!(error, TrustError::Signatures { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_metadata_is_refused() {
    for content in ["", "<html>log in here</html>", "{}", "null", "{\"signed\":"] {
        let (device, publisher, _) = settled().await;
        let host = publisher.host();
        host.put("metadata/timestamp.json", content.as_bytes());
        let error = refused(&device, &host).await;
        assert!(matches!(error, TrustError::Malformed { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn one_role_in_the_place_of_another_is_refused() {
    let (device, mut publisher, _) = settled().await;
    // A snapshot that the timestamp's key has signed, with what a timestamp would say.
    let mut disguised = publisher.snapshot.clone();
    disguised.version = number(9);
    disguised.meta = publisher.timestamp.meta.clone();
    let bytes = signed(&disguised, &publisher.keys["timestamp"]);
    publisher
        .files
        .insert("metadata/timestamp.json".into(), bytes);
    let error = refused(&device, &publisher.host()).await;
    assert!(matches!(error, TrustError::Signatures { .. }), "{error:?}");
}

#[tokio::test]
async fn a_timestamp_changed_without_a_new_version_is_not_looked_at() {
    let (device, mut publisher, _) = settled().await;
    publisher.snapshot.version = number(99);
    publisher.sign_snapshot();
    publisher.sign_timestamp();
    let host = publisher.host();
    device.refresh(&host).await.unwrap();
    assert_eq!(device.versions(), [1, 3, 3, 3]);
    assert!(
        !host
            .asked()
            .contains(&"metadata/99.snapshot.json".to_owned())
    );
}

#[tokio::test]
async fn too_few_signatures_are_refused_and_the_same_one_twice_is_one() {
    let mut publisher = Publisher::with_latest(b"one");
    let keys = vec![Key::new(), Key::new(), Key::new()];
    let old = publisher.keys["root"].clone();
    publisher.set_keys("targets", 2, keys.clone());
    publisher.next_root(&old);
    publisher.add("latest.json", b"two");
    publisher.publish();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&publisher.host()).await.unwrap();
    repository.read("latest.json", 100).await.unwrap();
    publisher.add("latest.json", b"three");

    let twice = vec![keys[1].clone(), keys[1].clone()];
    let with_stranger = vec![keys[1].clone(), Key::new()];
    for too_few in [vec![keys[1].clone()], twice, with_stranger] {
        publisher.keys.insert("targets".into(), too_few);
        publisher.publish();
        let error = refused(&device, &publisher.host()).await;
        assert!(matches!(error, TrustError::Signatures { .. }), "{error:?}");
    }
    publisher.keys.insert("targets".into(), keys[1..].to_vec());
    publisher.publish();
    let repository = device.refresh(&publisher.host()).await.unwrap();
    let read = repository.read("latest.json", 100).await.unwrap().unwrap();
    assert_eq!(read, b"three");
}
