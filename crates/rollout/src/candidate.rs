//! A published version that a device could stage.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Engines, Integrity, Version};

/// One version as its source describes it. Nothing here has been fetched yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The package it is a version of.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// The sha512 that its tarball must have.
    pub integrity: Integrity,
    /// What it needs of its host.
    #[serde(default)]
    pub engines: Engines,
    /// Where its tarball is: an absolute URL.
    pub tarball: String,
    /// Bytes once unpacked, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked_size: Option<u64>,
}

/// An npm package name, `name` or `@scope/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageName(String);

/// Why a text is no package name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an npm package name")]
pub struct PackageNameError(String);

impl PackageName {
    /// The whole name, with its scope.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `@scope` of a scoped name.
    pub fn scope(&self) -> Option<&str> {
        self.0
            .starts_with('@')
            .then(|| self.0.split('/').next())
            .flatten()
    }

    /// The name without its scope.
    pub fn bare(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl FromStr for PackageName {
    type Err = PackageNameError;

    /// npm's rule for names that may be published, plus capitals, which old packages have.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '_'])
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        };
        let good = text.len() <= 214
            && match text.strip_prefix('@').map(|rest| rest.split_once('/')) {
                None => part(text),
                Some(Some((scope, name))) => part(scope) && part(name),
                Some(None) => false,
            };
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(PackageNameError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for PackageName {
    type Error = PackageNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PackageName> for String {
    fn from(name: PackageName) -> Self {
        name.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_npm_names() {
        for good in ["kanban", "@acme/board", "a.b-c_d~e", "JSONStream"] {
            assert_eq!(good.parse::<PackageName>().unwrap().as_str(), good);
        }
        for wrong in [
            "", ".hidden", "_x", "a/b", "@acme", "@acme/", "@/x", "a b", "../up", "a%2fb", "é",
        ] {
            assert!(
                wrong.parse::<PackageName>().is_err(),
                "{wrong:?} was taken for a name"
            );
        }
        let scoped: PackageName = "@acme/board".parse().unwrap();
        assert_eq!((scoped.scope(), scoped.bare()), (Some("@acme"), "board"));
    }
}
