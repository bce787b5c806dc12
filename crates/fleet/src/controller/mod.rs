//! The controller of health-gated ramps: one of any number leads, looks, lets `rollout::fleet::ramp`
//! decide, and writes.
//!
//! ```text
//! lease ─► leads? ─► ramps on record ─► target as it must stand? ─► counts ─► Ramp::next
//!                                            │ no                                 │
//!                                            ▼                                    ▼
//!                                   writes the target               writes the ramp, then its target
//! ```
//!
//! # Invariants
//!
//! * Nothing is judged or written but by who holds the lease, and each write is a compare and swap: one that
//!   wakes up late changes nothing.
//! * The document comes before the target, and says which target must stand: whatever dies between the
//!   two is made up for by whoever leads next.
//! * Nothing the broker does ends a controller.

mod attend;
mod book;
mod counting;
mod feed;
mod lease;
mod orders;
mod pace;
mod start;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::time::Instant;

use rollout::fleet::ramp::{Ramp, Wait};

pub use orders::{Ordered, halt, pause as pause_ramp, ramp, resume};
pub use pace::Pace;
pub use start::{Baseline, Started, Wish, start};
pub use told::Told;

use crate::{Client, FleetError, Names, ensure};
use book::{Book, bucket_stream};
use counting::Count;
use lease::{Leader, Lease};
use pace::pause;

/// One controller.
#[derive(Debug)]
pub struct Controller {
    book: Book,
    pace: Pace,
    lease: Lease,
    leader: Option<Leader>,
    counts: HashMap<String, Count>,
    memory: BTreeMap<String, Remembered>,
    /// How much of each ramp's evidence was told, by id.
    told: HashMap<String, usize>,
    /// Why each ramp waits, as it was told last.
    waits: HashMap<String, Wait>,
    /// The ramps of which it was told that they are not counted to the end yet, by id.
    behind: BTreeSet<String>,
    /// How many of the broker's nodes keep the fleet's buckets, once it was heard.
    replicas: Option<usize>,
    /// What was told to be wrong with the broker as a whole.
    trouble: Option<String>,
    /// What is wrong with one ramp alone, by key.
    troubled: BTreeMap<String, Troubled>,
    /// What was told to be lost.
    lost: Option<String>,
}

/// What a controller remembers of a scope, for the day the broker's disk is gone.
#[derive(Debug, Clone)]
struct Remembered {
    ramp: Ramp,
    /// Whether its target is the last that anybody ordered there, as far as is known here.
    ours: bool,
    /// Whether that target stood when it was looked at last.
    stands: bool,
}

/// A ramp that could not be looked after, and is left alone for a while.
#[derive(Debug)]
struct Troubled {
    /// As it was told.
    why: String,
    attempt: u32,
    until: Instant,
}

/// Everything told goes there.
type Tell<'a> = &'a mut (dyn FnMut(Told) + Send);

impl Controller {
    /// One that people know as `name`.
    pub fn new(client: &Client, names: &Names, name: &str, pace: Pace) -> Self {
        Self {
            book: Book::new(client, names),
            pace,
            lease: Lease::new(name.to_owned(), pace.lease),
            leader: None,
            counts: HashMap::new(),
            memory: BTreeMap::new(),
            told: HashMap::new(),
            waits: HashMap::new(),
            behind: BTreeSet::new(),
            replicas: None,
            trouble: None,
            troubled: BTreeMap::new(),
            lost: None,
        }
    }

    /// Runs until the ramp of this id is over and its last target stands, and returns it. Trouble with the
    /// broker is told, and does not end it.
    pub async fn until_over(&mut self, id: &str, tell: Tell<'_>) -> Ramp {
        let mut attempt = 0;
        loop {
            let well = self.look(tell).await;
            if well && let Some(over) = self.over(id).await {
                return over;
            }
            self.rest(well, &mut attempt).await;
        }
    }

    /// The ramp of this id, if it is over and its last target stands.
    async fn over(&self, id: &str) -> Option<Ramp> {
        let Some(known) = self.memory.values().find(|it| it.ramp.id == id) else {
            // Another leader may have ended it, and somebody begun the next one of its scope, between two looks.
            let past = self.book.ramp(&Book::past_key(id)).await;
            return past.ok()?.value.filter(|it| !it.is_open());
        };
        let is_done = known.stands || !known.ours || known.ramp.target().is_none();
        (!known.ramp.is_open() && is_done).then(|| known.ramp.clone())
    }

    /// Runs for ever, for whatever ramps there are.
    pub async fn run(&mut self, tell: Tell<'_>) -> Infallible {
        let mut attempt = 0;
        loop {
            let well = self.look(tell).await;
            self.rest(well, &mut attempt).await;
        }
    }

    /// Gives the lease back, so that the next need not wait for its end.
    pub async fn give_back(&mut self) {
        self.lease.give_back(&self.book).await;
    }

