//! The disk at its worst: killed at every call, cut off from power, full, read-only.
#![cfg(target_os = "linux")]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use e2e::mounts::Mount;
use e2e::{Answer, Mode, Package, Scene, privileges, scene, wait};
use serde_json::Value;

/// Every call by which a stage changes what is on disk.
const CHANGES: &[&str] = &[
    "write",
    "pwrite64",
    "copy_file_range",
    "ftruncate",
    "fchmod",
    "fsync",
    "fdatasync",
    "syncfs",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "flock",
];
/// Those of them that a full disk lets fail, less `write`: runtimes wake themselves by it, and
/// small disks show it better.
const MAKING: &[&str] = &[
    "copy_file_range",
    "ftruncate",
    "fsync",
    "fdatasync",
    "syncfs",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
];
/// The calls between which a power cut makes a difference.
const BARRIERS: &[&str] = &[
    "fsync",
    "fdatasync",
    "syncfs",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "unlinkat",
];
/// Far more points than a stage has; a loop that gets there never ended.
const POINTS: u32 = 3000;

struct Stage {
    scene: Scene,
    tarball: PathBuf,
}

impl Stage {
    fn of(version: &str) -> Result<Self> {
        let mut scene = Scene::new()?;
        // What is looked at here is what staging does on disk; a rehearsal comes after it.
        scene.set("rehearse", serde_json::json!(false));
        let tarball = scene.root().join(format!("{version}.tgz"));
        Package::new(version, Mode::Good).pack(&tarball)?;
        Ok(Self { scene, tarball })
    }

    fn args<'a>(&self, tarball: &'a Path) -> Result<[&'a str; 3]> {
        let _ = self;
        Ok(["stage", "--tarball", tarball.to_str().context("no UTF-8")?])
    }

    async fn whole(&self, tarball: &Path) -> Result<Answer> {
        self.scene.refit(&self.args(tarball)?).await
    }

    /// The same with something injected; `None` once the point lies beyond the stage's end.
    async fn injected(&self, calls: &str, what: &str, point: u32) -> Result<Injected> {
        let command = self.scene.command(&self.args(&self.tarball)?)?;
        let command = command.as_std();
        let log = self.scene.root().join("strace.log");
        let mut traced = tokio::process::Command::new("strace");
        traced.args(["-f", "-qq", "-e", &format!("trace={calls}"), "-e"]);
        traced
            .arg(format!("inject={calls}:{what}:when={point}"))
            .arg("-o")
            .arg(&log);
        traced.arg(command.get_program()).args(command.get_args());
        traced.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let output = traced.stdin(std::process::Stdio::null()).output().await?;
        let log = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        let killed = output.status.signal().is_some() || log.contains("+++ killed by SIGKILL");
        Ok(Injected {
            hit: killed || log.contains("(INJECTED)"),
            output,
            log,
        })
    }

    /// Something runnable is chosen, and nobody is blamed.
    async fn resolves(&self, point: &str, to: &[&str]) -> Result<Value> {
        let resolved = self.scene.refit(&["resolve"]).await?;
        ensure!(resolved.code == Some(0), "{point}: resolve: {resolved:?}");
        let version = resolved.json["version"].as_str().unwrap_or_default();
        ensure!(
            to.contains(&version),
            "{point}: resolves to {}",
            resolved.json
        );
        let entry = Path::new(resolved.json["entry"].as_str().unwrap_or_default());
        let text = std::fs::read_to_string(entry)
            .with_context(|| format!("{point}: {}", entry.display()))?;
        ensure!(
            text.ends_with("serves`);\n});\n"),
            "{point}: {} is torn",
            entry.display()
        );
        ensure!(
            self.scene.bad().is_empty(),
            "{point}: bad: {:?}",
            self.scene.bad()
        );
        let pointer = self.scene.store().join("current.json");
        ensure!(
            !pointer.exists() || self.scene.pointer().is_object(),
            "{point}: the pointer is torn: {:?}",
            std::fs::read(&pointer)
        );
        Ok(resolved.json)
    }

    /// The same stage once more, undisturbed, brings the version and leaves nothing else behind.
    async fn can_be_repeated(&self, point: &str, version: &str) -> Result<()> {
        let again = self.whole(&self.tarball).await?;
        ensure!(
            matches!(again.code, Some(0 | 3)),
            "{point}: the next stage: {again:?}"
        );
        self.resolves(point, &[version]).await?;
        ensure!(
            self.partials().is_empty(),
            "{point}: left over: {:?}",
            self.partials()
        );
        Ok(())
    }

    fn partials(&self) -> Vec<std::ffi::OsString> {
        let read = std::fs::read_dir(self.scene.store().join("partial"));
        let folders = read.into_iter().flatten().flatten();
        folders
            .filter(|it| it.path().is_dir())
            .map(|it| it.file_name())
            .collect()
    }

    fn afresh(&self) -> Result<()> {
        std::fs::remove_dir_all(self.scene.data())?;
        Ok(std::fs::create_dir_all(self.scene.data())?)
    }
}

