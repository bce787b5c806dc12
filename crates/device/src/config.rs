//! The configuration: one JSON object, the same in `tauri.conf.json` and in a file.

mod address;
mod check;
mod fleet;
mod keeping;
mod keeping_check;
mod rehearse;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollout::{PackageName, Version};
use serde::{Deserialize, Serialize};
use url::Url;

pub use fleet::{Fleet, SelfUpdate};
pub use keeping::{Busy, HostContract, SnapshotFolder};
pub use rehearse::Rehearse;

/// Every setting, as a person wrote it and checked. Durations are texts such as `30s` or `10m`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// npm package of the runtime.
    pub package: PackageName,
    /// Dist-tag to follow, or the one version that this app is to have.
    #[serde(default = "defaults::channel")]
    pub channel: String,
    /// Registry to ask; left out, npm's own settings say.
    #[serde(default, deserialize_with = "address::registry")]
    pub registry: Option<Url>,
    /// The file that starts it, relative to the package's root.
    pub entry: String,
    /// Program and arguments, with `{entry}`, `{port}`, `{data}`, `{bundled}` and `{launch}`.
    pub command: Vec<String>,
    /// Working folder, with the same names.
    #[serde(default = "defaults::cwd")]
    pub cwd: String,
    /// Variables added to the runtime's environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// When it counts as ready.
    #[serde(default)]
    pub ready: Ready,
    /// Launches that a newly staged version may take to become ready once.
    #[serde(default = "defaults::attempts")]
    pub attempts: u32,
    /// How long it must have run, over all launches, before it is confirmed.
    #[serde(default = "defaults::soak", with = "humantime_serde")]
    pub soak: Duration,
    /// Folders carried over from the bundled runtime, such as `node_modules/node-pty`.
    #[serde(default)]
    pub carry: Vec<String>,
    /// When to look for newer versions.
    #[serde(default)]
    pub check: Check,
    /// `latest.json` of a staged rollout: a URL. Unsigned; see `trust` for signed ones.
    #[serde(default, deserialize_with = "address::manifest")]
    pub manifest: Option<Url>,
    /// Where there is no `manifest`: a plain text with the newest version.
    #[serde(default, deserialize_with = "address::latest")]
    pub latest: Option<Url>,
    /// A signed repository to follow in place of `manifest`.
    #[serde(default)]
    pub trust: Option<TrustAnchor>,
    /// The fleet whose operator says which version this device is to have.
    #[serde(default)]
    pub fleet: Option<Fleet>,
    /// How a staged version is applied.
    #[serde(default)]
    pub apply: Apply,
    /// Where the runtime says whether it is busy.
    #[serde(default)]
    pub busy: Option<Busy>,
    /// How long a busy runtime may put off what is applied by itself, counted from the staging.
    #[serde(default = "defaults::ceiling", with = "humantime_serde")]
    pub ceiling: Duration,
    /// Whether and how a version is rehearsed before anybody hears of it; none where it is not.
    #[serde(
        default = "rehearse::default",
        deserialize_with = "rehearse::read",
        serialize_with = "rehearse::write"
    )]
    pub rehearse: Option<Rehearse>,
    /// Whether a new version is started beside the old one, so that something always serves.
    #[serde(default)]
    pub swap: bool,
    /// How long, in a swap, the old version may take for its last answers.
    #[serde(default = "defaults::drain", with = "humantime_serde")]
    pub drain: Duration,
    /// The data folder that is kept before the first launch of a new version.
    #[serde(default)]
    pub snapshot: Option<SnapshotFolder>,
    /// What this shell offers to runtimes.
    #[serde(default)]
    pub host: HostContract,
    /// The app's own name, for the administrator's policy; in an app, Tauri's.
    #[serde(default)]
    pub identifier: Option<String>,
    /// Other runtimes beside this one, by name: each a whole configuration without `apps`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub apps: BTreeMap<String, Config>,
    /// Whether a person keeps it in a file of its own, and not in an app.
    #[serde(skip)]
    pub(crate) from_file: bool,
}

/// Which signed repository is to be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustAnchor {
    /// The `root.json` that the app was shipped with: a path relative to the configuration's file,
    /// or, in an app, to its resource folder.
    pub root: PathBuf,
    /// The repository's address: `https://host/repo/`, with `metadata/` and `targets/` below it.
    #[serde(deserialize_with = "address::repository")]
    pub url: Url,
}

