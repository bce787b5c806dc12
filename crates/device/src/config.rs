//! The configuration: one JSON object, the same in `tauri.conf.json` and in a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollout::PackageName;
use serde::{Deserialize, Serialize};
use url::Url;

/// Every setting, as a person wrote it and checked. Durations are texts such as `30s` or `10m`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// npm package of the runtime.
    pub package: PackageName,
    /// Dist-tag to follow.
    #[serde(default = "defaults::channel")]
    pub channel: String,
    /// Registry to ask; left out, npm's own settings say.
    #[serde(default)]
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
    /// Reserved for signed rollouts: must be null.
    #[serde(default)]
    pub manifest: Option<serde_json::Value>,
    /// Reserved for signed rollouts: must be null.
    #[serde(default)]
    pub latest: Option<serde_json::Value>,
    /// Reserved for signed rollouts: must be null.
    #[serde(default)]
    pub trust: Option<serde_json::Value>,
    /// Reserved for fleets: must be null.
    #[serde(default)]
    pub fleet: Option<serde_json::Value>,
    /// How a staged version is applied.
    #[serde(default)]
    pub apply: Apply,
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
    /// Reads and checks a configuration file.
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

    /// The first text with a `{name}` that no launch knows.
    fn wrong_template(&self) -> Option<(&'static str, String)> {
        let commands = self.command.iter().map(|text| ("command", text));
        commands
            .chain([("cwd", &self.cwd)])
            .find_map(|(key, text)| {
                let error = supervisor::check_template(text).err()?;
                Some((key, format!("has `{text}`: {error}")))
            })
    }

    /// The first value that cannot be meant, with its key.
    fn problem(&self) -> Option<(&'static str, String)> {
        let ready_ways = usize::from(self.ready.http.is_some())
            + usize::from(self.ready.tcp)
            + usize::from(self.ready.line.is_some());
        // A setting that a person relies on and this version would not follow must not pass.
        let reserved = [
            ("manifest", &self.manifest),
            ("latest", &self.latest),
            ("trust", &self.trust),
            ("fleet", &self.fleet),
        ];
        if let Some((key, _)) = reserved.into_iter().find(|(_, value)| value.is_some()) {
            return Some((
                key,
                "is not supported by this version; leave it out or null".to_owned(),
            ));
        }
        if !is_inside(&self.entry) {
            return Some(("entry", must_be_inside(&self.entry)));
        }
        if let Some(path) = self.carry.iter().find(|path| !is_inside(path)) {
            return Some(("carry", must_be_inside(path)));
        }
        if self
            .command
            .first()
            .is_none_or(|program| program.trim().is_empty())
        {
            return Some(("command", "is empty; name at least a program".to_owned()));
        }
        // It would be shipped to every user, and shown wherever settings are.
        if self.registry.as_ref().is_some_and(has_login) {
            let problem = "has a login in it; leave it out and keep it in the user's .npmrc";
            return Some(("registry", problem.to_owned()));
        }
        if let Some((key, problem)) = self.wrong_template() {
            return Some((key, problem));
        }
        if self.channel.is_empty() || self.channel.contains(['/', '%', '?', '#']) {
            return Some(("channel", format!("`{}` is not a dist-tag", self.channel)));
        }
        if ready_ways != 1 {
            return Some((
                "ready",
                "needs exactly one of `http`, `tcp` and `line`".to_owned(),
            ));
        }
        if self
            .ready
            .http
            .as_ref()
            .is_some_and(|path| !path.starts_with('/'))
        {
            return Some((
                "ready",
                "`http` must be a path that starts with `/`".to_owned(),
            ));
        }
        if self.ready.timeout.is_zero() {
            return Some(("ready", "`timeout` must be longer than nothing".to_owned()));
        }
        if self.attempts == 0 {
            return Some(("attempts", "must be at least 1".to_owned()));
        }
        if self.check.every < Duration::from_secs(1) {
            return Some(("check", "`every` must be at least 1s".to_owned()));
        }
        None
    }
}

/// Whether a configured path stays below the folder it is joined to, on every system, and is
/// written in the one way that an archive would write it.
fn is_inside(path: &str) -> bool {
    !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn must_be_inside(path: &str) -> String {
    format!("`{path}` must be a relative path with `/` and without `..`, such as `dist/cli.js`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn minimal() -> serde_json::Value {
        json!({ "package": "demo", "entry": "server.js", "command": ["node", "{entry}"] })
    }

    fn with(key: &str, value: serde_json::Value) -> Result<Config, ConfigError> {
        let mut config = minimal();
        config[key] = value;
        Config::parse(config, "test.json")
    }

    #[test]
    fn three_keys_are_enough() {
        let config = Config::parse(minimal(), "test.json").unwrap();
        assert_eq!(config.channel, "latest");
        assert_eq!(config.cwd, "{data}");
        assert_eq!((config.attempts, config.soak), (2, Duration::from_mins(10)));
        assert_eq!(config.ready, Ready::default());
        assert_eq!(config.check.every, Duration::from_mins(30));
    }

    #[test]
    fn durations_are_texts() {
        let config = with("check", json!({ "after": "5s", "every": "2h" })).unwrap();
        assert_eq!(config.check.every, Duration::from_hours(2));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = with("regsitry", json!("x")).unwrap_err().to_string();
        assert!(
            error.contains("`regsitry`") && error.contains("test.json"),
            "{error}"
        );
        let error = with("check", json!({ "evry": "2h" }))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`evry`"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_meant_name_their_key() {
        for (key, value) in [
            ("entry", json!("../cli.js")),
            ("entry", json!("/cli.js")),
            ("entry", json!("")),
            ("entry", json!("dist//cli.js")),
            ("entry", json!("./cli.js")),
            ("entry", json!("dist/")),
            ("entry", json!("a\\b.js")),
            ("entry", json!("C:evil.js")),
            ("carry", json!(["node_modules/../../x"])),
            ("command", json!([])),
            ("command", json!(["node", "--home={home}"])),
            ("cwd", json!("{nowhere}")),
            ("channel", json!("")),
            ("ready", json!({ "http": "/", "tcp": true })),
            ("ready", json!({ "timeout": "5s" })),
            ("ready", json!({ "http": "status" })),
            (
                "registry",
                json!("https://somebody:secret@example.org/npm/"),
            ),
            ("attempts", json!(0)),
            ("check", json!({ "every": "1ms" })),
        ] {
            let error = with(key, value.clone()).unwrap_err();
            assert!(
                matches!(error, ConfigError::Value { key: named, .. } if named == key),
                "{key}: {value} gave {error}"
            );
        }
    }

    #[test]
    fn what_this_version_would_not_follow_is_refused_and_null_is_fine() {
        for key in ["manifest", "latest", "trust", "fleet"] {
            assert!(with(key, json!("https://example.org/")).is_err(), "{key}");
            assert!(with(key, json!(null)).is_ok(), "{key}");
        }
        assert!(with("apply", json!("idle")).is_err());
    }

    #[test]
    fn a_file_is_named_with_line_and_column() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("refit.json");
        std::fs::write(&path, "\u{feff}{\n  \"package\": 5\n}").unwrap();
        let error = Config::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("refit.json") && error.contains("line 2"),
            "{error}"
        );
        let missing = Config::load(&dir.path().join("none.json"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("none.json"), "{missing}");
    }
}
