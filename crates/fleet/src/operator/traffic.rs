//! How much a fleet has told its broker.

use async_nats::jetstream::Context;

use super::missing_or;
use crate::FleetError;
use crate::names::Names;

/// Numbers that only grow, for as long as the broker keeps its disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Heartbeats that were ever stored.
    pub heartbeats: u64,
    /// Reports that were ever stored.
    pub reports: u64,
}

/// What was told so far.
///
/// # Errors
/// Where the broker does not answer.
pub async fn traffic(jetstream: &Context, names: &Names) -> Result<Traffic, FleetError> {
    let last = async |stream: String| {
        let doing = format!("tell how much {stream} took");
        let info = jetstream.get_stream(stream).await;
        let info = info.map_err(|error| missing_or(names, &doing, error))?;
        Ok::<_, FleetError>(info.cached_info().state.last_sequence)
    };
    Ok(Traffic {
        heartbeats: last(format!("KV_{}", names.devices())).await?,
        reports: last(names.reports()).await?,
    })
}
