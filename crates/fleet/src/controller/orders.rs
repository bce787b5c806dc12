//! What a person orders about a ramp: pause, resume, halt.

use std::time::Duration;

use jiff::Timestamp;
use rollout::fleet::ramp::{ChangeError, Counts, Ramp, Stands};
use rollout::fleet::{Scope, Subject};

use super::Pace;
use super::book::{Book, Found};
use super::counting::Count;
use super::pace::pause as pause_before;
use crate::{Client, FleetError, Names};

/// How often a change is tried again where somebody else was faster.
pub(super) const ATTEMPTS: u32 = 20;

/// For how long a person's order waits for its numbers.
const COUNTING: Duration = Duration::from_secs(10);

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// It was done; the ramp as it stands now.
    Done(Box<Ramp>),
    /// There was nothing to do, and why.
    NothingToDo(String),
}

/// The ramp of a scope: the one that runs, or the last one.
///
/// # Errors
/// A document that cannot be read, or a broker that does not do as it should.
pub async fn ramp(
    client: &Client,
    names: &Names,
    subject: Subject,
    scope: &Scope,
) -> Result<Option<Ramp>, FleetError> {
    let book = Book::new(client, names);
    Ok(book.ramp(&Book::ramp_key(subject, scope)).await?.value)
}

/// Lets a ramp stay where it is. It still halts by itself.
///
/// # Errors
/// As [`ramp`].
pub async fn pause(
    client: &Client,
    names: &Names,
    subject: Subject,
    scope: &Scope,
    by: &str,
) -> Result<Ordered, FleetError> {
    let book = Book::new(client, names);
    let change = |ramp: &Ramp, why: &str, now| ramp.pause(why, None, now);
    let changed = changed(&book, subject, scope, &called(by), change).await?;
    noted(&book, changed).await
}

/// Lets a paused ramp go on, with what was left of its step's time.
///
/// # Errors
/// As [`ramp`].
pub async fn resume(
    client: &Client,
    names: &Names,
    subject: Subject,
    scope: &Scope,
    by: &str,
) -> Result<Ordered, FleetError> {
    let book = Book::new(client, names);
    let change = |ramp: &Ramp, why: &str, now| ramp.resume(why, None, now);
    let changed = changed(&book, subject, scope, &called(by), change).await?;
    noted(&book, changed).await
}

/// Stops a ramp and turns back whoever was reached, at once; the numbers are added to its record after that.
///
/// # Errors
/// As [`ramp`]; and where the target does not say the baseline in the end, as somebody else ordered something.
pub async fn halt(
    client: &Client,
    names: &Names,
    subject: Subject,
    scope: &Scope,
    by: &str,
) -> Result<Ordered, FleetError> {
    let book = Book::new(client, names);
    let change = |ramp: &Ramp, why: &str, now| ramp.halt(why, None, now);
    let changed = changed(&book, subject, scope, &called(by), change).await?;
    if let Ordered::Done(halted) = &changed.told {
        turn_back(&book, halted).await?;
    }
    noted(&book, changed).await
}

/// Stops a ramp for this reason, and turns back whoever it reached by now. One that is over stays as it is.
pub(super) async fn stop(book: &Book, ramp: &Ramp, why: &str) -> Result<(), FleetError> {
    let change = |found: &Ramp, why: &str, now| {
        if found.id == ramp.id {
            found.halt(why, None, now)
        } else {
            Err(ChangeError::Over(found.state.is))
        }
    };
    let changed = changed(book, ramp.subject, &ramp.scope, why, change).await?;
    match &changed.told {
        Ordered::Done(halted) => turn_back(book, halted).await,
        Ordered::NothingToDo(_) => Ok(()),
    }
}

fn called(by: &str) -> String {
    format!("by {}", super::who(&crate::detail(by)))
}

/// Adds the numbers to what was changed: they may take a while, and what a person orders counts at once.
async fn noted(book: &Book, changed: Changed) -> Result<Ordered, FleetError> {
    let Changed {
        told: Ordered::Done(ramp),
        revision,
        now,
    } = changed
    else {
        return Ok(changed.told);
    };
    let counts = counted(book, &ramp, now).await;
    let mut noted = *ramp;
    if let Some(last) = noted.evidence.last_mut() {
        last.counts = counts;
    }
    let key = Book::ramp_key(noted.subject, &noted.scope);
    // Somebody who was faster has changed it, or begun another one: what was counted is told, and not kept.
    book.write_ramp(&key, &noted, revision).await?;
    Ok(Ordered::Done(Box::new(noted)))
}

