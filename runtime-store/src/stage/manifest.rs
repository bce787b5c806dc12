//! The package.json of a tree, as far as staging judges by it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rollout::Engines;
use rollout::contract::{Needs, Unmet};
use serde_json::Value;

/// Real ones have a few KiB; this keeps a hostile one from being read into memory.
const MAX_BYTES: u64 = 4 << 20;

/// What a package.json says. Fields of another type than npm gives them count as absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) engines: Engines,
    pub(crate) needs: Result<Needs, Unmet>,
    dependencies: Value,
}

/// Why a package.json could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not there, is no file, or cannot be read.
    #[error("could not read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Larger than any is.
    #[error("{} is larger than {MAX_BYTES} bytes, so it is no package.json", .0.display())]
    TooBig(PathBuf),
    /// Not a JSON object.
    #[error("{} is not a JSON object: {reason}", .path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What the parser objected to.
        reason: String,
    },
}

/// What a package asks of one of its dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// It does not name it.
    NotNamed,
    /// It works without it, but with it only in this range.
    Optional(&'a str),
    /// It needs it, in this range.
    Needed(&'a str),
}

impl Manifest {
    /// Reads the package.json in the folder `dir`.
    pub(crate) fn read(dir: &Path) -> Result<Self, ManifestError> {
        let path = dir.join("package.json");
        let failed = |source| ManifestError::Read {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is not a file")));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ManifestError::TooBig(path));
        }
        Self::parse(&bytes).map_err(|reason| ManifestError::NotJson { path, reason })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        // npm reads past a byte order mark, so packages with one are out there.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let needs = Needs::of_package_json(&value);
        let Value::Object(mut fields) = value else {
            return Err("it holds another kind of value".to_owned());
        };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let name = text(fields.get("name"));
        let version = text(fields.get("version"));
        let engines = fields
            .get("engines")
            .cloned()
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| format!("its engines: {error}"))?
            .unwrap_or_default();
        fields.retain(|key, _| DEPENDENCY_FIELDS.contains(&key.as_str()) || key == PEER_META);
        Ok(Self {
            name,
            version,
            engines,
            needs,
            dependencies: Value::Object(fields),
        })
    }

    /// What it asks of the dependency `name`. The range it runs with counts, so where several
    /// fields name it, npm's order of precedence decides.
    pub(crate) fn wants(&self, name: &str) -> Wanted<'_> {
        let range = |field: &str| self.dependencies.get(field)?.get(name)?.as_str();
        let optional_peer = || {
            self.dependencies
                .get(PEER_META)
                .and_then(|meta| meta.get(name)?.get("optional")?.as_bool())
                .unwrap_or(false)
        };
        match DEPENDENCY_FIELDS.map(range) {
            [Some(range), _, _] => Wanted::Optional(range),
            [None, None, Some(range)] if optional_peer() => Wanted::Optional(range),
            [None, Some(range), _] | [None, None, Some(range)] => Wanted::Needed(range),
            [None, None, None] => Wanted::NotNamed,
        }
    }
}

const DEPENDENCY_FIELDS: [&str; 3] = ["optionalDependencies", "dependencies", "peerDependencies"];
const PEER_META: &str = "peerDependenciesMeta";

impl<'a> Wanted<'a> {
    /// The range, if there is one.
    pub(crate) fn range(self) -> Option<&'a str> {
        match self {
            Self::NotNamed => None,
            Self::Optional(range) | Self::Needed(range) => Some(range),
        }
    }
}

/// Whether `version` lies in npm's `range`. A range that is a tag, a URL or anything else that no
/// version can be held against is not satisfied. An alias (`npm:name@range`) is judged by its range.
pub(crate) fn satisfies(version: &str, range: &str) -> bool {
    let range = range
        .strip_prefix("npm:")
        .and_then(|alias| alias.rsplit_once('@'))
        .map_or(range, |(_, range)| range);
    nodejs_semver::Range::parse(range)
        .ok()
        .zip(nodejs_semver::Version::parse(version).ok())
        .is_some_and(|(range, version)| range.satisfies(&version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Manifest {
        Manifest::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_byte_order_mark_is_read_past() {
        let manifest = parse("\u{feff}{\"name\": \"x\", \"version\": \"1.0.0\"}");
        assert_eq!(manifest.name.as_deref(), Some("x"));
        assert_eq!(manifest.version.as_deref(), Some("1.0.0"));
    }

    #[test]
    fn fields_of_another_type_count_as_absent() {
        let manifest =
            parse(r#"{"name": 7, "version": null, "dependencies": ["a"], "engines": []}"#);
        assert_eq!(
            (manifest.name.as_deref(), manifest.version.as_deref()),
            (None, None)
        );
        assert_eq!(manifest.wants("a"), Wanted::NotNamed);
        assert_eq!(manifest.engines, Engines::default());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "null", "{", "\u{feff}", "{\"name\": \"x\"} y"] {
            assert!(Manifest::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn optional_wins_over_needed_as_in_npm() {
        let manifest = parse(
            r#"{"dependencies": {"a": "^1", "b": "^1"}, "optionalDependencies": {"a": "^2"},
                "peerDependencies": {"b": "^3", "c": "^4", "d": "^5"},
                "peerDependenciesMeta": {"d": {"optional": true}}}"#,
        );
        assert_eq!(manifest.wants("a"), Wanted::Optional("^2"));
        assert_eq!(manifest.wants("b"), Wanted::Needed("^1"));
        assert_eq!(manifest.wants("c"), Wanted::Needed("^4"));
        assert_eq!(manifest.wants("d"), Wanted::Optional("^5"));
    }

    #[test]
    fn ranges_are_npm_ranges_and_what_is_none_is_not_satisfied() {
        assert!(satisfies("1.2.0-beta.11", "^1.2.0-beta.4"));
        assert!(!satisfies("1.2.0-beta.11", "^1.1.0"));
        assert!(satisfies("1.0.0", "*") && satisfies("1.0.0", ""));
        assert!(satisfies("1.4.0", "npm:@acme/pty@^1.2"));
        for range in [
            "latest",
            "file:../pty",
            "git+ssh://example.invalid/pty",
            "workspace:*",
        ] {
            assert!(!satisfies("1.0.0", range), "{range}");
        }
    }
}
