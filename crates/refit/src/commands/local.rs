//! The device that the global options describe.

use std::path::{Path, PathBuf};

use device::{Config, DeviceOptions, Local, Store, Version};

use crate::args::Globals;
use crate::failure::Failure;

/// Settings, folders and facts; needs `--config`, `--data-dir` and `--bundled`.
pub(super) fn open(globals: &Globals) -> Result<Local, Failure> {
    let path = needed(globals.config.as_ref(), "--config FILE")?;
    let config = Config::load(path)
        .map_err(|error| Failure::new("config", error, "Mend it there, then try again."))?;
    let shell_version: Version = env!("CARGO_PKG_VERSION").parse().map_err(|error| {
        Failure::new(
            "internal",
            error,
            "Report this: refit was built with a version of no use.",
        )
    })?;
    Ok(Local::open(DeviceOptions {
        config,
        data_dir: data_dir(globals)?.to_owned(),
        bundled_dir: needed(globals.bundled.as_ref(), "--bundled DIR")?.to_owned(),
        shell_version,
        development: false,
        guard: DeviceOptions::own_guard(),
        env: std::env::vars_os().collect(),
    }))
}

/// Tells a running app that the store was changed, so that its pages show it.
pub(super) async fn tell_owner(data: &Path) {
    // No app, or one that does not listen: it reads the store again by itself.
    let _ = device::ask(data, &device::Request::Changed).await;
}

/// An answer of the running app that does not belong to the question.
pub(super) fn strange_answer() -> Failure {
    Failure::new(
        "owner-answer",
        "The running app answered something else than was asked",
        "It may be of another version; restart it and try again.",
    )
}

/// `--data-dir`, for what needs no more than that.
pub(super) fn data_dir(globals: &Globals) -> Result<&Path, Failure> {
    needed(globals.data_dir.as_ref(), "--data-dir DIR").map(PathBuf::as_path)
}

/// The store below `--data-dir`.
pub(super) fn store(globals: &Globals) -> Result<Store, Failure> {
    Store::open(data_dir(globals)?).map_err(|error| failed(&error))
}

/// An error of the store. Each names its file and the next step itself.
pub(super) fn failed(error: &dyn std::error::Error) -> Failure {
    device::Problem::from_error(
        "store",
        error,
        "See that the disk is writable and not full, then try again.",
    )
    .into()
}

fn needed<'a, T>(option: Option<&'a T>, name: &str) -> Result<&'a T, Failure> {
    option.ok_or_else(|| {
        Failure::usage(
            format_args!("This command needs {name}"),
            "See `refit help` for what it names.",
        )
    })
}
