//! The environment a runtime gets: the shell's own, without what would steer Node from outside or
//! hand it the user's registry tokens; then what the app sets; then what the launch says.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Names that are dropped, in upper case. `NODE_CHANNEL_FD` and its kin speak of a descriptor that
/// this child does not have; `NODE_PATH` and `NODE_OPTIONS` would load other code than was staged.
const DROPPED: &[&str] = &[
    "ELECTRON_RUN_AS_NODE",
    "NODE_AUTH_TOKEN",
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_UNIQUE_ID",
    "YARN_NPM_AUTH_IDENT",
    "YARN_NPM_AUTH_TOKEN",
];

/// Beginnings of names that are dropped: npm's configuration, tokens among it, and whatever an
/// outer launch of ours left behind.
const DROPPED_PREFIXES: &[&str] = &["NPM_", "REFIT_"];

/// What a launch says about itself. It cannot be overridden.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) launch_id: &'a str,
    pub(crate) port: u16,
    pub(crate) version: &'a str,
    pub(crate) data: &'a OsStr,
    /// Its name, not its folder: that is the working folder.
    pub(crate) workspace: &'a str,
}

/// Name of the variable that marks every process of a launch.
pub(crate) const LAUNCH_ID: &str = "REFIT_LAUNCH_ID";

pub(crate) fn of_child(
    inherited: &BTreeMap<OsString, OsString>,
    set: &BTreeMap<String, String>,
    facts: &Facts<'_>,
) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<OsString, OsString> = inherited
        .iter()
        .filter(|(name, _)| !is_dropped(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    env.extend(set.iter().map(|(name, value)| (name.into(), value.into())));
    env.insert(LAUNCH_ID.into(), facts.launch_id.into());
    env.insert("REFIT_PORT".into(), facts.port.to_string().into());
    env.insert("REFIT_VERSION".into(), facts.version.into());
    env.insert("REFIT_DATA".into(), facts.data.into());
    env.insert("REFIT_WORKSPACE".into(), facts.workspace.into());
    env
}

fn is_dropped(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    DROPPED.contains(&name.as_str())
        || DROPPED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(inherited: &[(&str, &str)], set: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        let facts = Facts {
            launch_id: "id-1",
            port: 4100,
            version: "1.2.0",
            data: OsStr::new("/data"),
            workspace: "one",
        };
        of_child(
            &inherited
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            &set.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            &facts,
        )
    }

    #[test]
    fn node_options_and_npm_tokens_do_not_reach_the_runtime() {
        let names = [
            "NODE_OPTIONS",
            "node_options",
            "NODE_PATH",
            "NODE_CHANNEL_FD",
            "NODE_AUTH_TOKEN",
            "NPM_TOKEN",
            "npm_config__authToken",
            "npm_config_//host/:_authToken",
            "NPM_CONFIG_USERCONFIG",
            "YARN_NPM_AUTH_TOKEN",
            "REFIT_RUNTIME",
            "REFIT_LAUNCH_ID",
            "ELECTRON_RUN_AS_NODE",
        ];
        let inherited: Vec<_> = names.iter().map(|name| (*name, "inherited")).collect();
        let env = child(&inherited, &[]);
        assert!(
            env.values().all(|value| value != "inherited"),
            "something came through: {env:?}"
        );
    }

    #[test]
    fn everything_else_is_handed_on() {
        let env = child(&[("PATH", "/bin"), ("LANG", "C"), ("NODE_ENV", "x")], &[]);
        for (name, value) in [("PATH", "/bin"), ("LANG", "C"), ("NODE_ENV", "x")] {
            assert_eq!(env.get(OsStr::new(name)), Some(&OsString::from(value)));
        }
    }

    #[test]
    fn the_app_may_set_what_was_scrubbed_but_not_what_the_launch_says() {
        let env = child(
            &[("NODE_OPTIONS", "--inspect")],
            &[
                ("NODE_OPTIONS", "--max-old-space-size=512"),
                ("REFIT_PORT", "1"),
            ],
        );
        assert_eq!(env[OsStr::new("NODE_OPTIONS")], "--max-old-space-size=512");
        assert_eq!(env[OsStr::new("REFIT_PORT")], "4100");
        assert_eq!(env[OsStr::new("REFIT_LAUNCH_ID")], "id-1");
        assert_eq!(env[OsStr::new("REFIT_VERSION")], "1.2.0");
        assert_eq!(env[OsStr::new("REFIT_DATA")], "/data");
        assert_eq!(env[OsStr::new("REFIT_WORKSPACE")], "one");
    }
}
