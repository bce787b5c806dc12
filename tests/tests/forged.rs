//! Hosts and registries that send what nobody signed: other packages, other bytes, too much, too slowly.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Answer, Mode, Package, Publisher, Rule, Scene, Site};
use serde_json::Value;

/// The fixed limit of one question to a repository, and the time to say so.
const DEADLINE: Duration = Duration::from_secs(90);
/// Everything of a repository that is asked for on the way to a version.
const METADATA: [&str; 5] = [
    "/repo/metadata/2.root.json",
    "/repo/metadata/timestamp.json",
    "/repo/metadata/*.snapshot.json",
    "/repo/metadata/*.targets.json",
    "/repo/targets/*.latest.json",
];
const DESCRIPTION: &str = "/repo/targets/*.story-runtime-1.1.0.json";
const TARBALL: &str = "/story-runtime/-/story-runtime-1.1.0.tgz";
const PACKUMENT: &str = "/story-runtime";

fn good(version: &str) -> Package {
    Package::new(version, Mode::Good)
}

/// A device that has never asked, and a signed site that has 1.1.0 for everyone.
async fn fresh() -> Result<(Scene, Site)> {
    let mut scene = Scene::new()?;
    let site = Site::signed(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    Ok((scene, site))
}

/// Nothing is taken of what is offered, and what ran goes on.
async fn takes_nothing(scene: &Scene) -> Result<Answer> {
    let asked = scene.refit(&["stage"]);
    let answer = tokio::time::timeout(DEADLINE, asked)
        .await
        .context("it is not cut off")??;
    ensure!(answer.code == Some(1), "{answer:?}");
    let error = &answer.json["error"];
    ensure!(error["kind"].is_string(), "{answer:?}");
    ensure!(error["hint"].is_string(), "no next step: {answer:?}");
    scene.has_nothing_of("1.1.0")?;
    ensure!(scene.pointer().is_null(), "{}", scene.pointer());
    scene.runs(&good("1.0.0")).await?;
    Ok(answer)
}

async fn takes(scene: &Scene, version: &str) -> Result<()> {
    scene.refit_does(&["stage"]).await?;
    scene.runs(&good(version)).await?;
    Ok(())
}

/// For each file of a repository in turn: it is answered like this, and refused; then the device
/// goes on as if nothing had been.
async fn each_is_refused(rule: &Rule) -> Result<()> {
    let (scene, site) = fresh().await?;
    for path in METADATA.iter().chain(&[DESCRIPTION]) {
        site.host.rule(path, rule.clone());
        // Without an answer for it there is no second root, and that is no attack.
        takes_nothing(&scene)
            .await
            .with_context(|| format!("{path}: {rule:?}"))?;
        site.host.behave();
    }
    takes(&scene, "1.1.0").await
}

#[tokio::test]
async fn metadata_and_descriptions_without_an_end_are_cut_off() -> Result<()> {
    let began = Instant::now();
    each_is_refused(&Rule::Endless).await?;
    ensure!(began.elapsed() < DEADLINE, "it took {:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_page_instead_of_metadata_is_refused() -> Result<()> {
    each_is_refused(&Rule::Page).await
}

#[tokio::test]
async fn altered_or_torn_metadata_is_refused() -> Result<()> {
    for rule in [Rule::Altered, Rule::CutOff, Rule::Status(500)] {
        let (scene, site) = fresh().await?;
        // There is no second root that could be altered.
        for path in METADATA[1..].iter().chain(&[DESCRIPTION]) {
            site.host.rule(path, rule.clone());
            takes_nothing(&scene)
                .await
                .with_context(|| format!("{path}: {rule:?}"))?;
            site.host.behave();
        }
        takes(&scene, "1.1.0").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_host_that_drips_or_falls_silent_is_given_up() -> Result<()> {
    let slow = async |rule: Rule, path: &str| -> Result<()> {
        let (scene, site) = fresh().await?;
        site.host.rule(path, rule);
        let answer = takes_nothing(&scene).await?;
        ensure!(
            answer.json["error"]["kind"] == "trust-too-slow",
            "{answer:?}"
        );
        site.host.behave();
        takes(&scene, "1.1.0").await
    };
    let drip = Rule::Drip(Duration::from_millis(500));
    let slow_tarball = async {
        let (scene, site) = fresh().await?;
        site.registry.rule(TARBALL, drip.clone());
        let taken = tokio::time::timeout(2 * DEADLINE, takes(&scene, "1.1.0"));
        taken.await.context("the registry is not given up")?
    };
    tokio::try_join!(
        slow(drip.clone(), "/repo/metadata/timestamp.json"),
        slow(drip.clone(), "/repo/targets/*.latest.json"),
        slow(Rule::Silence, "/repo/metadata/*.targets.json"),
        slow_tarball,
    )?;
    Ok(())
}

/// Another publisher's site in the same story, with versions of its own.
fn elsewhere(scene: &Scene, name: &str, site: &Site) -> Result<Publisher> {
    Publisher::new(&scene.root().join(name), &site.registry.url(), &site.clock)
}

#[tokio::test]
async fn a_repository_of_another_package_under_the_same_keys_is_refused() -> Result<()> {
    let (scene, site) = fresh().await?;
    let mut other = elsewhere(&scene, "other", &site)?;
    other.sign_with(&site.publisher).await?;
    other.publish(&good("9.9.9").named("other-runtime")).await?;
    other.rollout(&["start", "9.9.9", "--plan", "100%"]).await?;
    site.host.serve(other.site());
    site.registry.serve(other.site());
    takes_nothing(&scene).await?;
    scene.has_nothing_of("9.9.9")?;
    site.behave();
    Ok(())
}

#[tokio::test]
async fn a_repository_that_a_stranger_signed_is_refused() -> Result<()> {
    let (scene, site) = fresh().await?;
    let mut stranger = elsewhere(&scene, "stranger", &site)?;
    stranger.sign(&[]).await?;
    stranger.publish(&good("6.6.6")).await?;
    stranger
        .rollout(&["start", "6.6.6", "--plan", "100%"])
        .await?;
    site.host.serve(stranger.site());
    site.registry.serve(stranger.site());
    let answer = takes_nothing(&scene).await?;
    ensure!(
        answer.json["error"]["kind"] == "trust-signatures",
        "{answer:?}"
    );
    scene.has_nothing_of("6.6.6")?;
    site.behave();
    takes(&scene, "1.1.0").await
}

#[tokio::test]
async fn the_description_of_another_version_is_refused() -> Result<()> {
    let (scene, site) = fresh().await?;
    let describes = site.publisher.target("story-runtime-1.1.0.json")?;
    site.release(&good("1.2.0")).await?;
    let path = site.publisher.target("story-runtime-1.2.0.json")?;
    site.host.rule(&path, Rule::Other(describes));
    takes_nothing(&scene).await?;
    scene.has_nothing_of("1.2.0")?;
    site.behave();
    takes(&scene, "1.2.0").await
}

#[tokio::test]
async fn a_tarball_that_the_registry_altered_comes_from_the_signed_host_instead() -> Result<()> {
    let other = good("1.1.0").named("other-runtime");
    for what in ["altered", "cut off", "endless", "other", "missing", "page"] {
        let (scene, site) = fresh().await?;
        let foreign = std::fs::read(site.publisher.pack(&other)?)?;
        let rule = match what {
            "altered" => Rule::Altered,
            "cut off" => Rule::CutOff,
            "endless" => Rule::Endless,
            "other" => Rule::Bytes(foreign),
            "missing" => Rule::Status(404),
            _ => Rule::Page,
        };
        site.registry.rule(TARBALL, rule.clone());
        takes(&scene, "1.1.0").await.with_context(|| what)?;
        ensure!(
            site.host.asked(TARBALL) > 0,
            "{what}: the host was not asked"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_tarball_that_is_nowhere_as_it_was_signed_is_refused() -> Result<()> {
    let (scene, site) = fresh().await?;
    let other = std::fs::read(site.publisher.pack(&good("1.1.0").named("other-runtime"))?)?;
    for rule in [
        Rule::Altered,
        Rule::CutOff,
        Rule::Endless,
        Rule::Bytes(other),
    ] {
        site.registry.rule(TARBALL, rule.clone());
        site.host.rule(TARBALL, rule.clone());
        takes_nothing(&scene).await?;
        site.behave();
    }
    takes(&scene, "1.1.0").await
}

#[tokio::test]
async fn the_registrys_own_word_on_a_tarball_counts_for_nothing() -> Result<()> {
    let (scene, site) = fresh().await?;
    let file = site.publisher.site().join("story-runtime/index.json");
    let mut packument: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    // It claims, consistently, another package's bytes.
    let other = site.publisher.pack(&good("1.1.0").named("other-runtime"))?;
    let unpacked = [
        "unpack".into(),
        "--tarball".into(),
        other.clone().into(),
        "--into".into(),
        scene.root().join("other").into(),
    ];
    let integrity = site.publisher.refit(&unpacked).await?.json["integrity"].clone();
    ensure!(integrity.is_string(), "{integrity}");
    packument["versions"]["1.1.0"]["dist"]["integrity"] = integrity;
    let rule = Rule::Bytes(serde_json::to_vec(&packument)?);
    site.registry.rule(PACKUMENT, rule);
    site.registry
        .rule(TARBALL, Rule::Bytes(std::fs::read(other)?));
    takes(&scene, "1.1.0").await?;
    ensure!(site.host.asked(TARBALL) > 0, "the host was not asked");
    Ok(())
}

#[tokio::test]
async fn nothing_unsigned_is_taken_when_the_repository_is_gone_unsigned_or_off() -> Result<()> {
    for seen in [false, true] {
        for what in ["gone", "off", "unsigned"] {
            let (scene, site) = fresh().await?;
            let stays = if seen { "1.1.0" } else { "1.0.0" };
            if seen {
                takes(&scene, "1.1.0").await?;
            }
            // The registry has 1.3.0, and says that it is the newest.
            let tempting = elsewhere(&scene, "tempting", &site)?;
            tempting.publish(&good("1.3.0")).await?;
            site.registry.serve(tempting.site());
            match what {
                "gone" => site.host.rule("/repo/*", Rule::Status(404)),
                "off" => site.host.off().await?,
                _ => {
                    let path = "/repo/metadata/timestamp.json";
                    let file = site.publisher.site().join(&path[1..]);
                    let mut signed: Value = serde_json::from_slice(&std::fs::read(file)?)?;
                    signed["signatures"] = serde_json::json!([]);
                    let version = signed["signed"]["version"].as_u64().unwrap_or_default();
                    signed["signed"]["version"] = (version + 1).into();
                    let rule = Rule::Bytes(serde_json::to_vec(&signed)?);
                    site.host.rule(path, rule);
                }
            }
            let answer = scene.refit(&["stage"]).await?;
            let case = format!("{what}, seen before: {seen}: {answer:?}");
            ensure!(answer.json["outcome"] != "staged", "{case}");
            scene.has_nothing_of("1.3.0").context(case.clone())?;
            scene.runs(&good(stays)).await.context(case.clone())?;
            let by_name = scene.refit(&["stage", "1.3.0"]).await?;
            ensure!(by_name.code != Some(0), "{case}, then by name: {by_name:?}");
            scene.has_nothing_of("1.3.0").context(case)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn no_order_and_no_setting_of_a_person_stages_what_is_not_signed() -> Result<()> {
    let (mut scene, site) = fresh().await?;
    takes(&scene, "1.1.0").await?;
    let tempting = elsewhere(&scene, "tempting", &site)?;
    tempting.publish(&good("1.3.0")).await?;
    site.registry.serve(tempting.site());
    let tarball = tempting.pack(&good("1.3.0"))?;
    let tarball = tarball.to_string_lossy();
    // Under the name of a version that is signed, too.
    let forged = Package::new("1.1.0", Mode::Crashes(1000));
    let forged = tempting.pack(&forged)?.to_string_lossy().into_owned();
    for (name, value) in [
        ("REFIT_TRUST", "off"),
        ("REFIT_EXPERIMENTAL", "1"),
        ("npm_config_registry", &*site.registry.url()),
        ("npm_config_tag", "latest"),
    ] {
        scene.env.insert(name.into(), value.into());
    }
    for order in [
        vec!["stage"],
        vec!["stage", "1.3.0"],
        vec!["stage", "--tarball", &*tarball],
        vec!["stage", "--tarball", &*forged],
        vec!["rollback", "--to", "1.3.0"],
        vec!["retry", "1.3.0"],
    ] {
        let answer = scene.refit(&order).await?;
        ensure!(answer.code != Some(0), "{order:?}: {answer:?}");
        scene.has_nothing_of("1.3.0").context(order.join(" "))?;
        scene.runs(&good("1.1.0")).await.context(order.join(" "))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_trust_root_that_is_missing_or_torn_means_no_updates() -> Result<()> {
    let (scene, site) = fresh().await?;
    let root = scene.root().join("root.json");
    let whole = std::fs::read(&root)?;
    for torn in [&b""[..], &whole[..whole.len() / 2], b"{}", b"<html>"] {
        std::fs::write(&root, torn)?;
        takes_nothing(&scene).await?;
    }
    std::fs::remove_file(&root)?;
    takes_nothing(&scene).await?;
    ensure!(
        site.registry.requests().is_empty(),
        "the registry was asked: {:?}",
        site.registry.requests()
    );
    std::fs::write(&root, whole)?;
    takes(&scene, "1.1.0").await
}
