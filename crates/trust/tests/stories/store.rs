//! What becomes of the memory when its files are torn, missing or strange.

use std::path::Path;

use trust::TrustError;

use crate::support::Publisher;
use crate::support::device::{Device, tree};
use crate::support::signer::sha256;

/// Every stored file of a generation, cut off, emptied, filled with zeros, removed, or replaced by an
/// older one: the device never takes a replay for news, and says which file it is.
#[tokio::test]
async fn no_damage_to_a_stored_file_makes_the_device_forget() {
    let mut publisher = Publisher::with_latest(b"one");
    publisher.delegate("team", &["a-*"], &[("a-1", b"of a")]);
    publisher.publish();
    let past = publisher.clone();
    publisher.rotate("targets");
    publisher.publish();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&publisher.host()).await.unwrap();
    repository.read("a-1", 100).await.unwrap().unwrap();

    let files = tree(&device.generation());
    let inside: Vec<_> = files
        .keys()
        .map(|path| path.strip_prefix(device.generation()).unwrap().to_owned())
        .collect();
    for wanted in [
        "contents.json",
        "roots/1.root.json",
        "roots/2.root.json",
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "whole/timestamp.json",
        "whole/snapshot.json",
        "whole/targets.json",
        "delegated/team.json",
    ] {
        assert!(
            inside.iter().any(|name| name == Path::new(wanted)),
            "{wanted}"
        );
    }
    for (path, bytes) in &files {
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        let damages = [
            Some(bytes[..bytes.len() / 2].to_vec()),
            // The last bytes are a brace and, in some, a line end.
            Some(bytes[..bytes.len() - 2].to_vec()),
            Some(Vec::new()),
            Some(vec![0; bytes.len()]),
            Some(flipped),
            Some(b"{}".to_vec()),
            // Good metadata to look at, as of before: what was seen is forgotten.
            Some(replaced(bytes, "\"version\": 4", "\"version\": 1")),
            None,
        ];
        for damage in damages
            .into_iter()
            .filter(|one| one.as_ref() != Some(bytes))
        {
            match &damage {
                Some(damage) => std::fs::write(path, damage).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
            for host in [past.host(), publisher.host()] {
                let error = device.refresh(&host).await.unwrap_err();
                let TrustError::Damaged { path: named, .. } = &error else {
                    panic!("{} {error:?}", path.display());
                };
                // The list of contents shows an altered file by that file's name, or by its own.
                assert!(
                    named == path || path.ends_with("contents.json"),
                    "{} instead of {}",
                    named.display(),
                    path.display()
                );
                assert!(!error.is_refusal());
                assert!(error.hint().contains("trust"), "{}", error.hint());
                assert_eq!(host.asked(), Vec::<String>::new());
            }
            let error = device.trust().kept().await.unwrap_err();
            assert!(matches!(error, TrustError::Damaged { .. }));
            std::fs::write(path, bytes).unwrap();
        }
    }
    // With all of it put right, it is as it was.
    device.refresh(&publisher.host()).await.unwrap();
    let error = device.refresh(&past.host()).await.unwrap_err();
    assert!(matches!(
        error,
        TrustError::Signatures { .. } | TrustError::Rollback { .. }
    ));
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.replace(from, to).into_bytes()
}

/// A store that somebody else wrote, rightly listed in all its parts: signatures still count.
#[tokio::test]
async fn signatures_are_checked_again_when_the_store_is_read() {
    let mut publisher = Publisher::with_latest(b"one");
    publisher.rotate("timestamp");
    publisher.publish();
    let mut stranger = Publisher::with_latest(b"evil");
    stranger.rotate("timestamp");
    stranger.publish();
    for (name, path) in [
        ("roots/1.root.json", "metadata/1.root.json"),
        ("roots/2.root.json", "metadata/2.root.json"),
        ("whole/timestamp.json", "metadata/timestamp.json"),
        ("whole/snapshot.json", "metadata/3.snapshot.json"),
        ("whole/targets.json", "metadata/3.targets.json"),
    ] {
        let device = Device::up_to_date(&publisher).await;
        let forged = &stranger.files[path];
        std::fs::write(device.generation().join(name), forged).unwrap();
        let list = device.generation().join("contents.json");
        let mut contents: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&list).unwrap()).unwrap();
        contents["files"][name] =
            serde_json::json!({ "length": forged.len(), "sha256": sha256(forged) });
        std::fs::write(&list, contents.to_string()).unwrap();
        for error in [
            device.trust().kept().await.unwrap_err(),
            device.refresh(&publisher.host()).await.unwrap_err(),
        ] {
            assert!(
                matches!(error, TrustError::Damaged { .. }),
                "{name} {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_newest_generation_that_is_damaged_does_not_bring_an_older_one_back() {
    let publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    let newer = device.store().join("99");
    std::fs::create_dir(&newer).unwrap();
    let error = device.refresh(&publisher.host()).await.unwrap_err();
    assert!(
        matches!(&error, TrustError::Damaged { path, .. } if path.starts_with(&newer)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_store_of_a_newer_refit_is_left_alone() {
    let publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    let path = device.generation().join("contents.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"schema\": 1", "\"schema\": 2")).unwrap();
    let before = tree(&device.store());
    let error = device.refresh(&publisher.host()).await.unwrap_err();
    assert!(error.to_string().contains("schema"), "{error}");
    assert_eq!(tree(&device.store()), before);
}

#[tokio::test]
async fn names_in_the_contents_cannot_lead_out_of_the_store() {
    let publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    let path = device.generation().join("contents.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for name in [
        "../timestamp.json",
        "/etc/passwd",
        "a/b/c",
        "",
        "roots/../x",
    ] {
        std::fs::write(
            &path,
            text.replace("\"timestamp.json\"", &format!("\"{name}\"")),
        )
        .unwrap();
        let error = device.trust().kept().await.unwrap_err();
        assert!(error.to_string().contains("contents.json"), "{error}");
    }
}

#[tokio::test]
async fn leftovers_of_a_commit_that_was_cut_off_are_no_harm_and_go() {
    let mut publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    let new = device.store().join("new");
    std::fs::create_dir_all(new.join("roots")).unwrap();
    std::fs::write(new.join("timestamp.json"), b"{").unwrap();
    std::fs::write(new.join("stray.json"), b"{").unwrap();
    assert!(device.trust().kept().await.unwrap().is_some());
    publisher.publish();
    device.refresh(&publisher.host()).await.unwrap();
    assert!(!new.exists());
    assert!(!device.generation().join("stray.json").exists());
    assert_eq!(device.version("timestamp"), 3);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_gives_out_nothing() {
    let publisher = Publisher::with_latest(b"one");
    let device = Device::new(publisher.first_root());
    std::fs::write(device.store(), b"a file where the folder should be").unwrap();
    let error = device.refresh(&publisher.host()).await.unwrap_err();
    assert!(matches!(error, TrustError::Disk { .. }), "{error:?}");
    assert!(!error.is_refusal());
}
