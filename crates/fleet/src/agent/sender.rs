//! Sends what is in the outbox, in order, and takes out what the broker has.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::HeaderMap;
use async_nats::jetstream::stream::DirectGetErrorKind;
use rollout::fleet::Name;
use tokio::sync::watch;

use crate::agent::link::{self, Link};
use crate::agent::tell::Reporter;
use crate::connect::pause;
use crate::jetstream;
use crate::names::Names;
use crate::origin;
use crate::report::Report;

/// How long the broker may take to say that it has a report.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Sends for ever.
pub(crate) async fn send(
    names: Names,
    device: Name,
    reporter: Arc<Reporter>,
    mut link: watch::Receiver<Link>,
) {
    let mut waiting = reporter.waiting();
    let mut failures = 0;
    // On which connection the broker was asked what it has: an answer that was lost may be of a report that came.
    let mut asked_on = None;
    loop {
        if waiting.wait_for(|count| *count > 0).await.is_err() {
            return;
        }
        let Some((client, connections)) = link::up(&mut link).await else {
            return;
        };
        let sent = async {
            if asked_on != Some(connections) {
                if let Some(last) = last_of(&names, &device, &client).await? {
                    reporter.broker_has(last).await;
                }
                asked_on = Some(connections);
            }
            if let Some(report) = reporter.first() {
                let id = format!("{}-{}", report.device, report.seq);
                let is_new = publish(&names, &client, &report, Some(id)).await?;
                // Ids are the whole stream's: another device may have used this one up before us.
                if !is_new && last_of(&names, &device, &client).await? < Some(report.seq) {
                    publish(&names, &client, &report, None).await?;
                }
                reporter.sent(report.seq).await;
                if reporter.first().is_some_and(|next| next.seq <= report.seq) {
                    return Err("that it was sent cannot be written down".to_owned());
                }
            }
            Ok::<_, String>(())
        };
        match sent.await {
            Ok(()) => failures = 0,
            Err(why) => {
                tracing::debug!(why, "a report was not sent; it is tried again");
                asked_on = None;
                failures += 1;
                tokio::time::sleep(pause(failures)).await;
            }
        }
    }
}

/// The number of the last report that the broker has of this device.
async fn last_of(names: &Names, device: &Name, client: &Client) -> Result<Option<u64>, String> {
    let stream = jetstream(client)
        .get_stream_no_info(names.reports())
        .await
        .map_err(|error| error.to_string())?;
    let own = names.report(device);
    let asked = stream.direct_get_last_for_subject(own.clone());
    match tokio::time::timeout(ACKNOWLEDGED, asked).await {
        // What another device had the broker write there says nothing of ours.
        Ok(Ok(message)) if !origin::is_of(Some(&message.headers), &names.reports(), &own) => {
            Ok(None)
        }
        Ok(Ok(message)) => Ok(serde_json::from_slice::<Report>(&message.payload)
            .ok()
            .map(|report| report.seq)),
        Ok(Err(error)) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}

/// Publishes one, and says whether the broker has not seen its id before.
async fn publish(
    names: &Names,
    client: &Client,
    report: &Report,
    id: Option<String>,
) -> Result<bool, String> {
    let mut headers = HeaderMap::new();
    if let Some(id) = id {
        headers.insert("Nats-Msg-Id", id);
    }
    let body = serde_json::to_vec(report).map_err(|error| error.to_string())?;
    let publishing = async {
        let sent = jetstream(client)
            .publish_with_headers(names.report(&report.device), headers, body.into())
            .await;
        sent.map_err(|error| error.to_string())?
            .await
            .map_err(|error| error.to_string())
    };
    let acknowledged = tokio::time::timeout(ACKNOWLEDGED, publishing).await;
    let acknowledged = acknowledged.map_err(|_| "no answer".to_owned())??;
    Ok(!acknowledged.duplicate)
}
