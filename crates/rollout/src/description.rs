//! The description of one release, a target of a signed repository.

use serde::{Deserialize, Serialize};

use crate::{Candidate, Engines, Integrity, PackageName, Version};

/// What a publisher signs of one version. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// [`Description::SCHEMA`].
    pub schema: u32,
    /// The package it is a version of.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// The sha512 of its tarball.
    pub integrity: Integrity,
    /// Bytes of the tarball.
    pub packed_size: u64,
    /// Bytes once unpacked.
    pub unpacked_size: u64,
    /// What it needs of its host.
    #[serde(default)]
    pub engines: Engines,
    /// Where the same host has the tarball: a path below the site's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tarball: Option<String>,
}

/// Why a text is not the description that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// No JSON, or not of this shape.
    #[error("it is not a release description: {0}")]
    Malformed(String),
    /// It was written for a newer shell.
    #[error("it has schema {0}, which this version does not know")]
    NewerSchema(u32),
    /// It describes something else than its name says.
    #[error("it describes {package} {version}")]
    Other {
        /// The package it describes.
        package: PackageName,
        /// The version it describes.
        version: Version,
    },
    /// Its tarball lies outside of the site.
    #[error("its tarball `{0}` is not a path below the site")]
    Outside(String),
}

impl Description {
    /// The schema that is written.
    pub const SCHEMA: u32 = 1;
    /// The longest text that is read as a description, in bytes.
    pub const MOST_BYTES: u64 = 1 << 20;

    /// The target's name: flat, so a scope's slash is a plus.
    pub fn target_name(package: &PackageName, version: &Version) -> String {
        format!("{}-{version}.json", package.as_str().replace('/', "+"))
    }

    /// Reads the description of `version` of `package`, and of nothing else.
    pub fn parse(
        bytes: &[u8],
        package: &PackageName,
        version: &Version,
    ) -> Result<Self, DescriptionError> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let malformed = |error: serde_json::Error| DescriptionError::Malformed(error.to_string());
        // A list of the right length would be read as the fields in their order.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(DescriptionError::Malformed("it is a list".to_owned()));
        }
        let Schema { schema } = serde_json::from_slice(bytes).map_err(malformed)?;
        if schema > Self::SCHEMA {
            return Err(DescriptionError::NewerSchema(schema));
        }
        let found: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        if found.package != *package || found.version.as_str() != version.as_str() {
            return Err(DescriptionError::Other {
                package: found.package,
                version: found.version,
            });
        }
        match &found.tarball {
            Some(path) if !is_below(path) => Err(DescriptionError::Outside(path.clone())),
            _ => Ok(found),
        }
    }

    /// As what may be staged, with its bytes at `tarball`, an absolute URL.
    pub fn candidate(&self, tarball: String) -> Candidate {
        Candidate {
            package: self.package.clone(),
            version: self.version.clone(),
            integrity: self.integrity.clone(),
            engines: self.engines.clone(),
            tarball,
            unpacked_size: Some(self.unpacked_size),
        }
    }
}

/// A relative URL path without any way up or out.
fn is_below(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '?', '#', '%', ':'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let mut value = serde_json::json!({
            "schema": 1, "package": "@acme/board", "version": "1.1.0",
            "integrity": Integrity::from_digest([7; 64]).to_string(),
            "packedSize": 10, "unpackedSize": 30, "engines": {"node": ">=22"},
            "tarball": "@acme/board/-/board-1.1.0.tgz", "later": true,
        });
        change(&mut value);
        serde_json::to_vec(&value).unwrap()
    }

    fn parse(bytes: &[u8]) -> Result<Description, DescriptionError> {
        Description::parse(
            bytes,
            &"@acme/board".parse().unwrap(),
            &"1.1.0".parse().unwrap(),
        )
    }

    #[test]
    fn it_is_read_and_becomes_a_candidate() {
        let found = parse(&text(|_| {})).unwrap();
        let candidate = found.candidate("https://host.example/t.tgz".into());
        assert_eq!(candidate.unpacked_size, Some(30));
        assert_eq!(candidate.engines.node.as_deref(), Some(">=22"));
        assert_eq!(
            Description::target_name(&found.package, &found.version),
            "@acme+board-1.1.0.json"
        );
    }

    #[test]
    fn a_list_describes_nothing() {
        let described: serde_json::Map<_, _> = serde_json::from_slice(&text(|_| {})).unwrap();
        let fields = [
            "schema",
            "package",
            "version",
            "integrity",
            "packedSize",
            "unpackedSize",
            "engines",
            "tarball",
        ];
        let list: Vec<_> = fields.map(|field| &described[field]).into();
        let list = serde_json::to_vec(&list).unwrap();
        assert!(matches!(parse(&list), Err(DescriptionError::Malformed(_))));
    }

    #[test]
    fn what_it_does_not_describe_is_refused() {
        for (key, value) in [
            ("package", "@acme/other".into()),
            ("version", "1.1.1".into()),
            ("version", "1.1.0+evil".into()),
        ] {
            let wrong = parse(&text(|it| it[key] = value));
            assert!(
                matches!(wrong, Err(DescriptionError::Other { .. })),
                "{key}"
            );
        }
        let newer = parse(&text(|it| it["schema"] = 2.into()));
        assert_eq!(newer, Err(DescriptionError::NewerSchema(2)));
        assert!(matches!(parse(b"[]"), Err(DescriptionError::Malformed(_))));
    }

    #[test]
    fn its_tarball_stays_on_the_site() {
        for path in [
            "/etc/x",
            "../x",
            "a/../../x",
            "https://other/x",
            "a//b",
            "",
            "a%2f..",
            "a\\b",
        ] {
            let wrong = parse(&text(|it| it["tarball"] = path.into()));
            assert!(matches!(wrong, Err(DescriptionError::Outside(_))), "{path}");
        }
    }
}
