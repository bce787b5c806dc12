//! On which devices something is wanted, and of what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Name;

/// What is wanted in another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The runtime that the device keeps current.
    Runtime,
    /// The headless agent's own binary.
    Agent,
}

impl Subject {
    /// Its word in keys: `runtime`, `agent`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Agent => "agent",
        }
    }
}

/// A part of the fleet. The more specific one wins: device before group before global.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Every device.
    Global,
    /// The devices that are configured to be in it.
    Group(Name),
    /// One device, by its id.
    Device(Name),
}

impl fmt::Display for Scope {
    /// `global`, `group.kiosks`, `device.7f3a…`: as in keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Group(name) => write!(f, "group.{name}"),
            Self::Device(name) => write!(f, "device.{name}"),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |name: &str| name.parse::<Name>().map_err(|error| error.to_string());
        match text.split_once('.') {
            None if text == "global" => Ok(Self::Global),
            Some(("group", name)) => named(name).map(Self::Group),
            Some(("device", name)) => named(name).map(Self::Device),
            _ => Err(format!(
                "`{text}` is no scope: global, group.NAME or device.ID"
            )),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl Scope {
    /// Whether on a device the order that it follows, of generation `theirs` for `other`, comes before one of
    /// generation `own` for this scope: a narrower one does, and of two of its groups the later one.
    pub fn yields_to(&self, own: u64, other: &Self, theirs: u64) -> bool {
        match (self, other) {
            (_, Self::Global) | (Self::Device(_), _) => false,
            (Self::Global, _) | (Self::Group(_), Self::Device(_)) => true,
            (Self::Group(group), Self::Group(another)) => group != another && theirs > own,
        }
    }

    /// The key of its target: `runtime.global`, `agent.group.kiosks`.
    pub fn key(&self, subject: Subject) -> String {
        format!("{}.{self}", subject.as_str())
    }

    /// What a key names; none for a key of something else.
    pub fn of_key(key: &str) -> Option<(Subject, Self)> {
        let (subject, scope) = key.split_once('.')?;
        let subject = match subject {
            "runtime" => Subject::Runtime,
            "agent" => Subject::Agent,
            _ => return None,
        };
        Some((subject, scope.parse().ok()?))
    }

    /// The scopes of a device, the most specific first.
    pub fn of_device(device: &Name, groups: &[Name]) -> Vec<Self> {
        let own = std::iter::once(Self::Device(device.clone()));
        let groups = groups.iter().cloned().map(Self::Group);
        own.chain(groups).chain([Self::Global]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_subject_and_scope_and_nothing_else_is_one() {
        let kiosks = Scope::Group("kiosks".parse().unwrap());
        for (subject, scope, key) in [
            (Subject::Runtime, Scope::Global, "runtime.global"),
            (Subject::Agent, kiosks, "agent.group.kiosks"),
            (
                Subject::Runtime,
                Scope::Device("a-1".parse().unwrap()),
                "runtime.device.a-1",
            ),
        ] {
            assert_eq!(scope.key(subject), key);
            assert_eq!(Scope::of_key(key), Some((subject, scope)));
        }
        for other in [
            "",
            "runtime",
            "shell.global",
            "runtime.group.",
            "runtime.group.a.b",
            "runtime.Global",
        ] {
            assert_eq!(Scope::of_key(other), None, "{other}");
        }
    }

    #[test]
    fn the_most_specific_scope_comes_first() {
        let names = ["x", "y"].map(|it| it.parse().unwrap());
        let all: Vec<_> = Scope::of_device(&"d".parse().unwrap(), &names)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(all, ["device.d", "group.x", "group.y", "global"]);
    }
}
