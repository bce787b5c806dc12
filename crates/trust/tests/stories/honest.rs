//! What a device learns from an honest repository, with the host and without it.

use crate::support::device::{Device, tree};
use crate::support::signer::Key;
use crate::support::{Publisher, days, start};
use tough::{ExpirationEnforcement, RepositoryLoader};
use trust::{Limits, TrustError};

#[tokio::test]
async fn what_is_named_can_be_read_and_then_read_again_without_the_host() {
    let mut publisher = Publisher::with_latest(b"{\"version\":\"1.0.0\"}");
    publisher.add("demo-1.0.0.json", b"a description");
    publisher.publish();
    let host = publisher.host();
    let device = Device::new(publisher.first_root());
    assert!(device.trust().kept().await.unwrap().is_none());
    assert!(!device.store().exists(), "looking made a folder");

    let repository = device.refresh(&host).await.unwrap();
    let info = repository.target("latest.json").unwrap();
    assert_eq!((info.length, info.sha256.len()), (19, 64));
    assert_eq!(repository.target("other.json"), None);
    let read = repository.read("latest.json", 100).await.unwrap().unwrap();
    assert_eq!(read, b"{\"version\":\"1.0.0\"}");
    assert_eq!(repository.read("other.json", 100).await.unwrap(), None);
    assert_eq!(repository.expires(), start() + days(30));
    assert_eq!(repository.signed_at(), None);

    host.down(true);
    host.asked();
    assert_eq!(device.latest().await.unwrap(), read);
    let kept = device.trust().kept().await.unwrap().unwrap();
    let never_read = kept.read("demo-1.0.0.json", 100).await.unwrap_err();
    assert!(matches!(never_read, TrustError::NotKept { name } if name == "demo-1.0.0.json"));
    assert_eq!(host.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn neither_words_for_people_nor_for_logs_hold_a_login() {
    let publisher = Publisher::with_latest(b"{}");
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&publisher.host()).await.unwrap();
    for said in [format!("{repository:?}"), format!("{:?}", device.trust())] {
        assert!(!said.contains("hunter2") && said.len() < 3000, "{said}");
    }
}

#[tokio::test]
async fn a_refresh_without_news_asks_for_two_files_and_changes_nothing() {
    let publisher = Publisher::with_latest(b"{}");
    let host = publisher.host();
    let device = Device::new(publisher.first_root());
    device.refresh(&host).await.unwrap();
    assert_eq!(
        host.asked(),
        [
            "metadata/2.root.json",
            "metadata/timestamp.json",
            "metadata/2.snapshot.json",
            "metadata/2.targets.json"
        ]
    );
    let before = tree(&device.store());
    device.refresh(&host).await.unwrap();
    assert_eq!(
        host.asked(),
        ["metadata/2.root.json", "metadata/timestamp.json"]
    );
    assert_eq!(tree(&device.store()), before);
}

#[tokio::test]
async fn the_time_of_signing_and_the_first_expiry_are_whole_seconds() {
    let mut publisher = Publisher::with_latest(b"{}");
    publisher.timestamp._extra.insert(
        "x-signedAt".into(),
        serde_json::json!("2026-06-12T08:00:00.75Z"),
    );
    publisher.snapshot.expires = "2026-06-20T00:00:00.5Z".parse().unwrap();
    publisher.publish();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&publisher.host()).await.unwrap();
    assert_eq!(repository.signed_at(), Some(start()));
    assert_eq!(repository.expires().to_string(), "2026-06-20T00:00:00Z");
}

#[tokio::test]
async fn metadata_is_kept_as_it_was_served() {
    let mut publisher = Publisher::with_latest(b"{}");
    let stamp = publisher.files.get_mut("metadata/timestamp.json").unwrap();
    stamp.extend(b"  \n ");
    let stamp = stamp.clone();
    let device = Device::up_to_date(&publisher).await;
    assert_eq!(
        std::fs::read(device.generation().join("timestamp.json")).unwrap(),
        stamp
    );
}

#[tokio::test]
async fn kept_targets_that_nothing_names_any_more_go_with_the_next_change() {
    let mut publisher = Publisher::with_latest(b"one");
    let host = publisher.host();
    let device = Device::new(publisher.first_root());
    let read = async || {
        let repository = device.refresh(&host).await.unwrap();
        repository.read("latest.json", 100).await.unwrap().unwrap()
    };
    assert_eq!(read().await, b"one");
    publisher.add("latest.json", b"two");
    publisher.publish();
    host.serve(&publisher);
    assert_eq!(read().await, b"two");
    let kept: Vec<_> = tree(&device.store().join("targets"))
        .into_values()
        .collect();
    assert_eq!(kept, [b"two".to_vec()]);
}

