//! `releases.json`: what the updater remembers.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::{self, Found};
use crate::lock::StoreLock;
use crate::{Store, StoreError, durable};

impl Store {
    /// `releases.json`, read leniently: what is unreadable is set aside and reads as none. Of a newer
    /// shell's, what can be read.
    pub fn load_releases<T: DeserializeOwned>(&self) -> Option<T> {
        let unread = |error: StoreError| {
            tracing::warn!(%error, "what is known of releases cannot be read; it is asked for again");
        };
        match self.read_releases() {
            Ok(Read::Whole { releases, .. }) => return Some(releases),
            Ok(Read::None { .. }) => return None,
            Ok(Read::Invalid(_)) => {}
            Err(error) => {
                unread(error);
                return None;
            }
        }
        let lock = StoreLock::take(self.layout())
            .map_err(|error| not_aside(&error))
            .ok()?;
        // Somebody may have written a good one meanwhile, which must not be moved away.
        match self.read_releases().map_err(unread).ok()? {
            Read::Whole { releases, .. } => Some(releases),
            Read::None { .. } => None,
            Read::Invalid(why) => {
                self.set_releases_aside(&lock, &why);
                None
            }
        }
    }

    /// Writes `releases.json` durably; a newer shell's is left alone, and so is one that cannot be
    /// read now but may be later.
    pub fn save_releases<T: Serialize>(&self, releases: &T) -> Result<(), StoreError> {
        let lock = StoreLock::take(self.layout())?;
        if let Read::<Value>::Whole { newer: true, .. } | Read::None { newer: true } =
            self.read_releases()?
        {
            tracing::debug!("what is known of releases is a newer shell's and stays");
            return Ok(());
        }
        self.write_releases(&lock, releases)
    }

    /// Reads `releases.json` as [`load_releases`](Self::load_releases) does, changes it and writes it
    /// durably, with nobody in between: neither another thread nor another process. Nothing is written
    /// where nothing changed, nor over a newer shell's; what `change` came to is told all the same.
    ///
    /// # Errors
    ///
    /// It could not be locked or read, and `change` was not asked; or it could not be written.
    pub fn update_releases<T, R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, StoreError>
    where
        T: Default + Clone + PartialEq + Serialize + DeserializeOwned,
    {
        let lock = StoreLock::take(self.layout())?;
        let (mut releases, newer) = match self.read_releases()? {
            Read::Whole { releases, newer } => (releases, newer),
            Read::None { newer } => (T::default(), newer),
            Read::Invalid(why) => {
                self.set_releases_aside(&lock, &why);
                (T::default(), false)
            }
        };
        let before = releases.clone();
        let result = change(&mut releases);
        if !newer && releases != before {
            self.write_releases(&lock, &releases)?;
        }
        Ok(result)
    }

    fn read_releases<T: DeserializeOwned>(&self) -> Result<Read<T>, StoreError> {
        let bytes = match files::read(&self.layout().releases())? {
            Found::Valid(bytes) => bytes,
            Found::Invalid(why) => return Ok(Read::Invalid(why)),
            Found::Missing => return Ok(Read::None { newer: false }),
            Found::Newer(..) => return Ok(Read::None { newer: true }),
        };
        let bytes = files::without_mark(&bytes);
        let newer = is_newer(bytes);
        Ok(match serde_json::from_slice(bytes) {
            Ok(releases) => Read::Whole { releases, newer },
            // Of another shape because it is a newer shell's: its to keep.
            Err(_) if newer => Read::None { newer },
            Err(error) => Read::Invalid(error.to_string()),
        })
    }

    fn set_releases_aside(&self, _lock: &StoreLock, why: &str) {
        if let Err(error) = files::set_aside(&self.layout().releases(), why, crate::now()) {
            not_aside(&error);
        }
    }

    fn write_releases<T: Serialize>(
        &self,
        _lock: &StoreLock,
        releases: &T,
    ) -> Result<(), StoreError> {
        durable::write_json(&self.layout().releases(), releases)
    }
}

/// What was found as `releases.json`.
enum Read<T> {
    Whole {
        releases: T,
        /// A newer shell's: not ours to write.
        newer: bool,
    },
    None {
        newer: bool,
    },
    Invalid(String),
}

fn not_aside(error: &StoreError) {
    tracing::warn!(%error, "what is known of releases is unreadable and stays where it is");
}

/// The schema of `releases.json` that this version knows.
pub(crate) const RELEASES_SCHEMA: u64 = 1;

/// Whether a file says that a newer shell wrote it, whatever else is in it.
fn is_newer(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Schema {
        schema: u64,
    }
    serde_json::from_slice(bytes).is_ok_and(|file: Schema| file.schema > RELEASES_SCHEMA)
}

#[cfg(test)]
mod tests;
