//! What a version needs of its host, and whether this host has it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Version;

/// The `engines` of a package.json: only `node` and `refit` are ours to judge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Engines {
    /// npm range of the Node that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// npm range of the shell's own version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refit: Option<String>,
}

impl<'de> Deserialize<'de> for Engines {
    /// Old packages hold all sorts of things under `engines` (a list, a text): what is not an
    /// object asks for nothing, and what is not a text inside it is an unreadable range.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Range {
            Text(String),
            Other(serde::de::IgnoredAny),
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Field {
            Object(BTreeMap<String, Range>),
            Other(serde::de::IgnoredAny),
        }
        let Field::Object(mut map) = Field::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let mut take = |name: &str| {
            map.remove(name).map(|range| match range {
                Range::Text(text) => text,
                Range::Other(_) => "(not a text)".to_owned(),
            })
        };
        Ok(Self {
            node: take("node"),
            refit: take("refit"),
        })
    }
}

/// What is known of the Node that the configured command will use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeFact {
    /// The command does not start Node, so `engines.node` asks for nothing here.
    NotUsed,
    /// The command starts Node, but no Node was found or it did not tell its version.
    Unknown,
    /// The version that this Node prints.
    Is(Version),
}

/// The host's side of `engines`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The Node that the command will use.
    pub node: NodeFact,
    /// The shell's own version.
    pub shell: Version,
}

/// Which range the host does not satisfy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsuitable {
    /// `node` or `refit`.
    pub engine: String,
    /// The range asked for.
    pub range: String,
    /// What the host has, or `none`.
    pub have: String,
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            engine,
            range,
            have,
        } = self;
        write!(f, "needs {engine} {range}, this host has {have}")
    }
}

impl Engines {
    /// Whether `host` satisfies every range. A range that npm cannot read is not satisfied.
    pub fn suit(&self, host: &Host) -> Result<(), Unsuitable> {
        if let Some(range) = &self.node {
            match &host.node {
                NodeFact::NotUsed => {}
                NodeFact::Unknown => return Err(unsuitable("node", range, "none")),
                NodeFact::Is(version) => satisfies("node", range, version)?,
            }
        }
        self.refit
            .as_ref()
            .map_or(Ok(()), |range| satisfies("refit", range, &host.shell))
    }
}

fn satisfies(engine: &str, range: &str, have: &Version) -> Result<(), Unsuitable> {
    let fits = nodejs_semver::Range::parse(range)
        .ok()
        .zip(nodejs_semver::Version::parse(have.as_str()).ok())
        .is_some_and(|(range, version)| range.satisfies(&version));
    if fits {
        Ok(())
    } else {
        Err(unsuitable(engine, range, have.as_str()))
    }
}

fn unsuitable(engine: &str, range: &str, have: &str) -> Unsuitable {
    Unsuitable {
        engine: engine.to_owned(),
        range: range.to_owned(),
        have: have.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(node: &str) -> Host {
        Host {
            node: NodeFact::Is(node.parse().unwrap()),
            shell: "2.1.0".parse().unwrap(),
        }
    }

    fn engines(json: &str) -> Engines {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn npm_ranges_are_understood() {
        for (range, node, fits) in [
            (">=22", "22.0.0", true),
            (">=22", "20.20.2", false),
            ("^20 || >=22.1", "22.0.5", false),
            ("18.x", "18.3.1", true),
            ("*", "1.0.0", true),
            ("", "1.0.0", true),
            ("nonsense ][", "22.0.0", false),
        ] {
            let engines = Engines {
                node: Some(range.to_owned()),
                refit: None,
            };
            assert_eq!(engines.suit(&host(node)).is_ok(), fits, "{range} on {node}");
        }
    }

    #[test]
    fn the_shell_is_judged_by_its_own_version() {
        let refusal = engines(r#"{"refit": ">=3"}"#)
            .suit(&host("22.0.0"))
            .unwrap_err();
        assert_eq!(refusal.to_string(), "needs refit >=3, this host has 2.1.0");
    }

    #[test]
    fn node_counts_only_where_the_command_uses_it() {
        let wants = engines(r#"{"node": ">=22"}"#);
        let with = |node| Host {
            node,
            shell: "1.0.0".parse().unwrap(),
        };
        assert!(wants.suit(&with(NodeFact::NotUsed)).is_ok());
        assert!(wants.suit(&with(NodeFact::Unknown)).is_err());
    }

    #[test]
    fn odd_engines_fields_ask_for_nothing_or_are_unsatisfiable() {
        assert_eq!(engines(r#"["node >= 0.4"]"#), Engines::default());
        assert_eq!(engines("\"any\""), Engines::default());
        assert!(engines(r#"{"node": 22}"#).suit(&host("22.0.0")).is_err());
    }
}
