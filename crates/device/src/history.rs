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
    write_once_from(device, event, version, None, None).await;
}

/// The same with a reason; another reason is another event.
pub(crate) async fn write_once_with(
    device: &Device,
    event: HistoryEvent,
    version: &Version,
    reason: Option<&str>,
) {
    write_once_from(device, event, version, None, reason).await;
}

/// The same for what leads from one version to another; says whether it was news. What cannot be
/// looked up counts as known: nobody is told twice.
pub(crate) async fn write_once_from(
    device: &Device,
    event: HistoryEvent,
    version: &Version,
    from: Option<&Version>,
    reason: Option<&str>,
) -> bool {
    let _one_at_a_time = device.0.notes.lock().await;
    let (version, from) = (version.clone(), from.cloned());
    let reason = reason.map(str::to_owned);
    let noted = device.on_store(move |store| {
        let staged = from.as_ref().unwrap_or(&version);
        let pointer = store
            .snapshot()
            .pointer
            .filter(|pointer| pointer.version == *staged);
        let known = store.history().into_iter().any(|entry| {
            entry.event == event
                && entry.version == version
                && entry.from == from
                && entry.reason == reason
                && pointer
                    .as_ref()
                    .is_none_or(|pointer| entry.at >= pointer.staged_at)
        });
        if !known {
            let from = from.as_ref();
            write(Some(store), event, &version, from, reason.as_deref());
        }
        !known
    });
    noted.await.unwrap_or_else(|problem| {
        tracing::warn!(%problem, "history is not written");
        false
    })
}
