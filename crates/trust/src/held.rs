//! Metadata as it came: the very bytes, and what they say.

use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tough::schema::{Role, Signed};

/// Parsed metadata with its bytes. Cheap to clone. Parsing alone makes nothing of it believable.
pub(crate) struct Held<T> {
    bytes: Bytes,
    parsed: Arc<Signed<T>>,
}

/// Short: all of it would be pages.
impl<T> std::fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({} bytes)", self.bytes.len())
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            parsed: Arc::clone(&self.parsed),
        }
    }
}

impl<T> Held<T> {
    /// The bytes as they were served.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What is signed, with the signatures.
    pub(crate) fn signed(&self) -> &Signed<T> {
        &self.parsed
    }

    /// What is signed.
    pub(crate) fn role(&self) -> &T {
        &self.parsed.signed
    }
}

impl<T: DeserializeOwned> Held<T> {
    pub(crate) fn parse(bytes: Bytes) -> Result<Self, serde_json::Error> {
        let parsed = Arc::new(serde_json::from_slice(&bytes)?);
        Ok(Self { bytes, parsed })
    }
}

impl<T: Role> Held<T> {
    pub(crate) fn version(&self) -> u64 {
        self.role().version().get()
    }
}
