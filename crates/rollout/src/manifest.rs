//! `latest.json`: which version is the newest, who may have it when, and what must no longer run.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{PackageName, Plan, Version};

/// What a publisher says of a package. Unknown fields are ignored, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The package, where it says; another package's manifest is none for this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageName>,
    /// The newest version.
    pub version: Version,
    /// From when its delays count. In the future: nobody may have it yet. Left out, which only a manifest
    /// without a plan may: long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Who waits how long.
    #[serde(default, rename = "rollout", deserialize_with = "or_default")]
    pub plan: Plan,
    /// What devices may have that may not have `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<Version>,
    /// Versions that must no longer run.
    #[serde(default, deserialize_with = "or_default")]
    pub recalled: Vec<Version>,
    /// Everyone may have it at once, whatever the plan says.
    #[serde(default, deserialize_with = "or_default")]
    pub critical: bool,
    /// What a person may want to know of `version`: plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// When it was written, where it says: no clock that is right is before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
}

/// Why a text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is longer than any manifest may be.
    #[error("it is larger than {} bytes", Manifest::MOST_BYTES)]
    TooLarge,
    /// A page where a manifest should be: a captive portal, or an error page with status 200.
    #[error("it is an HTML page, not a manifest")]
    Html,
    /// No JSON, or not of this shape.
    #[error("it is not a manifest: {0}")]
    Malformed(String),
    /// Another package's.
    #[error("it is about the package {found}, not {wanted}")]
    OtherPackage {
        /// The package it names.
        found: PackageName,
        /// The package of this device.
        wanted: PackageName,
    },
}

impl Manifest {
    /// The longest text that is read as a manifest, in bytes: 1 MiB.
    pub const MOST_BYTES: u64 = 1 << 20;

    /// Reads a manifest of `package`.
    pub fn parse(bytes: &[u8], package: &PackageName) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > Self::MOST_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if text.trim_ascii_start().starts_with(b"<") {
            return Err(ManifestError::Html);
        }
        // A list of the right length would be read as the fields in their order.
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(ManifestError::Malformed("it is a list".to_owned()));
        }
        let manifest: Self = serde_json::from_slice(text)
            .map_err(|error| ManifestError::Malformed(error.to_string()))?;
        // A plan counts from `publishedAt`: without it, a slip of the pen would reach everyone.
        if manifest.published_at.is_none() && !manifest.plan.0.is_empty() {
            let why = "it has a `rollout` and no `publishedAt`";
            return Err(ManifestError::Malformed(why.to_owned()));
        }
        match &manifest.package {
            Some(found) if found != package => Err(ManifestError::OtherPackage {
                found: found.clone(),
                wanted: package.clone(),
            }),
            _ => Ok(manifest),
        }
    }

    /// Whether it says that `version` must no longer run.
    pub fn recalls(&self, version: &Version) -> bool {
        self.recalled.contains(version)
    }

    /// `stable`, where it is one that may run.
    pub fn usable_stable(&self) -> Option<&Version> {
        self.stable
            .as_ref()
            .filter(|stable| !self.recalls(stable) && **stable != self.version)
    }
}

/// `null` is the same as nothing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demo() -> PackageName {
        "demo".parse().unwrap()
    }

    fn parse(text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(text.as_bytes(), &demo())
    }

    #[test]
    fn only_the_version_is_needed() {
        let manifest = parse("\u{feff}{\"version\":\"1.2.0\",\"hologram\":{\"x\":[1]}}").unwrap();
        assert_eq!(manifest.version.as_str(), "1.2.0");
        assert_eq!(manifest.plan, Plan::default());
        assert!(manifest.recalled.is_empty() && !manifest.critical);
        let nulls = parse(
            r#"{"version":"1.2.0","publishedAt":null,"rollout":null,"stable":null,"recalled":null,"critical":null,"notes":null}"#,
        );
        assert_eq!(nulls.unwrap(), manifest);
    }

    #[test]
    fn what_is_no_manifest_says_why() {
        assert_eq!(parse("  <!doctype html>"), Err(ManifestError::Html));
        assert!(
            matches!(parse("{}"), Err(ManifestError::Malformed(why)) if why.contains("version"))
        );
        assert!(matches!(
            parse(r#"{"version":"../1.0.0"}"#),
            Err(ManifestError::Malformed(_))
        ));
        assert!(matches!(
            parse(r#"{"version":"1.0.0","rollout":[{"percent":1}]}"#),
            Err(ManifestError::Malformed(why)) if why.contains("publishedAt")
        ));
        assert!(matches!(
            parse(r#"{"version":"1.0.0","package":"other"}"#),
            Err(ManifestError::OtherPackage { .. })
        ));
        let long = vec![b' '; (1 << 20) + 1];
        assert_eq!(
            Manifest::parse(&long, &demo()),
            Err(ManifestError::TooLarge)
        );
    }

    #[test]
    fn a_list_is_never_read_as_fields_in_their_order() {
        let list = r#"[null,"1.2.0",null,[],null,[],false,null,null]"#;
        for text in [list, &format!(" \n{list}"), &format!("\u{feff}{list}")] {
            assert!(
                matches!(parse(text), Err(ManifestError::Malformed(_))),
                "{text}"
            );
        }
        let batch =
            r#"{"version":"1.2.0","publishedAt":"2026-06-12T08:00:00Z","rollout":[[100,0]]}"#;
        assert!(matches!(parse(batch), Err(ManifestError::Malformed(_))));
    }

    #[test]
    fn a_recalled_or_equal_stable_is_none() {
        let with = |stable: &str| {
            parse(&format!(
                r#"{{"version":"2.0.0","stable":"{stable}","recalled":["1.5.0"]}}"#
            ))
            .unwrap()
        };
        assert!(with("1.4.0").usable_stable().is_some());
        assert!(with("1.5.0").usable_stable().is_none());
        assert!(with("2.0.0").usable_stable().is_none());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Manifest::parse(&bytes, &demo());
        }
    }
}
