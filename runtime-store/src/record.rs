//! `records/<v>.json`: what was staged under a version's name.

use std::path::PathBuf;

use jiff::Timestamp;
use rollout::{Engines, Integrity, PackageName, Version};
use serde::{Deserialize, Serialize};

use crate::files::{self, Found};
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

    /// Reads the record of `version`. A newer shell's is told apart from none: what it stands for
    /// is not for this shell to run, nor to remove.
    pub(crate) fn find(layout: &Layout, version: &Version) -> Result<Found<Self>, StoreError> {
        let path = layout.record(version);
        let found = files::read_schema::<Self>(&path, Self::SCHEMA.into())?;
        Ok(match found {
            Found::Valid(record) if record.version.as_str() != version.as_str() => {
                Found::Invalid(format!("it is about version {}", record.version))
            }
            Found::Invalid(why) => {
                tracing::warn!(path = %path.display(), why, "not a record");
                Found::Invalid(why)
            }
            other => other,
        })
    }

    /// As [`Record::find`], for those to whom a record is one that this shell can use: none also
    /// for garbage, a newer schema, or a record about another version.
    pub(crate) fn load(layout: &Layout, version: &Version) -> Result<Option<Self>, StoreError> {
        Ok(match Self::find(layout, version)? {
            Found::Valid(record) => Some(record),
            Found::Missing | Found::Newer(..) | Found::Invalid(_) => None,
        })
    }

    /// As [`Record::load`], for those who are about to put something in its place: a newer shell's
    /// is an error.
    pub(crate) fn load_for_change(
        layout: &Layout,
        version: &Version,
    ) -> Result<Option<Self>, StoreError> {
        match Self::find(layout, version)? {
            Found::Valid(record) => Ok(Some(record)),
            Found::Missing | Found::Invalid(_) => Ok(None),
            Found::Newer(schema, _) => Err(StoreError::NewerSchema {
                path: layout.record(version),
                schema,
            }),
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
