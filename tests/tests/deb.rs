//! The installed app: a `.deb` with the demo and a Node of its own inside, on a desktop's short PATH.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::registries::Folder;
use e2e::{Scene, Window, parts};

/// Nobody may write below here any more, root neither where mounting is allowed.
fn make_read_only(dir: &Path) -> Result<Option<e2e::mounts::Mount>> {
    let done = Command::new("chmod")
        .args(["-R", "a-w"])
        .arg(dir)
        .status()?;
    ensure!(done.success(), "chmod failed");
    if rustix::process::geteuid().is_root() {
        return e2e::mounts::Mount::read_only_view(dir).map(Some);
    }
    Ok(None)
}

/// Whether this text is in the file, as bytes.
fn holds(file: &Path, text: &str) -> Result<bool> {
    let mut grep = Command::new("grep");
    let found = grep.args(["-qaF", text]).arg(file).status()?;
    ensure!(
        matches!(found.code(), Some(0 | 1)),
        "grep ended with {found}"
    );
    Ok(found.success())
}

#[test]
fn a_release_has_no_clock_that_can_be_moved() -> Result<()> {
    let dir = tempfile::tempdir()?;
    unpack(dir.path())?;
    let installed = dir.path().join("usr/bin/refit-shell");
    let tested = parts::part("refit-shell")?;
    for text in ["REFIT_TEST_CLOCK", "THIS BUILD IS FOR TESTS ONLY"] {
        ensure!(holds(&tested, text)?, "the stories' shell has no {text}");
        ensure!(!holds(&installed, text)?, "the release has {text}");
    }
    // It is the release that was looked into.
    ensure!(
        holds(&installed, "REFIT_NO_AUTO_UPDATE")?,
        "it is another program"
    );
    Ok(())
}

/// The package's files, below `dir`.
fn unpack(dir: &Path) -> Result<()> {
    let unpacked = Command::new("dpkg-deb")
        .arg("-x")
        .arg(parts::part("refit-shell.deb")?)
        .arg(dir)
        .output()
        .context("cannot run dpkg-deb")?;
    ensure!(
        unpacked.status.success(),
        "{}",
        String::from_utf8_lossy(&unpacked.stderr)
    );
    Ok(())
}

#[tokio::test]
async fn the_installed_app_brings_its_own_node_and_updates_from_read_only_resources() -> Result<()>
{
    let mut scene = Scene::bare(None)?;
    let registry = Folder::start(scene.root()).await?;
    let demo = parts::root().join("target/demo/packages");
    registry
        .publish_file(&demo.join("refit-demo-1.0.0.tgz"))
        .await?;
    registry
        .publish_file(&demo.join("refit-demo-1.1.0.tgz"))
        .await?;

    let system = scene.root().join("system");
    unpack(&system)?;
    let _view = make_read_only(&system)?;

    scene.env.insert("PATH".into(), "/usr/bin:/bin".into());
    scene
        .env
        .insert("npm_config_registry".into(), registry.url().into());
    let program = system.join("usr/bin/refit-shell");
    let window = Window::open_installed(&scene, &program).await?;
    window.shows("#version", "1.0.0").await?;

    let resources = system.join("usr/lib/refit-shell/runtime");
    let ours = |dir: &Path| {
        let dir = dir.to_owned();
        scene.runtimes().into_iter().find(move |it| {
            it.args
                .iter()
                .any(|arg| arg.starts_with(&*dir.to_string_lossy()))
        })
    };
    let first = ours(&resources).context("the bundled runtime does not run from the resources")?;
    let node = resources.join("bin/node");
    ensure!(
        first.program.as_deref() == Some(&*node),
        "it runs on {:?}",
        first.program
    );

    window.banner_says("Version 1.1.0 is ready").await?;
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    let stored = scene.root().join("home/share");
    let second = ours(&stored).context("1.1.0 does not run from the user's own folder")?;
    ensure!(
        second.program.as_deref() == Some(&*node),
        "it runs on {:?}",
        second.program
    );
    window.close().await
}
