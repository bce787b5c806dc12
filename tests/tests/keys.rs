//! Keys change hands: devices follow whoever the old keys named, and nobody else.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use e2e::{Mode, Package, Publisher, Scene, Site};
use serde_json::Value;

fn good(version: &str) -> Package {
    Package::new(version, Mode::Good)
}

/// A device that runs 1.1.0, and a thief with copies of the site and of every key as they were then.
async fn stolen() -> Result<(Scene, Site, Publisher)> {
    let mut scene = Scene::new()?;
    let site = Site::signed(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    takes(&scene, "1.1.0").await?;
    let thief = site.publisher.double(&scene.root().join("thief"))?;
    Ok((scene, site, thief))
}

async fn takes(scene: &Scene, version: &str) -> Result<()> {
    scene.refit_does(&["stage"]).await?;
    scene.runs(&good(version)).await?;
    Ok(())
}

/// The thief publishes 6.6.6 with the keys that were stolen, after enough else that no number of
/// theirs is behind the true site's.
async fn publishes(thief: &Publisher) -> Result<()> {
    for patch in 0..=6 {
        thief.publish(&good(&format!("6.6.{patch}"))).await?;
    }
    thief.rollout(&["start", "6.6.6", "--plan", "100%"]).await?;
    Ok(())
}

/// What the thief has is refused, and 1.2.0 stays.
async fn is_locked_out(scene: &Scene, site: &Site, thief: &Publisher) -> Result<()> {
    site.host.serve(thief.site());
    site.registry.serve(thief.site());
    let answer = scene.refit(&["stage"]).await?;
    ensure!(answer.json["outcome"] != "staged", "{answer:?}");
    let said = scene.trouble().await?;
    ensure!(said.contains("trust-signatures"), "{said}");
    scene.has_nothing_of("6.6.6")?;
    scene.runs(&good("1.2.0")).await?;
    site.behave();
    Ok(())
}

/// The true site is followed on.
async fn goes_on(scene: &Scene, site: &Site) -> Result<()> {
    site.release(&good("1.9.0")).await?;
    takes(scene, "1.9.0").await
}

/// After a role has a new key, what the old one signs is refused.
async fn rotated(role: &str) -> Result<(Scene, Site)> {
    let (scene, site, thief) = stolen().await?;
    site.publisher.repo(&["rotate", role]).await?;
    site.release(&good("1.2.0")).await?;
    takes(&scene, "1.2.0").await?;
    publishes(&thief).await?;
    is_locked_out(&scene, &site, &thief).await?;
    Ok((scene, site))
}

/// Who still has the key of the timestamp can show numbers that are far ahead, and so hold devices
/// where they are, but can make them take nothing. New keys for what counts end that.
async fn is_held_up_until(scene: &Scene, site: &Site, roles: &[&str]) -> Result<()> {
    let said = scene.trouble().await?;
    ensure!(said.contains("trust-rollback"), "{said}");
    scene.runs(&good("1.2.0")).await?;
    for role in roles {
        site.publisher.repo(&["rotate", role]).await?;
    }
    goes_on(scene, site).await
}

#[tokio::test]
async fn a_new_targets_key_is_followed_and_the_old_one_signs_nothing_more() -> Result<()> {
    let (scene, site) = rotated("targets").await?;
    is_held_up_until(&scene, &site, &["timestamp", "snapshot"]).await
}

#[tokio::test]
async fn a_new_snapshot_key_is_followed_and_the_old_one_signs_nothing_more() -> Result<()> {
    let (scene, site) = rotated("snapshot").await?;
    is_held_up_until(&scene, &site, &["timestamp"]).await
}

#[tokio::test]
async fn a_new_timestamp_key_is_followed_and_the_old_one_signs_nothing_more() -> Result<()> {
    let (scene, site) = rotated("timestamp").await?;
    goes_on(&scene, &site).await
}

#[tokio::test]
async fn a_new_root_key_is_followed_and_the_old_one_names_no_other_keys() -> Result<()> {
    let (scene, site, thief) = stolen().await?;
    site.publisher.repo(&["rotate", "root"]).await?;
    site.release(&good("1.2.0")).await?;
    takes(&scene, "1.2.0").await?;
    // With the old root key the thief names keys of its own, in roots 2 and 3.
    for role in ["timestamp", "targets"] {
        thief.repo(&["rotate", role]).await?;
    }
    publishes(&thief).await?;
    is_locked_out(&scene, &site, &thief).await?;
    goes_on(&scene, &site).await
}

#[tokio::test]
async fn a_device_that_slept_through_many_rotations_catches_up() -> Result<()> {
    let (scene, site, _) = stolen().await?;
    for role in [
        "targets",
        "root",
        "timestamp",
        "root",
        "snapshot",
        "targets",
    ] {
        site.publisher.repo(&["rotate", role]).await?;
    }
    site.release(&good("1.2.0")).await?;
    takes(&scene, "1.2.0").await
}

#[tokio::test]
async fn two_root_keys_of_two_name_new_keys_and_one_alone_does_not() -> Result<()> {
    let mut scene = Scene::new()?;
    let mut site = Site::plain(&mut scene).await?;
    let second = site.publisher.second_root_key().await?;
    let second = second.to_string_lossy().into_owned();
    let both = ["--threshold", "2", "--root-key", &second];
    site.sign(&mut scene, &both).await?;
    site.release(&good("1.1.0")).await?;
    takes(&scene, "1.1.0").await?;

    let alone = site.publisher.double(&scene.root().join("alone"))?;
    let refused = alone.repo_says(&["rotate", "timestamp"]).await?;
    ensure!(refused.code == Some(1), "one key was enough: {refused:?}");
    // One who does it all the same, by taking a signature of two away.
    alone
        .repo(&["rotate", "timestamp", "--root-key", &second])
        .await?;
    publishes(&alone).await?;
    let file = alone.site().join("repo/metadata/2.root.json");
    let mut root: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let signatures = root["signatures"].as_array_mut();
    let signatures = signatures.expect("a root is signed");
    ensure!(signatures.len() == 2, "{signatures:?}");
    signatures.pop();
    std::fs::write(&file, serde_json::to_vec(&root)?)?;
    site.host.serve(alone.site());
    site.registry.serve(alone.site());
    let answer = scene.refit(&["stage"]).await?;
    ensure!(answer.json["outcome"] != "staged", "{answer:?}");
    scene.has_nothing_of("6.6.6")?;
    scene.runs(&good("1.1.0")).await?;

    site.behave();
    site.publisher
        .repo(&["rotate", "timestamp", "--root-key", &second])
        .await?;
    site.release(&good("1.2.0")).await?;
    takes(&scene, "1.2.0").await
}
