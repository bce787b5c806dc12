//! The real input: Kanban 0.1.69 is bundled, 0.1.70 comes from the registry that npm is configured
//! for, and two broken copies of it from a Verdaccio of our own: 0.1.71 dies at its start, so that its
//! rehearsal fails; 0.1.72 dies only where Kanban's files are, which a rehearsal has none of.
//!
//! `e2e-kanban` opens a window for a person; `e2e-kanban --headless` plays the person.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use e2e::registries::Verdaccio;
use e2e::{Scene, Teller, Window, parts, wait};
use serde_json::json;
use tokio::process::Command;

const OLD: &str = "0.1.69";
const NEW: &str = "0.1.70";
const BROKEN: &str = "0.1.71";
const LYING: &str = "0.1.72";

#[tokio::main]
async fn main() -> Result<()> {
    let headless = std::env::args().any(|arg| arg == "--headless");
    let mut tell = Teller::new(parts::root().join("target/kanban"));
    let mut scene = stage(&mut tell).await?;
    if headless {
        play(scene, tell).await
    } else {
        person(&mut scene, tell).await
    }
}

/// Kanban's stage below `target/kanban`, with a bundled runtime made of registry packages.
async fn stage(tell: &mut Teller) -> Result<Scene> {
    let dir = parts::root().join("target/kanban/stage");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    }
    let mut scene = Scene::bare(Some(&dir))?;
    // npm's own settings say where the registry is: nothing of them is hidden from the shell.
    scene.env.clear();
    for (name, folder) in [
        ("XDG_DATA_HOME", "home/share"),
        ("XDG_CACHE_HOME", "home/cache"),
    ] {
        scene
            .env
            .insert(name.into(), scene.root().join(folder).into_os_string());
    }
    scene.set("package", json!("kanban"));
    scene
        .config
        .as_object_mut()
        .context("no configuration")?
        .remove("registry");
    scene.set(
        "command",
        json!(["node", "{entry}", "--port", "{port}", "--no-open"]),
    );
    scene.set("carry", json!(["node_modules/node-pty"]));
    scene.set("ready", json!({ "http": "/", "timeout": "60s" }));
    scene.set("soak", json!("5s"));
    scene.set("check", json!({ "after": "3s", "every": "1h" }));

    // Kanban works on a git repository and keeps its own files in HOME.
    let (repository, home) = (dir.join("repository"), dir.join("kanban-home"));
    std::fs::create_dir_all(&repository)?;
    std::fs::create_dir_all(&home)?;
    std::fs::write(repository.join("README.md"), "# A board\n")?;
    run(
        "git",
        &["init", "--quiet", "--initial-branch=main"],
        &repository,
    )
    .await?;
    run("git", &["add", "."], &repository).await?;
    let who = ["-c", "user.name=Refit", "-c", "user.email=refit@localhost"];
    run(
        "git",
        &[&who[..], &["commit", "--quiet", "-m", "Begin"]].concat(),
        &repository,
    )
    .await?;
    scene.set("cwd", json!(repository));
    scene.set("env", json!({ "HOME": home }));
    // A rehearsal gets a copy of the repository and an empty home.
    scene.set("rehearse", json!({ "copy": [repository] }));

    tell.say("making the bundled runtime from registry packages");
    let kanban = format!("kanban@{OLD}");
    let into = scene.bundled().to_string_lossy().into_owned();
    let bundle = [
        "bundle",
        &kanban,
        "--with",
        "node-pty@1.2.0-beta.11",
        "--node",
        "24",
        "--into",
        &into,
    ];
    scene.refit_does(&bundle).await?;
    tell.seen(&format!("kanban {OLD}, node-pty and Node are bundled"));
    Ok(scene)
}

