//! The connection of a device, kept for ever.
//!
//! The client itself goes on trying while addresses and login stay as they are. What is signed in with
//! is read anew, with a client made anew, where the broker has refused it for ten seconds, and where a file
//! is not there yet.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ClientError, Event, ServerError};
use rollout::fleet::Name;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::connect::{connect_device, pause};
use crate::settings::Settings;

/// For how long a refused login is tried before its file is read again.
const REFUSED: Duration = Duration::from_secs(10);

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
        let refused = Arc::new(watch::Sender::new(None::<Instant>));
        let (heard, refusals) = (Arc::clone(&link), Arc::clone(&refused));
        let connected = connect_device(&settings, &device, move |event| {
            hear(&heard, &refusals, event);
        });
        match connected.await {
            Ok(client) => {
                attempts = 0;
                link.send_modify(|link| link.client = Some(client.clone()));
                until_refused(&link, &refused).await;
                if link.is_closed() {
                    return;
                }
                tracing::info!("the broker refuses this login; it is read again");
                link.send_modify(|link| {
                    link.client = None;
                    link.is_up = false;
                });
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

/// Until the login has been refused for a while without a pause, or nobody listens any more.
async fn until_refused(link: &watch::Sender<Link>, refused: &watch::Sender<Option<Instant>>) {
    let mut since = refused.subscribe();
    loop {
        let first = *since.borrow_and_update();
        let waits = async {
            match first {
                Some(first) => tokio::time::sleep_until(first + REFUSED).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = waits => return,
            _ = since.changed() => {}
            () = link.closed() => return,
        }
    }
}

fn hear(link: &watch::Sender<Link>, refused: &watch::Sender<Option<Instant>>, event: &Event) {
    let mut is_refusal = false;
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
        Event::ServerError(ServerError::AuthorizationViolation) => {
            is_refusal = true;
            trouble(link, "the broker refuses this login")
        }
        Event::ServerError(error) => {
            // Most often something that this login may not do: the rest goes on.
            tracing::warn!(%error, "the broker objects");
            false
        }
        Event::ClientError(ClientError::Other(error)) => {
            is_refusal = error.contains("authorization");
            trouble(link, &format!("no broker answers: {error}"))
        }
        Event::SlowConsumer(_) => {
            // Something was missed. What counts is read again as after a new connection.
            link.connections += 1;
            true
        }
        _ => false,
    });
    refused.send_if_modified(|since| {
        let before = *since;
        match event {
            Event::Connected => *since = None,
            _ if is_refusal => *since = since.or(Some(Instant::now())),
            _ => {}
        }
        *since != before
    });
}

fn trouble(link: &mut Link, words: &str) -> bool {
    let changed = link.trouble.as_deref() != Some(words) && !link.is_up;
    if changed {
        link.trouble = Some(words.to_owned());
    }
    changed
}
