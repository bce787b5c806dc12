//! `records/<v>.json`: what was staged under a version's name.

use std::path::PathBuf;

use jiff::Timestamp;
use rollout::contract::Needs;
use rollout::{Engines, Integrity, PackageName, Version};
use serde::{Deserialize, Serialize};

use crate::files::{self, Found};
use crate::layout::Layout;
use crate::pointer::VersionId;
use crate::{StoreError, check, durable};

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
    /// What it needs of the host's contract. None where an older shell staged it: its package.json
    /// says it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
    /// How its rehearsal went, where it was to have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<RehearsalRecord>,
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

/// How far a version's rehearsal has come. Until it has passed or was skipped, no pointer names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsalRecord {
    /// How often it was begun: written before the process exists.
    #[serde(default)]
    pub begun: u32,
    /// How often it came to an end, whichever. Those that did not were lost: the machine or the
    /// shell died under them.
    #[serde(default)]
    pub ended: u32,
    /// When it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Timestamp>,
    /// Why it was not rehearsed to the end, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What went wrong, oldest first; the last [`RehearsalRecord::MOST_FAILURES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// What newer shells wrote here; kept.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// What a rehearsal came to that lets the pointer move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rehearsed {
    /// It was ready and answered as it should.
    Passed,
    /// It was not held, or not to its end, for this reason.
    Skipped(String),
    /// Nobody asked for one.
    NotAsked,
}

impl RehearsalRecord {
    /// As many failures are kept.
    pub const MOST_FAILURES: usize = 4;
    /// As many characters of each.
    const LONGEST_FAILURE: usize = 2000;

    /// Whether it is still to be held.
    pub fn is_open(&self) -> bool {
        self.passed.is_none() && self.skipped.is_none()
    }

    pub(crate) fn end(&mut self) {
        self.ended = self.ended.saturating_add(1);
    }

    pub(crate) fn fail(&mut self, detail: &str) {
        self.end();
        self.failures
            .push(detail.chars().take(Self::LONGEST_FAILURE).collect());
        let surplus = self.failures.len().saturating_sub(Self::MOST_FAILURES);
        self.failures.drain(..surplus);
    }

    /// What is kept of a rehearsal, `held` so far, that is over.
    pub(crate) fn over(held: Option<Self>, how: Rehearsed, now: Timestamp) -> Option<Self> {
        let mut over = held.unwrap_or_default();
        match how {
            Rehearsed::Passed => {
                over.end();
                over.passed = Some(now);
            }
            Rehearsed::Skipped(why) => over.skipped = Some(why),
            Rehearsed::NotAsked if !over.is_open() => {}
            Rehearsed::NotAsked if over.begun == 0 => return None,
            Rehearsed::NotAsked => over.skipped = Some("it was asked for no more".to_owned()),
        }
        Some(over)
    }
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

    /// Whether it waits for its rehearsal.
    pub fn awaits_rehearsal(&self) -> bool {
        self.rehearsal
            .as_ref()
            .is_some_and(RehearsalRecord::is_open)
    }

    /// Writes it durably. Its content is written only while no folder of that name exists; how its
    /// rehearsal goes also later, by whoever holds it there.
    pub(crate) fn save(&self, layout: &Layout) -> Result<(), StoreError> {
        durable::write_json(&layout.record(&self.version), self)
    }

    /// Removes the record of `version`, where there is one, and what stands beside it.
    pub(crate) fn remove(layout: &Layout, version: &Version) -> Result<(), StoreError> {
        check::forget(layout, version)?;
        durable::remove_file(&layout.record(version))
    }
}
