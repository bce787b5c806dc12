//! What was ordered, as far as the bucket still knows: the last 64 orders of each scope.

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy, push};
use futures_util::StreamExt as _;
use rollout::fleet::{Scope, Subject, Target, TargetError};

use crate::FleetError;
use crate::names::Names;
use crate::operator::observe::SILENCE;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Of what.
    pub subject: Subject,
    /// Where.
    pub scope: Scope,
    /// The order, or why what stands there is none.
    pub target: Result<Target, TargetError>,
    /// Its place among all orders of the fleet.
    pub revision: u64,
}

/// The orders for one scope, or for all, the oldest first.
///
/// # Errors
/// What the broker refuses.
pub async fn history(
    jetstream: &Context,
    names: &Names,
    subject: Option<Subject>,
    scope: Option<&Scope>,
) -> Result<Vec<Past>, FleetError> {
    let doing = "tell the orders";
    let prefix = format!("$KV.{}.", names.targets());
    let stream = jetstream.get_stream(names.targets_stream()).await;
    let stream = stream.map_err(|error| crate::operator::missing_or(names, doing, error))?;
    let consumer = stream.create_consumer(push::OrderedConfig {
        deliver_subject: jetstream.client().new_inbox(),
        filter_subject: format!("{prefix}>"),
        deliver_policy: DeliverPolicy::All,
        replay_policy: ReplayPolicy::Instant,
        ..push::OrderedConfig::default()
    });
    let consumer = consumer
        .await
        .map_err(|error| FleetError::broker(doing, error))?;
    let mut left = consumer.cached_info().num_pending;
    let messages = consumer.messages().await;
    let mut messages = messages.map_err(|error| FleetError::broker(doing, error))?;
    let mut orders = Vec::new();
    while left > 0 {
        let Ok(Some(message)) = tokio::time::timeout(SILENCE, messages.next()).await else {
            let why = format!("it stopped with {left} still to tell");
            return Err(FleetError::broker(doing, why));
        };
        let message = message.map_err(|error| FleetError::broker(doing, error))?;
        let info = message
            .info()
            .map_err(|error| FleetError::broker(doing, error))?;
        left = info.pending;
        let key = message.subject.strip_prefix(&prefix).unwrap_or_default();
        let Some((of, at)) = Scope::of_key(key) else {
            continue;
        };
        let is_asked = subject.is_none_or(|it| it == of) && scope.is_none_or(|it| *it == at);
        let none = HeaderMap::new();
        let headers = message.headers.as_ref().unwrap_or(&none);
        let is_removal = headers.get("KV-Operation").is_some();
        if is_asked && !is_removal {
            orders.push(Past {
                subject: of,
                scope: at,
                target: super::targets::parse(headers, &message.payload),
                revision: info.stream_sequence,
            });
        }
    }
    Ok(orders)
}
