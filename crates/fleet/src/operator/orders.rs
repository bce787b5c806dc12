//! Orders: which version a scope is to have, and what was ordered before.

mod history;
mod jitter;
mod targets;

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{CreateErrorKind, UpdateErrorKind};
use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::{Name, Scope, Subject, Target};

pub use history::{Past, history};
pub use jitter::{JitterError, parse_jitter};
pub use targets::{Standing, current, last, scopes_naming};

use super::releases;
use crate::FleetError;
use crate::names::Names;

/// What is ordered, for one or more scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A runtime's version, or an agent's.
    pub subject: Subject,
    /// The version; none where the scopes are to want nothing any more.
    pub version: Option<Version>,
    /// The window over which devices spread themselves, in whole seconds.
    pub jitter: Duration,
    /// Who orders it, as they call themselves.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// An order as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub scope: Scope,
    /// What stands there.
    pub target: Target,
    /// What stood there before, as far as it could be read.
    pub before: Option<Target>,
}

impl Placed {
    /// The ramp that it ended, by its id.
    pub fn ended_ramp(&self) -> Option<&str> {
        let ramp = self.before.as_ref()?.ramp.as_ref()?;
        Some(&ramp.id)
    }
}

/// The scopes that options name: the devices, the groups, or all.
///
/// # Errors
/// `empty-scope` where they name none, and `usage` where a name is none.
pub fn scopes(
    devices: &[String],
    groups: &[String],
    global: bool,
) -> Result<Vec<Scope>, FleetError> {
    let refused = |kind, message: String| FleetError::Refused {
        kind,
        message,
        hint: "Name --devices A,B, --groups G or --global.".to_owned(),
    };
    let named = |text: &String| {
        let name = text.parse::<Name>();
        name.map_err(|error| refused("usage", error.to_string()))
    };
    let mut scopes = Vec::new();
    for device in devices {
        scopes.push(Scope::Device(named(device)?));
    }
    for group in groups {
        scopes.push(Scope::Group(named(group)?));
    }
    scopes.extend(global.then_some(Scope::Global));
    scopes.sort();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(refused("empty-scope", "The order is for nobody".to_owned()));
    }
    Ok(scopes)
}

/// Refuses a version that is not published.
///
/// # Errors
/// `not-published`, with what is.
pub async fn must_be_published(
    jetstream: &Context,
    names: &Names,
    subject: Subject,
    version: &Version,
) -> Result<Vec<releases::Release>, FleetError> {
    let found = releases::of_version(jetstream, names, subject, version).await?;
    if found.is_empty() {
        return Err(not_published(jetstream, names, subject, version).await?);
    }
    Ok(found)
}

/// Makes the order for one scope.
///
/// # Errors
/// `not-published`; `changed-meanwhile` where another order came between reading and writing; or what the
/// broker refuses: what stood there stands on. `unpublished-meanwhile` where the version was taken back at the
/// moment it was ordered: then the order stands, and devices refuse it.
pub async fn place(
    jetstream: &Context,
    names: &Names,
    order: &Order,
    scope: &Scope,
) -> Result<Placed, FleetError> {
    if let Some(version) = &order.version {
        must_be_published(jetstream, names, order.subject, version).await?;
    }
    let last = targets::last(jetstream, names, order.subject, scope).await?;
    let before = last.as_ref().and_then(|it| it.target.clone().ok());
    let target = next(order, before.as_ref());
    put(
        jetstream,
        names,
        order.subject,
        scope,
        &target,
        last.map_or(0, |it| it.revision),
    )
    .await?;
    if let Some(version) = &order.version
        && releases::of_version(jetstream, names, order.subject, version)
            .await?
            .is_empty()
    {
        return Err(unpublished_meanwhile(scope, version));
    }
    Ok(Placed {
        scope: scope.clone(),
        target,
        before,
    })
}

/// The order stands: to take it back would be one more order, which devices that follow it already would take for a
/// person's.
fn unpublished_meanwhile(scope: &Scope, version: &Version) -> FleetError {
    FleetError::Refused {
        kind: "unpublished-meanwhile",
        message: format!(
            "{version} was unpublished at the moment it was ordered: the order for {scope} stands, and its \
             devices refuse it and stay at what they run"
        ),
        hint: "Publish it again, order another version, or `refit fleet clear` the order."
            .to_owned(),
    }
}

