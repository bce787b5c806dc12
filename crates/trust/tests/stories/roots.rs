//! How the root's keys, and the keys it names, come and go.

use trust::TrustError;

use crate::support::device::Device;
use crate::support::host::Answer;
use crate::support::signer::{Key, sha256};
use crate::support::{Publisher, start};

#[tokio::test]
async fn roots_are_followed_one_by_one_and_remembered() {
    let mut publisher = Publisher::with_latest(b"one");
    publisher.rotate("root");
    publisher.rotate("root");
    publisher.rotate("timestamp");
    publisher.publish();
    let host = publisher.host();
    let device = Device::new(publisher.first_root());
    device.refresh(&host).await.unwrap();
    assert_eq!(device.version("root"), 4);
    host.asked();
    // The way there is not gone again, and not needed again.
    for version in 1..=4 {
        host.remove(&format!("metadata/{version}.root.json"));
    }
    device.refresh(&host).await.unwrap();
    assert_eq!(
        host.asked(),
        ["metadata/5.root.json", "metadata/timestamp.json"]
    );
}

#[tokio::test]
async fn a_root_is_needed_from_the_old_keys_and_the_new() {
    let mut publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    let old = publisher.keys["root"].clone();
    publisher.rotate("root");
    let new = publisher.keys["root"].clone();
    for signers in [old, new, vec![], vec![Key::new(), Key::new()]] {
        publisher.put_root(&signers);
        let error = device.refresh(&publisher.host()).await.unwrap_err();
        assert!(
            matches!(error, TrustError::Signatures { .. }) && error.is_refusal(),
            "{error:?}"
        );
        assert_eq!(device.version("root"), 1);
    }
}

#[tokio::test]
async fn a_step_left_out_between_roots_is_refused() {
    let mut publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    let first = publisher.keys["root"].clone();
    publisher.rotate("timestamp");
    publisher.rotate("timestamp");
    publisher.put_root(&first);
    let host = publisher.host();
    host.put("metadata/2.root.json", &publisher.newest_root());
    let error = device.refresh(&host).await.unwrap_err();
    assert!(matches!(error, TrustError::Mismatch { .. }), "{error:?}");
    assert_eq!(device.version("root"), 1);
}

#[tokio::test]
async fn two_of_three_root_keys_are_enough_and_one_is_not() {
    let mut publisher = Publisher::with_latest(b"one");
    let old = publisher.keys["root"].clone();
    let keys = vec![Key::new(), Key::new(), Key::new()];
    publisher.set_keys("root", 2, keys.clone());
    publisher.next_root(&old);
    let device = Device::up_to_date(&publisher).await;
    assert_eq!(device.version("root"), 2);

    publisher.next_root(&[]);
    for too_few in [
        vec![keys[0].clone()],
        vec![keys[0].clone(), keys[0].clone()],
        vec![keys[0].clone(), old[0].clone()],
    ] {
        publisher.put_root(&too_few);
        device.refresh(&publisher.host()).await.unwrap_err();
        assert_eq!(device.version("root"), 2);
    }
    publisher.put_root(&keys[1..]);
    device.refresh(&publisher.host()).await.unwrap();
    assert_eq!(device.version("root"), 3);
}

/// A thief has the old targets and timestamp keys. The publisher has replaced both.
#[tokio::test]
async fn a_key_that_was_taken_away_does_not_come_back() {
    let mut publisher = Publisher::with_latest(b"one");
    let mut thief = publisher.clone();
    publisher.rotate("targets");
    publisher.rotate("timestamp");
    publisher.publish();
    let device = Device::up_to_date(&publisher).await;
    thief.add("latest.json", b"evil");
    for _ in 0..9 {
        thief.publish();
    }
    // With the publisher's roots, without the newer ones, and with an app put back to its first root.
    let host = thief.host();
    for with_roots in [false, true] {
        if with_roots {
            for version in [2, 3] {
                let path = format!("metadata/{version}.root.json");
                host.put(&path, &publisher.files[&path]);
            }
        }
        let error = device.refresh(&host).await.unwrap_err();
        assert!(matches!(error, TrustError::Signatures { .. }), "{error:?}");
    }
    let kept = device.trust().kept().await.unwrap().unwrap();
    let known = kept.target("latest.json").unwrap().sha256;
    assert_eq!(known, sha256(b"one"));
}

#[tokio::test]
async fn what_a_taken_away_key_has_signed_is_not_kept_on() {
    let mut publisher = Publisher::with_latest(b"signed by a stolen key");
    let device = Device::up_to_date(&publisher).await;
    assert!(device.trust().kept().await.unwrap().is_some());
    publisher.rotate("targets");
    let host = publisher.host();
    host.answer("metadata/timestamp.json", Answer::Broken("blocked"));
    device.refresh(&host).await.unwrap_err();
    assert!(device.trust().kept().await.unwrap().is_none());
}

/// A thief of the timestamp and snapshot keys signed very high versions. New keys get past them.
#[tokio::test]
async fn new_keys_get_past_versions_that_a_thief_signed() {
    let mut publisher = Publisher::with_latest(b"one");
    let mut thief = publisher.clone();
    for _ in 0..50 {
        thief.publish();
    }
    let device = Device::up_to_date(&thief).await;
    assert_eq!(device.version("timestamp"), 52);
    publisher.rotate("timestamp");
    publisher.rotate("snapshot");
    publisher.publish();
    device.refresh(&publisher.host()).await.unwrap();
    assert_eq!(device.versions(), [3, 3, 3, 3]);
}