async fn play(mut scene: Scene, mut tell: Teller) -> Result<()> {
    is_brought_up_to_date(&scene, &mut tell).await?;
    let registry = broken_registry(&scene, &mut tell).await?;
    scene.set("registry", json!(registry.url()));
    scene.set("check", json!({ "after": "3s", "every": "10s" }));
    let window = Window::open(&scene).await?;
    scene.running(NEW).await?;
    board(&window).await?;
    is_rehearsed(&scene, &window, &mut tell).await?;
    registry.publish_file(&broken(&scene, LYING)).await?;
    is_taken_back(&scene, &window, &mut tell).await?;
    window.close().await?;
    tell.seen("every step was seen; pictures are in target/kanban");
    Ok(())
}

/// From the bundled version to the one that npm's registry has.
async fn is_brought_up_to_date(scene: &Scene, tell: &mut Teller) -> Result<()> {
    let window = Window::open(scene).await?;
    scene.running(OLD).await?;
    board(&window).await?;
    tell.seen_in(
        &window,
        "bundled",
        &format!("Kanban {OLD}, the bundled one, shows its board"),
    )
    .await?;

    window
        .banner_says(&format!("Version {NEW} is ready"))
        .await?;
    tell.seen_in(
        &window,
        "banner",
        &format!("{NEW} was found on npm's registry and staged"),
    )
    .await?;
    window.press("Restart to apply").await?;
    scene.running(NEW).await?;
    board(&window).await?;
    tell.seen_in(
        &window,
        "updated",
        &format!("after the restart Kanban {NEW} shows its board"),
    )
    .await?;
    scene.confirmed(NEW).await?;
    tell.seen(&format!("{NEW} is confirmed"));
    window.close().await
}

/// What dies at its start dies out of sight.
async fn is_rehearsed(scene: &Scene, window: &Window, tell: &mut Teller) -> Result<()> {
    let rehearsed = wait::until("the broken version's rehearsal", async || {
        let status = scene.status().await?;
        ensure!(status["bad"][0]["version"] == BROKEN, "status {status}");
        Ok(status)
    })
    .await?;
    ensure!(
        rehearsed["bad"][0]["reason"] == "rehearsal" && rehearsed["staged"].is_null(),
        "{BROKEN} was not found out before it was offered: {rehearsed}"
    );
    ensure!(
        window.banner().await?.is_none(),
        "the banner says {:?}",
        window.banner().await?
    );
    board(window).await?;
    tell.seen_in(
        window,
        "rehearsed",
        &format!("{BROKEN} was found on Verdaccio, died in its rehearsal, and was never offered"),
    )
    .await
}

/// What dies on Kanban's own files is taken back.
async fn is_taken_back(scene: &Scene, window: &Window, tell: &mut Teller) -> Result<()> {
    window
        .banner_says(&format!("Version {LYING} is ready"))
        .await?;
    tell.seen_in(
        window,
        "banner-broken",
        &format!("{LYING} was found on Verdaccio, rehearsed and staged"),
    )
    .await?;
    window.press("Restart to apply").await?;
    let said = window.banner_says("Try again").await?;
    ensure!(
        said.contains(LYING) && said.contains(NEW),
        "the banner says only {said:?}"
    );
    let status = scene.running(NEW).await?;
    ensure!(
        status["bad"].to_string().contains(LYING),
        "{LYING} is not marked bad: {status}"
    );
    board(window).await?;
    tell.seen_in(
        window,
        "fell-back",
        &format!("{LYING} fails and is marked bad; the banner says: {said}"),
    )
    .await?;

    let check = scene.refit(&["check"]).await?;
    ensure!(
        check.json["decision"] != "stage",
        "the next check offers {LYING} again: {check:?}"
    );
    let status = scene.running(NEW).await?;
    ensure!(
        status["staged"].is_null(),
        "something is staged again: {status}"
    );
    tell.seen_in(
        window,
        "not-again",
        &format!(
            "the next check does not offer {LYING} again ({})",
            check.json["reason"]
        ),
    )
    .await
}

