//! The checks between unpacking and the rename. Each uses only what those before it have shown.

use std::path::Path;

use rollout::contract::Needs;
use rollout::{Unsuitable, Version};

use super::manifest::{Manifest, Wanted, satisfies};
use super::{Order, StageError};
use crate::carry::{self, Carried, CarryError};
use crate::choose::passes_the_gate;
use crate::pointer::VersionId;
use crate::tree_manifest::{self, Built, Digests, Pace, TreeManifest};
use crate::unpack::UnpackedTree;

impl Order {
    /// 1. The very bytes that were unpacked are those that the decision named.
    pub(super) fn right_bytes(&self, tree: &UnpackedTree) -> Result<(), StageError> {
        if tree.integrity == self.candidate.integrity {
            return Ok(());
        }
        Err(StageError::WrongIntegrity {
            package: self.candidate.package.clone(),
            version: self.candidate.version.clone(),
            expected: Box::new(self.candidate.integrity.clone()),
            found: Box::new(tree.integrity.clone()),
        })
    }

    /// 2. The archive's own package.json agrees on name and version.
    pub(super) fn right_package(&self, dir: &Path) -> Result<Manifest, StageError> {
        let version = &self.candidate.version;
        let manifest = Manifest::read(dir).map_err(|source| StageError::Manifest {
            version: version.clone(),
            source: Box::new(source),
        })?;
        let name = manifest.name.as_deref();
        let same_version = manifest
            .version
            .as_deref()
            .and_then(|text| text.trim().trim_start_matches(['v', '=']).parse().ok())
            .is_some_and(|found: Version| found == *version);
        if name == Some(self.candidate.package.as_str()) && same_version {
            return Ok(manifest);
        }
        let shown = |text: Option<&str>| -> String {
            text.map_or("(nothing)".into(), |text| {
                text.escape_debug().take(80).collect()
            })
        };
        Err(StageError::WrongPackage {
            package: self.candidate.package.clone(),
            version: version.clone(),
            found: format!("{} {}", shown(name), shown(manifest.version.as_deref())),
        })
    }

    /// 3. The entry is a regular file inside.
    pub(super) fn right_entry(&self, dir: &Path) -> Result<(), StageError> {
        let entry = &self.plan.entry;
        let is_file = carry::plain(entry).is_ok_and(|path| {
            dir.join(path)
                .symlink_metadata()
                .is_ok_and(|found| found.is_file())
        });
        if is_file {
            Ok(())
        } else {
            Err(StageError::NoEntry {
                version: self.candidate.version.clone(),
                entry: entry.clone(),
            })
        }
    }

    /// 4. The archive's own `engines` suit this host, whatever the registry said about them.
    pub(super) fn suits(&self, manifest: &Manifest) -> Result<(), StageError> {
        manifest
            .engines
            .suit(&self.shell.host)
            .map_err(|why| self.incompatible(why))
    }

    /// 5. The contract it declares to need is met here.
    pub(super) fn meets(&self, manifest: &Manifest) -> Result<Needs, StageError> {
        passes_the_gate(&manifest.needs, &self.shell)
            .and_then(|()| manifest.needs.clone())
            .map_err(|why| StageError::Contract {
                version: self.candidate.version.clone(),
                why: Box::new(why),
            })
    }

    /// 6. Carries the shared dependencies over. A copy of its own inside the archive wins.
    pub(super) fn carry(
        &self,
        dir: &Path,
        manifest: &Manifest,
    ) -> Result<Vec<Carried>, StageError> {
        let bundled = &self.shell.bundled.dir;
        let mut all = Vec::new();
        for path in &self.plan.carry {
            if carry::is_there(dir, path)? {
                continue;
            }
            let name = carry::package_at(path);
            let wanted = manifest.wants(name);
            let Some(source) = carry::source(bundled, path)? else {
                if let Wanted::Needed(_) = wanted {
                    return Err(CarryError::Missing {
                        name: name.to_owned(),
                        path: bundled.join(path),
                    }
                    .into());
                }
                continue;
            };
            if let Some(range) = wanted.range() {
                let have = source.version.unwrap_or_else(|| "none".to_owned());
                if !satisfies(&have, range) {
                    return Err(self.incompatible(Unsuitable {
                        engine: name.to_owned(),
                        range: range.to_owned(),
                        have,
                    }));
                }
            }
            all.push(carry::copy(bundled, path, dir)?);
        }
        Ok(all)
    }

    /// 7. Every file as it is now, for all later checks: what was unpacked by the digests that were
    ///    taken on the way, what was carried over by reading it.
    pub(super) fn describe(
        &self,
        dir: &Path,
        digests: &Digests,
    ) -> Result<TreeManifest, StageError> {
        let id = VersionId {
            version: self.candidate.version.clone(),
            integrity: self.candidate.integrity.clone(),
        };
        match tree_manifest::build(dir, &id, digests, Pace::Full) {
            Ok(Built::Whole(manifest)) => Ok(manifest),
            Ok(Built::NotATree(path)) => Err(StageError::NotUnpacked { path }),
            Err((path, error)) => Err(StageError::write("read", &path, error)),
        }
    }

    fn incompatible(&self, why: Unsuitable) -> StageError {
        StageError::Incompatible {
            version: self.candidate.version.clone(),
            why: Box::new(why),
        }
    }
}
