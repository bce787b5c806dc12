//! What is published: runtimes and agents by version, in the object stores of the broker.
//!
//! ```text
//! publish: digests ─► bytes under a name of their own ─► the release's name, if it is still free (one write)
//! unpublish: no scope names it ─► the name goes ─► still none does ─► the bytes go; else the name comes back
//! read:    name ─► Release ─► its bytes, message by message: a device needs no consumer on the broker for it
//! ```
//!
//! What a device makes of these bytes is its own affair: the digests here are the broker's word.

mod artifact;
mod read;
mod shelf;
mod write;

use jiff::Timestamp;
use rollout::fleet::{Name, Subject};
use rollout::{Integrity, Version};
use serde::{Deserialize, Serialize};

pub use artifact::Artifact;
pub use read::{Reading, find, list, of_version, open};
pub use write::{Published, Upload, publish, unpublish};

/// A published version, as it stands in the metadata of its object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Whether it is a runtime or an agent.
    pub subject: Subject,
    /// The version, as its artifact writes it.
    pub version: Version,
    /// The operating system and processor that an agent is for; none for a runtime, which is for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Name>,
    /// The package's name.
    pub package: String,
    /// In bytes.
    pub size: u64,
    /// Of its bytes, in small hexadecimal digits.
    pub sha256: String,
    /// Of its bytes, as npm writes it.
    pub sha512: Integrity,
    /// Who published it, as they call themselves; nothing is decided by it.
    #[serde(default)]
    pub by: String,
    /// When, by that person's clock.
    pub at: Timestamp,
}

impl Release {
    /// What it is of.
    pub fn artifact(&self) -> Artifact {
        Artifact {
            subject: self.subject,
            version: self.version.clone(),
            platform: self.platform.clone(),
        }
    }
}
