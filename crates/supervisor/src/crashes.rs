//! Crashes that no store counts. Those of a soak that it could not write down: on a full disk, too,
//! three of them end the launch on its fallback. And those of an instance that follows another
//! workspace. Pure: the store's answers, and the time, come in.

use std::time::Duration;

use rollout::{Integrity, Version};
use runtime_store::{AfterCrash, Choice, VersionId};
use tokio::time::Instant;

use crate::actor::id_of;

/// So many crashes within a soak are a loop.
pub(crate) const CRASHES_OF_A_LOOP: u32 = 3;

#[derive(Debug, Default)]
pub(crate) struct Unwritten(Vec<(VersionId, u32)>);

impl Unwritten {
    /// What follows a crash of `choice`; `answer` is none where the store could not write it down.
    pub(crate) fn after_crash(
        &mut self,
        choice: &Choice,
        answer: Option<AfterCrash>,
    ) -> AfterCrash {
        let (Some(id), Some(trial)) = (id_of(choice), &choice.trial) else {
            return AfterCrash::Restart { crashes: 0 };
        };
        let written = match answer {
            Some(AfterCrash::Loop) => return AfterCrash::Loop,
            Some(AfterCrash::Restart { crashes: 0 }) => {
                // Not on trial any more.
                self.forget(&id.version, &id.integrity);
                return AfterCrash::Restart { crashes: 0 };
            }
            Some(AfterCrash::Restart { crashes }) => crashes,
            None => {
                self.add(&id);
                trial.crashes
            }
        };
        let crashes = written.saturating_add(self.of(&id));
        if crashes >= CRASHES_OF_A_LOOP {
            AfterCrash::Loop
        } else {
            AfterCrash::Restart { crashes }
        }
    }

    /// Its soak is over.
    pub(crate) fn forget(&mut self, version: &Version, integrity: &Integrity) {
        self.0
            .retain(|(id, _)| id.version != *version || id.integrity != *integrity);
    }

    fn add(&mut self, id: &VersionId) {
        match self.0.iter_mut().find(|(known, _)| known == id) {
            Some((_, crashes)) => *crashes = crashes.saturating_add(1),
            None => self.0.push((id.clone(), 1)),
        }
    }

    fn of(&self, id: &VersionId) -> u32 {
        let known = self.0.iter().find(|(known, _)| known == id);
        known.map_or(0, |(_, crashes)| *crashes)
    }
}

/// When an instance that follows has crashed, since somebody last asked for it.
#[derive(Debug, Default)]
pub(crate) struct Deaths(Vec<Instant>);

impl Deaths {
    /// What follows one more: three within the time of a soak, and it is dead.
    pub(crate) fn one_more(&mut self, now: Instant, soak: Duration) -> AfterCrash {
        self.0
            .retain(|then| now.saturating_duration_since(*then) <= soak);
        self.0.push(now);
        let crashes = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        if crashes >= CRASHES_OF_A_LOOP {
            AfterCrash::Loop
        } else {
            AfterCrash::Restart { crashes }
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime_store::{Source, Trial};

    use super::*;

    const fn restart(crashes: u32) -> AfterCrash {
        AfterCrash::Restart { crashes }
    }

    /// A soaking version whose pointer knew of so many crashes when it was launched.
    fn soaking(version: &str, crashes: u32) -> Choice {
        let trial = serde_json::json!({
            "attemptsLeft": 1, "readyAt": "2026-01-01T00:00:00Z", "crashes": crashes,
        });
        Choice {
            version: version.parse().expect("version"),
            integrity: Some(integrity()),
            source: Source::Pointer,
            dir: "/v".into(),
            entry: "/v/cli.js".into(),
            trial: Some(serde_json::from_value::<Trial>(trial).expect("trial")),
            passed_over: Vec::new(),
        }
    }

    fn integrity() -> Integrity {
        let text = format!("sha512-{}A==", "a".repeat(85));
        text.parse().expect("integrity")
    }

    #[test]
    fn the_third_crash_is_a_loop_whether_it_could_be_written_or_not() {
        let mut unwritten = Unwritten::default();
        let choice = soaking("1.1.0", 0);
        assert_eq!(unwritten.after_crash(&choice, None), restart(1));
        assert_eq!(unwritten.after_crash(&choice, None), restart(2));
        assert_eq!(unwritten.after_crash(&choice, None), AfterCrash::Loop);
        let mut unwritten = Unwritten::default();
        assert_eq!(unwritten.after_crash(&choice, Some(restart(1))), restart(1));
        let choice = soaking("1.1.0", 1);
        assert_eq!(unwritten.after_crash(&choice, None), restart(2));
        let third = unwritten.after_crash(&choice, Some(restart(2)));
        assert_eq!(third, AfterCrash::Loop);
    }

    #[test]
    fn crashes_of_another_version_count_for_that_one() {
        let mut unwritten = Unwritten::default();
        unwritten.after_crash(&soaking("1.1.0", 0), None);
        unwritten.after_crash(&soaking("1.1.0", 0), None);
        let other = unwritten.after_crash(&soaking("1.2.0", 0), None);
        assert_eq!(other, restart(1));
    }

    #[test]
    fn what_is_not_on_trial_any_more_or_was_condemned_starts_afresh() {
        let choice = soaking("1.1.0", 0);
        let mut unwritten = Unwritten::default();
        unwritten.after_crash(&choice, None);
        assert_eq!(unwritten.after_crash(&choice, Some(restart(0))), restart(0));
        assert_eq!(unwritten.after_crash(&choice, None), restart(1));
        unwritten.forget(&choice.version, &integrity());
        assert_eq!(unwritten.after_crash(&choice, None), restart(1));
    }

    #[test]
    fn an_instance_that_follows_is_dead_after_three_crashes_within_a_soak() {
        let (start, soak) = (Instant::now(), Duration::from_mins(10));
        let at = |minutes| start + Duration::from_mins(minutes);
        let mut deaths = Deaths::default();
        assert_eq!(deaths.one_more(at(0), soak), restart(1));
        assert_eq!(deaths.one_more(at(6), soak), restart(2));
        assert_eq!(
            deaths.one_more(at(11), soak),
            restart(2),
            "the first is past"
        );
        assert_eq!(deaths.one_more(at(16), soak), AfterCrash::Loop);
    }

    #[test]
    fn a_confirmed_version_never_loops() {
        let mut unwritten = Unwritten::default();
        let mut choice = soaking("1.1.0", 0);
        choice.trial = None;
        for _ in 0..4 {
            assert_eq!(unwritten.after_crash(&choice, None), restart(0));
        }
    }
}