/// The reset that new keys bring is not lost where the refresh then fails.
#[tokio::test]
async fn new_keys_get_past_a_thief_although_the_host_failed_in_between() {
    let mut publisher = Publisher::with_latest(b"one");
    let mut thief = publisher.clone();
    for _ in 0..50 {
        thief.publish();
    }
    let device = Device::up_to_date(&thief).await;
    publisher.rotate("snapshot");
    publisher.rotate("timestamp");
    publisher.publish();
    let host = publisher.host();
    host.answer("metadata/timestamp.json", Answer::Broken("down"));
    device.refresh(&host).await.unwrap_err();
    assert_eq!(device.versions(), [3, 0, 0, 52]);
    device.refresh(&publisher.host()).await.unwrap();
    assert_eq!(device.versions(), [3, 3, 3, 3]);
}

#[tokio::test]
async fn a_new_root_that_changes_no_key_lets_nothing_go_back() {
    let mut publisher = Publisher::with_latest(b"one");
    let past = publisher.clone();
    publisher.publish();
    let device = Device::up_to_date(&publisher).await;
    let mut attempt = past;
    attempt.next_root(&[]);
    let error = device.refresh(&attempt.host()).await.unwrap_err();
    assert!(matches!(error, TrustError::Rollback { .. }), "{error:?}");
}

/// "No newer root" is only what the host says with "not found".
#[tokio::test]
async fn a_newer_root_that_cannot_be_had_is_not_taken_for_none() {
    let mut publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    publisher.rotate("targets");
    publisher.publish();
    for answer in [
        Answer::Broken("500"),
        Answer::CutOff(b"{".to_vec()),
        Answer::Bytes(b"<html>".to_vec()),
        Answer::Endless,
    ] {
        // The rest is what the device knows already, signed by the key that is no longer to count.
        let host = publisher.host();
        host.answer("metadata/2.root.json", answer);
        host.asked();
        device.refresh(&host).await.unwrap_err();
        assert_eq!(host.asked(), ["metadata/2.root.json"], "it went on without");
    }
}

#[tokio::test]
async fn more_roots_than_allowed_at_once_are_followed_in_several_refreshes() {
    let mut publisher = Publisher::with_latest(b"one");
    let mut device = Device::new(publisher.first_root());
    device.limits.roots = 4;
    for _ in 0..10 {
        publisher.rotate("timestamp");
    }
    publisher.publish();
    let host = publisher.host();
    for expected in [5, 9] {
        let error = device.refresh(&host).await.unwrap_err();
        assert!(matches!(error, TrustError::TooMany { .. }), "{error:?}");
        assert_eq!(device.version("root"), expected);
    }
    device.refresh(&host).await.unwrap();
    assert_eq!(device.version("root"), 11);
}

#[tokio::test]
async fn an_app_with_a_newer_root_of_the_same_line_goes_on_with_it() {
    let mut publisher = Publisher::with_latest(b"one");
    let mut device = Device::up_to_date(&publisher).await;
    publisher.rotate("root");
    device.root = publisher.newest_root();
    // Nothing it stood on has changed, so nothing is forgotten.
    let kept = device.trust().kept().await.unwrap().unwrap();
    assert!(kept.target("latest.json").is_some());
    let past = publisher.host();
    publisher.publish();
    let host = publisher.host();
    // The app's own root is not asked for, and what was seen before it still counts.
    host.remove("metadata/2.root.json");
    device.refresh(&host).await.unwrap();
    assert_eq!(device.versions(), [2, 3, 3, 3]);
    let error = device.refresh(&past).await.unwrap_err();
    assert!(matches!(error, TrustError::Rollback { .. }), "{error:?}");
}

/// More signatures are asked for than the stored timestamp has, of the same keys.
#[tokio::test]
async fn a_timestamp_signed_again_for_a_higher_threshold_takes_the_place_of_the_stored_one() {
    let mut publisher = Publisher::new();
    let keys = vec![Key::new(), Key::new()];
    publisher.set_keys("timestamp", 1, keys.clone());
    publisher.next_root(&[]);
    publisher
        .keys
        .insert("timestamp".into(), keys[..1].to_vec());
    publisher.add("latest.json", b"one");
    publisher.publish();
    let device = Device::up_to_date(&publisher).await;

    publisher.set_keys("timestamp", 2, keys);
    publisher.next_root(&[]);
    publisher.sign_timestamp();
    device.refresh(&publisher.host()).await.unwrap();
    assert_eq!(device.versions(), [3, 2, 2, 2]);
    assert!(device.trust().kept().await.unwrap().is_some());
}

#[tokio::test]
async fn an_app_put_back_to_an_older_root_keeps_the_newest() {
    let mut publisher = Publisher::with_latest(b"one");
    publisher.rotate("targets");
    publisher.publish();
    let mut device = Device::new(publisher.newest_root());
    device.refresh(&publisher.host()).await.unwrap();
    device.root = publisher.first_root();
    let host = publisher.host();
    host.asked();
    device.refresh(&host).await.unwrap();
    assert_eq!(host.asked()[0], "metadata/3.root.json");
    assert_eq!(device.version("root"), 2);
}

#[tokio::test]
async fn an_app_of_a_publisher_who_began_anew_begins_anew() {
    let old = Publisher::with_latest(b"old");
    let mut device = Device::up_to_date(&old).await;
    let new = Publisher::with_latest(b"new");
    device.root = new.first_root();
    assert!(device.trust().kept().await.unwrap().is_none());
    let error = device.refresh(&old.host()).await.unwrap_err();
    assert!(matches!(error, TrustError::Signatures { .. }), "{error:?}");
    let repository = device.refresh_at(&new.host(), start()).await.unwrap();
    let read = repository.read("latest.json", 100).await.unwrap().unwrap();
    assert_eq!(read, b"new");
    assert_eq!(device.versions(), [1, 2, 2, 2]);
}