    async fn rest(&self, well: bool, attempt: &mut u32) {
        if well {
            *attempt = 0;
            tokio::time::sleep(self.pace.tick).await;
        } else {
            tokio::time::sleep(pause(*attempt, self.pace.most_pause)).await;
            *attempt = attempt.saturating_add(1);
        }
    }

    /// One look. Says whether the broker did as it should for the lease and the list of ramps. Trouble with one
    /// ramp does not count: a pause for its sake would let the lease run out, and keep everybody from all.
    async fn look(&mut self, tell: Tell<'_>) -> bool {
        let had = self.trouble.is_some() || !self.troubled.is_empty();
        match self.tick(tell).await {
            Ok(failed) => {
                self.trouble = None;
                if failed {
                    self.mend(tell).await;
                } else if self.troubled.is_empty() {
                    self.lost = None;
                    if had {
                        tell(Told::Well);
                    }
                }
                true
            }
            Err(error) => {
                let why = error.to_string();
                if self.trouble.as_ref() != Some(&why) {
                    tell(Told::Trouble { why: why.clone() });
                    self.trouble = Some(why);
                }
                self.mend(tell).await;
                false
            }
        }
    }

    /// Makes buckets and streams again that went with the broker's disk, if an open ramp is remembered.
    async fn mend(&mut self, tell: Tell<'_>) {
        let names = &self.book.names;
        let streams = [
            bucket_stream(&names.ramps()),
            names.targets_stream(),
            names.reports(),
            bucket_stream(&names.devices()),
        ];
        for stream in streams {
            let Err(FleetError::NoFleet { what, .. }) = self.book.info(&stream).await else {
                continue;
            };
            match self.replicas {
                Some(replicas) if self.memory.values().any(|it| it.ramp.is_open() || it.ours) => {
                    let made = ensure(&self.book.jetstream, &self.book.names, replicas).await;
                    if made.is_ok() {
                        tell(Told::Restored { what });
                    }
                }
                _ if self.lost.as_ref() != Some(&what) => {
                    self.lost = Some(what.clone());
                    tell(Told::Lost { what });
                }
                _ => {}
            }
            return;
        }
    }

    /// Keeps the lease and looks after each ramp. Says whether one of them could not be looked after.
    async fn tick(&mut self, tell: Tell<'_>) -> Result<bool, FleetError> {
        if self.replicas.is_none() {
            let info = self
                .book
                .info(&bucket_stream(&self.book.names.ramps()))
                .await?;
            self.replicas = Some(info.config.num_replicas);
        }
        self.lead(tell).await?;
        let mut keys: BTreeSet<_> = self.book.ramp_keys().await?.into_iter().collect();
        // What is remembered and not there was lost.
        keys.extend(self.memory.keys().cloned());
        self.troubled.retain(|key, _| keys.contains(key));
        let mut failed = false;
        for key in keys {
            if let Some(troubled) = self.troubled.get(&key)
                && Instant::now() < troubled.until
            {
                continue;
            }
            // Each may be waited for, for as long as its reports are not counted: many together for longer than a lease lasts.
            self.lead(tell).await?;
            // What is wrong with one scope's ramp keeps nobody from another's.
            match self.attend(&key, tell).await {
                Ok(()) => {
                    self.troubled.remove(&key);
                }
                Err(error) => {
                    failed = true;
                    self.leave_alone(key, error.to_string(), tell);
                }
            }
        }
        Ok(failed)
    }

    /// Takes the lease, or renews it in time, and tells who leads where that is somebody else than before.
    async fn lead(&mut self, tell: Tell<'_>) -> Result<(), FleetError> {
        let leader = self.lease.keep(&self.book).await?;
        if self.leader.as_ref() != Some(&leader) {
            tell(match &leader {
                Leader::Me => Told::Leads,
                Leader::Other(leader) => Told::Follows {
                    leader: leader.clone(),
                },
            });
            // Who leads anew counts anew: it may have missed what others counted.
            self.counts.clear();
            self.leader = Some(leader);
        }
        Ok(())
    }

    /// Tells what is wrong with a ramp, once, and lets it be for longer each time.
    fn leave_alone(&mut self, key: String, why: String, tell: Tell<'_>) {
        let known = self.troubled.get(&key);
        if known.is_none_or(|known| known.why != why) {
            tell(Told::Trouble { why: why.clone() });
        }
        let attempt = known.map_or(0, |known| known.attempt.saturating_add(1));
        let until = Instant::now() + pause(attempt, self.pace.most_pause);
        let troubled = Troubled {
            why,
            attempt,
            until,
        };
        self.troubled.insert(key, troubled);
    }
}

fn who(by: &str) -> &str {
    if by.is_empty() { "somebody" } else { by }
}
