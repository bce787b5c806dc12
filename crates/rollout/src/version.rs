//! A runtime's version: strict semver that every file system can hold as a folder name.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest version text accepted, in bytes. Far above real versions and far below the
/// 255 bytes that common file systems allow a name, so that suffixes still fit.
const MAX_LEN: usize = 128;

/// A strict semver version.
///
/// Equality is *identity on disk*: build metadata does not count, nor does letter case, because
/// `1.0.0-RC` and `1.0.0-rc` are one folder on a case-insensitive file system. Order is semver
/// precedence ([`Version::precedence`]); there is deliberately no `Ord`, since precedence and
/// identity disagree about letter case.
#[derive(Clone)]
pub struct Version {
    parsed: semver::Version,
    text: String,
}

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Not strict semver (`MAJOR.MINOR.PATCH[-pre][+build]`).
    #[error("`{text}` is not a semver version: {reason}")]
    NotSemver {
        /// What was read, cut to a readable length.
        text: String,
        /// What the parser objected to.
        reason: String,
    },
    /// Longer than 128 bytes, which is too long for a folder name with its suffixes.
    #[error("a version of {0} bytes is too long; the most is {MAX_LEN}")]
    TooLong(usize),
}

impl Version {
    /// Semver precedence: build metadata does not count.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.parsed.cmp_precedence(&other.parsed)
    }

    /// Whether this version comes after `other` and is not the same folder.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self != other && self.precedence(other) == Ordering::Greater
    }

    /// The version exactly as it was written, which is also its folder's name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn identity(&self) -> (u64, u64, u64, String) {
        let semver::Version {
            major,
            minor,
            patch,
            pre,
            ..
        } = &self.parsed;
        (*major, *minor, *patch, pre.as_str().to_ascii_lowercase())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_LEN {
            return Err(VersionError::TooLong(text.len()));
        }
        match semver::Version::parse(text) {
            Ok(parsed) => Ok(Self {
                parsed,
                text: text.to_owned(),
            }),
            Err(error) => Err(VersionError::NotSemver {
                text: text.to_owned(),
                reason: error.to_string(),
            }),
        }
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.text)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v(text: &str) -> Version {
        text.parse().expect(text)
    }

    #[test]
    fn only_strict_semver_is_a_version() {
        for text in [
            "", "1", "1.2", "v1.2.3", "1.2.3 ", " 1.2.3", "01.2.3", "1.2.3-", "../1.2.3",
            "1.2.3/..", "latest",
        ] {
            assert!(
                text.parse::<Version>().is_err(),
                "{text:?} was taken for a version"
            );
        }
        assert_eq!(v("1.2.3-rc.1+b7").as_str(), "1.2.3-rc.1+b7");
    }

    #[test]
    fn a_name_too_long_for_a_folder_is_refused() {
        let text = format!("1.0.0-{}", "a".repeat(MAX_LEN));
        assert!(matches!(
            text.parse::<Version>(),
            Err(VersionError::TooLong(_))
        ));
    }

    #[test]
    fn build_metadata_and_letter_case_do_not_make_another_version() {
        assert_eq!(v("1.0.0+a"), v("1.0.0+b"));
        assert_eq!(v("1.0.0-RC"), v("1.0.0-rc"));
        assert_ne!(v("1.0.0-rc"), v("1.0.0"));
        assert!(!v("1.0.0-rc").is_newer_than(&v("1.0.0-RC")));
    }

    #[test]
    fn newer_follows_semver_precedence() {
        assert!(v("0.1.70").is_newer_than(&v("0.1.69")));
        assert!(v("1.0.0").is_newer_than(&v("1.0.0-rc.1")));
        assert!(v("1.0.0-beta").is_newer_than(&v("1.0.0-RC")));
        assert!(!v("1.0.0+9").is_newer_than(&v("1.0.0")));
    }

    proptest! {
        #[test]
        fn no_two_versions_are_each_newer_than_the_other(
            a in "[0-2]\\.[0-2]\\.[0-2](-[a-zA-Z]{1,2})?", b in "[0-2]\\.[0-2]\\.[0-2](-[a-zA-Z]{1,2})?"
        ) {
            let (a, b) = (v(&a), v(&b));
            prop_assert!(!(a.is_newer_than(&b) && b.is_newer_than(&a)));
            prop_assert_eq!(a == b, !a.is_newer_than(&b) && !b.is_newer_than(&a));
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = text.parse::<Version>();
        }
    }
}
