//! Who does what next, so that every workspace ends up on what the first one runs: plain functions
//! over plain data.

use rollout::{Integrity, Version};
use runtime_store::VersionId;

/// What runs in the leader, and so is to run everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) version: Version,
    /// None for the bundled version.
    pub(crate) integrity: Option<Integrity>,
}

impl Target {
    pub(crate) fn of(running: &supervisor::Running) -> Self {
        Self {
            version: running.version.clone(),
            integrity: running.integrity.clone(),
        }
    }

    /// How the store knows it; none for the bundled version.
    pub(crate) fn id(&self) -> Option<VersionId> {
        Some(VersionId {
            version: self.version.clone(),
            integrity: self.integrity.clone()?,
        })
    }
}

/// What is known of one workspace, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) life: Life,
    /// What it was last told to run, whatever came of it.
    pub(crate) told: Option<Target>,
    /// It chooses for itself: what it runs is on trial in it, and falls back there.
    pub(crate) leads: bool,
    /// What it runs is on trial in it.
    pub(crate) on_trial: bool,
    /// It has chosen for itself since the leader died, and died of it.
    pub(crate) led: bool,
}

/// As far as the others are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Life {
    /// Never started.
    Unborn,
    /// On its way up, down, or up again.
    Moving,
    Live(Target),
    Dead,
}

/// What is to be done next, by position in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// This one is to run exactly that.
    Follow(usize, Target),
    /// The leader is dead and nothing runs anywhere: this one chooses for itself, with the usual
    /// fallback.
    Lead(usize),
}

/// Who leads: the first that chooses for itself and is not dead; where none does, the first that is
/// not dead. One that came back to life after another took its place follows that one. A leader that
/// is on its way somewhere is waited for.
pub(crate) fn leader(all: &[Known]) -> Option<usize> {
    let born = |known: &Known| matches!(known.life, Life::Live(_) | Life::Moving);
    let chooses = |known: &Known| known.leads && born(known);
    all.iter()
        .position(chooses)
        .or_else(|| all.iter().position(born))
}

/// Whether the first one, which came back to life as a follower, is to lead again: once nothing is on
/// trial any more in whoever took its place, or nobody leads.
pub(crate) fn is_restored(all: &[Known]) -> bool {
    let Some((first, others)) = all.split_first() else {
        return false;
    };
    let born = |known: &Known| matches!(known.life, Life::Live(_) | Life::Moving);
    matches!(first.life, Life::Live(_))
        && !first.leads
        && others
            .iter()
            .filter(|it| it.leads && born(it))
            .all(|it| it.life == first.life && !it.on_trial)
}

/// Those that chose for themselves while the leader could not, and run what it runs: a trial is one
/// workspace's, so they resign.
pub(crate) fn resigning(all: &[Known]) -> Vec<usize> {
    let Some(leader) = leader(all).filter(|at| matches!(all[*at].life, Life::Live(_))) else {
        return Vec::new();
    };
    let done = |at: usize| at != leader && all[at].leads && all[at].life == all[leader].life;
    (0..all.len()).filter(|at| done(*at)).collect()
}

