//! The connection of a device, kept for ever.
//!
//! One client for all time: it goes on trying, and reads anew at each attempt what it signs in with. Another one beside it
//! would go on trying too, whoever let go of it.

use std::sync::Arc;

use async_nats::{Client, ClientError, Event, ServerError};
use rollout::fleet::Name;
use tokio::sync::watch;

use crate::connect::{connect_device, pause};
use crate::settings::Settings;

/// How the connection is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    /// The client, once there is one; it may be without a connection.
    pub(crate) client: Option<Client>,
    /// Grows with every connection that comes up; 0 before the first.
    pub(crate) connections: u64,
    /// Whether one is up now.
    pub(crate) is_up: bool,
    /// Why none is, in words.
    pub(crate) trouble: Option<String>,
}

/// Keeps a connection, and tells how it is, until nobody listens any more.
pub(crate) async fn keep(settings: Settings, device: Name, link: watch::Sender<Link>) {
    let link = Arc::new(link);
    let mut attempts = 0;
    loop {
        let (heard, unsigned) = (Arc::clone(&link), Arc::clone(&link));
        let connected = connect_device(
            &settings,
            &device,
            move |event| hear(&heard, event),
            move |error| {
                let words = format!("{error}. {}", error.hint());
                unsigned.send_if_modified(|link| trouble(link, &words));
            },
        );
        match connected.await {
            Ok(client) => {
                link.send_modify(|link| link.client = Some(client));
                link.closed().await;
                return;
            }
            Err(error) => {
                let trouble = format!("{error}. {}", error.hint());
                link.send_modify(|link| link.trouble = Some(trouble));
                tokio::select! {
                    () = tokio::time::sleep(pause(attempts)) => attempts += 1,
                    () = link.closed() => return,
                }
            }
        }
    }
}

/// The client, once a connection is up, and which connection that is; none when nobody keeps one any more.
pub(crate) async fn up(link: &mut watch::Receiver<Link>) -> Option<(Client, u64)> {
    let up = link.wait_for(|link| link.is_up && link.client.is_some());
    let up = up.await.ok()?;
    Some((up.client.clone()?, up.connections))
}

/// Until this connection is not the one that is up; false when nobody keeps one any more.
pub(crate) async fn gone(link: &mut watch::Receiver<Link>, connections: u64) -> bool {
    let other = |now: &Link| now.connections != connections || !now.is_up || now.client.is_none();
    link.wait_for(other).await.is_ok()
}

fn hear(link: &watch::Sender<Link>, event: &Event) {
    link.send_if_modified(|link| match event {
        Event::Connected => {
            link.connections += 1;
            link.is_up = true;
            link.trouble = None;
            true
        }
        Event::Disconnected | Event::Closed => {
            link.is_up = false;
            link.trouble =
                Some("the connection to the broker was lost; it is tried again".to_owned());
            true
        }
        Event::ServerError(ServerError::AuthorizationViolation) => trouble(link, REFUSED),
        Event::ServerError(error) => {
            // Most often something that this login may not do: the rest goes on.
            tracing::warn!(%error, "the broker objects");
            false
        }
        Event::ClientError(ClientError::Other(error)) if error.contains("authorization") => {
            trouble(link, REFUSED)
        }
        // Why we cannot say who we are is told in better words.
        Event::ClientError(ClientError::Other(error)) if error.contains("signing nonce") => false,
        Event::ClientError(ClientError::Other(error)) => {
            trouble(link, &format!("no broker answers: {error}"))
        }
        Event::SlowConsumer(_) => {
            // Something was missed. What counts is read again as after a new connection.
            link.connections += 1;
            true
        }
        _ => false,
    });
}

/// The file that it signs in with is read at each attempt.
const REFUSED: &str = "the broker refuses this login; it is read and tried again";

fn trouble(link: &mut Link, words: &str) -> bool {
    let changed = link.trouble.as_deref() != Some(words) && !link.is_up;
    if changed {
        link.trouble = Some(words.to_owned());
    }
    changed
}
