//! An administrator's word on versions.
#![cfg(target_os = "linux")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use e2e::registries::Folder;
use e2e::{Mode, Package, Scene, Window, privileges};
use serde_json::{Value, json};

/// The machine's policy for one app of a story's own; taken away with it.
struct Policy {
    folder: PathBuf,
}

impl Policy {
    /// None, said aloud, where this is not the administrator.
    fn of(scene: &mut Scene, says: &Value) -> Result<Option<Self>> {
        if !privileges::root_and(&[], "a policy file in /etc") {
            return Ok(None);
        }
        let root = scene.root().to_owned();
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        let identifier = format!("{}.example", name.to_lowercase());
        let policy = Self {
            folder: PathBuf::from("/etc").join(&identifier),
        };
        std::fs::create_dir(&policy.folder)?;
        scene.set("identifier", json!(identifier));
        policy.say(says)?;
        Ok(Some(policy))
    }

    fn file(&self) -> PathBuf {
        self.folder.join("policy.json")
    }

    fn say(&self, says: &Value) -> Result<()> {
        std::fs::write(self.file(), says.to_string())?;
        Ok(std::fs::set_permissions(
            self.file(),
            Permissions::from_mode(0o644),
        )?)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn device() -> Result<(Scene, Folder)> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&Package::new("1.1.0", Mode::Good)).await?;
    scene.set("registry", json!(registry.url()));
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    Ok((scene, registry))
}

#[tokio::test]
async fn where_versions_are_managed_a_person_may_look_and_change_nothing() -> Result<()> {
    let (mut scene, _registry) = device().await?;
    let Some(_policy) = Policy::of(&mut scene, &json!({ "updates": "managed" }))? else {
        return Ok(());
    };
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    let check = scene.refit(&["check"]).await?;
    ensure!(check.json["version"] == "1.1.0", "{check:?}");
    for order in [
        &["stage"][..],
        &["rollback"],
        &["retry", "1.1.0"],
        &["apps", "upgrade"],
    ] {
        let answer = scene.refit(order).await?;
        ensure!(
            answer.code == Some(1) && answer.json["error"]["kind"] == "managed",
            "{order:?}: {answer:?}"
        );
    }
    ensure!(scene.pointer().is_null(), "{}", scene.pointer());
    window.open_runtime_page(&scene).await?;
    window
        .shows("main", "Managed by your administrator")
        .await?;
    let enabled = window
        .script(
            "return [...document.querySelectorAll('button')].filter((it) => !it.disabled)\
             .map((it) => it.textContent.trim())",
        )
        .await?
        .to_string();
    for name in ["Roll back", "Try again", "Update"] {
        ensure!(!enabled.contains(name), "enabled are {enabled}");
    }
    window.close().await
}

#[tokio::test]
async fn a_policy_that_others_may_write_is_ignored_aloud() -> Result<()> {
    let (mut scene, _registry) = device().await?;
    let Some(policy) = Policy::of(&mut scene, &json!({ "updates": "off" }))? else {
        return Ok(());
    };
    std::fs::set_permissions(policy.file(), Permissions::from_mode(0o666))?;
    let staged = scene.refit(&["stage"]).await?;
    ensure!(staged.json["outcome"] == "staged", "{staged:?}");
    let status = scene.status().await?;
    let problems = status["problems"].to_string();
    ensure!(problems.contains("policy.json"), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_pin_and_a_minimum_age_say_what_is_staged_and_explain_says_who_said_so() -> Result<()> {
    let (mut scene, registry) = device().await?;
    registry.publish(&Package::new("1.2.0", Mode::Good)).await?;
    let Some(policy) = Policy::of(&mut scene, &json!({ "updates": "user", "pin": "1.1.0" }))?
    else {
        return Ok(());
    };
    let check = scene.refit(&["check"]).await?;
    ensure!(check.json["version"] == "1.1.0", "{check:?}");
    let explained = scene.refit(&["explain"]).await?;
    ensure!(
        explained.json.to_string().contains("policy"),
        "{explained:?}"
    );
    policy.say(&json!({ "updates": "managed", "minimumAge": "3d" }))?;
    let held = scene.refit(&["check"]).await?;
    ensure!(
        held.json["decision"] == "hold" && held.json["reason"] == "minimum-age",
        "{held:?}"
    );
    Ok(())
}
