//! What is signed about one target.

use serde_json::{Map, Value};
use tough::schema::Target;

/// What the repository says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetInfo {
    /// Its length in bytes.
    pub length: u64,
    /// Its sha256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The publisher's own words about it.
    pub custom: Map<String, Value>,
}

impl TargetInfo {
    /// None where the digest is no sha256.
    pub(crate) fn of(target: &Target) -> Option<Self> {
        let sha256 = hex::encode(&*target.hashes.sha256);
        (sha256.len() == 64).then(|| Self {
            length: target.length,
            sha256,
            custom: target.custom.clone().into_iter().collect(),
        })
    }

    /// Whether these are the bytes; else what differs.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 != self.length {
            return Err(format!("{} bytes instead of {}", bytes.len(), self.length));
        }
        let found = sha256(bytes);
        if found != self.sha256 {
            return Err(format!("its sha256 is {found} instead of {}", self.sha256));
        }
        Ok(())
    }
}

/// In lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}
