//! What becomes of a ramp, and which target must stand for it.

use jiff::Timestamp;

use super::{Counts, Evidence, Origin, Ramp, RampPlan, RampState, SCHEMA, Standing, What};
use crate::fleet::{RampPart, Scope, Subject, Target};
use crate::{Share, Version};

/// The most entries of evidence. Beyond them the oldest pauses make room; steps are always kept.
const MOST_EVIDENCE: usize = 400;

/// What somebody wants ramped up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The ramp's own id.
    pub id: String,
    /// Of what.
    pub subject: Subject,
    /// On which part of the fleet.
    pub scope: Scope,
    /// The version.
    pub version: Version,
    /// What all others have.
    pub baseline: Version,
    /// The steps.
    pub plan: RampPlan,
    /// By how much a rate may be above the baseline's.
    pub halt_above: Share,
    /// How many devices must have tried the version before a rate counts.
    pub min_devices: u32,
    /// The window over which devices of a step spread themselves, in seconds.
    pub jitter: u32,
    /// Who wants it.
    pub by: String,
}

/// Why a ramp cannot be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// It is over.
    #[error("it is {} already", .0.as_str())]
    Over(RampState),
    /// Nothing would change.
    #[error("it is {} already", .0.as_str())]
    Already(RampState),
}

/// How the target on the broker stands to the ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// It is the one that must stand.
    Yes,
    /// It is missing, or an earlier one of the ramp, or what the ramp was begun over: whoever was to write
    /// it did not come to it.
    Write,
    /// Somebody ordered something else.
    Other,
    /// It is older than what the ramp was begun over, which cannot be: who answered is behind.
    Behind,
}

impl Ramp {
    /// Begins one over the target of generation `over`, at the broker's time `now`.
    pub fn begin(wish: Wish, over: Option<u64>, reports: Origin, now: Timestamp) -> Self {
        let mut ramp = Self {
            schema: SCHEMA,
            id: wish.id,
            subject: wish.subject,
            scope: wish.scope,
            version: wish.version,
            baseline: wish.baseline,
            plan: wish.plan,
            halt_above: wish.halt_above,
            min_devices: wish.min_devices,
            jitter: wish.jitter,
            state: Standing {
                is: RampState::Running,
                since: now,
                why: String::new(),
            },
            step: 0,
            step_since: now,
            paused_millis: 0,
            generation: Target::next_generation(over, now),
            over,
            begun_over: over,
            ordered_at: now,
            by: wish.by,
            at: now,
            reports,
            evidence: Vec::new(),
        };
        ramp.note(What::Entered, String::new(), None, now);
        ramp
    }

    /// The target that must stand for the scope; none where the ramp has no say any more.
    pub fn target(&self) -> Option<Target> {
        let part = || RampPart {
            id: self.id.clone(),
            share: self.share(),
            otherwise: Some(self.baseline.clone()),
        };
        // A plan that ends before everyone leaves the others where they are.
        let (version, jitter, ramp) = match self.state.is {
            RampState::Cancelled => return None,
            // Going back is not spread: who was reached may be unwell.
            RampState::Halted => (&self.baseline, 0, None),
            RampState::Completed if self.share() == Share::ALL => {
                (&self.version, self.jitter, None)
            }
            RampState::Running | RampState::Paused | RampState::Completed => {
                (&self.version, self.jitter, Some(part()))
            }
        };
        Some(Target {
            version: Some(version.clone()),
            generation: self.generation,
            jitter,
            at: self.ordered_at,
            by: self.by.clone(),
            ramp,
        })
    }

    /// How `found`, the target that stands, goes with the ramp. What is neither the ramp's own nor what its
    /// own was made over was ordered by somebody else.
    pub fn stands(&self, found: Option<&Target>) -> Stands {
        let Some(wanted) = self.target() else {
            return Stands::Other;
        };
        match found {
            None => Stands::Write,
            Some(found)
                if found.generation == wanted.generation
                    && found.version == wanted.version
                    && found.ramp == wanted.ramp =>
            {
                Stands::Yes
            }
            // More than one document may have come without its target: a step's, and a halt's over it.
            Some(found) if self.is_own(found) && found.generation < wanted.generation => {
                Stands::Write
            }
            Some(found) if [self.over, self.begun_over].contains(&Some(found.generation)) => {
                Stands::Write
            }
            // Every order has a newer generation than the one that it was made over.
            Some(found) if self.begun_over.is_some_and(|it| found.generation < it) => {
                Stands::Behind
            }
            Some(_) => Stands::Other,
        }
    }

    /// Whether a target was made by this ramp, at whichever step.
    fn is_own(&self, target: &Target) -> bool {
        target.ramp.as_ref().is_some_and(|part| part.id == self.id)
    }

