//! `records/<v>~damage.json`: what a full check found, until the version is mended. A flipped byte
//! that left size and time as they were is refused by the next launch only because of this.

use std::path::PathBuf;

use jiff::Timestamp;
use rollout::{Integrity, Version};
use serde::{Deserialize, Serialize};

use super::Damage;
use crate::files::{self, Found};
use crate::layout::Layout;
use crate::pointer::VersionId;
use crate::{StoreError, durable};

/// What stands behind the version in the file's name.
pub(crate) const SUFFIX: &str = "~damage.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    schema: u32,
    version: Version,
    integrity: Integrity,
    detail: String,
    found_at: Timestamp,
}

impl Finding {
    const SCHEMA: u32 = 1;
    pub(crate) const SUFFIX: &str = SUFFIX;

    fn path(layout: &Layout, version: &Version) -> PathBuf {
        layout.records().join(format!("{version}{SUFFIX}"))
    }

    /// What was found of this very content. What cannot be read says nothing: the next full check
    /// finds it again.
    pub(crate) fn load(layout: &Layout, id: &VersionId) -> Option<Damage> {
        let path = Self::path(layout, &id.version);
        match files::read_schema::<Self>(&path, Self::SCHEMA.into()) {
            Ok(Found::Valid(found)) => Some(Damage {
                version: found.version,
                integrity: found.integrity,
                detail: found.detail,
            })
            .filter(|damage| damage.is_about(id)),
            Ok(Found::Missing) => None,
            Ok(Found::Newer(..) | Found::Invalid(_)) | Err(_) => {
                tracing::debug!(path = %path.display(), "not a finding");
                None
            }
        }
    }

    /// Writes it durably. The caller holds the store lock.
    pub(crate) fn save(layout: &Layout, damage: &Damage, now: Timestamp) -> Result<(), StoreError> {
        let finding = Self {
            schema: Self::SCHEMA,
            version: damage.version.clone(),
            integrity: damage.integrity.clone(),
            detail: damage.detail.clone(),
            found_at: now,
        };
        durable::write_json(&Self::path(layout, &damage.version), &finding)
    }

    /// Removes what was found of `version`, where anything was.
    pub(crate) fn remove(layout: &Layout, version: &Version) -> Result<(), StoreError> {
        durable::remove_file(&Self::path(layout, version))
    }
}
