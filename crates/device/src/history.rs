//! What happened on this device, for the runtime page: staged, applied, fell back, rolled back.

use rollout::Version;
use runtime_store::{HistoryEntry, HistoryEvent, Store};

use crate::local::now;

/// Writes one line down. Best effort: history never stands in the way of what it tells of.
pub(crate) fn write(
    store: Option<&Store>,
    event: HistoryEvent,
    version: &Version,
    from: Option<&Version>,
    reason: Option<&str>,
) {
    if let Some(store) = store {
        store.record_history(&HistoryEntry {
            at: now(),
            event,
            version: version.clone(),
            from: from.cloned(),
            reason: reason.map(str::to_owned),
        });
    }
}
