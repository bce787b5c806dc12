//! The settings `busy`, `snapshot` and `host`: what a restart waits for, what is kept of the data
//! before it, and what a runtime may expect of its shell.

use std::collections::BTreeSet;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// Where the runtime says whether it is busy: exactly one of `http` and `file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Busy {
    /// A path of the runtime's own: 200 with `{"busy":true,"tasks":3}`, or 204 when it is idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// A file with the same JSON, such as `{data}/busy.json`; one older than the launch says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// The data folder that is kept before the first launch of a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotFolder {
    /// Such as `{data}/files`.
    pub folder: String,
    /// The most bytes that a snapshot may copy where the disk cannot share them: `1GiB`.
    #[serde(default = "cap", deserialize_with = "size", serialize_with = "as_text")]
    pub cap: u64,
    /// Whether hard links may be taken in place of copies: only for a runtime that never writes into
    /// a file that is there, and always replaces it as a whole.
    #[serde(default)]
    pub links: bool,
}

fn cap() -> u64 {
    1 << 30
}

/// What this shell offers to runtimes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostContract {
    /// The newest contract that it keeps.
    #[serde(default = "one")]
    pub contract: u32,
    /// The oldest contract that it keeps.
    #[serde(default = "one")]
    pub from: u32,
    /// Single features, by name, that a runtime may require.
    #[serde(default)]
    pub offers: BTreeSet<String>,
}

fn one() -> u32 {
    1
}

impl Default for HostContract {
    fn default() -> Self {
        Self {
            contract: one(),
            from: one(),
            offers: BTreeSet::new(),
        }
    }
}

/// A size such as `512MiB`, in bytes. Read from a text, so that nobody counts zeros.
fn size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = String::deserialize(from)?;
    bytes(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is no size; write a whole number of B, kB, MB, GB, KiB, MiB or GiB, such as `1GiB`"
        ))
    })
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn as_text<S: Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format!("{bytes}B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(bytes("1GiB"), Some(1 << 30));
        assert_eq!(bytes("20 MB"), Some(20_000_000));
        for wrong in ["", "1", "GiB", "1.5GiB", "-1MB", "1gib", "99999999999GiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