    /// The next step of the plan has begun, or the ramp is complete.
    pub(super) fn go_on(&self, counts: Counts, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.note(What::Passed, String::new(), Some(counts), now);
        if self.step >= self.plan.last() {
            if self.share() == Share::ALL {
                next.order_anew(now);
            }
            next.stand(RampState::Completed, String::new(), now);
            next.note(What::Completed, String::new(), Some(counts), now);
        } else {
            next.step += 1;
            next.step_since = now;
            next.paused_millis = 0;
            next.order_anew(now);
            // What was counted is the step's before; in this one nobody has counted.
            next.note(What::Entered, String::new(), None, now);
        }
        next
    }

    /// The ramp halted: who was reached goes back to the baseline.
    ///
    /// # Errors
    /// It is over already.
    pub fn halt(
        &self,
        why: &str,
        counts: Option<Counts>,
        now: Timestamp,
    ) -> Result<Self, ChangeError> {
        let mut next = self.open()?;
        next.order_anew(now);
        next.stand(RampState::Halted, why.to_owned(), now);
        next.note(What::Halted, why.to_owned(), counts, now);
        Ok(next)
    }

    /// The ramp stays where it is; the time of its step stops.
    ///
    /// # Errors
    /// It is over, or paused already.
    pub fn pause(
        &self,
        why: &str,
        counts: Option<Counts>,
        now: Timestamp,
    ) -> Result<Self, ChangeError> {
        let mut next = self.open()?;
        if self.state.is == RampState::Paused {
            return Err(ChangeError::Already(self.state.is));
        }
        next.stand(RampState::Paused, why.to_owned(), now);
        next.note(What::Paused, why.to_owned(), counts, now);
        Ok(next)
    }

    /// The ramp goes on, with what was left of its step's time.
    ///
    /// # Errors
    /// It is over, or runs already.
    pub fn resume(
        &self,
        why: &str,
        counts: Option<Counts>,
        now: Timestamp,
    ) -> Result<Self, ChangeError> {
        let mut next = self.open()?;
        if self.state.is == RampState::Running {
            return Err(ChangeError::Already(self.state.is));
        }
        let paused = now.duration_since(self.state.since).as_millis();
        let paused = u64::try_from(paused).unwrap_or(0);
        next.paused_millis = next.paused_millis.saturating_add(paused);
        next.stand(RampState::Running, why.to_owned(), now);
        next.note(What::Resumed, why.to_owned(), counts, now);
        Ok(next)
    }

    /// Somebody else ordered something else: the ramp has no say any more.
    ///
    /// # Errors
    /// It is over already.
    pub fn cancel(
        &self,
        why: &str,
        counts: Option<Counts>,
        now: Timestamp,
    ) -> Result<Self, ChangeError> {
        let mut next = self.open()?;
        next.stand(RampState::Cancelled, why.to_owned(), now);
        next.note(What::Cancelled, why.to_owned(), counts, now);
        Ok(next)
    }

    fn open(&self) -> Result<Self, ChangeError> {
        if self.is_open() {
            Ok(self.clone())
        } else {
            Err(ChangeError::Over(self.state.is))
        }
    }

    fn order_anew(&mut self, now: Timestamp) {
        self.over = Some(self.generation);
        self.generation = Target::next_generation(self.over, now);
        self.ordered_at = now;
    }

    fn stand(&mut self, is: RampState, why: String, now: Timestamp) {
        self.state = Standing {
            is,
            since: now,
            why,
        };
    }

