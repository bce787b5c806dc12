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

mod book;
mod counting;
mod feed;
mod lease;
mod orders;
mod start;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::time::Duration;

use rollout::fleet::Target;
use rollout::fleet::ramp::{Next, Ramp, Stands, Wait};

pub use orders::{Ordered, halt, pause as pause_ramp, ramp, resume};
pub use start::{Baseline, Started, Wish, start};
pub use told::Told;

use crate::{Client, FleetError, Names, ensure};
use book::{Book, Found, bucket_stream};
use counting::Count;
use lease::{Leader, Lease};

/// How often a controller looks, and how patient it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks.
    pub tick: Duration,
    /// For how long the lease of a leader lasts that does not renew it.
    pub lease: Duration,
    /// After how long without a heartbeat a device is late.
    pub late: Duration,
    /// For how long a look waits for reports that are on their way.
    pub patience: Duration,
    /// After how long without any of those that must be there they are asked for anew.
    pub stall: Duration,
    /// The longest pause after trouble with the broker.
    pub most_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(5),
            lease: Duration::from_secs(15),
            late: Duration::from_secs(90),
            patience: Duration::from_secs(2),
            stall: Duration::from_secs(10),
            most_pause: Duration::from_secs(30),
        }
    }
}

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
    /// How many of the broker's nodes keep the fleet's buckets, once it was heard.
    replicas: Option<usize>,
    trouble: Option<String>,
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
            replicas: None,
            trouble: None,
            lost: None,
        }
    }

    /// Runs until the ramp of this id is over and its last target stands, and returns it. Trouble with the
    /// broker is told, and does not end it.
    pub async fn until_over(&mut self, id: &str, tell: Tell<'_>) -> Ramp {
        let mut attempt = 0;
        loop {
            let well = self.look(tell).await;
            if well
                && let Some(over) = self.memory.values().find(|it| it.ramp.id == id)
                && !over.ramp.is_open()
                && (over.stands || !over.ours || over.ramp.target().is_none())
            {
                return over.ramp.clone();
            }
            self.rest(well, &mut attempt).await;
        }
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

    /// One look. Says whether the broker did as it should.
    async fn look(&mut self, tell: Tell<'_>) -> bool {
        match self.tick(tell).await {
            Ok(()) => {
                self.lost = None;
                if self.trouble.take().is_some() {
                    tell(Told::Well);
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

    async fn tick(&mut self, tell: Tell<'_>) -> Result<(), FleetError> {
        if self.replicas.is_none() {
            let info = self
                .book
                .info(&bucket_stream(&self.book.names.ramps()))
                .await?;
            self.replicas = Some(info.config.num_replicas);
        }
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
        let mut keys: BTreeSet<_> = self.book.ramp_keys().await?.into_iter().collect();
        // What is remembered and not there was lost.
        keys.extend(self.memory.keys().cloned());
        let mut first = Ok(());
        for key in keys {
            // What is wrong with one scope's ramp keeps nobody from another's.
            let attended = self.attend(&key, tell).await;
            first = first.and(attended);
        }
        first
    }

    /// Looks after one scope's ramp.
    async fn attend(&mut self, key: &str, tell: Tell<'_>) -> Result<(), FleetError> {
        let found = self.book.ramp(key).await?;
        let known = self.memory.get(key).cloned();
        if found.is_deleted {
            self.forget(key);
            return Ok(());
        }
        let Some(ramp) = found.value else {
            let lost = known.filter(|it| it.ramp.is_open() || it.ours);
            return self.restore(key, found.revision, lost, tell).await;
        };
        let ours = ramp.is_open()
            || known
                .as_ref()
                .is_some_and(|it| it.ramp.id == ramp.id && it.ours);
        self.remember(key, &ramp, ours, known.is_some(), tell);
        let target = self.book.target(ramp.subject, &ramp.scope).await?;
        // Over a key that was deleted before, the first target is yet to come.
        let stands = if target.is_deleted && ramp.over.is_some() {
            Stands::Other
        } else {
            ramp.stands(target.value.as_ref())
        };
        let is_gone = target.value.is_none();
        match stands {
            Stands::Yes => self.stands(key, true),
            // Where a ramp is over and its target gone, only who saw it stand knows that nothing else
            // was ordered since.
            Stands::Write if ours || !is_gone => {
                let written = self.order(&ramp, &target).await?;
                if written && is_gone && ramp.over.is_some() {
                    let what = format!("the target of {}", ramp.scope);
                    tell(Told::Restored { what });
                }
            }
            Stands::Write => {}
            Stands::Other if ramp.is_open() => {
                self.cancel(key, &ramp, found.revision, target.value.as_ref(), tell)
                    .await?;
            }
            Stands::Other => self.stands(key, false),
            Stands::Behind => {
                return Err(FleetError::Stored {
                    what: format!("The target of {}", ramp.scope),
                    why: "it is older than the one that the ramp was begun over".to_owned(),
                });
            }
        }
        if ramp.is_open() && stands == Stands::Yes && self.lease.is_held() {
            self.judge(key, &ramp, found.revision, &target, tell)
                .await?;
        } else if !ramp.is_open() {
            self.counts.remove(key);
        }
        Ok(())
    }

    /// Judges a ramp whose target stands, and writes what comes of it.
    async fn judge(
        &mut self,
        key: &str,
        ramp: &Ramp,
        revision: u64,
        target: &Found<Target>,
        tell: Tell<'_>,
    ) -> Result<(), FleetError> {
        let Some(now) = self.lease.now() else {
            return Ok(());
        };
        let (book, pace) = (&self.book, &self.pace);
        let count = self
            .counts
            .entry(key.to_owned())
            .or_insert_with(|| Count::begin(book, ramp, pace));
        // Another ramp may have begun on the scope meanwhile.
        if !count.is_of(ramp) {
            *count = Count::begin(book, ramp, pace);
        }
        let Some(counts) = count.counts(book, ramp, now, pace).await? else {
            return Ok(());
        };
        match ramp.next(&counts, now) {
            Next::Wait(wait) => {
                let known = self.waits.insert(ramp.id.clone(), wait);
                if known.is_none_or(|known| !is_alike(&known, &wait)) {
                    tell(Told::Waits {
                        ramp: ramp.id.clone(),
                        why: wait.to_string(),
                    });
                }
            }
            Next::Write(next) => {
                if self.record(key, &next, revision, tell).await? {
                    self.order(&next, target).await?;
                }
            }
        }
        Ok(())
    }

    /// Somebody else's order stands: the ramp has no say any more.
    async fn cancel(
        &mut self,
        key: &str,
        ramp: &Ramp,
        revision: u64,
        target: Option<&Target>,
        tell: Tell<'_>,
    ) -> Result<(), FleetError> {
        let why = match target {
            Some(Target {
                version: Some(version),
                by,
                ..
            }) => format!("{version} was ordered for {} by {}", ramp.scope, who(by)),
            Some(Target { by, .. }) => {
                format!("{} took back what was ordered for {}", who(by), ramp.scope)
            }
            None => format!("the target of {} was deleted", ramp.scope),
        };
        let now = self.lease.now().unwrap_or(ramp.step_since);
        if let Ok(next) = ramp.cancel(&why, None, now) {
            self.record(key, &next, revision, tell).await?;
        }
        Ok(())
    }

    /// Writes a document. False: this controller does not lead, or somebody was faster.
    async fn record(
        &mut self,
        key: &str,
        ramp: &Ramp,
        revision: u64,
        tell: Tell<'_>,
    ) -> Result<bool, FleetError> {
        if !self.lease.is_held() {
            return Ok(false);
        }
        let written = self.book.write_ramp(key, ramp, revision).await?.is_some();
        if written {
            self.remember(key, ramp, true, true, tell);
        }
        Ok(written)
    }

    /// Writes the target that a document says must stand. False: as with [`Self::record`].
    async fn order(&mut self, ramp: &Ramp, over: &Found<Target>) -> Result<bool, FleetError> {
        let Some(target) = ramp.target() else {
            return Ok(false);
        };
        // A plan that ended before everyone ordered nothing anew.
        let stands = over.value.as_ref() == Some(&target);
        if stands || !self.lease.is_held() {
            return Ok(false);
        }
        let (subject, scope) = (ramp.subject, &ramp.scope);
        let written = self
            .book
            .write_target(subject, scope, &target, over.revision)
            .await?;
        Ok(written.is_some())
    }

    /// Writes a document again that went with the broker's disk.
    async fn restore(
        &mut self,
        key: &str,
        revision: u64,
        lost: Option<Remembered>,
        tell: Tell<'_>,
    ) -> Result<(), FleetError> {
        let Some(lost) = lost else {
            self.forget(key);
            return Ok(());
        };
        if self.record(key, &lost.ramp, revision, tell).await? {
            let what = format!("the ramp of {} on {}", lost.ramp.version, lost.ramp.scope);
            tell(Told::Restored { what });
        }
        Ok(())
    }

    /// Keeps a document in mind, and tells what is new in it.
    fn remember(&mut self, key: &str, ramp: &Ramp, ours: bool, seen: bool, tell: Tell<'_>) {
        let told = self.told.entry(ramp.id.clone()).or_insert_with(|| {
            // Of one that was over before anybody looked here, nothing is news.
            if ramp.is_open() || seen {
                0
            } else {
                ramp.evidence.len()
            }
        });
        for evidence in ramp.evidence.iter().skip(*told) {
            self.waits.remove(&ramp.id);
            tell(Told::Record {
                ramp: Box::new(ramp.clone()),
                evidence: Box::new(evidence.clone()),
            });
        }
        *told = ramp.evidence.len();
        let ramp = ramp.clone();
        let stands = false;
        let known = Remembered { ramp, ours, stands };
        self.memory.insert(key.to_owned(), known);
    }

    fn stands(&mut self, key: &str, ours: bool) {
        if let Some(known) = self.memory.get_mut(key) {
            known.ours = ours;
            known.stands = ours;
        }
    }

    fn forget(&mut self, key: &str) {
        self.memory.remove(key);
        self.counts.remove(key);
    }
}

/// Whether two reasons to wait are told as one: numbers that grow are no news.
fn is_alike(one: &Wait, other: &Wait) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

fn who(by: &str) -> &str {
    if by.is_empty() { "somebody" } else { by }
}

/// How long to wait before the next attempt: doubled each time up to `most`, and a half of it drawn anew,
/// as many lose their broker at the same moment.
fn pause(attempt: u32, most: Duration) -> Duration {
    let doubled = Duration::from_millis(250).saturating_mul(1 << attempt.min(10));
    let most = doubled.min(most);
    let random = uuid::Uuid::new_v4().as_u128() % 1_000;
    most / 2 + most.mul_f64(f64::from(u16::try_from(random).unwrap_or(0)) / 2_000.0)
}
