//! `releases.json`: what the updater remembers.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::{self, Found};
use crate::lock::StoreLock;
use crate::{Store, StoreError, durable};

impl Store {
    /// `releases.json`, read leniently: what is unreadable is set aside and reads as none.
    pub fn load_releases<T: DeserializeOwned>(&self) -> Option<T> {
        let path = self.layout().releases();
        let why = match files::read(&path) {
            Ok(Found::Valid(bytes)) => {
                let bytes = files::without_mark(&bytes);
                match serde_json::from_slice(bytes) {
                    Ok(releases) => return Some(releases),
                    // Of another shape because it is a newer shell's: its to keep.
                    Err(_) if is_newer(bytes) => return None,
                    Err(error) => error.to_string(),
                }
            }
            Ok(Found::Invalid(why)) => why,
            Ok(Found::Missing | Found::Newer(..)) => return None,
            Err(error) => {
                tracing::warn!(%error, "what is known of releases cannot be read; it is asked for again");
                return None;
            }
        };
        let aside = StoreLock::take(self.layout())
            .and_then(|_lock| files::set_aside(&path, &why, crate::now()));
        if let Err(error) = aside {
            tracing::warn!(%error, "what is known of releases is unreadable and stays where it is");
        }
        None
    }

    /// Writes `releases.json` durably; a newer shell's is left alone, and so is one that cannot be
    /// read now but may be later.
    pub fn save_releases<T: Serialize>(&self, releases: &T) -> Result<(), StoreError> {
        let _lock = StoreLock::take(self.layout())?;
        let path = self.layout().releases();
        if let Found::Valid(bytes) = files::read(&path)?
            && is_newer(files::without_mark(&bytes))
        {
            tracing::debug!("what is known of releases is a newer shell's and stays");
            return Ok(());
        }
        durable::write_json(&path, releases)
    }
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
