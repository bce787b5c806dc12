//! What happened on this device, for the runtime page: staged, applied, fell back, rolled back.

use rollout::Version;
use runtime_store::{HistoryEntry, HistoryEvent, Store};

use crate::Device;

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
            at: runtime_store::now(),
            event,
            version: version.clone(),
            from: from.cloned(),
            reason: reason.map(str::to_owned),
        });
    }
}

/// Writes down what happens once to each staging of a version, whoever sees it first: the part of
/// this device that follows the news, or the command that caused it.
pub(crate) async fn write_once(device: &Device, event: HistoryEvent, version: &Version) {
    let _one_at_a_time = device.0.notes.lock().await;
    let version = version.clone();
    let noted = device.on_store(move |store| {
        let pointer = store
            .snapshot()
            .pointer
            .filter(|pointer| pointer.version == version);
        let known = store.history().into_iter().any(|entry| {
            entry.event == event
                && entry.version == version
                && pointer
                    .as_ref()
                    .is_none_or(|pointer| entry.at >= pointer.staged_at)
        });
        if !known {
            write(Some(store), event, &version, None, None);
        }
    });
    if let Err(problem) = noted.await {
        tracing::warn!(%problem, "history is not written");
    }
}