/// Writes the target of a ramp that was halted over whatever of the ramp stands. It is done only once the
/// target says the baseline, whoever wrote it.
async fn turn_back(book: &Book, halted: &Ramp) -> Result<(), FleetError> {
    let Some(target) = halted.target() else {
        return Ok(());
    };
    let (subject, scope) = (halted.subject, &halted.scope);
    for _ in 0..ATTEMPTS {
        let found = book.target(subject, scope).await?;
        match halted.stands(found.value.as_ref()) {
            Stands::Yes => return Ok(()),
            // Looked at once more, as what was faster may be a controller's step.
            Stands::Write => {
                book.write_target(subject, scope, &target, found.revision)
                    .await?;
            }
            Stands::Other => return Err(ordered_meanwhile(halted)),
            Stands::Behind => {
                return Err(FleetError::Stored {
                    what: format!("The target of {scope}"),
                    why: "it is older than the one that the ramp was begun over".to_owned(),
                });
            }
        }
    }
    Err(busy(scope))
}

fn ordered_meanwhile(halted: &Ramp) -> FleetError {
    let Ramp { scope, version, .. } = halted;
    FleetError::Refused {
        kind: "ordered-meanwhile",
        message: format!(
            "The ramp of {version} is halted, but somebody else ordered something for {scope}, and that stands"
        ),
        hint:
            "Look at it with `refit fleet current`; `refit fleet rollout V` orders another version."
                .to_owned(),
    }
}

struct Changed {
    told: Ordered,
    revision: u64,
    now: Timestamp,
}

/// Changes the scope's ramp by compare and swap. Where it went on to another step between reading and writing, the
/// reason says so: the person may have seen the one before.
async fn changed(
    book: &Book,
    subject: Subject,
    scope: &Scope,
    why: &str,
    change: impl Fn(&Ramp, &str, Timestamp) -> Result<Ramp, ChangeError>,
) -> Result<Changed, FleetError> {
    let key = Book::ramp_key(subject, scope);
    let mut meant: Option<(String, usize)> = None;
    for _ in 0..ATTEMPTS {
        let Found {
            value, revision, ..
        } = book.ramp(&key).await?;
        let nothing = |why: String| Changed {
            told: Ordered::NothingToDo(why),
            revision,
            now: Timestamp::UNIX_EPOCH,
        };
        let Some(ramp) = value else {
            return Ok(nothing(format!("There is no ramp on {scope}.")));
        };
        let now = book.now().await?;
        let (id, step) = meant.get_or_insert_with(|| (ramp.id.clone(), ramp.step));
        if *id != ramp.id {
            let why = format!("Another ramp has begun on {scope} meanwhile; nothing was done.");
            return Ok(nothing(why));
        }
        let why = reason(why, *step, ramp.step);
        let next = match change(&ramp, &why, now) {
            Ok(next) => next,
            Err(error) => {
                let version = &ramp.version;
                let why = format!("The ramp of {version} on {scope}: {error}.");
                return Ok(nothing(why));
            }
        };
        if let Some(revision) = book.write_ramp(&key, &next, revision).await? {
            return Ok(Changed {
                told: Ordered::Done(Box::new(next)),
                revision,
                now,
            });
        }
    }
    Err(busy(scope))
}

fn reason(why: &str, seen: usize, step: usize) -> String {
    if step == seen {
        return why.to_owned();
    }
    let (seen, step) = (seen + 1, step + 1);
    format!("{why}; it went on from step {seen} to step {step} at that moment")
}

/// The numbers of a ramp as they are; none where they do not come in time.
async fn counted(book: &Book, ramp: &Ramp, now: Timestamp) -> Option<Counts> {
    let pace = Pace::default();
    let mut count = Count::begin(book, ramp, &pace);
    let counting = async {
        for attempt in 0.. {
            if let Ok(Some(counts)) = count.counts(book, ramp, now, &pace).await {
                return Some(counts);
            }
            // A broker that is away answers at once.
            tokio::time::sleep(pause_before(attempt, pace.most_pause)).await;
        }
        None
    };
    tokio::time::timeout(COUNTING, counting).await.ok()?
}

pub(super) fn busy(scope: &Scope) -> FleetError {
    FleetError::Refused {
        kind: "busy",
        message: format!("Others kept changing the ramp on {scope} at the same moment"),
        hint: "Try again.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn who_meant_another_step_is_told_so() {
        assert_eq!(reason("by ops-1", 1, 1), "by ops-1");
        assert_eq!(
            reason("by ops-1", 0, 1),
            "by ops-1; it went on from step 1 to step 2 at that moment"
        );
    }
}
