//! A sha512 digest as npm writes it: `sha512-` and the base64 of 64 bytes.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The sha512 of a package's tarball, in Subresource Integrity form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Integrity([u8; 64]);

/// Why a text is no integrity that may be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityError {
    /// Only weaker digests (sha1, sha256, …) are there.
    #[error("no sha512 digest in `{0}`; weaker digests are not accepted")]
    NoSha512(String),
    /// A sha512 digest that is not the base64 of 64 bytes.
    #[error("`{0}` is not the base64 of a sha512 digest")]
    Malformed(String),
}

impl Integrity {
    /// The integrity of bytes whose sha512 is `digest`.
    pub fn from_digest(digest: [u8; 64]) -> Self {
        Self(digest)
    }

    /// The 64 bytes of the digest.
    pub fn digest(&self) -> &[u8; 64] {
        &self.0
    }
}

impl FromStr for Integrity {
    type Err = IntegrityError;

    /// Reads an SRI text. Several digests may stand in it, separated by white space; the first
    /// sha512 one counts, and options behind `?` are ignored, as npm's `ssri` does.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text
            .split_ascii_whitespace()
            .find_map(|part| part.strip_prefix("sha512-"))
            .ok_or_else(|| IntegrityError::NoSha512(text.chars().take(80).collect()))?;
        let encoded = encoded.split('?').next().unwrap_or_default();
        BASE64_STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| <[u8; 64]>::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| IntegrityError::Malformed(encoded.chars().take(100).collect()))
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha512-{}", BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string();
        write!(f, "Integrity({}…)", &text[..19])
    }
}

impl Serialize for Integrity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Integrity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let integrity = Integrity::from_digest([7; 64]);
        assert_eq!(integrity.to_string().parse(), Ok(integrity));
    }

    #[test]
    fn sha1_alone_is_refused_and_sha512_is_found_among_others() {
        let sha1 = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
        assert!(matches!(
            sha1.parse::<Integrity>(),
            Err(IntegrityError::NoSha512(_))
        ));
        let good = Integrity::from_digest([1; 64]);
        assert_eq!(format!("{sha1} {good}?opt").parse(), Ok(good));
    }

    #[test]
    fn a_digest_of_another_length_is_malformed() {
        for text in ["sha512-", "sha512-AAAA", "sha512-!!!"] {
            assert!(
                matches!(text.parse::<Integrity>(), Err(IntegrityError::Malformed(_))),
                "{text}"
            );
        }
    }
}