/// The target that an order makes over the last one.
fn next(order: &Order, last: Option<&Target>) -> Target {
    Target {
        version: order.version.clone(),
        generation: Target::next_generation(last.map(|it| it.generation), order.at),
        jitter: u32::try_from(order.jitter.as_secs()).unwrap_or(u32::MAX),
        at: order.at,
        by: crate::report::detail(&order.by),
        ramp: None,
    }
}

/// Writes a target if the scope's last word still is `revision`; 0 where it never had one.
///
/// # Errors
/// `changed-meanwhile`, or what the broker refuses.
pub async fn put(
    jetstream: &Context,
    names: &Names,
    subject: Subject,
    scope: &Scope,
    target: &Target,
    revision: u64,
) -> Result<u64, FleetError> {
    let bucket = targets::bucket(jetstream, names).await?;
    let key = scope.key(subject);
    let doing = format!("take the order for {scope}");
    let bytes = serde_json::to_vec(target).map_err(|error| FleetError::broker(&doing, error))?;
    let changed = || FleetError::Refused {
        kind: "changed-meanwhile",
        message: format!("Somebody else ordered something for {scope} at the same moment"),
        hint: "See `refit fleet current`, then order again.".to_owned(),
    };
    if revision == 0 {
        let made = bucket.create(&key, bytes.into()).await;
        return made.map_err(|error| match error.kind() {
            CreateErrorKind::AlreadyExists => changed(),
            _ => FleetError::broker(&doing, error),
        });
    }
    let updated = bucket.update(&key, bytes.into(), revision).await;
    updated.map_err(|error| match error.kind() {
        UpdateErrorKind::WrongLastRevision => changed(),
        _ => FleetError::broker(&doing, error),
    })
}

/// The refusal of a version that is not published.
pub(super) async fn not_published(
    jetstream: &Context,
    names: &Names,
    subject: Subject,
    version: &Version,
) -> Result<FleetError, FleetError> {
    let mut known: Vec<String> = Vec::new();
    for release in releases::list(jetstream, names, subject).await? {
        let text = release.version.to_string();
        if known.last() != Some(&text) {
            known.push(text);
        }
    }
    let hint = match known.len() {
        0 => "Nothing is published yet: `refit fleet publish FILE`.".to_owned(),
        n => {
            let more = if n > MOST_NAMED { " …" } else { "" };
            let some = known[..n.min(MOST_NAMED)].join(", ");
            format!("Published are {some}{more}. `refit fleet publish FILE` adds one.")
        }
    };
    let message = format!("{version} is not published");
    Ok(FleetError::Refused {
        kind: "not-published",
        message,
        hint,
    })
}

/// So many versions are named in a hint.
const MOST_NAMED: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn order(at: &str) -> Order {
        Order {
            subject: Subject::Runtime,
            version: Some("1.2.0".parse().unwrap()),
            jitter: Duration::from_mins(30),
            by: "operator\u{1b}[2J".to_owned(),
            at: at.parse().unwrap(),
        }
    }

    #[test]
    fn an_order_comes_after_the_last_one_whatever_the_clock_says_and_ends_a_ramp() {
        let first = next(&order("2026-06-12T08:00:00Z"), None);
        assert_eq!((first.generation, first.jitter), (1_781_251_200_000, 1_800));
        assert!(!first.by.contains('\u{1b}'), "{}", first.by);
        let back = next(&order("1999-01-01T00:00:00Z"), Some(&first));
        assert_eq!(back.generation, first.generation + 1);
        assert_eq!(back.ramp, None);
    }

    #[test]
    fn whoever_orders_what_goes_at_that_moment_reads_that_the_order_stands() {
        let error = unpublished_meanwhile(&Scope::Global, &"1.2.0".parse().unwrap());
        assert_eq!(error.kind(), "unpublished-meanwhile");
        let words = error.to_string();
        assert!(words.contains("the order for global stands"), "{words}");
        assert!(words.contains("refuse it"), "{words}");
    }

    #[test]
    fn an_order_is_for_somebody() {
        let text = |it: &[&str]| it.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = scopes(&text(&["b", "a", "b"]), &text(&["g"]), true).unwrap();
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["global", "group.g", "device.a", "device.b"]);
        let nobody = scopes(&[], &[], false).unwrap_err();
        assert_eq!(nobody.kind(), "empty-scope");
        assert_eq!(
            scopes(&text(&["a.b"]), &[], false).unwrap_err().kind(),
            "usage"
        );
        assert_eq!(
            scopes(&[], &text(&[""]), false).unwrap_err().kind(),
            "usage"
        );
    }
}
