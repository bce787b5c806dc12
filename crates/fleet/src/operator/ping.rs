//! Asks a device itself.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_nats::{Client, Request};
use jiff::Timestamp;
use rollout::fleet::Name;

use crate::FleetError;
use crate::names::Names;
use crate::report::Heartbeat;

/// What a device answers, with how it is now.
///
/// # Errors
/// `no-answer`, with when it was last heard of; `fleet-data` for an answer that is none.
pub async fn ping(
    client: &Client,
    names: &Names,
    device: &Name,
    patience: Duration,
    now: Timestamp,
) -> Result<Heartbeat, FleetError> {
    let request = Request::new().timeout(Some(patience));
    let answer = match client.send_request(names.ping(device), request).await {
        Ok(answer) => answer,
        Err(error) => {
            let why = match error.kind() {
                RequestErrorKind::NoResponders => "it is not connected to the broker".to_owned(),
                RequestErrorKind::TimedOut => {
                    format!(
                        "it did not answer within {}",
                        humantime::format_duration(patience)
                    )
                }
                _ => return Err(FleetError::broker(&format!("ask {device}"), error)),
            };
            let last = last_heard(client, names, device).await?;
            return Err(no_answer(device, &why, last, now));
        }
    };
    let stored = |why: String| FleetError::Stored {
        what: format!("the answer of {device}"),
        why,
    };
    let beat: Heartbeat =
        serde_json::from_slice(&answer.payload).map_err(|error| stored(error.to_string()))?;
    if beat.device != *device {
        return Err(stored(format!("it calls itself {}", beat.device)));
    }
    Ok(beat)
}

/// When the broker last stored a heartbeat of the device; none where it has none of the last seven days.
///
/// # Errors
/// What the broker refuses.
pub async fn last_heard(
    client: &Client,
    names: &Names,
    device: &Name,
) -> Result<Option<Timestamp>, FleetError> {
    let doing = "say when the device was last heard of";
    let jetstream = crate::jetstream(client);
    let stream = jetstream.get_stream_no_info(format!("KV_{}", names.devices()));
    let stream = stream.await;
    let stream = stream.map_err(|error| FleetError::broker(doing, error))?;
    let subject = names.heartbeat(device);
    match stream.get_last_raw_message_by_subject(&subject).await {
        Ok(message) => Ok(super::time(message.time)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(super::missing_or(names, doing, error)),
    }
}

fn no_answer(device: &Name, why: &str, last: Option<Timestamp>, now: Timestamp) -> FleetError {
    let (heard, hint) = match last {
        Some(at) => {
            let ago = now.duration_since(at).as_secs().max(0).unsigned_abs();
            let ago = humantime::format_duration(Duration::from_secs(ago));
            let heard = format!("it was last heard of {ago} ago");
            (
                heard,
                "Check whether the machine is on, and reaches the broker.",
            )
        }
        None => (
            "it was not heard of in the last seven days, if ever".to_owned(),
            "Check the device's id with `refit fleet status`, and its `fleet` settings.",
        ),
    };
    FleetError::Refused {
        kind: "no-answer",
        message: format!("{device} does not answer: {why}; {heard}"),
        hint: hint.to_owned(),
    }
}