    fn note(&mut self, what: What, why: String, counts: Option<Counts>, now: Timestamp) {
        if self.evidence.len() >= MOST_EVIDENCE {
            let person = |it: &Evidence| matches!(it.what, What::Paused | What::Resumed);
            if let Some(oldest) = self.evidence.iter().position(person) {
                self.evidence.remove(oldest);
            }
        }
        self.evidence.push(Evidence {
            at: now,
            what,
            step: self.step,
            share: self.share(),
            generation: self.generation,
            why,
            counts,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, ramp};
    use super::*;

    #[test]
    fn the_target_that_must_stand_follows_from_the_document() {
        let first = ramp("5%:30m,100%");
        let target = first.target().unwrap();
        assert_eq!(target.generation, first.generation);
        assert_eq!(target.version, Some(first.version.clone()));
        let part = target.ramp.clone().unwrap();
        assert_eq!(
            (part.share.hundredths(), part.otherwise),
            (500, Some(first.baseline.clone()))
        );

        let second = first.go_on(Counts::default(), at(1_800));
        assert!(second.generation > first.generation);
        assert_eq!(second.target().unwrap().ramp.unwrap().share, Share::ALL);
        // Whoever wrote the document may have died before the target.
        assert_eq!(second.stands(Some(&target)), Stands::Write);
        assert_eq!(second.stands(None), Stands::Write);
        assert_eq!(second.stands(second.target().as_ref()), Stands::Yes);
        assert_eq!(first.stands(second.target().as_ref()), Stands::Other);

        let done = second.go_on(Counts::default(), at(1_801));
        assert_eq!(done.state.is, RampState::Completed);
        let target = done.target().unwrap();
        assert_eq!(
            (target.version, target.ramp),
            (Some(done.version.clone()), None)
        );
        let halted = second.halt("worse", None, at(1_801)).unwrap();
        let target = halted.target().unwrap();
        assert_eq!(
            (target.version, target.ramp),
            (Some(halted.baseline.clone()), None)
        );
        assert!(target.generation > second.generation);
        let cancelled = second.cancel("other", None, at(1_801)).unwrap();
        assert_eq!(cancelled.target(), None);
    }

    #[test]
    fn a_plan_that_ends_before_everyone_leaves_the_others_where_they_are() {
        let done = ramp("5%").go_on(Counts::default(), at(1));
        assert_eq!(done.state.is, RampState::Completed);
        assert_eq!(done.target().unwrap().ramp.unwrap().share.hundredths(), 500);
    }

    #[test]
    fn an_order_of_somebody_else_is_told_from_the_ramps_own() {
        let ramp = ramp("5%:30m,100%");
        let mut other = ramp.target().unwrap();
        other.generation += 1;
        assert_eq!(ramp.stands(Some(&other)), Stands::Other);
        other.generation = ramp.generation;
        other.ramp = None;
        assert_eq!(ramp.stands(Some(&other)), Stands::Other);
        other.generation = ramp.over.unwrap();
        assert_eq!(ramp.stands(Some(&other)), Stands::Write);
        other.generation -= 1;
        assert_eq!(ramp.stands(Some(&other)), Stands::Behind);
    }

    #[test]
    fn whatever_of_its_own_really_stands_is_written_over() {
        let first = ramp("5%:30m,25%:1h,100%");
        let stands = first.target().unwrap();
        let mut before = stands.clone();
        (before.generation, before.ramp) = (first.over.unwrap(), None);
        // The step's document came without its target, and a halt's over it.
        let second = first.go_on(Counts::default(), at(1_800));
        let third = second.go_on(Counts::default(), at(5_400));
        for ramp in [&second, &third] {
            let halted = ramp.halt("worse", None, at(5_401)).unwrap();
            assert_eq!(halted.stands(Some(&stands)), Stands::Write);
            // Not even the first one came.
            assert_eq!(halted.stands(Some(&before)), Stands::Write);
            assert_eq!(halted.stands(halted.target().as_ref()), Stands::Yes);
            let mut other = stands.clone();
            other.ramp.as_mut().unwrap().id = "r-2".to_owned();
            assert_eq!(halted.stands(Some(&other)), Stands::Other);
            other = before.clone();
            other.generation -= 1;
            assert_eq!(halted.stands(Some(&other)), Stands::Behind);
            // Who comes late with a step finds what is newer.
            assert_eq!(ramp.stands(halted.target().as_ref()), Stands::Other);
        }
        assert_eq!(second.stands(third.target().as_ref()), Stands::Other);
    }

    #[test]
    fn a_pause_stops_the_steps_time_and_nothing_that_is_over_changes() {
        let running = ramp("5%:30m,100%");
        let paused = running.pause("lunch", None, at(600)).unwrap();
        assert_eq!(paused.target(), running.target());
        assert_eq!(
            paused.pause("", None, at(601)),
            Err(ChangeError::Already(RampState::Paused))
        );
        let resumed = paused.resume("", None, at(4_200)).unwrap();
        assert_eq!(resumed.due_at(), at(1_800 + 3_600));
        assert_eq!(
            resumed.resume("", None, at(4_201)),
            Err(ChangeError::Already(RampState::Running))
        );
        // A clock that went back makes no step longer.
        let back = paused.resume("", None, at(0)).unwrap();
        assert_eq!(back.due_at(), at(1_800));
        let halted = resumed.halt("by hand", None, at(5_000)).unwrap();
        let over = Err(ChangeError::Over(RampState::Halted));
        assert_eq!(halted.pause("", None, at(5_001)), over);
        assert_eq!(halted.resume("", None, at(5_001)), over);
        assert_eq!(halted.halt("", None, at(5_001)), over);
        assert_eq!(halted.cancel("", None, at(5_001)), over);
        let told: Vec<_> = halted.evidence.iter().map(|it| it.what).collect();
        assert_eq!(
            told,
            [What::Entered, What::Paused, What::Resumed, What::Halted]
        );
    }

    #[test]
    fn evidence_of_steps_is_kept_however_often_somebody_pauses() {
        let mut ramp = ramp("5%:30m,100%");
        for n in 0..1_000 {
            ramp = ramp.pause("", None, at(2 * n)).unwrap();
            ramp = ramp.resume("", None, at(2 * n + 1)).unwrap();
        }
        assert_eq!(ramp.evidence.len(), MOST_EVIDENCE);
        assert_eq!(ramp.evidence[0].what, What::Entered);
        assert_eq!(ramp.evidence[0].counts, None, "nobody has counted by then");
        assert_eq!(ramp.evidence.last().unwrap().at, at(1_999));
    }
}
