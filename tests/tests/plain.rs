//! A manifest on a plain host: what counts when it is gone, torn, or not a manifest at all.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use e2e::{Answer, Mode, Package, Rule, Scene, Site};
use serde_json::json;

const MANIFEST: &str = "/latest.json";

fn good(version: &str) -> Package {
    Package::new(version, Mode::Good)
}

/// The registry says 1.2.0, `latest` says 1.1.5, the manifest says 1.1.0, each for everyone.
async fn three_opinions() -> Result<(Scene, Site)> {
    let mut scene = Scene::new()?;
    let site = Site::plain(&mut scene).await?;
    for version in ["1.1.0", "1.1.5", "1.2.0"] {
        site.publisher.publish(&good(version)).await?;
    }
    let manifest = json!({ "version": "1.1.0", "publishedAt": "2026-01-01T00:00:00Z" });
    site.publisher.write_manifest(&manifest)?;
    std::fs::write(site.publisher.site().join("latest.txt"), "1.1.5\n")?;
    Ok((scene, site))
}

async fn check(scene: &Scene) -> Result<Answer> {
    let answer = scene.refit(&["check"]).await?;
    ensure!(answer.code != Some(1), "{answer:?}");
    Ok(answer)
}

/// The check ends on this version, for this reason.
async fn decides(scene: &Scene, version: &str, reason: &str) -> Result<()> {
    let answer = check(scene).await?;
    ensure!(
        answer.json["version"] == version && answer.json["reason"] == reason,
        "{version}, {reason} was expected: {answer:?}"
    );
    Ok(())
}

/// All that is no manifest, though something answers, or nothing does.
fn useless() -> Vec<(&'static str, Rule)> {
    let large = format!(
        "{{\"version\":\"6.6.6\",\"notes\":\"{}\"}}",
        "n".repeat(1 << 20)
    );
    let bytes = |text: &str| Rule::Bytes(text.as_bytes().to_vec());
    vec![
        ("torn", bytes("{\"version\":\"6.6")),
        ("no version", bytes("{}")),
        ("another shape", bytes("[1,2,3]")),
        ("empty", bytes("")),
        (
            "another package's",
            bytes("{\"version\":\"6.6.6\",\"package\":\"other\"}"),
        ),
        ("a page", Rule::Page),
        ("too large", bytes(&large)),
        ("endless", Rule::Endless),
        ("cut off", Rule::CutOff),
        ("broken", Rule::Status(500)),
        ("refused", Rule::Status(403)),
    ]
}

#[tokio::test]
async fn what_is_no_manifest_leaves_the_last_one_in_force() -> Result<()> {
    let (scene, site) = three_opinions().await?;
    decides(&scene, "1.1.0", "eligible").await?;
    for (what, rule) in useless() {
        site.host.rule(MANIFEST, rule);
        decides(&scene, "1.1.0", "eligible").await.context(what)?;
        site.host.behave();
    }
    site.host.off().await?;
    decides(&scene, "1.1.0", "eligible").await?;
    scene.refit_does(&["stage"]).await?;
    scene.runs(&good("1.1.0")).await?;
    Ok(())
}

#[tokio::test]
async fn a_device_that_never_had_a_manifest_follows_the_registry_meanwhile() -> Result<()> {
    for (what, rule) in useless() {
        let (scene, site) = three_opinions().await?;
        site.host.rule(MANIFEST, rule);
        decides(&scene, "1.2.0", "no-manifest")
            .await
            .context(what)?;
        site.host.behave();
        decides(&scene, "1.1.0", "eligible").await.context(what)?;
    }
    let (scene, site) = three_opinions().await?;
    site.host.off().await?;
    decides(&scene, "1.2.0", "no-manifest").await?;
    site.host.on().await?;
    decides(&scene, "1.1.0", "eligible").await
}