/// When a launch counts as ready: exactly one of `http`, `tcp` and `line`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// A path that must answer with a status below 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// The port must accept a connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tcp: bool,
    /// Its output must have a line that contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// How long it may take.
    #[serde(default = "defaults::ready_timeout", with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for Ready {
    fn default() -> Self {
        Self {
            http: Some("/".to_owned()),
            tcp: false,
            line: None,
            timeout: defaults::ready_timeout(),
        }
    }
}

/// When to look for newer versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// From the start to the first check.
    #[serde(default = "defaults::check_after", with = "humantime_serde")]
    pub after: Duration,
    /// From one check to the next, ±10 % that are the device's own.
    #[serde(default = "defaults::check_every", with = "humantime_serde")]
    pub every: Duration,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            after: defaults::check_after(),
            every: defaults::check_every(),
        }
    }
}

/// How a staged version is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Apply {
    /// The user is asked, and the next start of the app applies it in any case.
    #[default]
    Prompt,
    /// By itself, when the runtime says that it is not busy.
    Idle,
    /// At the next start of the app; nobody is asked.
    NextLaunch,
    /// By itself, at once, unless the runtime says that it is busy.
    Now,
}

mod defaults {
    use std::time::Duration;

    pub(super) fn channel() -> String {
        "latest".to_owned()
    }
    pub(super) fn cwd() -> String {
        "{data}".to_owned()
    }
    pub(super) fn attempts() -> u32 {
        2
    }
    pub(super) fn soak() -> Duration {
        Duration::from_mins(10)
    }
    pub(super) fn ready_timeout() -> Duration {
        Duration::from_secs(20)
    }
    pub(super) fn check_after() -> Duration {
        Duration::from_secs(30)
    }
    pub(super) fn ceiling() -> Duration {
        Duration::from_hours(24)
    }
    pub(super) fn drain() -> Duration {
        Duration::from_secs(10)
    }
    pub(super) fn check_every() -> Duration {
        Duration::from_mins(30)
    }
}

/// Why a configuration is not one.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {path}: {source}", path = path.display())]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no JSON object of the right shape, or has a key that does not exist.
    #[error("the configuration {origin} is wrong: {source}")]
    Shape {
        /// The file, or the place in `tauri.conf.json`.
        origin: String,
        /// Names the key and, in a file, line and column.
        source: serde_json::Error,
    },
    /// A value that cannot be meant.
    #[error("the configuration {origin} is wrong: `{key}` {problem}")]
    Value {
        /// The file, or the place in `tauri.conf.json`.
        origin: String,
        /// The key at fault.
        key: &'static str,
        /// What is wrong with it, and what to write instead.
        problem: String,
    },
}

impl Config {
    /// Reads and checks a configuration file. A relative `trust.root` becomes a path beside it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let origin = path.display().to_string();
        serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text))
            .map_err(|source| ConfigError::Shape {
                origin: origin.clone(),
                source,
            })
            .and_then(|config: Self| config.checked(&origin))
            .map(|mut config| {
                config.from_file = true;
                for app in config.apps.values_mut() {
                    app.from_file = true;
                }
                let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                config.beside(file.parent().unwrap_or(Path::new("")))
            })
    }

    /// The same configuration with relative paths, of `trust.root` and in `fleet`, taken from `folder`.
    #[must_use]
    pub fn beside(mut self, folder: &Path) -> Self {
        if let Some(fleet) = &mut self.fleet {
            fleet.beside(folder);
        }
        if let Some(trust) = &mut self.trust {
            trust.root = folder.join(&trust.root);
        }
        let apps = std::mem::take(&mut self.apps).into_iter();
        self.apps = apps.map(|(name, app)| (name, app.beside(folder))).collect();
        self
    }

    /// The one version that this app is to have, where `channel` names one.
    pub fn pin(&self) -> Option<Version> {
        self.channel.parse().ok()
    }

    /// Checks a configuration that something else has read, such as `plugins.refit`.
    pub fn parse(value: serde_json::Value, origin: &str) -> Result<Self, ConfigError> {
        serde_json::from_value(value)
            .map_err(|source| ConfigError::Shape {
                origin: origin.to_owned(),
                source,
            })
            .and_then(|config: Self| config.checked(origin))
    }

    fn checked(self, origin: &str) -> Result<Self, ConfigError> {
        match self.problem() {
            None => Ok(self),
            Some((key, problem)) => Err(ConfigError::Value {
                origin: origin.to_owned(),
                key,
                problem,
            }),
        }
    }
}

#[cfg(test)]
mod keeping_tests;
#[cfg(test)]
mod tests;
