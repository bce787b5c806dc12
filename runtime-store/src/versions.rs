//! What is stored, and whether it is whole.

use rollout::Version;
use serde::Deserialize;

use crate::check::{Health, recorded};
use crate::choose::Entry;
use crate::files::{self, Found};
use crate::layout::names;
use crate::pointer::Pointer;
use crate::record::Record;
use crate::tree_manifest::{Pace, TreeManifest};
use crate::{Store, StoreError, stored, sweep};

/// What was found of one stored version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The version.
    pub version: Version,
    /// What is wrong with it, in words; none when it is whole.
    pub problem: Option<String>,
    /// Whether its files were held against those that were staged. Not so for a version that an
    /// older shell staged, until the first check in the background has described it.
    pub contents: bool,
}

/// What must agree in a version's own `package.json`.
#[derive(Debug, Deserialize)]
struct Package {
    name: Option<String>,
    version: Option<String>,
}

impl Store {
    /// Stored versions with their records, in no particular order. A folder without a matching
    /// record is no version and not among them.
    pub fn versions(&self) -> Result<Vec<Record>, StoreError> {
        let mut versions = Vec::new();
        for version in self.folders()? {
            versions.extend(Record::load(self.layout(), &version)?);
        }
        Ok(versions)
    }

    /// Checks that stored versions are whole: record, entry, package.json, and every file that their
    /// tree manifests name. What is damaged is written down beside the record, so that no launch
    /// chooses it until it is mended; of what is whole again, that is taken away.
    pub fn verify(&self, version: Option<&Version>) -> Result<Vec<Verified>, StoreError> {
        let versions = match version {
            Some(version) => vec![version.clone()],
            None => self.stored()?,
        };
        versions
            .into_iter()
            .map(|version| {
                let (contents, problem) = self.problem(&version)?;
                Ok(Verified {
                    version,
                    problem,
                    contents,
                })
            })
            .collect()
    }

    /// Folders, and what should be one: what a launch may go to, whose tree is described and gone. A
    /// description without a folder that nothing needs is what a staging that was cut off left.
    fn stored(&self) -> Result<Vec<Version>, StoreError> {
        let layout = self.layout();
        let mut stored = self.folders()?;
        let needed = match Pointer::load(layout)? {
            Found::Valid(pointer) => sweep::needed(&pointer),
            Found::Missing | Found::Invalid(_) | Found::Newer(..) => Vec::new(),
        };
        for version in recorded(layout)? {
            let known = stored.iter().any(|it| it.as_str() == version.as_str());
            let needed = needed.iter().any(|id| id.version == version);
            if !known && needed && TreeManifest::path(layout, &version).exists() {
                stored.push(version);
            }
        }
        Ok(stored)
    }

    /// Whether every file was held against what was staged, and what is wrong.
    fn problem(&self, version: &Version) -> Result<(bool, Option<String>), StoreError> {
        if let Some(record) = Record::load(self.layout(), version)? {
            match self.full_check(&record.id(), Pace::Full)? {
                Health::Damaged(damage) => return Ok((true, Some(damage.detail))),
                Health::Whole(_) => return Ok((true, self.outward_problem(version)?)),
                Health::Unknown => {}
            }
        }
        Ok((false, self.outward_problem(version)?))
    }

    fn folders(&self) -> Result<Vec<Version>, StoreError> {
        Ok(names(&self.layout().versions())?
            .into_iter()
            .filter_map(|name| name.parse().ok())
            .collect())
    }

    /// What record, entry and package.json show.
    fn outward_problem(&self, version: &Version) -> Result<Option<String>, StoreError> {
        let layout = self.layout();
        let folder = layout.version(version);
        if !folder.is_dir() {
            return Ok(Some(format!(
                "`{}` is not there. Stage the version",
                folder.display()
            )));
        }
        let path = layout.record(version);
        let record = match Record::find(layout, version)? {
            Found::Valid(record) => record,
            Found::Newer(schema, _) => return Ok(Some(files::newer(&path, schema))),
            Found::Missing | Found::Invalid(_) => {
                return Ok(Some(format!(
                    "`{}` is missing or unreadable. Stage the version again",
                    path.display()
                )));
            }
        };
        let entry = record.entry_in(layout);
        match stored::look(layout, &record.id()) {
            Entry::Whole { .. } => {}
            Entry::Missing | Entry::NewerSchema => {
                return Ok(Some(format!(
                    "its entry `{}` is not there. Stage the version again",
                    entry.display()
                )));
            }
            Entry::CannotRead(why) => return Ok(Some(why)),
        }
        let manifest = folder.join("package.json");
        let package = match files::read(&manifest)? {
            Found::Valid(bytes) => {
                serde_json::from_slice::<Package>(files::without_mark(&bytes)).ok()
            }
            _ => None,
        };
        let agrees = package.is_some_and(|package| {
            package.name.as_deref() == Some(record.package.as_str())
                && package.version.as_deref().is_some_and(|text| {
                    text.trim()
                        .trim_start_matches(['v', '='])
                        .parse::<Version>()
                        .is_ok_and(|found| found == *version)
                })
        });
        Ok((!agrees).then(|| {
            format!(
                "`{}` does not say {} {version}. Stage the version again",
                manifest.display(),
                record.package.as_str()
            )
        }))
    }
}

#[cfg(test)]
mod tests;