#[tokio::test]
async fn without_a_manifest_the_plain_version_counts_and_then_the_registrys() -> Result<()> {
    let (mut scene, site) = three_opinions().await?;
    scene.set("latest", json!(site.host.file("latest.txt")));
    decides(&scene, "1.1.0", "eligible").await?;

    std::fs::remove_file(site.publisher.site().join("latest.json"))?;
    decides(&scene, "1.1.5", "no-manifest").await?;
    scene.refit_does(&["stage"]).await?;
    scene.runs(&good("1.1.5")).await?;

    std::fs::remove_file(site.publisher.site().join("latest.txt"))?;
    decides(&scene, "1.2.0", "no-manifest").await?;
    scene.refit_does(&["stage"]).await?;
    scene.runs(&good("1.2.0")).await?;
    Ok(())
}

#[tokio::test]
async fn without_latest_a_missing_manifest_leaves_the_registry() -> Result<()> {
    let (scene, site) = three_opinions().await?;
    decides(&scene, "1.1.0", "eligible").await?;
    site.host.rule(MANIFEST, Rule::Status(404));
    decides(&scene, "1.2.0", "no-manifest").await
}

#[tokio::test]
async fn a_manifest_that_did_not_change_is_not_sent_again() -> Result<()> {
    let (scene, site) = three_opinions().await?;
    decides(&scene, "1.1.0", "eligible").await?;
    ensure!(
        site.host.unchanged(MANIFEST) == 0,
        "{:?}",
        site.host.requests()
    );
    decides(&scene, "1.1.0", "eligible").await?;
    ensure!(
        site.host.unchanged(MANIFEST) == 1,
        "{:?}",
        site.host.requests()
    );
    Ok(())
}

#[tokio::test]
async fn a_cache_that_cannot_be_read_never_stops_a_check() -> Result<()> {
    let (scene, _site) = three_opinions().await?;
    decides(&scene, "1.1.0", "eligible").await?;
    let cache = scene.store().join("releases.json");
    let whole = std::fs::read_to_string(&cache)?;
    for text in ["", "{", "[]", &whole[..whole.len() / 2]] {
        std::fs::write(&cache, text)?;
        decides(&scene, "1.1.0", "eligible").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_recalled_version_gives_way_to_bundled_at_the_next_start_and_comes_back_when_it_is_lifted()
-> Result<()> {
    let (scene, site) = three_opinions().await?;
    scene.refit_does(&["stage"]).await?;
    scene.runs(&good("1.1.0")).await?;
    let recalling = json!({ "version": "1.1.0", "publishedAt": "2026-01-01T00:00:00Z",
        "recalled": ["1.1.0"] });
    site.publisher.write_manifest(&recalling)?;
    let answer = check(&scene).await?;
    ensure!(answer.json["reason"] == "recalled", "{answer:?}");
    let resolved = scene.runs(&good("1.0.0")).await?;
    ensure!(resolved["source"] == "bundled", "{resolved}");
    ensure!(
        resolved["reason"]
            .as_str()
            .is_some_and(|it| it.contains("recalled")),
        "{resolved}"
    );
    // Nothing is bad, and nothing was thrown away.
    ensure!(scene.bad().is_empty(), "{:?}", scene.bad());
    ensure!(
        scene.store().join("versions/1.1.0").is_dir(),
        "it was removed"
    );

    let lifted = json!({ "version": "1.1.0", "publishedAt": "2026-01-01T00:00:00Z" });
    site.publisher.write_manifest(&lifted)?;
    scene.refit(&["check"]).await?;
    scene.runs(&good("1.1.0")).await?;
    Ok(())
}

#[tokio::test]
async fn nothing_but_the_configuration_says_where_the_manifest_is() -> Result<()> {
    let (mut scene, site) = three_opinions().await?;
    let elsewhere = e2e::Host::of(&scene.root().join("elsewhere")).await?;
    std::fs::write(
        scene.root().join("elsewhere/latest.json"),
        "{\"version\":\"1.2.0\"}",
    )?;
    for name in [
        "REFIT_MANIFEST",
        "REFIT_LATEST",
        "REFIT_TRUST",
        "npm_config_manifest",
        "npm_config_latest",
    ] {
        let value = elsewhere.file("latest.json").into();
        scene.env.insert(name.into(), value);
    }
    decides(&scene, "1.1.0", "eligible").await?;
    ensure!(
        elsewhere.requests().is_empty(),
        "{:?}",
        elsewhere.requests()
    );
    ensure!(site.host.asked(MANIFEST) == 1, "{:?}", site.host.requests());
    Ok(())
}
