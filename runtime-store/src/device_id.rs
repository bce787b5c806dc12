//! `device-id`: who this device is to a staged rollout, and `first-launch`: that nobody has counted
//! it yet.
//!
//! The marker is on disk before the id is, and goes when the first launch was reported. So whoever
//! counts first launches hears of each id at least once, wherever the power is cut.

use std::fs;

use crate::files::{self, Found};
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::{Store, StoreError, durable};

/// Who this device is to a staged rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId {
    /// A UUID, in lower case with hyphens.
    pub id: String,
    /// Nobody has said yet that its first launch was reported: it was made by this call, or by one
    /// whose report may be lost. See [`Store::first_launch_reported`].
    pub first_launch: bool,
}

impl Store {
    /// The device's UUID, made once, readable by its user only. One that is unreadable is set aside
    /// and made anew. An error where it cannot be written: an id that is not on disk would be
    /// another one at the next start.
    pub fn device_id(&self) -> Result<DeviceId, StoreError> {
        let layout = self.layout();
        if let Some(id) = known(layout) {
            return Ok(found(layout, id));
        }
        let path = layout.device_id();
        let _lock = StoreLock::take(layout)?;
        match files::read(&path)? {
            Found::Valid(bytes) => {
                if let Some(id) = parse(&bytes) {
                    return Ok(found(layout, id));
                }
                files::set_aside(&path, "it is not a UUID", crate::now())?;
            }
            Found::Invalid(why) => {
                files::set_aside(&path, &why, crate::now())?;
            }
            Found::Missing | Found::Newer(..) => {}
        }
        durable::write(&layout.first_launch(), b"")?;
        let id = uuid::Uuid::new_v4().to_string();
        durable::write(&path, format!("{id}\n").as_bytes())?;
        Ok(DeviceId {
            id,
            first_launch: true,
        })
    }

    /// The device's UUID where it has one. Changes nothing.
    pub fn known_device_id(&self) -> Option<String> {
        known(self.layout())
    }

    /// The first launch has been counted, and is not reported again.
    pub fn first_launch_reported(&self) -> Result<(), StoreError> {
        let layout = self.layout();
        let _lock = StoreLock::take(layout)?;
        // Without an id there is no first launch yet: one was begun to be made.
        if known(layout).is_none() {
            return Ok(());
        }
        durable::remove_file(&layout.first_launch())
    }
}

/// As [`Store::known_device_id`].
pub(crate) fn known(layout: &Layout) -> Option<String> {
    match files::read(&layout.device_id()) {
        Ok(Found::Valid(bytes)) => parse(&bytes),
        _ => None,
    }
}

fn found(layout: &Layout, id: String) -> DeviceId {
    DeviceId {
        id,
        first_launch: fs::symlink_metadata(layout.first_launch()).is_ok(),
    }
}

fn parse(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(files::without_mark(bytes)).ok()?;
    let id = text.trim().parse::<uuid::Uuid>().ok()?;
    Some(id.to_string())
}

#[cfg(test)]
mod tests;
