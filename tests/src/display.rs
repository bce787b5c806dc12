//! What the X server knows of the story's windows.

use anyhow::{Context, Result, ensure};

/// The id and name of the frontmost window of a program.
///
/// A story's display has no window manager, so the order of the root window's children is the order
/// in which windows lie.
pub fn in_front(program: &str) -> Result<String> {
    let listed = std::process::Command::new("xwininfo")
        .args(["-root", "-children"])
        .output()
        .context("cannot run xwininfo; run ./scripts/setup --tests first")?;
    ensure!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let class = format!("(\"{program}\" ");
    // Its pages' windows have a size; what else a toolkit keeps is a few pixels large.
    let is_window = |line: &&str| line.contains(&class) && !line.contains("  10x10");
    let line = listed
        .lines()
        .find(is_window)
        .with_context(|| format!("no window: {listed}"))?;
    Ok(line.split(": (").next().unwrap_or(line).trim().to_owned())
}
