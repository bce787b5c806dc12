//! Several runtimes in one shell, each a device of its own: own store, pointer, bad list, ports and
//! logs.

use std::collections::BTreeMap;

use crate::{Config, Device, DeviceOptions, Local, Problem};

/// The name of the runtime that the configuration itself is about.
pub const MAIN_APP: &str = "main";

/// Every runtime of a shell.
#[derive(Debug, Clone)]
pub struct Apps {
    main: Device,
    others: BTreeMap<String, Device>,
}

impl Apps {
    /// Puts all devices together; see [`Device::open`]. Must be called within a tokio runtime.
    pub fn open(options: DeviceOptions) -> Self {
        let names: Vec<_> = options.config.apps.keys().cloned().collect();
        let others = names.into_iter().filter_map(|name| {
            let local = Local::open(options.of_app(&name).ok()?).named(&name);
            Some((name, Device::open(local)))
        });
        Self {
            others: others.collect(),
            main: Device::open(Local::open(options)),
        }
    }

    /// The runtime that the configuration itself is about.
    pub fn main(&self) -> &Device {
        &self.main
    }

    /// One of them, by name.
    pub fn get(&self, name: &str) -> Option<&Device> {
        if name == MAIN_APP {
            return Some(&self.main);
        }
        self.others.get(name)
    }

    /// All of them with their names, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Device)> {
        let others = self.others.iter().map(|(name, device)| (&**name, device));
        std::iter::once((MAIN_APP, &self.main)).chain(others)
    }

    /// Starts each; see [`Device::start`].
    pub async fn start(&self) {
        for (_, device) in self.iter() {
            device.start().await;
        }
    }

    /// Stops all at once; see [`Device::stop`].
    pub async fn stop(&self) {
        let mut stops = tokio::task::JoinSet::new();
        for (_, device) in self.iter() {
            let device = device.clone();
            stops.spawn(async move { device.stop().await });
        }
        stops.join_all().await;
    }
}

impl DeviceOptions {
    /// The same shell's options for another of its runtimes: its own configuration, `apps/<name>`
    /// below the data folder, and `apps/<name>` below the bundled runtime's.
    pub fn of_app(&self, name: &str) -> Result<Self, Problem> {
        if name == MAIN_APP {
            return Ok(self.clone());
        }
        let Some(mut config) = self.config.apps.get(name).cloned() else {
            return Err(unknown(name, &self.config));
        };
        // One shell, one administrator: the policy is found by the shell's name.
        let folder = self.data_dir.file_name();
        let folder = || folder.map(|name| name.to_string_lossy().into_owned());
        config.identifier = self.config.identifier.clone().or_else(folder);
        let mut env = self.env.clone();
        // It names the first runtime's file, in a development build.
        env.remove(std::ffi::OsStr::new("REFIT_RUNTIME"));
        Ok(Self {
            config,
            data_dir: self.data_dir.join("apps").join(name),
            bundled_dir: self.bundled_dir.join("apps").join(name),
            // The root that was handed over is of the first runtime's repository.
            trust_root: None,
            env,
            ..self.clone()
        })
    }
}

fn unknown(name: &str, config: &Config) -> Problem {
    let mut names = vec![MAIN_APP.to_owned()];
    names.extend(config.apps.keys().cloned());
    Problem::new(
        "no-such-app",
        format!("the configuration has no app `{name}`"),
        format!("It has {}.", names.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde_json::json;

    use super::*;

    fn options() -> DeviceOptions {
        let other = json!({ "package": "other", "entry": "o.js", "command": ["node", "{entry}"] });
        let mut config = other.clone();
        config["package"] = json!("demo");
        config["apps"] = json!({ "other": other });
        DeviceOptions {
            config: Config::parse(config, "test").unwrap(),
            data_dir: PathBuf::from("/data"),
            bundled_dir: PathBuf::from("/bundled"),
            trust_root: Some(Vec::new()),
            shell_version: "2.0.0".parse().unwrap(),
            development: false,
            headless: false,
            guard: Vec::new(),
            env: [("REFIT_RUNTIME", "/x"), ("A", "b")]
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
        }
    }

    #[test]
    fn each_app_has_its_own_settings_and_folders() {
        let other = options().of_app("other").unwrap();
        assert_eq!(other.config.package.to_string(), "other");
        assert_eq!(other.data_dir, Path::new("/data/apps/other"));
        assert_eq!(other.bundled_dir, Path::new("/bundled/apps/other"));
        assert_eq!((other.trust_root, other.env.len()), (None, 1));
        let main = options().of_app("main").unwrap();
        assert_eq!(main.data_dir, Path::new("/data"));
    }

    #[test]
    fn an_app_that_is_none_is_named_with_those_that_are() {
        let problem = options().of_app("nothing").unwrap_err();
        assert_eq!(problem.kind, "no-such-app");
        assert!(problem.hint.contains("main, other"), "{}", problem.hint);
    }
}