#[tokio::test]
async fn a_kept_target_that_was_altered_is_fetched_again_or_named() {
    let publisher = Publisher::with_latest(b"right");
    let host = publisher.host();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&host).await.unwrap();
    repository.read("latest.json", 100).await.unwrap();
    let kept = tree(&device.store().join("targets"));
    let (path, _) = kept.first_key_value().unwrap();
    for wrong in [&b"wrong"[..], b"righ", b"", b"right and more"] {
        std::fs::write(path, wrong).unwrap();
        let offline = device.trust().kept().await.unwrap().unwrap();
        let error = offline.read("latest.json", 100).await.unwrap_err();
        assert!(error.to_string().contains("latest.json"), "{error}");
        let again = repository.read("latest.json", 100).await.unwrap();
        assert_eq!(again.unwrap(), b"right");
        assert_eq!(std::fs::read(path).unwrap(), b"right");
    }
}

#[tokio::test]
async fn a_target_signed_with_more_bytes_than_wanted_is_not_asked_for() {
    let publisher = Publisher::with_latest(b"0123456789");
    let host = publisher.host();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&host).await.unwrap();
    host.asked();
    let error = repository.read("latest.json", 9).await.unwrap_err();
    assert!(
        matches!(error, TrustError::TooLarge { limit: 9, .. }),
        "{error}"
    );
    assert_eq!(host.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn delegated_roles_are_asked_for_when_they_are_needed_and_kept() {
    let mut publisher = Publisher::with_latest(b"{}");
    publisher.delegate("team-a", &["a-*"], &[("a-1", b"of a"), ("b-1", b"not a's")]);
    publisher.delegate("team-b", &["b-*"], &[("b-1", b"of b")]);
    publisher.publish();
    let host = publisher.host();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&host).await.unwrap();
    host.asked();
    assert_eq!(repository.target("a-1"), None);
    assert_eq!(repository.read("a-1", 100).await.unwrap().unwrap(), b"of a");
    assert!(!host.asked().iter().any(|path| path.contains("team-b")));
    // Whom nobody asked to speak of it does not.
    assert_eq!(repository.read("b-1", 100).await.unwrap().unwrap(), b"of b");
    assert_eq!(repository.find("c-1").await.unwrap(), None);

    // What they name stays kept when something else changes.
    publisher.publish();
    host.serve(&publisher);
    device.refresh(&host).await.unwrap();
    host.down(true);
    let kept = device.trust().kept().await.unwrap().unwrap();
    assert_eq!(kept.read("a-1", 100).await.unwrap().unwrap(), b"of a");
    // Roles that are no longer listed go.
    host.down(false);
    publisher.rotate("snapshot");
    publisher.targets.delegations = None;
    publisher.delegated.clear();
    publisher.snapshot.meta.clear();
    publisher.publish();
    host.serve(&publisher);
    device.refresh(&host).await.unwrap();
    assert!(!device.generation().join("delegated").exists());
}

#[tokio::test]
async fn a_delegated_role_needs_the_key_it_was_delegated_to() {
    let mut publisher = Publisher::with_latest(b"{}");
    publisher.delegate("team", &["a-*"], &[("a-1", b"evil")]);
    publisher.keys.insert("team".into(), vec![Key::new()]);
    publisher.publish();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&publisher.host()).await.unwrap();
    let error = repository.read("a-1", 100).await.unwrap_err();
    assert!(matches!(error, TrustError::Signatures { .. }), "{error:?}");
    assert!(!device.generation().join("delegated").exists());
}

#[tokio::test]
async fn a_delegation_that_ends_the_search_hides_those_after_it() {
    let mut publisher = Publisher::with_latest(b"{}");
    publisher.delegate("first", &["a-*"], &[]);
    publisher.delegate("second", &["*"], &[("a-1", b"a"), ("b-1", b"b")]);
    publisher.publish();
    let device = Device::new(publisher.first_root());
    let host = publisher.host();
    let before = device.refresh(&host).await.unwrap();
    assert!(before.find("a-1").await.unwrap().is_some());

    let delegations = publisher.targets.delegations.as_mut().unwrap();
    delegations.roles[0].terminating = true;
    publisher.publish();
    host.serve(&publisher);
    let after = device.refresh(&host).await.unwrap();
    assert_eq!(after.find("a-1").await.unwrap(), None);
    assert!(after.find("b-1").await.unwrap().is_some());
}

