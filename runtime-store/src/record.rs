//! `records/<v>.json`: what was staged under a version's name.

use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use rollout::{Engines, Integrity, PackageName, Version};
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::pointer::VersionId;
use crate::{StoreError, durable};

/// What was staged. Written before the folder gets its name, removed after it lost it: a folder
/// without a matching record is never taken for a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`Record::SCHEMA`].
    pub schema: u32,
    /// The package it is a version of.
    pub package: PackageName,
    /// Its version, which is also its folder's name.
    pub version: Version,
    /// The sha512 of its tarball.
    pub integrity: Integrity,
    /// The entry, relative to the folder, with forward slashes.
    pub entry: String,
    /// What it needs of its host.
    #[serde(default)]
    pub engines: Engines,
    /// Where it came from: a URL or file, without credentials.
    pub source: String,
    /// When it was staged.
    pub staged_at: Timestamp,
    /// What was carried over from which bundled runtime, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<serde_json::Value>,
    /// What newer shells wrote here; kept.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Record {
    /// The schema that this shell writes.
    pub const SCHEMA: u32 = 1;

    /// Which content it is about.
    pub fn id(&self) -> VersionId {
        VersionId {
            version: self.version.clone(),
            integrity: self.integrity.clone(),
        }
    }

    /// Where its entry lies.
    pub(crate) fn entry_in(&self, layout: &Layout) -> PathBuf {
        let mut path = layout.version(&self.version);
        path.extend(self.entry.split('/'));
        path
    }

    /// Reads the record of `version`. None when there is none, or none that can be trusted: garbage,
    /// a newer schema, or a record about another version.
    pub(crate) fn load(layout: &Layout, version: &Version) -> Result<Option<Self>, StoreError> {
        let path = layout.record(version);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("read", &path, error)),
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(record)
                if record.schema == Self::SCHEMA && record.version.as_str() == version.as_str() =>
            {
                Ok(Some(record))
            }
            Ok(_) => Ok(None),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "not a record");
                Ok(None)
            }
        }
    }

    /// Writes it durably. To be called only while no folder of that name exists.
    pub(crate) fn save(&self, layout: &Layout) -> Result<(), StoreError> {
        durable::write_json(&layout.record(&self.version), self)
    }

    /// Removes the record of `version`, where there is one.
    pub(crate) fn remove(layout: &Layout, version: &Version) -> Result<(), StoreError> {
        durable::remove_file(&layout.record(version))
    }
}
