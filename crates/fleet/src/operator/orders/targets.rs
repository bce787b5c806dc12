//! What every scope is to have.

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{Operation, Store};
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rollout::Version;
use rollout::fleet::{Scope, Subject, Target, TargetError};

use crate::FleetError;
use crate::names::Names;
use crate::origin;

/// So many keys are asked about at a time.
const AT_ONCE: usize = 16;

/// What stands for one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Of what.
    pub subject: Subject,
    /// Where.
    pub scope: Scope,
    /// The target, or why what stands there is none.
    pub target: Result<Target, TargetError>,
    /// The revision of the key; a new order is made over it.
    pub revision: u64,
}

/// The bucket.
pub(super) async fn bucket(jetstream: &Context, names: &Names) -> Result<Store, FleetError> {
    let bucket = jetstream.get_key_value(names.targets()).await;
    bucket.map_err(|error| {
        use async_nats::jetstream::context::KeyValueErrorKind;
        match error.kind() {
            KeyValueErrorKind::GetBucket if crate::operator::is_missing(&error) => {
                FleetError::NoFleet {
                    fleet: names.fleet().to_string(),
                    what: format!("bucket {}", names.targets()),
                }
            }
            _ => FleetError::broker(&format!("open the bucket {}", names.targets()), error),
        }
    })
}

/// The last word on one scope, from the node that leads.
///
/// # Errors
/// What the broker refuses.
pub async fn last(
    jetstream: &Context,
    names: &Names,
    subject: Subject,
    scope: &Scope,
) -> Result<Option<Standing>, FleetError> {
    at(
        jetstream,
        names,
        &names.target_in_stream(subject, scope),
        subject,
        scope,
    )
    .await
}

/// What stands for every scope that ever had an order, in the order of their keys.
///
/// # Errors
/// What the broker refuses.
pub async fn current(jetstream: &Context, names: &Names) -> Result<Vec<Standing>, FleetError> {
    let doing = "list the targets";
    let prefix = format!("$KV.{}.", names.targets());
    let stream = jetstream.get_stream_no_info(names.targets_stream()).await;
    let stream = stream.map_err(|error| FleetError::broker(doing, error))?;
    let found = stream.info_with_subjects(format!("{prefix}>")).await;
    let found = found.map_err(|error| crate::operator::missing_or(names, doing, error))?;
    let subjects = found.map_ok(|(subject, _)| subject);
    let mut keys: Vec<String> = subjects
        .try_collect()
        .await
        .map_err(|error| FleetError::broker(doing, error))?;
    keys.sort();
    let known = keys.iter().filter_map(|in_stream| {
        let (subject, scope) = Scope::of_key(in_stream.strip_prefix(&prefix)?)?;
        Some((in_stream, subject, scope))
    });
    let asked = stream::iter(known).map(async |(in_stream, subject, scope)| {
        at(jetstream, names, in_stream, subject, &scope).await
    });
    let all: Vec<_> = asked.buffered(AT_ONCE).try_collect().await?;
    Ok(all.into_iter().flatten().collect())
}

/// The scopes whose target names a version, itself or as what a ramp's other devices are to have. A target that cannot
/// be read names every version: nobody knows.
///
/// # Errors
/// What the broker refuses.
pub async fn scopes_naming(
    jetstream: &Context,
    names: &Names,
    subject: Subject,
    version: &Version,
) -> Result<Vec<Scope>, FleetError> {
    let all = current(jetstream, names).await?;
    let of = all.into_iter().filter(|it| it.subject == subject);
    Ok(of
        .filter(|it| {
            it.target
                .as_ref()
                .map_or(true, |target| is_named(target, version))
        })
        .map(|it| it.scope)
        .collect())
}

fn is_named(target: &Target, version: &Version) -> bool {
    let otherwise = target.ramp.as_ref().and_then(|it| it.otherwise.as_ref());
    target.version.as_ref() == Some(version) || otherwise == Some(version)
}

async fn at(
    jetstream: &Context,
    names: &Names,
    in_stream: &str,
    subject: Subject,
    scope: &Scope,
) -> Result<Option<Standing>, FleetError> {
    let doing = format!("say what {scope} is to have");
    let stream = jetstream.get_stream_no_info(names.targets_stream()).await;
    let stream = stream.map_err(|error| FleetError::broker(&doing, error))?;
    let message = match stream.get_last_raw_message_by_subject(in_stream).await {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
        Err(error) => return Err(crate::operator::missing_or(names, &doing, error)),
    };
    let operation = message.headers.get("KV-Operation");
    let operation = operation.and_then(|it| it.as_str().parse::<Operation>().ok());
    if operation.is_some_and(|it| it != Operation::Put) {
        // Removed by hand. No order of ours does that.
        return Ok(None);
    }
    Ok(Some(Standing {
        subject,
        scope: scope.clone(),
        target: parse(&message.headers, &message.payload),
        revision: message.sequence,
    }))
}

/// The target in a message as it is stored.
pub(super) fn parse(headers: &HeaderMap, payload: &[u8]) -> Result<Target, TargetError> {
    if !origin::is_first_hand(headers) {
        let why = "no operator wrote it: a device had the broker write it".to_owned();
        return Err(TargetError::Shape(why));
    }
    Target::parse(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_by_a_target_itself_and_by_what_a_ramp_leaves_the_others() {
        let target = br#"{"version":"2.0.0","generation":1,"at":"2026-06-12T08:00:00Z",
            "ramp":{"id":"r","share":5,"otherwise":"1.0.0"}}"#;
        let target = Target::parse(target).unwrap();
        for (version, named) in [("2.0.0", true), ("1.0.0", true), ("1.0.1", false)] {
            assert_eq!(
                is_named(&target, &version.parse().unwrap()),
                named,
                "{version}"
            );
        }
    }
}