struct Injected {
    hit: bool,
    output: std::process::Output,
    log: String,
}

impl Injected {
    /// It ended with an answer, not with a panic.
    fn is_answered(&self, point: &str) -> Result<()> {
        let words = String::from_utf8_lossy(&self.output.stderr);
        let code = self.output.status.code();
        ensure!(
            matches!(code, Some(0 | 1 | 3)),
            "{point}: {code:?} {words}\n{}",
            self.log
        );
        ensure!(!words.contains("panicked"), "{point}: {words}");
        Ok(())
    }
}

#[tokio::test]
async fn a_stage_killed_at_any_of_its_changes_leaves_a_store_that_works() -> Result<()> {
    if !privileges::root_and(&["strace"], "a stage killed at any of its changes") {
        return Ok(());
    }
    let stage = Stage::of("1.1.0")?;
    let mut points = 0;
    // strace counts by thread: with the store's folders there already, later changes come into reach
    // that the making of those folders hides.
    for store_is_there in [false, true] {
        for call in CHANGES {
            for nth in 1..POINTS {
                stage.afresh()?;
                if store_is_there {
                    stage.scene.refit(&["gc"]).await?;
                }
                let run = stage.injected(call, "signal=SIGKILL", nth).await?;
                let name = format!("killed at {call} {nth}, store there: {store_is_there}");
                if !run.hit {
                    ensure!(run.output.status.success(), "{name}: {:?}", run.output);
                    break;
                }
                points += 1;
                stage.resolves(&name, &["1.0.0", "1.1.0"]).await?;
                stage.can_be_repeated(&name, "1.1.0").await?;
            }
        }
    }
    ensure!(points > 35, "only {points} points were tried");
    Ok(())
}

#[tokio::test]
async fn a_stage_that_gets_no_space_at_any_of_its_changes_fails_and_can_be_repeated() -> Result<()>
{
    if !privileges::root_and(&["strace"], "a stage that gets no space") {
        return Ok(());
    }
    let stage = Stage::of("1.1.0")?;
    let mut points = 0;
    for call in MAKING {
        for nth in 1..POINTS {
            stage.afresh()?;
            let run = stage.injected(call, "error=ENOSPC", nth).await?;
            let name = format!("no space at {call} {nth}");
            run.is_answered(&name)?;
            if !run.hit {
                break;
            }
            points += 1;
            stage.resolves(&name, &["1.0.0", "1.1.0"]).await?;
            stage.can_be_repeated(&name, "1.1.0").await?;
        }
    }
    ensure!(points > 10, "only {points} points were tried");
    Ok(())
}

