//! A version that whoever steers this device wants started, but not yet.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rollout::Version;

/// What is not to be tried before which moment; clones share it. Only launches that nobody asked for heed it, and only
/// for a version that was never launched.
#[derive(Debug, Clone, Default)]
pub struct NotBefore(Arc<Mutex<Option<(Version, Timestamp)>>>);

impl NotBefore {
    /// From now on this counts, and nothing else.
    pub fn set(&self, held: Option<(Version, Timestamp)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// Whether `version` is not to be tried at `now`.
    pub(crate) fn holds(&self, version: &Version, now: Timestamp) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .is_some_and(|(held, until)| held == version && now < *until)
    }
}
