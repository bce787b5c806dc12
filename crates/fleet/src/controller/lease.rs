//! Who leads: one controller of many, by a lease in the bucket of ramps.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::book::Book;
use crate::FleetError;

/// The lease's key.
const KEY: &str = "lease";

/// No lease binds anybody for longer, whatever is written there.
const LONGEST: Duration = Duration::from_mins(5);

/// The entry. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    /// The controller's own id.
    holder: String,
    /// What people know it by.
    #[serde(default)]
    name: String,
    /// For how long it may stand unchanged, in milliseconds.
    lease_millis: u64,
}

/// A controller's side of it.
#[derive(Debug)]
pub(super) struct Lease {
    entry: Entry,
    length: Duration,
    held: Option<Held>,
    watched: Option<Watched>,
    clock: Option<Clock>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    revision: u64,
    renewed: Instant,
}

/// Somebody else's, as it stands since it was first seen so.
#[derive(Debug, Clone, Copy)]
struct Watched {
    revision: u64,
    since: Instant,
}

/// Who leads now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leader {
    /// This controller.
    Me,
    /// Another, by the name that people know it by.
    Other(String),
}

/// What the broker's clock said, and when that was heard here.
#[derive(Debug, Clone, Copy)]
struct Clock {
    at: Timestamp,
    heard: Instant,
}

impl Clock {
    fn now(&self) -> Timestamp {
        let since = jiff::SignedDuration::try_from(self.heard.elapsed());
        since
            .ok()
            .and_then(|since| self.at.checked_add(since).ok())
            .unwrap_or(self.at)
    }
}

impl Lease {
    /// Nobody's yet; once it is ours, it must be renewed within `length`.
    pub(super) fn new(name: String, length: Duration) -> Self {
        Self {
            entry: Entry {
                holder: uuid::Uuid::new_v4().to_string(),
                name,
                lease_millis: u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
            },
            length,
            held: None,
            watched: None,
            clock: None,
        }
    }

    /// Whether it is ours at this moment: renewed so lately that nobody else can have taken it.
    pub(super) fn is_held(&self) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|held| held.renewed.elapsed() < self.length)
    }

    /// What time it is for the broker; none before it was asked once.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(Clock::now)
    }

    /// Takes or renews it if that may be.
    pub(super) async fn keep(&mut self, book: &Book) -> Result<Leader, FleetError> {
        if let Some(held) = self.held {
            if held.renewed.elapsed() < self.length / 3 {
                return Ok(Leader::Me);
            }
            if self.write(book, held.revision).await? {
                return Ok(Leader::Me);
            }
            self.held = None;
        }
        let found = book.entry(KEY).await?;
        // What cannot be read binds for as long as ours would.
        let entry: Option<Entry> = found
            .value
            .as_ref()
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        // A write that timed out may have been stored: then it is ours, and is written over.
        let is_mine = entry
            .as_ref()
            .is_some_and(|it| it.holder == self.entry.holder);
        let is_free =
            found.value.is_none() || is_mine || self.has_run_out(found.revision, entry.as_ref());
        if is_free && self.write(book, found.revision).await? {
            return Ok(Leader::Me);
        }
        Ok(Leader::Other(entry.map(|it| it.name).unwrap_or_default()))
    }

    /// Whether another's lease has stood unchanged for longer than it may, by our own clock.
    fn has_run_out(&mut self, revision: u64, entry: Option<&Entry>) -> bool {
        let length = entry
            .map_or(self.length, |it| Duration::from_millis(it.lease_millis))
            .min(LONGEST);
        match self.watched {
            Some(watched) if watched.revision == revision => watched.since.elapsed() > length,
            _ => {
                self.watched = Some(Watched {
                    revision,
                    since: Instant::now(),
                });
                false
            }
        }
    }

    /// Writes our entry over `revision`, and hears the broker's time by it. False: somebody else was faster.
    async fn write(&mut self, book: &Book, revision: u64) -> Result<bool, FleetError> {
        // From before it is asked: others count from after it is stored.
        let renewed = Instant::now();
        let value = serde_json::to_vec(&self.entry).unwrap_or_default();
        let Some(revision) = book.write(KEY, value.into(), revision).await? else {
            return Ok(false);
        };
        self.held = Some(Held { revision, renewed });
        self.watched = None;
        let at = book.entry(KEY).await?.at;
        self.clock = at.map(|at| Clock { at, heard: renewed }).or(self.clock);
        Ok(true)
    }

    /// Gives it back, so that the next need not wait. What goes wrong ends by itself.
    pub(super) async fn give_back(&mut self, book: &Book) {
        if let Some(held) = self.held.take() {
            let _ = book.delete(KEY, held.revision).await;
        }
    }
}
