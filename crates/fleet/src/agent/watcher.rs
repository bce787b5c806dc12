//! Hears of targets: as the broker tells them once they are stored, and by reading them again.
//!
//! They are read after every new connection, and now and then, so that nothing that was missed stays
//! missed; the bucket may come later, go, and be made anew.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::DirectGetErrorKind;
use async_nats::{Client, HeaderMap};
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use rollout::fleet::{Name, Scope, Subject, Target};
use tokio::sync::watch;

use crate::agent::inbox::Inbox;
use crate::agent::link::{self, Link};
use crate::connect::pause;
use crate::jetstream;
use crate::names::Names;
use crate::origin;

/// Targets are read again after so many of the longest pauses: after 2½ to 5 minutes.
const AGAIN: u32 = 10;

/// For how long one reading may take.
const READ: Duration = Duration::from_secs(10);

/// What is watched.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) names: Names,
    pub(crate) device: Name,
    pub(crate) groups: Vec<Name>,
    pub(crate) subjects: Vec<Subject>,
}

/// Where what is heard of each subject is put.
#[derive(Debug, Clone)]
pub(crate) struct Inboxes(pub(crate) Vec<(Subject, Arc<Inbox>)>);

impl Inboxes {
    fn put(&self, subject: Subject, scope: Scope, target: Target) {
        let inbox = self.0.iter().find(|(of, _)| *of == subject);
        if let Some((_, inbox)) = inbox {
            inbox.put(scope, target);
        }
    }
}

/// Why targets cannot be read, where they cannot.
pub(crate) type Trouble = Option<String>;

/// Tells every target that it hears of, for ever.
pub(crate) async fn watch(
    watched: Watched,
    mut link: watch::Receiver<Link>,
    inboxes: Inboxes,
    trouble: watch::Sender<Trouble>,
) {
    let mut subscribed: Option<(u64, SelectAll<async_nats::Subscriber>)> = None;
    let mut failures = 0;
    loop {
        let Some((client, connections)) = link::up(&mut link).await else {
            return;
        };
        // First the subscription, then the reading: what comes between is heard twice and not never.
        if subscribed.as_ref().is_none_or(|(at, _)| *at != connections) {
            match subscribe(&watched, &client).await {
                Ok(subscriptions) => subscribed = Some((connections, subscriptions)),
                Err(why) => {
                    trouble.send_replace(Some(why));
                    tokio::time::sleep(pause(failures)).await;
                    failures += 1;
                    continue;
                }
            }
        }
        let read = read_all(&watched, &client, &inboxes).await;
        let wait = if read.is_ok() {
            failures = 0;
            // The longest pause is half a minute, of which half is drawn anew.
            pause(usize::MAX) * AGAIN
        } else {
            failures += 1;
            pause(failures)
        };
        trouble.send_if_modified(|now| {
            let next = read.err();
            let changed = *now != next;
            *now = next;
            changed
        });
        let Some((_, subscriptions)) = &mut subscribed else {
            continue;
        };
        let until = tokio::time::sleep(wait);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => break,
                is_kept = link::gone(&mut link, connections) => {
                    if !is_kept { return }
                    break;
                }
                message = subscriptions.next() => {
                    let Some(message) = message else { subscribed = None; break };
                    let heard = hear(&watched, &message.subject, message.headers.as_ref(), &message.payload);
                    if let Some((subject, scope, target)) = heard {
                        inboxes.put(subject, scope, target);
                    }
                }
            }
        }
    }
}

async fn subscribe(
    watched: &Watched,
    client: &Client,
) -> Result<SelectAll<async_nats::Subscriber>, String> {
    let mut all = SelectAll::new();
    for (subject, scope) in watched.all() {
        let name = watched.names.target_told(subject, &scope);
        let subscription = client.subscribe(name.clone()).await;
        all.push(subscription.map_err(|error| format!("{name} cannot be subscribed to: {error}"))?);
    }
    Ok(all)
}

/// Reads every target that concerns this device.
async fn read_all(watched: &Watched, client: &Client, inboxes: &Inboxes) -> Result<(), String> {
    let stream = jetstream(client)
        .get_stream_no_info(watched.names.targets_stream())
        .await
        .map_err(|error| error.to_string())?;
    for (subject, scope) in watched.all() {
        let name = watched.names.target_in_stream(subject, &scope);
        let asked = tokio::time::timeout(READ, stream.direct_get_last_for_subject(name.clone()));
        let message = match asked.await {
            Ok(Ok(message)) => message,
            // Nothing was ever ordered there: that says nothing, and takes nothing back.
            Ok(Err(error)) if error.kind() == DirectGetErrorKind::NotFound => continue,
            Ok(Err(error)) => return Err(format!("the broker's targets cannot be read: {error}")),
            Err(_) => {
                return Err("the broker's targets cannot be read: no answer in 10 s".to_owned());
            }
        };
        if let Some(target) = target(watched, &name, Some(&message.headers), &message.payload) {
            inboxes.put(subject, scope, target);
        }
    }
    Ok(())
}

impl Watched {
    fn all(&self) -> impl Iterator<Item = (Subject, Scope)> {
        let scopes = Scope::of_device(&self.device, &self.groups);
        let subjects = self.subjects.clone();
        subjects.into_iter().flat_map(move |subject| {
            scopes
                .clone()
                .into_iter()
                .map(move |scope| (subject, scope))
        })
    }
}

fn hear(
    watched: &Watched,
    on: &str,
    headers: Option<&HeaderMap>,
    payload: &[u8],
) -> Option<(Subject, Scope, Target)> {
    let prefix = format!("{}.target.", watched.names.fleet());
    let (subject, scope) = Scope::of_key(on.strip_prefix(&prefix)?)?;
    let stored = watched.names.target_in_stream(subject, &scope);
    let target = target(watched, &stored, headers, payload)?;
    Some((subject, scope, target))
}

/// The target in the broker's copy of what is stored `on` that subject; none in one that says that a key was deleted, which
/// takes nothing back.
fn target(
    watched: &Watched,
    on: &str,
    headers: Option<&HeaderMap>,
    payload: &[u8],
) -> Option<Target> {
    if !origin::is_of(headers, &watched.names.targets_stream(), on) {
        tracing::warn!(
            on,
            "what is told is no target of the broker's, and is passed over"
        );
        return None;
    }
    if headers.is_some_and(|headers| headers.get("KV-Operation").is_some()) {
        return None;
    }
    match Target::parse(payload) {
        Ok(target) => Some(target),
        Err(error) => {
            tracing::warn!(on, %error, "what the broker tells is no target, and is passed over");
            None
        }
    }
}
