//! The device that the global options describe.

use std::path::{Path, PathBuf};

use device::{Config, ConfigError, DeviceOptions, Local, MAIN_APP, Store};
use runtime_store::StoreError;

use crate::agent::label;
use crate::args::Globals;
use crate::failure::Failure;

/// Settings, folders and facts; needs `--config`, `--data-dir` and `--bundled`.
pub(super) fn open(globals: &Globals) -> Result<Local, Failure> {
    let (options, app) = chosen(globals)?;
    Ok(Local::open(options).named(app))
}

/// The same for a command that makes nothing, not even the store's folders.
pub(super) fn look(globals: &Globals) -> Result<Local, Failure> {
    let (options, app) = chosen(globals)?;
    Ok(Local::look(options).named(app))
}

/// The options of the runtime that `--app` names.
pub(super) fn chosen(globals: &Globals) -> Result<(DeviceOptions, &str), Failure> {
    let app = globals.app.as_deref().unwrap_or(MAIN_APP);
    Ok((options(globals)?.of_app(app)?, app))
}

/// The whole app's options, whatever `--app` names.
pub(super) fn options(globals: &Globals) -> Result<DeviceOptions, Failure> {
    let path = needed(globals.config.as_ref(), "--config FILE")?;
    let config = Config::load(path).map_err(|error| {
        let hint = match error {
            ConfigError::Read { .. } => "Name an existing file with --config.",
            _ => "Mend it there, then try again.",
        };
        Failure::new("config", error, hint)
    })?;
    Ok(DeviceOptions {
        config,
        data_dir: needed(globals.data_dir.as_ref(), "--data-dir DIR")?.to_owned(),
        bundled_dir: needed(globals.bundled.as_ref(), "--bundled DIR")?.to_owned(),
        trust_root: None,
        shell_version: label::own().version,
        development: false,
        headless: false,
        guard: DeviceOptions::own_guard(),
        env: std::env::vars_os().collect(),
    })
}

/// What is odd here, in words.
pub(super) fn problems(local: &Local, globals: &Globals) -> Vec<String> {
    let mut problems = local.problems().to_vec();
    // A look makes no folder, so it does not stumble over a file that stands in its place.
    if let Some(data) = globals.data_dir.as_deref()
        && data.exists()
        && !data.is_dir()
    {
        problems.push(format!(
            "the data folder {} is not a folder; only the bundled runtime can run",
            data.display()
        ));
    }
    problems
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
pub(super) fn data_dir(globals: &Globals) -> Result<PathBuf, Failure> {
    let whole = needed(globals.data_dir.as_ref(), "--data-dir DIR")?;
    let app = globals.app.as_deref().filter(|app| *app != MAIN_APP);
    let Some(app) = app else {
        return Ok(whole.clone());
    };
    // The name becomes part of a path, and without the settings nothing else looks at it.
    let data = whole.join("apps").join(app);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !app.is_empty() && app.chars().all(is_name) && data.is_dir() {
        return Ok(data);
    }
    Err(Failure::new(
        "no-such-app",
        format_args!("{} has no app `{app}`", whole.display()),
        "`refit apps list` shows which there are.",
    ))
}

/// The store below `--data-dir`.
pub(super) fn store(globals: &Globals) -> Result<Store, Failure> {
    Store::open(&data_dir(globals)?).map_err(|error| failed(&error))
}

/// An error of the store. Those without a hint here name the next step in their own words.
pub(super) fn failed(error: &StoreError) -> Failure {
    device::Problem::from(error).into()
}

fn needed<'a, T>(option: Option<&'a T>, name: &str) -> Result<&'a T, Failure> {
    option.ok_or_else(|| {
        Failure::usage(
            format_args!("This command needs {name}"),
            "See `refit help` for what it names.",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_hint_suits_what_the_store_says() {
        let hint = |error| failed(&error).hint;
        let newer = StoreError::NewerSchema {
            path: PathBuf::from("current.json"),
            schema: 2,
        };
        assert_eq!(
            hint(newer).as_deref(),
            Some("Use the newer version of the app that wrote it.")
        );
        let older = StoreError::OlderThanBundled {
            version: Box::new("0.9.0".parse().unwrap()),
            bundled: Box::new("1.0.0".parse().unwrap()),
        };
        assert_eq!(
            hint(older).as_deref(),
            Some("Choose the bundled version or a newer one.")
        );
        let full = StoreError::Io {
            doing: "write",
            path: PathBuf::from("current.json"),
            source: std::io::ErrorKind::StorageFull.into(),
        };
        assert!(hint(full).unwrap().contains("disk"));
        let own_words = StoreError::NotUtf8 {
            path: PathBuf::from("x"),
        };
        assert_eq!(hint(own_words), None);
    }
}
