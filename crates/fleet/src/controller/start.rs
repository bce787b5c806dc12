//! Begins a ramp.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use rollout::fleet::ramp::{self, Origin, Ramp, RampPlan, Stands};
use rollout::fleet::target::MOST_JITTER;
use rollout::fleet::{Scope, Subject, Target};
use rollout::{Position, Share, Version};

use super::book::{Book, Found, bucket_stream, stamp};
use super::counting::heartbeat;
use super::orders::{ATTEMPTS, busy, stop};
use crate::{Client, FleetError, Heartbeat, Names, Standing, origin};

/// What is to be ramped up, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Of what.
    pub subject: Subject,
    /// On which part of the fleet.
    pub scope: Scope,
    /// The version.
    pub version: Version,
    /// What all others have meanwhile, and what is gone back to.
    pub baseline: Baseline,
    /// The steps.
    pub plan: RampPlan,
    /// By how much a rate may be above the baseline's.
    pub halt_above: Share,
    /// How many devices must have tried the version before a rate counts; 0 is read as 1.
    pub min_devices: u32,
    /// The window over which the devices of a step spread themselves, in whole seconds.
    pub jitter: Duration,
    /// Who wants it, as they call themselves.
    pub by: String,
}

/// Which version is the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Baseline {
    /// The scope's target, or else what most of its devices run.
    Current,
    /// This one.
    Version(Version),
}

/// A ramp that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The ramp.
    pub ramp: Ramp,
    /// How many devices of the scope were ever heard of.
    pub devices: u64,
    /// How many of them are within the first step's share.
    pub first: u64,
}

/// Begins a ramp: writes its document, then the first step's target. From then on any controller goes on.
///
/// # Errors
/// A version that is not published, a baseline that devices cannot go back to, a ramp that runs there
/// already, or a broker that does not do as it should. `unpublished-meanwhile` where one of the two was taken back at the
/// moment the ramp began: then it is halted already.
pub async fn start(client: &Client, names: &Names, wish: Wish) -> Result<Started, FleetError> {
    let book = Book::new(client, names);
    let jitter = jitter(wish.jitter, &wish.plan)?;
    let key = Book::ramp_key(wish.subject, &wish.scope);
    let before = book.ramp(&key).await?;
    if let Some(running) = before.value.as_ref().filter(|it| it.is_open()) {
        return Err(running_already(running));
    }
    published(&book, wish.subject, &wish.version).await?;
    let target = standing_target(&book, before.value.as_ref(), &wish).await?;
    let beats = heartbeats(&book).await?;
    let beats: Vec<_> = beats
        .iter()
        .filter(|it| is_in(&wish.scope, it))
        .filter_map(|it| Some((it, standing(it, wish.subject)?)))
        .collect();
    let baseline = match &wish.baseline {
        Baseline::Version(version) => version.clone(),
        Baseline::Current => current(target.value.as_ref(), &beats)?,
    };
    may_go_back(&book, &wish, &baseline, &beats).await?;

    let reports = book.info(&names.reports()).await?;
    let origin = Origin {
        stream: Some(stamp(reports.created.unix_timestamp_nanos())),
        first: reports.state.last_sequence.saturating_add(1),
    };
    let wish = ramp::Wish {
        id: uuid::Uuid::new_v4().to_string(),
        subject: wish.subject,
        scope: wish.scope,
        version: wish.version,
        baseline,
        plan: wish.plan,
        halt_above: wish.halt_above,
        min_devices: wish.min_devices,
        jitter,
        by: crate::detail(&wish.by),
    };
    let over = target.value.as_ref().map(|it| it.generation);
    let now = book.now().await?;
    let begun = Ramp::begin(wish, over, origin, now);
    write(&book, &key, &begun, &before, &target, now).await?;
    still_published(&book, &begun).await?;
    let share = begun.share().hundredths();
    let within = |heartbeat: &Heartbeat| {
        Position::of(heartbeat.device.as_str(), &begun.version).hundredths() < share
    };
    let first = beats.iter().filter(|(it, _)| within(it)).count();
    Ok(Started {
        devices: u64::try_from(beats.len()).unwrap_or(u64::MAX),
        first: u64::try_from(first).unwrap_or(u64::MAX),
        ramp: begun,
    })
}

/// The scope's target, once the one stands that the ramp `before` ended with. Whoever was to write that may not have
/// come to it yet, and what an earlier step of that ramp left to all others is not what it left them in the end. Where no
/// target stands at all, nobody knows here whether one was taken back since.
async fn standing_target(
    book: &Book,
    before: Option<&Ramp>,
    wish: &Wish,
) -> Result<Found<Target>, FleetError> {
    for _ in 0..ATTEMPTS {
        let found = book.target(wish.subject, &wish.scope).await?;
        let missing = before
            .filter(|it| found.value.is_some() && it.stands(found.value.as_ref()) == Stands::Write);
        let Some(missing) = missing.and_then(Ramp::target) else {
            return Ok(found);
        };
        // Looked at once more: a controller may be faster.
        book.write_target(wish.subject, &wish.scope, &missing, found.revision)
            .await?;
    }
    Err(busy(&wish.scope))
}

