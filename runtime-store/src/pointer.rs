//! `current.json`: which version the next spawn uses.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use rollout::{Integrity, Version};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::files::{self, Found};
use crate::layout::Layout;
use crate::record::Record;
use crate::{StoreError, durable};

/// One content of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionId {
    /// The version.
    pub version: Version,
    /// The sha512 of its tarball.
    pub integrity: Integrity,
}

/// The content of `current.json`. docs/formats/current.json.md has a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pointer {
    /// [`Pointer::SCHEMA`].
    pub schema: u32,
    /// The version that the next spawn uses.
    pub version: Version,
    /// The sha512 of its tarball.
    pub integrity: Integrity,
    /// Its entry, at the canonical absolute path.
    pub entry: PathBuf,
    /// When it was staged.
    pub staged_at: Timestamp,
    /// From staging to the end of the soak; null once the version is confirmed.
    #[serde(default)]
    pub trial: Option<Trial>,
    /// The last other confirmed version.
    #[serde(default)]
    pub previous: Option<Previous>,
    /// A version whose trial was not over when this one was staged over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// What newer shells wrote here; kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How far a version has come that no launch has confirmed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// How many launches may still try it.
    pub attempts_left: u32,
    /// When it first became ready; null until then.
    #[serde(default)]
    pub ready_at: Option<Timestamp>,
    /// Crashes since then; the third condemns.
    #[serde(default)]
    pub crashes: u32,
    /// Seconds of running since it first became ready, over all launches.
    #[serde(default)]
    pub soaked_seconds: u64,
    /// Whether it was staged without anybody asking for it, so that a rollout's turn counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gated: bool,
    /// Whether a signed repository vouched for its bytes when it was staged, or later. A shell that
    /// believes signed versions only launches no other for the first time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// What newer shells wrote here; kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The version to fall back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The version.
    pub version: Version,
    /// The sha512 of its tarball.
    pub integrity: Integrity,
    /// What newer shells wrote here; kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A version that still runs somewhere on trial, although the pointer has moved on. When its soak
