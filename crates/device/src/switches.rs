//! What the environment of a shell switches: three variables, read in one place.

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
}

/// The switches as the environment has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switches {
    /// Whether updates are on, and if not, why.
    pub(crate) updates: Updates,
    /// `REFIT_RUNTIME` of a development build: this file runs instead of the bundled entry.
    pub(crate) runtime: Option<PathBuf>,
}

impl Switches {
    /// Reads them. `REFIT_RUNTIME` counts in development builds only.
    pub(crate) fn read(env: &BTreeMap<OsString, OsString>, development: bool) -> Self {
        let get = |name: &str| env.get(OsStr::new(name)).filter(|value| !value.is_empty());
        let updates = match (
            development,
            get("REFIT_NO_AUTO_UPDATE").is_some_and(|v| is_true(v)),
        ) {
            (true, _) => Updates::DevelopmentBuild,
            (false, true) => Updates::NoAutoUpdate,
            (false, false) => Updates::On,
        };
        let runtime = get("REFIT_RUNTIME")
            .filter(|_| development)
            .map(PathBuf::from);
        Self { updates, runtime }
    }
}

/// `1`, `true`, `yes` and `on` mean yes, in any letter case.
fn is_true(value: &OsStr) -> bool {
    ["1", "true", "yes", "on"]
        .iter()
        .any(|yes| value.eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str, development: bool) -> Switches {
        Switches::read(&BTreeMap::from([(name.into(), value.into())]), development)
    }

    #[test]
    fn only_true_values_turn_updates_off() {
        for yes in ["1", "true", "YES", "on"] {
            let switches = read("REFIT_NO_AUTO_UPDATE", yes, false);
            assert_eq!(switches.updates, Updates::NoAutoUpdate, "{yes}");
        }
        for no in ["", "0", "false", "off", "no", "2"] {
            assert_eq!(
                read("REFIT_NO_AUTO_UPDATE", no, false).updates,
                Updates::On,
                "{no}"
            );
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
