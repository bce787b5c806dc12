//! What the environment of a shell switches: three names, read in one place. No other variable
//! decides anything about versions: not where they come from, nor who is believed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Whether this device updates itself without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Updates {
    /// It checks, stages and launches by itself.
    On,
    /// A development build: no store, no network.
    DevelopmentBuild,
    /// `REFIT_NO_AUTO_UPDATE`: only a person's own commands do anything.
    NoAutoUpdate,
    /// The administrator decides: it updates itself, and people change nothing.
    Managed,
    /// The administrator turned updates off: nothing happens, and people change nothing.
    Off,
}

impl Updates {
    /// Whether anything happens that nobody asked for.
    pub fn is_passive(self) -> bool {
        matches!(self, Self::On | Self::Managed)
    }
}

/// The switches as the environment has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switches {
    /// Whether updates are on, and if not, why.
    pub(crate) updates: Updates,
    /// `REFIT_EXPERIMENTAL`: the newest is taken without waiting for this device's turn.
    /// `REFIT_NO_AUTO_UPDATE` beats it.
    pub(crate) experimental: bool,
    /// `REFIT_RUNTIME` of a development build: this file runs instead of the bundled entry.
    pub(crate) runtime: Option<PathBuf>,
}

impl Switches {
    /// Reads them. `REFIT_RUNTIME` counts in development builds only.
    pub(crate) fn read(env: &BTreeMap<OsString, OsString>, development: bool) -> Self {
        let get = |name: &str| env.get(OsStr::new(name)).filter(|value| !value.is_empty());
        let is_on = |name| get(name).is_some_and(|value| is_true(value));
        let updates = match (development, is_on("REFIT_NO_AUTO_UPDATE")) {
            (true, _) => Updates::DevelopmentBuild,
            (false, true) => Updates::NoAutoUpdate,
            (false, false) => Updates::On,
        };
        let runtime = get("REFIT_RUNTIME")
            .filter(|_| development)
            .map(PathBuf::from);
        Self {
            updates,
            experimental: updates == Updates::On && is_on("REFIT_EXPERIMENTAL"),
            runtime,
        }
    }
}

/// `1`, `true`, `yes` and `on` mean yes, in any letter case, with or without blanks around them.
fn is_true(value: &OsStr) -> bool {
    let text = value.to_string_lossy();
    ["1", "true", "yes", "on"]
        .iter()
        .any(|yes| text.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str, development: bool) -> Switches {
        Switches::read(&BTreeMap::from([(name.into(), value.into())]), development)
    }

    #[test]
    fn only_true_values_turn_updates_off() {
        for yes in YES {
            let switches = read("REFIT_NO_AUTO_UPDATE", yes, false);
            assert_eq!(switches.updates, Updates::NoAutoUpdate, "{yes}");
        }
        for no in NO {
            assert_eq!(
                read("REFIT_NO_AUTO_UPDATE", no, false).updates,
                Updates::On,
                "{no}"
            );
        }
    }

    const YES: [&str; 6] = ["1", "true", "YES", "on", " Yes ", "1\n"];
    const NO: [&str; 8] = ["", " ", "0", "false", "off", "no", "2", "1 1"];

    #[test]
    fn only_true_values_opt_in_to_the_newest() {
        for yes in YES {
            assert!(read("REFIT_EXPERIMENTAL", yes, false).experimental, "{yes}");
        }
        for no in NO {
            assert!(!read("REFIT_EXPERIMENTAL", no, false).experimental, "{no}");
        }
    }

    #[test]
    fn no_updates_beats_the_newest() {
        let both = ["REFIT_EXPERIMENTAL", "REFIT_NO_AUTO_UPDATE"]
            .map(|name| (name.into(), OsString::from("1")));
        let switches = Switches::read(&BTreeMap::from(both), false);
        assert_eq!(switches.updates, Updates::NoAutoUpdate);
        assert!(!switches.experimental);
        assert!(
            !read("REFIT_EXPERIMENTAL", "1", true).experimental,
            "in a development build"
        );
    }

    #[test]
    fn no_other_variable_switches_anything() {
        let none = Switches::read(&BTreeMap::new(), false);
        for name in [
            "REFIT_MANIFEST",
            "REFIT_LATEST",
            "REFIT_TRUST",
            "REFIT_TRUST_ROOT",
            "REFIT_CHANNEL",
            "REFIT_KEYS",
            "REFIT_ALLOW_OLDER",
            "refit_experimental",
            "npm_config_refit_experimental",
            "npm_config_manifest",
        ] {
            assert_eq!(read(name, "1", false), none, "{name}");
        }
    }

    #[test]
    fn a_named_runtime_counts_in_development_builds_only() {
        assert_eq!(
            read("REFIT_RUNTIME", "/x.js", true).runtime,
            Some(PathBuf::from("/x.js"))
        );
        assert_eq!(read("REFIT_RUNTIME", "/x.js", false).runtime, None);
    }
}