/// ends well it becomes `previous`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The version.
    pub version: Version,
    /// The sha512 of its tarball.
    pub integrity: Integrity,
    /// Its trial.
    pub trial: Trial,
    /// What newer shells wrote here; kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Pointer {
    /// The schema that this shell writes.
    pub const SCHEMA: u32 = 1;

    /// Which content it names.
    pub fn id(&self) -> VersionId {
        VersionId {
            version: self.version.clone(),
            integrity: self.integrity.clone(),
        }
    }

    /// Whether it names exactly that content.
    pub fn names(&self, version: &Version, integrity: &Integrity) -> bool {
        self.version == *version && self.integrity == *integrity
    }

    /// Whether its version waits for its first launch and no signed repository vouches for it.
    pub(crate) fn is_unsigned(&self) -> bool {
        self.trial
            .as_ref()
            .is_some_and(|trial| trial.is_undecided() && !trial.signed)
    }

    /// Reads and checks the pointer. An error means that the file could not even be read.
    pub(crate) fn load(layout: &Layout) -> Result<Found<Self>, StoreError> {
        let found = files::read_schema::<Self>(&layout.pointer(), Self::SCHEMA.into())?;
        Ok(match found {
            Found::Valid(pointer) => match pointer.check(layout)? {
                Ok(()) => Found::Valid(pointer),
                Err(why) => Found::Invalid(why),
            },
            other => other,
        })
    }

    /// The pointer of a store that is about to be changed, which is the only time when an invalid
    /// one is set aside. A newer shell's pointer is an error: nothing may be changed under it.
    pub(crate) fn load_for_change(
        layout: &Layout,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        match Self::load(layout)? {
            Found::Missing => Ok(None),
            Found::Valid(pointer) => Ok(Some(pointer)),
            Found::Newer(schema, _) => Err(StoreError::NewerSchema {
                path: layout.pointer(),
                schema,
            }),
            Found::Invalid(why) => {
                files::set_aside(&layout.pointer(), &why, now)?;
                Ok(None)
            }
        }
    }

    /// Writes it durably, if it passes the check that reading makes.
    pub(crate) fn save(&self, layout: &Layout) -> Result<(), StoreError> {
        let path = layout.pointer();
        if let Err(reason) = self.check(layout)? {
            return Err(StoreError::WouldBeInvalid { path, reason });
        }
        durable::write_json(&path, self)
    }

    /// Removes the pointer: bundled is what runs.
    pub(crate) fn remove(layout: &Layout) -> Result<(), StoreError> {
        durable::remove_file(&layout.pointer())
    }

    /// The one check of reading and writing. Whether the entry is there is not its business: a
    /// pointer to a missing entry is a pointer, and is cleared when a launch finds nothing there.
    fn check(&self, layout: &Layout) -> Result<Result<(), String>, StoreError> {
        let Self { version, entry, .. } = self;
        if self.schema != Self::SCHEMA {
            return Ok(Err(format!("its `schema` is not {}", Self::SCHEMA)));
        }
        if let Err(why) = is_below(entry, &layout.version(version)) {
            return Ok(Err(why));
        }
        match fs::canonicalize(entry) {
            Ok(real) if real.as_os_str() == entry.as_os_str() => {}
            Ok(real) => {
                return Ok(Err(format!(
                    "its entry `{}` is really `{}`",
                    entry.display(),
                    real.display()
                )));
            }
            Err(error) if is_missing(&error) => return Ok(Ok(())),
            Err(error) => return Err(StoreError::io("resolve", entry, error)),
        }
        let record = match Record::find(layout, version)? {
            Found::Valid(record) => record,
            // Nothing to hold it against: this is about the version, not about the pointer. A version
            // without a record is not whole, so a launch clears the pointer to `previous`; one with a
            // newer record is passed over, and a newer shell knows.
            Found::Newer(..) | Found::Missing | Found::Invalid(_) => return Ok(Ok(())),
        };
        if record.integrity != self.integrity {
            return Ok(Err(format!(
                "version {version} is recorded with another integrity"
            )));
        }
        if record.entry_in(layout).as_os_str() != entry.as_os_str() {
            return Ok(Err(format!(
                "version {version} is recorded with the entry `{}`",
                record.entry
            )));
        }
        Ok(Ok(()))
    }
}

impl Trial {
    /// A trial that begins.
    pub(crate) fn new(attempts: u32) -> Self {
        Self {
            attempts_left: attempts,
            ready_at: None,
            crashes: 0,
            soaked_seconds: 0,
            gated: false,
            signed: false,
            extra: Map::new(),
        }
    }

    /// No launch of it has become ready yet.
    pub fn is_undecided(&self) -> bool {
        self.ready_at.is_none()
    }
}

impl Previous {
    /// Which content it is.
    pub fn id(&self) -> VersionId {
        VersionId {
            version: self.version.clone(),
            integrity: self.integrity.clone(),
        }
    }
}

impl Replaced {
    /// Which content it is.
    pub fn id(&self) -> VersionId {
        VersionId {
            version: self.version.clone(),
            integrity: self.integrity.clone(),
        }
    }
}

impl From<VersionId> for Previous {
    fn from(VersionId { version, integrity }: VersionId) -> Self {
        Self {
            version,
            integrity,
            extra: Map::new(),
        }
    }
}

/// Whether a path lies below `folder` and is written in the one way that a canonical path is.
pub(crate) fn is_below(path: &Path, folder: &Path) -> Result<(), String> {
    let shown = path.display();
    if path.to_str().is_none() || !path.is_absolute() {
        return Err(format!("its entry `{shown}` is not an absolute path"));
    }
    let Ok(inside) = path.strip_prefix(folder) else {
        return Err(format!(
            "its entry `{shown}` is not below `{}`",
            folder.display()
        ));
    };
    let plain = inside
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    let rebuilt: PathBuf = folder.components().chain(inside.components()).collect();
    if inside.as_os_str().is_empty() || !plain || rebuilt.as_os_str() != path.as_os_str() {
        return Err(format!("its entry `{shown}` is not a canonical path"));
    }
    Ok(())
}

/// Whether an error says that nothing stands at a path.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests;