#[tokio::test]
async fn a_stage_on_a_disk_of_any_small_size_fails_or_is_whole() -> Result<()> {
    if !privileges::root_and(&["mount"], "disks of any small size") {
        return Ok(());
    }
    let stage = Stage::of("1.1.0")?;
    for pages in 1..200 {
        let disk = Mount::small(&stage.scene.data(), pages * 4)?;
        let name = format!("a disk of {pages} pages");
        let full = stage.whole(&stage.tarball).await?;
        ensure!(matches!(full.code, Some(0 | 1)), "{name}: {full:?}");
        stage.resolves(&name, &["1.0.0", "1.1.0"]).await?;
        if full.code == Some(0) {
            stage.resolves(&name, &["1.1.0"]).await?;
            ensure!(pages > 4, "a disk of {pages} pages was large enough");
            return Ok(());
        }
        drop(disk);
    }
    bail!("no disk was large enough")
}

#[tokio::test]
async fn a_power_cut_at_any_barrier_of_a_stage_leaves_the_old_or_the_new_version_whole()
-> Result<()> {
    let needs = ["strace", "python3", "mkfs.ext4", "mount"];
    if !privileges::root_and(&needs, "a power cut in a stage") {
        return Ok(());
    }
    let stage = Stage::of("1.2.0")?;
    let first = stage.scene.root().join("1.1.0.tgz");
    Package::new("1.1.0", Mode::Good).pack(&first)?;
    let mut points = 0;
    for call in BARRIERS {
        for nth in 1..POINTS {
            let disk = Mount::disk(&stage.scene.data())?;
            let before = stage.whole(&first).await?;
            ensure!(before.code == Some(0), "{before:?}");
            let run = stage.injected(call, "signal=SIGKILL", nth).await?;
            disk.cut()?;
            let name = format!("cut at {call} {nth}");
            // What was said to be staged is there after the cut.
            let to: &[&str] = if run.output.status.success() {
                &["1.2.0"]
            } else {
                &["1.1.0", "1.2.0"]
            };
            stage
                .resolves(&name, to)
                .await
                .with_context(|| run.log.clone())?;
            let verified = stage.scene.refit(&["verify"]).await?;
            ensure!(verified.code == Some(0), "{name}: verify: {verified:?}");
            stage.can_be_repeated(&name, "1.2.0").await?;
            drop(disk);
            if !run.hit {
                break;
            }
            points += 1;
        }
    }
    ensure!(points > 10, "only {points} points were tried");
    Ok(())
}

