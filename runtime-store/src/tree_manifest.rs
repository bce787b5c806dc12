//! `records/<v>~tree.json`: every file and folder of a stored version as it was staged.
//!
//! Written with the record, and gone with it. No version can end in `~tree`, so the name is never
//! that of another version's record.

use std::fmt::Write as _;
use std::path::PathBuf;

use rollout::{Integrity, Version};
use serde::{Deserialize, Serialize};

use crate::files::{self, Found};
use crate::layout::Layout;
use crate::pointer::VersionId;
use crate::{StoreError, durable};

mod build;
mod digest;
mod survey;

pub(crate) use build::{Built, build};
pub(crate) use digest::{Digest, Digester, Digests, Pace};
pub(crate) use survey::{Kind, Seen, is_closed, survey};

/// What stands behind the version in the file's name.
pub(crate) const SUFFIX: &str = "~tree.json";

/// The most bytes that a manifest may have: an archive of the most entries, with long names.
const MOST_BYTES: u64 = 128 << 20;

/// What a stored version consists of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct TreeManifest {
    schema: u32,
    pub(crate) version: Version,
    pub(crate) integrity: Integrity,
    /// By path, in the order of their bytes.
    pub(crate) folders: Vec<TreeFolder>,
    /// By path, in the order of their bytes.
    pub(crate) files: Vec<TreeFile>,
}

/// A folder below the version's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TreeFolder {
    /// Relative, with forward slashes.
    pub(crate) path: String,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "mode")]
    pub(crate) mode: Option<u32>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TreeFile {
    /// Relative, with forward slashes.
    pub(crate) path: String,
    /// In bytes.
    pub(crate) size: u64,
    /// The permission bits, where the system has such.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "mode")]
    pub(crate) mode: Option<u32>,
    pub(crate) sha256: Digest,
    /// When its content was last written, in nanoseconds since 1970. That it is another proves
    /// nothing; it says which files to read.
    pub(crate) mtime: i64,
}

impl TreeManifest {
    /// The schema that this shell writes.
    pub(crate) const SCHEMA: u32 = 1;

    pub(crate) fn new(
        id: &VersionId,
        mut folders: Vec<TreeFolder>,
        mut files: Vec<TreeFile>,
    ) -> Self {
        folders.sort_by(|a, b| a.path.cmp(&b.path));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            schema: Self::SCHEMA,
            version: id.version.clone(),
            integrity: id.integrity.clone(),
            folders,
            files,
        }
    }

    pub(crate) fn path(layout: &Layout, version: &Version) -> PathBuf {
        layout.records().join(format!("{version}{SUFFIX}"))
    }

    /// Reads the manifest of this very content. One that is about another content is none.
    pub(crate) fn find(layout: &Layout, id: &VersionId) -> Result<Found<Self>, StoreError> {
        let path = Self::path(layout, &id.version);
        let bytes = match files::read_up_to(&path, MOST_BYTES)? {
            Found::Valid(bytes) => bytes,
            Found::Missing => return Ok(Found::Missing),
            Found::Invalid(why) => return Ok(Found::Invalid(why)),
            Found::Newer(schema, value) => return Ok(Found::Newer(schema, value)),
        };
        // Straight into its type: on the way of every launch there is no time for a tree of values.
        match serde_json::from_slice::<Self>(files::without_mark(&bytes)) {
            Ok(found) if found.schema != Self::SCHEMA => {}
            Ok(found) if found.version.as_str() != id.version.as_str() => {}
            Ok(found) if found.integrity != id.integrity => return Ok(Found::Missing),
            Ok(found) => return Ok(Found::Valid(found)),
            Err(error) => tracing::debug!(path = %path.display(), %error, "not a tree manifest"),
        }
        // Only to tell a newer shell's from garbage.
        Ok(
            match files::read_schema::<serde_json::Value>(&path, Self::SCHEMA.into())? {
                Found::Newer(schema, value) => Found::Newer(schema, value),
                Found::Missing => Found::Missing,
                Found::Invalid(why) => Found::Invalid(why),
                Found::Valid(_) => Found::Invalid("it is no tree manifest".to_owned()),
            },
        )
    }

    /// Writes it durably. The caller holds the store lock.
    pub(crate) fn save(&self, layout: &Layout) -> Result<(), StoreError> {
        let path = Self::path(layout, &self.version);
        let text = self.to_json().map_err(|source| StoreError::Json {
            path: path.clone(),
            source,
        })?;
        durable::write(&path, text.as_bytes())
    }

    /// Removes the manifest of `version`, where there is one.
    pub(crate) fn remove(layout: &Layout, version: &Version) -> Result<(), StoreError> {
        durable::remove_file(&Self::path(layout, version))
    }

    /// One line for each file: a person can read it, and it is small enough to be read at every
    /// launch.
    fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = format!(
            "{{\n  \"schema\": {},\n  \"version\": {},\n  \"integrity\": {},\n",
            self.schema,
            serde_json::to_string(&self.version)?,
            serde_json::to_string(&self.integrity)?,
        );
        lines(&mut text, "folders", &self.folders)?;
        text.push_str(",\n");
        lines(&mut text, "files", &self.files)?;
        text.push_str("\n}\n");
        Ok(text)
    }
}

fn lines(text: &mut String, name: &str, items: &[impl Serialize]) -> Result<(), serde_json::Error> {
    // Writing to a text cannot fail.
    let _ = write!(text, "  \"{name}\": [");
    for (index, item) in items.iter().enumerate() {
        text.push_str(if index == 0 { "\n    " } else { ",\n    " });
        text.push_str(&serde_json::to_string(item)?);
    }
    text.push_str(if items.is_empty() { "]" } else { "\n  ]" });
    Ok(())
}

/// A mode is written as people write it: `"644"`.
mod mode {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    // The shape of the argument is serde's.
    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref)]
    pub(super) fn serialize<S: Serializer>(mode: &Option<u32>, to: S) -> Result<S::Ok, S::Error> {
        match mode {
            Some(mode) => to.collect_str(&format_args!("{mode:o}")),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
        Option::<std::borrow::Cow<'de, str>>::deserialize(from)?
            .map(|text| u32::from_str_radix(&text, 8).map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests;