/// A version may be taken back until something is ordered that names it: looked at once more since. Where it was, every
/// device would refuse it, and so answer.
async fn still_published(book: &Book, begun: &Ramp) -> Result<(), FleetError> {
    for version in [&begun.version, &begun.baseline] {
        if book.is_published(begun.subject, version).await? {
            continue;
        }
        let why = format!("{version} was unpublished at the moment the ramp began");
        stop(book, begun, &why).await?;
        return Err(FleetError::Refused {
            kind: "unpublished-meanwhile",
            message: format!(
                "{why}: it is halted, and {} is ordered the baseline {}",
                begun.scope, begun.baseline
            ),
            hint: "Publish it again, then begin another.".to_owned(),
        });
    }
    Ok(())
}

/// Writes the document over the last ramp, which is kept, and then the target.
async fn write(
    book: &Book,
    key: &str,
    begun: &Ramp,
    before: &Found<Ramp>,
    target: &Found<Target>,
    now: Timestamp,
) -> Result<(), FleetError> {
    if let Some(past) = &before.value {
        // There already: somebody began to begin one, and did not come to its end.
        book.write_ramp(&Book::past_key(&past.id), past, 0).await?;
    }
    let faster = || FleetError::Refused {
        kind: "ramp-runs",
        message: format!(
            "Somebody else began a ramp on {} at this moment",
            begun.scope
        ),
        hint: "Look at it with `refit fleet status`.".to_owned(),
    };
    let revision = book.write_ramp(key, begun, before.revision).await?;
    let revision = revision.ok_or_else(faster)?;
    let Some(first) = begun.target() else {
        return Ok(());
    };
    let (subject, scope) = (begun.subject, &begun.scope);
    let written = book
        .write_target(subject, scope, &first, target.revision)
        .await?;
    // A controller may have made up for it already.
    let stands =
        written.is_some() || book.target(subject, scope).await?.value.as_ref() == Some(&first);
    if stands {
        return Ok(());
    }
    let why = "something else was ordered at the moment it began";
    if let Ok(cancelled) = begun.cancel(why, None, now) {
        book.write_ramp(key, &cancelled, revision).await?;
    }
    Err(FleetError::Refused {
        kind: "ordered-meanwhile",
        message: format!("Somebody else ordered something for {scope} at this moment"),
        hint: "Look at it with `refit fleet current`, then begin again.".to_owned(),
    })
}

fn running_already(ramp: &Ramp) -> FleetError {
    FleetError::Refused {
        kind: "ramp-runs",
        message: format!(
            "A ramp of {} is {} on {} already, at {} (ramp {})",
            ramp.version,
            ramp.state.is.as_str(),
            ramp.scope,
            ramp.share(),
            ramp.id
        ),
        hint: "Wait for its end, or stop it with `refit fleet halt`.".to_owned(),
    }
}

/// A device takes up to one window until it fetches a version, and up to another until it runs it: a step that is over
/// before that judges nobody.
fn jitter(jitter: Duration, plan: &RampPlan) -> Result<u32, FleetError> {
    let shortest = plan
        .steps()
        .iter()
        .filter_map(|step| step.hold_seconds)
        .min();
    if let Some(shortest) = shortest.filter(|shortest| jitter.as_secs() * 2 > *shortest) {
        return Err(FleetError::Refused {
            kind: "jitter",
            message: format!(
                "A jitter of {} s is more than half of the shortest step, of {shortest} s: the step would be over before its devices run the version",
                jitter.as_secs()
            ),
            hint: "Name a shorter jitter, or longer steps.".to_owned(),
        });
    }
    if jitter > MOST_JITTER {
        return Err(FleetError::Refused {
            kind: "jitter",
            message: "A jitter of more than a week is a slip of the pen".to_owned(),
            hint: "Name a shorter one, like 10m.".to_owned(),
        });
    }
    Ok(u32::try_from(jitter.as_secs()).unwrap_or(u32::MAX))
}

async fn published(book: &Book, subject: Subject, version: &Version) -> Result<(), FleetError> {
    if book.is_published(subject, version).await? {
        return Ok(());
    }
    Err(FleetError::Refused {
        kind: "not-published",
        message: format!("{version} is not published in this fleet"),
        hint: "Publish it first, with `refit fleet publish FILE`.".to_owned(),
    })
}