/// The stories above can only be believed if a cut loses what was not synced.
#[test]
fn a_power_cut_loses_what_was_not_synced_and_nothing_else() -> Result<()> {
    if !privileges::root_and(&["python3", "mkfs.ext4", "mount"], "a power cut that bites") {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let at = dir.path().join("disk");
    let disk = Mount::disk(&at)?;
    std::fs::write(at.join("synced"), "kept")?;
    std::fs::File::open(at.join("synced"))?.sync_all()?;
    std::fs::write(at.join("new"), "unsynced")?;
    std::fs::rename(at.join("new"), at.join("renamed"))?;
    disk.cut()?;
    ensure!(
        std::fs::read_to_string(at.join("synced"))? == "kept",
        "it lost what was synced"
    );
    let renamed = std::fs::read_to_string(at.join("renamed")).unwrap_or_default();
    ensure!(renamed != "unsynced", "it kept what was not synced");
    Ok(())
}

#[tokio::test]
async fn a_full_disk_stops_a_stage_with_a_clear_error_and_nothing_left() -> Result<()> {
    if !privileges::root_and(&["mount"], "a full disk") {
        return Ok(());
    }
    let stage = Stage::of("1.1.0")?;
    let _disk = Mount::small(&stage.scene.data(), 4096)?;
    let big = stage.scene.root().join("big.tgz");
    Package::new("1.2.0", Mode::Good)
        .ballast(8_000_000)
        .pack(&big)?;
    ensure!(
        stage.whole(&stage.tarball).await?.code == Some(0),
        "the small one does not fit"
    );
    let pointer = stage.scene.pointer();

    let full = stage.whole(&big).await?;
    ensure!(full.code == Some(1), "{full:?}");
    let error = &full.json["error"];
    let message = error["message"].as_str().unwrap_or_default();
    ensure!(
        message.contains("disk is full"),
        "the error does not say so: {error}"
    );
    ensure!(
        full.json["error"]["hint"]
            .as_str()
            .is_some_and(|hint| !hint.is_empty()),
        "{error}"
    );
    ensure!(
        stage.scene.pointer() == pointer,
        "the pointer moved: {}",
        stage.scene.pointer()
    );
    stage.resolves("after", &["1.1.0"]).await?;
    stage.scene.refit(&["gc"]).await?;
    ensure!(
        stage.partials().is_empty(),
        "left over: {:?}",
        stage.partials()
    );
    Ok(())
}

/// Which folder the one runtime of a scene runs from.
async fn runs_from(scene: &Scene, dir: &Path) -> Result<()> {
    let dir = dir.to_string_lossy().into_owned();
    wait::until(&format!("a runtime from {dir}"), async || {
        let found = scene.runtimes();
        let is_it = |arg: &String| arg.starts_with(&dir);
        ensure!(
            found.iter().any(|it| it.args.iter().any(is_it)),
            "there are {found:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn on_a_read_only_store_a_trial_is_not_launched_but_a_confirmed_version_is() -> Result<()> {
    if !privileges::root_and(&["mount"], "a read-only store") {
        return Ok(());
    }
    let mut stage = Stage::of("1.1.0")?;
    stage
        .scene
        .set("check", serde_json::json!({ "after": "1h", "every": "1h" }));
    let disk = Mount::small(&stage.scene.data(), 8192)?;
    ensure!(
        stage.whole(&stage.tarball).await?.code == Some(0),
        "it is not staged"
    );
    disk.read_only()?;

    let again = stage.whole(&stage.tarball).await?;
    ensure!(matches!(again.code, Some(1 | 3)), "{again:?}");
    let run = stage.scene.command(&["run"])?.spawn()?;
    runs_from(&stage.scene, &stage.scene.bundled()).await?;
    end(&stage.scene, run).await?;
    ensure!(
        stage.scene.pointer()["trial"]["attemptsLeft"] == 2,
        "{}",
        stage.scene.pointer()
    );
    drop(disk);

    let disk = Mount::small(&stage.scene.data(), 8192)?;
    ensure!(
        stage.whole(&stage.tarball).await?.code == Some(0),
        "it is not staged"
    );
    let mut pointer = stage.scene.pointer();
    pointer["trial"] = Value::Null;
    std::fs::write(
        stage.scene.store().join("current.json"),
        pointer.to_string(),
    )?;
    disk.read_only()?;
    let run = stage.scene.command(&["run"])?.spawn()?;
    runs_from(&stage.scene, &stage.scene.store()).await?;
    end(&stage.scene, run).await
}

async fn end(scene: &Scene, mut run: tokio::process::Child) -> Result<()> {
    let pid = i32::try_from(run.id().context("it has ended by itself")?)?;
    e2e::processes::signal(pid, rustix::process::Signal::TERM)?;
    let ended = tokio::time::timeout(wait::LONG, run.wait())
        .await
        .context("it does not end")??;
    ensure!(ended.signal().is_none(), "refit run ended with {ended}");
    scene.nobody_left().await
}

#[tokio::test]
async fn an_unknown_key_of_the_configuration_is_named() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.set("regsitry", serde_json::json!("x"));
    let said = scene::answer(&scene.command(&["resolve"])?.output().await?)?;
    ensure!(said.code == Some(1) || said.code == Some(2), "{said:?}");
    ensure!(
        said.json["error"]["message"]
            .to_string()
            .contains("regsitry"),
        "{said:?}"
    );
    Ok(())
}