async fn person(scene: &mut Scene, mut tell: Teller) -> Result<()> {
    let mut shell = scene.shell()?;
    tell.seen(&format!("the window is opening with Kanban {OLD}"));
    tell.say(&format!(
        "a banner will offer {NEW}; apply it, and close the window when you have seen it"
    ));
    shell.wait().await?;
    let registry = broken_registry(scene, &mut tell).await?;
    scene.set("registry", json!(registry.url()));
    let mut shell = scene.shell()?;
    tell.say(&format!(
        "{BROKEN} dies in its rehearsal and is never offered; the runtime page says so. Close the window"
    ));
    shell.wait().await?;
    registry.publish_file(&broken(scene, LYING)).await?;
    let mut shell = scene.shell()?;
    tell.say(&format!(
        "a banner will offer {LYING}; apply it, and see the app go on with {NEW}"
    ));
    shell.wait().await?;
    Ok(())
}

/// Kanban's board is in the window.
async fn board(window: &Window) -> Result<()> {
    wait::until("Kanban's board", async || {
        let seen = window
            .script("return document.body ? document.body.innerText : ''")
            .await?;
        let seen = seen.as_str().unwrap_or_default().to_lowercase();
        let columns = ["backlog", "in progress", "review"];
        ensure!(
            columns.iter().all(|column| seen.contains(column)),
            "the page says {seen:?}"
        );
        Ok(())
    })
    .await
}

/// Where a broken copy of Kanban is packed.
fn broken(scene: &Scene, version: &str) -> PathBuf {
    scene.root().join(format!("packages/kanban-{version}.tgz"))
}

/// A Verdaccio with the two good versions and one that imports a package that is not there. The
/// other broken one is made, and published later.
async fn broken_registry(scene: &Scene, tell: &mut Teller) -> Result<Verdaccio> {
    let work = scene.root().join("packages");
    std::fs::create_dir_all(&work)?;
    for version in [OLD, NEW] {
        run(
            "npm",
            &["pack", "--silent", &format!("kanban@{version}")],
            &work,
        )
        .await?;
    }
    let good = |version: &str| work.join(format!("kanban-{version}.tgz"));
    let missing = "import \"refit-story-package-that-is-not-there\";";
    break_it(&good(NEW), &work, BROKEN, missing).await?;
    // Kanban's own files are in its home, from its first start on.
    let lying = "import { readdirSync } from \"node:fs\"; \
                 if (readdirSync(process.env.HOME).length > 0) \
                 await import(\"refit-story-package-that-is-not-there\");";
    break_it(&good(NEW), &work, LYING, lying).await?;
    let registry = Verdaccio::start(scene.root()).await?;
    for file in [good(OLD), good(NEW), broken(scene, BROKEN)] {
        registry.publish_file(&file).await?;
    }
    tell.seen(&format!(
        "a Verdaccio of our own holds {OLD}, {NEW} and the broken {BROKEN}"
    ));
    Ok(registry)
}

/// Packs a copy of Kanban under another version that begins with `fault`.
async fn break_it(good: &Path, work: &Path, version: &str, fault: &str) -> Result<()> {
    let good = good.to_string_lossy();
    run("tar", &["xzf", &good], work).await?;
    let package = work.join("package");
    let manifest = package.join("package.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&manifest)?)?;
    json["version"] = json!(version);
    // Its own scripts would build it from sources that are not in the tarball.
    json.as_object_mut()
        .context("kanban's package.json is no object")?
        .remove("scripts");
    std::fs::write(&manifest, format!("{json:#}\n"))?;
    let cli = package.join("dist/cli.js");
    let source = std::fs::read_to_string(&cli)?;
    let (first, rest) = source
        .split_once('\n')
        .context("kanban's entry is one line")?;
    let broken = if first.starts_with("#!") {
        format!("{first}\n{fault}\n{rest}")
    } else {
        format!("{fault}\n{source}")
    };
    std::fs::write(&cli, broken)?;
    run(
        "npm",
        &["pack", "--silent", "--ignore-scripts", "./package"],
        work,
    )
    .await
}

async fn run(program: &str, args: &[&str], dir: &Path) -> Result<()> {
    let done = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        done.status.success(),
        "{program} {} failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}
