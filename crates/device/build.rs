//! Keeps the time of the build, below which no clock of a device is believed.

use std::time::{SystemTime, UNIX_EPOCH};

/// The moment that a build which others can repeat is to count as, in seconds since 1970.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

fn main() {
    // Not at every build: a time somewhat before this build is as good a floor.
    println!("cargo:rerun-if-env-changed={EPOCH}");
    println!("cargo:rerun-if-changed=build.rs");
    println!(
        "cargo:rustc-env=REFIT_BUILT_AT={}",
        named().unwrap_or_else(now)
    );
}

fn named() -> Option<u64> {
    let text = std::env::var(EPOCH).ok()?;
    let seconds = text.trim().parse().ok();
    if seconds.is_none() {
        println!("cargo:warning={EPOCH} is `{text}`, not a number of seconds; now counts");
    }
    seconds
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
