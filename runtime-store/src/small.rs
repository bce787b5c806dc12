//! The store's small files: the device's id, and what the updater remembers.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::{self, Found};
use crate::lock::StoreLock;
use crate::{Store, StoreError, durable};

/// Who this device is to a staged rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId {
    /// A UUID, in lower case with hyphens.
    pub id: String,
    /// It was made by this very call.
    pub first_launch: bool,
}

impl Store {
    /// The device's UUID, made once, readable by its user only. One that is unreadable is set aside
    /// and made anew.
    pub fn device_id(&self) -> Result<DeviceId, StoreError> {
        let path = self.layout().device_id();
        let _lock = StoreLock::take(self.layout())?;
        match files::read(&path)? {
            Found::Valid(bytes) => {
                let text = String::from_utf8_lossy(files::without_mark(&bytes));
                if let Ok(id) = text.trim().parse::<uuid::Uuid>() {
                    return Ok(DeviceId {
                        id: id.to_string(),
                        first_launch: false,
                    });
                }
                files::set_aside(&path, "it is not a UUID", Timestamp::now())?;
            }
            Found::Invalid(why) => {
                files::set_aside(&path, &why, Timestamp::now())?;
            }
            Found::Missing | Found::Newer(..) => {}
        }
        let id = uuid::Uuid::new_v4().to_string();
        durable::write(&path, format!("{id}\n").as_bytes())?;
        Ok(DeviceId {
            id,
            first_launch: true,
        })
    }

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
            .and_then(|_lock| files::set_aside(&path, &why, Timestamp::now()));
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
const RELEASES_SCHEMA: u64 = 1;

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