/// The next step; none when all is as it should be, or the leader is to be waited for.
pub(crate) fn next(all: &[Known]) -> Option<Step> {
    match leader(all).map(|at| (at, &all[at].life)) {
        Some((at, Life::Live(target))) => all.iter().enumerate().find_map(|(other, known)| {
            let behind = other != at && known.told.as_ref() != Some(target);
            behind.then(|| Step::Follow(other, target.clone()))
        }),
        Some(_) => None,
        // All are dead, or were never started.
        None => all.iter().enumerate().skip(1).find_map(|(at, known)| {
            let may = all[0].life == Life::Dead && !known.led;
            may.then_some(Step::Lead(at))
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target(n: u8) -> Target {
        Target {
            version: format!("1.{n}.0").parse().unwrap(),
            integrity: (n > 0).then(|| Integrity::from_digest([n; 64])),
        }
    }

    fn known(life: Life, told: Option<u8>) -> Known {
        Known {
            life,
            told: told.map(target),
            leads: false,
            on_trial: false,
            led: false,
        }
    }

    fn live(n: u8) -> Life {
        Life::Live(target(n))
    }

    #[test]
    fn nobody_starts_before_the_first_is_ready() {
        let all = [known(Life::Moving, None), known(Life::Unborn, None)];
        assert_eq!(next(&all), None);
    }

    #[test]
    fn each_gets_what_the_first_runs_one_after_another() {
        let mut all = vec![
            known(live(1), None),
            known(Life::Unborn, None),
            known(live(0), Some(0)),
            known(Life::Dead, Some(0)),
        ];
        for at in 1..all.len() {
            assert_eq!(next(&all), Some(Step::Follow(at, target(1))));
            all[at] = known(live(1), Some(1));
        }
        assert_eq!(next(&all), None);
    }

    #[test]
    fn one_that_died_of_a_version_is_told_of_the_next_one_only() {
        let mut all = vec![known(live(1), None), known(Life::Dead, Some(1))];
        assert_eq!(next(&all), None);
        all[0].life = live(2);
        assert_eq!(next(&all), Some(Step::Follow(1, target(2))));
    }

    #[test]
    fn where_the_first_is_dead_the_next_live_one_leads() {
        let mut all = vec![
            known(Life::Dead, Some(1)),
            known(live(1), Some(1)),
            known(live(1), Some(1)),
        ];
        assert_eq!((leader(&all), next(&all)), (Some(1), None));
        all[1].life = live(2);
        assert_eq!(next(&all), Some(Step::Follow(0, target(2))));
    }

    #[test]
    fn where_the_first_could_not_start_the_next_choose_for_themselves_once() {
        let mut all = vec![
            known(Life::Dead, None),
            known(Life::Unborn, None),
            known(Life::Unborn, None),
        ];
        assert_eq!(next(&all), Some(Step::Lead(1)));
        all[1] = Known {
            led: true,
            ..known(Life::Dead, None)
        };
        assert_eq!(next(&all), Some(Step::Lead(2)));
        all[2] = all[1].clone();
        assert_eq!(next(&all), None);
    }

    #[test]
    fn who_took_the_first_ones_place_leads_until_that_one_chooses_again() {
        let mut all = vec![known(live(1), Some(1)), known(live(1), Some(1))];
        all[1].leads = true;
        assert_eq!((leader(&all), resigning(&all)), (Some(1), vec![]));
        // It falls back there: the first one follows.
        all[1] = Known {
            leads: true,
            ..known(live(0), Some(0))
        };
        assert_eq!(next(&all), Some(Step::Follow(0, target(0))));
        // The first one chooses: nobody else condemns what it runs.
        for (life, left) in [(live(1), vec![]), (live(0), vec![1])] {
            all[0] = Known {
                leads: true,
                ..known(life, Some(1))
            };
            assert_eq!((leader(&all), resigning(&all)), (Some(0), left));
        }
        all[0].life = Life::Moving;
        assert_eq!((leader(&all), resigning(&all)), (Some(0), vec![]));
    }

    #[test]
    fn the_first_one_leads_again_where_no_trial_is_cut_short() {
        let other = |life: Life, on_trial| Known {
            leads: true,
            on_trial,
            ..known(life, Some(1))
        };
        let first = known(live(1), Some(1));
        for (others, restored) in [
            (vec![], true),
            (vec![known(live(1), Some(1))], true),
            (vec![other(live(1), false)], true),
            (vec![other(live(1), true)], false),
            (vec![other(live(2), false)], false),
            (vec![other(Life::Moving, false)], false),
            (vec![other(Life::Dead, false)], true),
        ] {
            let all = [vec![first.clone()], others].concat();
            assert_eq!(is_restored(&all), restored, "{all:?}");
        }
        let dead = [known(Life::Dead, Some(1)), other(live(1), false)];
        assert!(!is_restored(&dead));
    }

    fn lives() -> impl Strategy<Value = Life> {
        prop_oneof![
            Just(Life::Unborn),
            Just(Life::Moving),
            (0_u8..4).prop_map(live),
            Just(Life::Dead),
        ]
    }

    prop_compose! {
        fn knowns()(
            life in lives(), told in proptest::option::of(0_u8..4), leads: bool, on_trial: bool, led: bool,
        ) -> Known {
            Known { life, told: told.map(target), leads, on_trial, led }
        }
    }

    proptest! {
        /// Whatever each step comes to, there are not more steps than workspaces, and in the end
        /// everybody who lives was told to run what the leader runs.
        #[test]
        fn it_comes_to_an_end(mut all in proptest::collection::vec(knowns(), 1..8), dies: Vec<bool>) {
            let mut dies = dies.into_iter().chain(std::iter::repeat(false));
            let mut steps = 0;
            while let Some(step) = next(&all) {
                steps += 1;
                prop_assert!(steps <= 2 * all.len(), "it goes on and on");
                let died = dies.next() == Some(true);
                match step {
                    Step::Follow(at, target) => {
                        prop_assert_ne!(Some(at), leader(&all), "the leader follows itself");
                        let life = if died { Life::Dead } else { Life::Live(target.clone()) };
                        let led = all[at].led;
                        all[at] = Known { life, told: Some(target), leads: false, on_trial: false, led };
                    }
                    Step::Lead(at) => {
                        (all[at].led, all[at].leads) = (true, true);
                        all[at].life = if died { Life::Dead } else { live(3) };
                    }
                }
            }
            if let Some(Life::Live(target)) = leader(&all).map(|at| all[at].life.clone()) {
                let leads = leader(&all);
                for (at, known) in all.iter().enumerate() {
                    prop_assert!(Some(at) == leads || known.told.as_ref() == Some(&target));
                }
            }
        }
    }
}
