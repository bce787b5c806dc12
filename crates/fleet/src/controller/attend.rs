//! Looks after one scope's ramp: reads it and its target, lets the pure part decide, and writes.

use rollout::fleet::Target;
use rollout::fleet::ramp::{Next, Ramp, Stands, Wait};

use super::book::Found;
use super::counting::Count;
use super::{Controller, Remembered, Tell, Told, who};
use crate::FleetError;

impl Controller {
    /// Looks after one scope's ramp.
    pub(super) async fn attend(&mut self, key: &str, tell: Tell<'_>) -> Result<(), FleetError> {
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
            if self.behind.insert(ramp.id.clone()) {
                tell(Told::Counts {
                    ramp: ramp.id.clone(),
                });
            }
            return Ok(());
        };
        self.behind.remove(&ramp.id);
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