/// What counts on the scope now.
fn current(
    target: Option<&Target>,
    beats: &[(&Heartbeat, &Standing)],
) -> Result<Version, FleetError> {
    // Where an earlier ramp ended before everyone, all others are still on its baseline.
    let ordered = target.and_then(|target| match &target.ramp {
        Some(part) => part.otherwise.clone(),
        None => target.version.clone(),
    });
    if let Some(ordered) = ordered {
        return Ok(ordered);
    }
    let mut counts: HashMap<&Version, u64> = HashMap::new();
    for version in beats.iter().filter_map(|(_, it)| it.version.as_ref()) {
        *counts.entry(version).or_default() += 1;
    }
    // Of as many, the same each time.
    let most = counts
        .into_iter()
        .max_by_key(|(version, count)| (*count, version.as_str()));
    let most = most.map(|(version, _)| version.clone());
    most.ok_or_else(|| FleetError::Refused {
        kind: "no-baseline",
        message: "Nothing is ordered there and no device was heard of: nobody knows the baseline"
            .to_owned(),
        hint: "Name it with --baseline V.".to_owned(),
    })
}

/// Whether devices may be sent to the baseline.
async fn may_go_back(
    book: &Book,
    wish: &Wish,
    baseline: &Version,
    beats: &[(&Heartbeat, &Standing)],
) -> Result<(), FleetError> {
    if *baseline == wish.version {
        return Err(FleetError::Refused {
            kind: "same-version",
            message: format!("{baseline} is what is there already"),
            hint: "Name another version, or another --baseline.".to_owned(),
        });
    }
    if !book.is_published(wish.subject, baseline).await? {
        return Err(FleetError::Refused {
            kind: "baseline-not-published",
            message: format!(
                "The baseline {baseline} is not published: devices could not go back to it"
            ),
            hint: "Publish it, or name another with --baseline V.".to_owned(),
        });
    }
    let bad = beats.iter().filter(|(_, it)| it.bad.contains(baseline));
    let bad = u64::try_from(bad.count()).unwrap_or(u64::MAX);
    let all = u64::try_from(beats.len()).unwrap_or(u64::MAX);
    let most = u64::from(wish.halt_above.hundredths());
    if u128::from(bad) * 10_000 > u128::from(most) * u128::from(all) {
        return Err(FleetError::Refused {
            kind: "baseline-bad",
            message: format!("The baseline {baseline} is bad on {bad} of {all} devices"),
            hint: "Name another with --baseline V.".to_owned(),
        });
    }
    Ok(())
}

fn is_in(scope: &Scope, heartbeat: &Heartbeat) -> bool {
    match scope {
        Scope::Global => true,
        Scope::Group(group) => heartbeat.groups.contains(group),
        Scope::Device(device) => *device == heartbeat.device,
    }
}

fn standing(heartbeat: &Heartbeat, subject: Subject) -> Option<&Standing> {
    match subject {
        Subject::Runtime => Some(&heartbeat.runtime),
        Subject::Agent => heartbeat.agent.as_ref(),
    }
}

/// Every device's last heartbeat.
async fn heartbeats(book: &Book) -> Result<Vec<Heartbeat>, FleetError> {
    let name = bucket_stream(&book.names.devices());
    let doing = format!("read the stream {name}");
    let failed = |error: &dyn std::fmt::Display| FleetError::broker(&doing, error);
    let info = book.info(&name).await?;
    let stream = book.jetstream.get_stream_no_info(&name).await;
    let consumer = stream
        .map_err(|error| failed(&error))?
        .create_consumer(OrderedConfig {
            deliver_policy: DeliverPolicy::LastPerSubject,
            filter_subject: info.config.subjects.first().cloned().unwrap_or_default(),
            ..OrderedConfig::default()
        })
        .await
        .map_err(|error| failed(&error))?;
    let mut pending = consumer.cached_info().num_pending;
    let mut found = Vec::new();
    let mut messages = consumer.messages().await.map_err(|error| failed(&error))?;
    while pending > 0 {
        let next = tokio::time::timeout(Duration::from_secs(10), messages.next()).await;
        let Ok(Some(message)) = next else {
            return Err(failed(&"it ended before its end"));
        };
        let message = message.map_err(|error| failed(&error))?;
        pending = message.info().map_err(|error| failed(&error))?.pending;
        // What stands under another device's key counts for nothing.
        let is_first_hand = message.headers.as_ref().is_none_or(origin::is_first_hand);
        let is_own = |it: &Heartbeat| book.names.heartbeat(&it.device) == *message.subject;
        let heartbeat = heartbeat(&message).filter(|it| is_first_hand && is_own(it));
        found.extend(heartbeat);
    }
    Ok(found)
}