#[tokio::test]
async fn roles_that_delegate_in_a_circle_or_without_end_are_not_followed_for_ever() {
    let mut publisher = Publisher::with_latest(b"{}");
    publisher.delegate("team", &["*"], &[]);
    let circle = publisher.targets.delegations.clone();
    publisher.delegated.get_mut("team").unwrap().delegations = circle;
    publisher.publish();
    let mut device = Device::new(publisher.first_root());
    let host = publisher.host();
    let repository = device.refresh(&host).await.unwrap();
    assert_eq!(repository.find("nothing").await.unwrap(), None);

    for number in 0..4 {
        publisher.delegate(&format!("more-{number}"), &["*"], &[]);
    }
    publisher.publish();
    host.serve(&publisher);
    device.limits.delegations = 4;
    let repository = device.refresh(&host).await.unwrap();
    let error = repository.find("nothing").await.unwrap_err();
    assert!(
        matches!(error, TrustError::TooMany { limit: 4, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_no_files() {
    let mut publisher = Publisher::with_latest(b"{}");
    publisher.add("../../etc/passwd", b"x");
    publisher.publish();
    let host = publisher.host();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&host).await.unwrap();
    host.asked();
    let error = repository.read("../../etc/passwd", 100).await.unwrap_err();
    assert!(matches!(error, TrustError::Mismatch { .. }), "{error}");
    for name in ["", ".", "..", "/", "latest.json/", "/latest.json"] {
        assert_eq!(repository.read(name, 100).await.unwrap(), None, "{name}");
    }
    assert_eq!(host.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_root_that_cannot_be_used_is_said_and_nothing_is_asked_or_made() {
    let publisher = Publisher::with_latest(b"{}");
    let host = publisher.host();
    let stranger = Publisher::new();
    let mut unsigned: serde_json::Value = serde_json::from_slice(&publisher.first_root()).unwrap();
    unsigned["signatures"] = serde_json::json!([]);
    let mut foreign = unsigned.clone();
    let other: serde_json::Value = serde_json::from_slice(&stranger.first_root()).unwrap();
    foreign["signatures"] = other["signatures"].clone();
    for root in [
        b"".to_vec(),
        b"<html>".to_vec(),
        unsigned.to_string().into_bytes(),
        foreign.to_string().into_bytes(),
    ] {
        let device = Device::new(root);
        let error = device.refresh(&host).await.unwrap_err();
        assert!(matches!(error, TrustError::Root { .. }), "{error}");
        assert!(!error.is_refusal());
        assert!(device.trust().kept().await.is_err());
        assert!(!device.store().exists());
    }
    assert_eq!(host.asked(), Vec::<String>::new());
}

/// tough's own client as a second opinion on what the publisher of these tests signs.
#[tokio::test]
async fn toughs_own_client_takes_what_is_taken_here() {
    let mut publisher = Publisher::with_latest(b"latest");
    publisher.rotate("timestamp");
    publisher.rotate("root");
    publisher.publish();
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in &publisher.files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let url = |path| url::Url::from_directory_path(folder.path().join(path)).unwrap();
    let root = publisher.first_root();
    let tough = RepositoryLoader::new(&root, url("metadata"), url("targets"))
        .expiration_enforcement(ExpirationEnforcement::Unsafe)
        .load()
        .await
        .unwrap();
    let device = Device::up_to_date(&publisher).await;
    let ours = device.trust().kept().await.unwrap().unwrap();
    let name = "latest.json".try_into().unwrap();
    let theirs = &tough.targets().signed.targets[&name];
    let info = ours.target("latest.json").unwrap();
    assert_eq!(info.length, theirs.length);
    assert_eq!(info.sha256, hex::encode(&*theirs.hashes.sha256));
    assert_eq!(tough.root().signed.version.get(), device.version("root"));
}

#[tokio::test]
async fn two_processes_that_refresh_at_once_both_end_well() {
    let mut publisher = Publisher::with_latest(b"{}");
    let device = Device::up_to_date(&publisher).await;
    let host = publisher.host();
    for _ in 0..5 {
        publisher.publish();
        host.serve(&publisher);
        let (one, other) = tokio::join!(device.refresh(&host), device.refresh(&host));
        one.unwrap();
        other.unwrap();
        assert_eq!(
            device.versions()[1..],
            [publisher.timestamp.version.get(); 3]
        );
    }
}

#[test]
fn the_limits_fit_a_repository_of_thousands_of_releases() {
    // Some 250 bytes a target.
    assert!(Limits::default().targets / 250 > 10_000);
}
