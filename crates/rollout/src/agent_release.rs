//! What a publisher signs of one binary of the headless agent, a target of a signed repository.

use serde::{Deserialize, Serialize};

use crate::Version;

/// One binary: a version for one platform. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentRelease {
    /// [`AgentRelease::SCHEMA`].
    pub schema: u32,
    /// Its version.
    pub version: Version,
    /// The operating system and processor that it is for: `linux-x86_64`.
    pub platform: String,
    /// The sha256 of the binary: 64 digits of lowercase hexadecimal.
    pub sha256: String,
    /// Bytes of the binary.
    pub size: u64,
}

/// Why a text is not the description that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentReleaseError {
    /// No JSON, or not of this shape.
    #[error("it is not the description of an agent: {0}")]
    Malformed(String),
    /// It was written for a newer agent.
    #[error("it has schema {0}, which this version does not know")]
    NewerSchema(u32),
    /// It describes something else than its name says.
    #[error("it describes version {version} for {platform}")]
    Other {
        /// The version it describes.
        version: Version,
        /// The platform it is for.
        platform: String,
    },
}

impl AgentRelease {
    /// The schema that is written.
    pub const SCHEMA: u32 = 1;
    /// The longest text that is read as such a description, in bytes.
    pub const MOST_BYTES: u64 = 1 << 16;

    /// The target's name. No package's begins with `_`, so no release of one has the same.
    pub fn target_name(version: &Version, platform: &str) -> String {
        format!("_agent-{version}-{platform}.json")
    }

    /// Reads the description of `version` for `platform`, and of nothing else.
    ///
    /// # Errors
    /// It is another's, or none.
    pub fn parse(
        bytes: &[u8],
        version: &Version,
        platform: &str,
    ) -> Result<Self, AgentReleaseError> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let malformed = |why: String| AgentReleaseError::Malformed(why);
        // A list of the right length would be read as the fields in their order.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(malformed("it is a list".to_owned()));
        }
        let read = |error: serde_json::Error| malformed(error.to_string());
        let Schema { schema } = serde_json::from_slice(bytes).map_err(read)?;
        if schema > Self::SCHEMA {
            return Err(AgentReleaseError::NewerSchema(schema));
        }
        let found: Self = serde_json::from_slice(bytes).map_err(read)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if found.sha256.len() != 64 || !found.sha256.bytes().all(is_digit) {
            return Err(malformed("its `sha256` is none".to_owned()));
        }
        if found.version.as_str() != version.as_str() || found.platform != platform {
            return Err(AgentReleaseError::Other {
                version: found.version,
                platform: found.platform,
            });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<AgentRelease, AgentReleaseError> {
        let version = "1.2.0".parse().unwrap();
        AgentRelease::parse(value.to_string().as_bytes(), &version, "linux-x86_64")
    }

    fn good() -> Value {
        json!({
            "schema": 1, "version": "1.2.0", "platform": "linux-x86_64",
            "sha256": "0123456789abcdef".repeat(4), "size": 40_000_000, "later": true,
        })
    }

    #[test]
    fn it_is_read_where_it_is_the_one_that_was_asked_for() {
        let found = read(&good()).unwrap();
        assert_eq!((found.size, found.schema), (40_000_000, 1));
        for (field, value) in [
            ("version", json!("1.2.1")),
            ("version", json!("1.2.0+other")),
            ("platform", json!("linux-aarch64")),
        ] {
            let mut other = good();
            other[field] = value;
            let error = read(&other).unwrap_err();
            assert!(matches!(error, AgentReleaseError::Other { .. }), "{error}");
        }
    }

    #[test]
    fn what_is_no_description_is_an_error() {
        let mut newer = good();
        newer["schema"] = json!(2);
        newer["sha256"] = json!(7);
        assert_eq!(read(&newer), Err(AgentReleaseError::NewerSchema(2)));
        for (field, value) in [
            ("sha256", json!("ABC")),
            ("sha256", json!("0123456789ABCDEF".repeat(4))),
            ("size", json!(-1)),
            ("version", json!("1.2")),
            ("schema", json!(null)),
        ] {
            let mut wrong = good();
            wrong[field] = value;
            let error = read(&wrong).unwrap_err();
            assert!(matches!(error, AgentReleaseError::Malformed(_)), "{error}");
        }
        let list = json!([1, "1.2.0", "linux-x86_64", "0".repeat(64), 1]);
        assert!(matches!(read(&list), Err(AgentReleaseError::Malformed(_))));
    }

    #[test]
    fn its_name_is_no_release_of_any_package() {
        let version = "1.2.0".parse().unwrap();
        let name = AgentRelease::target_name(&version, "linux-x86_64");
        assert_eq!(name, "_agent-1.2.0-linux-x86_64.json");
        assert!("_agent".parse::<crate::PackageName>().is_err());
    }
}
