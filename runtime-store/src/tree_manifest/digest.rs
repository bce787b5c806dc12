//! The content of files, as digests.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::thread;
use std::time::Instant;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

const BUFFER: usize = 256 * 1024;

/// A sha256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

/// Digests that were taken while files were written, by path.
pub(crate) type Digests = HashMap<String, Digest>;

/// How much of the machine reading may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Somebody waits.
    Full,
    /// Nobody does: half of one core and of the disk at most.
    Low,
}

/// Takes the digests of one file after the other.
pub(crate) struct Digester {
    pace: Pace,
    buffer: Box<[u8]>,
}

impl Digest {
    pub(crate) fn of(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(text.as_ref(), &mut digest).map_err(D::Error::custom)?;
        Ok(Self(digest))
    }
}

impl Digester {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            buffer: Box::default(),
        }
    }

    /// Reads the whole file at `path`.
    pub(crate) fn digest(&mut self, path: &Path) -> io::Result<Digest> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER].into();
        }
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        loop {
            let begun = Instant::now();
            let read = match file.read(&mut self.buffer) {
                Ok(0) => return Ok(Digest::of(hasher)),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&self.buffer[..read]);
            // Whole buffers only: a pause for each small file would cost more than it spares.
            if self.pace == Pace::Low && read == self.buffer.len() {
                thread::sleep(begun.elapsed());
            }
        }
    }
}
