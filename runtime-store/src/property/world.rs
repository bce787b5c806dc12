//! A store, what runs and what is rehearsed there, and everything that can happen to them.

use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use rollout::contract;
use serde_json::json;

use super::acts::{follow, launch, needs, place, rehearse, stage};
use crate::testing::{Bench, failure, now, v};
use crate::transition;
use crate::{AfterCrash, How, Launch, Placed, RollBack, Soak, Source};

pub(super) const VERSIONS: [&str; 5] = ["1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"];
const SOAK: Duration = Duration::from_mins(10);

#[derive(Debug, Clone)]
pub(super) enum Step {
    Stage(usize),
    /// A launch whose choices end like this, in order; what is left over becomes ready.
    Launch(Vec<How>),
    /// The shell dies before there is a verdict.
    KilledLaunch,
    /// The shell quits before there is a verdict.
    QuitLaunch,
    /// Every choice fails, bundled too.
    HopelessLaunch,
    Crash,
    Soak(u64),
    Close,
    /// An installer brings a newer bundled runtime.
    Upgrade(usize),
    RollBack(bool),
    RollBackTo(usize),
    Forgive(usize),
    LoseEntry(usize),
    GarblePointer,
    GarbleBadList,
    Gc,
    /// The publisher says something else: a recall of each version whose bit is set, and a newest
    /// version whose turn comes in an hour.
    Hear(u8, usize),
    /// As `Stage`, by a timer.
    StageGated(usize),
    /// The configuration names a trust root, or no longer.
    Trust(bool),
    /// A signed repository turns out to vouch for what waits.
    VouchFor,
    /// A version is placed and its rehearsal begun; what was placed before is let go.
    Place(usize),
    /// The rehearsal ends.
    Rehearse(End),
    /// Another workspace follows, wherever it is told to.
    Follow(usize),
    /// Another release of the shell offers this contract.
    Offer(u32),
}

/// How a rehearsal ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Passes,
    IsSkipped,
    Fails,
    Condemns,
    IsLost,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let version = 0..VERSIONS.len();
    let how = prop_oneof![
        3 => Just(How::Exited),
        2 => Just(How::TimedOut),
        1 => Just(How::Killed),
        1 => Just(How::Environment),
    ];
    prop_oneof![
        6 => version.clone().prop_map(Step::Stage),
        6 => prop::collection::vec(how, 0..3).prop_map(Step::Launch),
        2 => Just(Step::KilledLaunch),
        1 => Just(Step::QuitLaunch),
        1 => Just(Step::HopelessLaunch),
        3 => Just(Step::Crash),
        3 => (1_u64..12).prop_map(Step::Soak),
        3 => Just(Step::Close),
        1 => version.clone().prop_map(Step::Upgrade),
        1 => any::<bool>().prop_map(Step::RollBack),
        1 => version.clone().prop_map(Step::RollBackTo),
        1 => version.clone().prop_map(Step::Forgive),
        1 => version.clone().prop_map(Step::LoseEntry),
        2 => (any::<u8>(), version.clone()).prop_map(|(recalled, newest)| Step::Hear(recalled, newest)),
        2 => version.clone().prop_map(Step::StageGated),
        3 => version.clone().prop_map(Step::Place),
        3 => end().prop_map(Step::Rehearse),
        2 => version.prop_map(Step::Follow),
        1 => (1_u32..3).prop_map(Step::Offer),
        2 => any::<bool>().prop_map(Step::Trust),
        2 => Just(Step::VouchFor),
        1 => Just(Step::GarblePointer),
        1 => Just(Step::GarbleBadList),
        2 => Just(Step::Gc),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Passes),
        1 => Just(End::IsSkipped),
        2 => Just(End::Fails),
        2 => Just(End::Condemns),
        1 => Just(End::IsLost),
    ]
}

pub(super) struct World {
    pub(super) bench: Bench,
    /// What is rehearsed now.
    pub(super) placed: Option<Placed>,
    /// What runs now, ready, oldest first; each in a shell of its own.
    pub(super) running: Vec<Launch>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            bench: Bench::new(),
            placed: None,
            running: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, step: &Step) {
        let bench = &mut self.bench;
        match step {
            Step::Stage(index) => stage(bench, VERSIONS[*index]),
            Step::Launch(ends) => {
                let launch = launch(bench, ends);
                self.running.extend(launch);
            }
            Step::KilledLaunch => drop(bench.begin()),
            Step::QuitLaunch => {
                let launch = bench.begin();
                let taken: Vec<_> = launch.taken.iter().cloned().collect();
                bench.store.give_back(&taken).unwrap();
            }
            Step::HopelessLaunch => assert!(launch(bench, &[How::Exited; 9]).is_none()),
            Step::Crash => self.crash(),
            Step::Soak(minutes) => {
                if let Some(launch) = self.running.last() {
                    let ran = Duration::from_mins(*minutes);
                    let soaked = bench.store.soaked(launch, ran, SOAK, now()).unwrap();
                    assert!(launch.choice.trial.is_some() || soaked == Soak::NotOnTrial);
                }
            }
            Step::Close => drop(self.running.pop()),
            Step::Upgrade(index) => {
                let version = v(VERSIONS[*index]);
                if version.is_newer_than(&bench.shell.bundled.version) {
                    bench.shell.bundled.version = version;
                }
            }
            Step::RollBack(person) => {
                let order = if *person {
                    RollBack::Person
                } else {
                    RollBack::Fleet
                };
                bench.store.roll_back(&bench.shell, order, now()).unwrap();
            }
            Step::RollBackTo(index) => {
                let order = RollBack::PersonTo(v(VERSIONS[*index]));
                // Refusals are as good as any other answer here.
                let _ = bench.store.roll_back(&bench.shell, order, now());
            }
            Step::Forgive(index) => {
                bench.store.forgive(&v(VERSIONS[*index])).unwrap();
            }
            Step::LoseEntry(index) => {
                let version = v(VERSIONS[*index]);
                let rehearsed = self.placed.as_ref().map(Placed::version);
                if self.running.iter().all(|it| it.choice.version != version)
                    && rehearsed != Some(&version)
                {
                    let _ = std::fs::remove_file(bench.entry(VERSIONS[*index]));
                }
            }
            Step::GarblePointer => std::fs::write(bench.path("current.json"), "{").unwrap(),
            Step::GarbleBadList => std::fs::write(bench.path("bad-versions.json"), "").unwrap(),
            Step::Gc => drop(bench.store.gc().unwrap()),
            Step::Hear(recalled, newest) => hear(bench, *recalled, *newest),
            Step::Place(index) => {
                self.placed = None;
                self.placed = place(bench, VERSIONS[*index]);
            }
            Step::Rehearse(end) => {
                if let Some(placed) = self.placed.take() {
                    self.placed = rehearse(bench, placed, *end);
                }
            }
            Step::Follow(index) => {
                let launch = follow(bench, VERSIONS[*index]);
                self.running.extend(launch);
            }
            Step::Offer(contract) => bench.shell.offers.contract = *contract,
            Step::Trust(on) => bench.shell.signed_only = *on,
            Step::VouchFor => {
                if bench.store.snapshot().pointer.is_some() {
                    bench.amend(|pointer| *pointer = transition::vouched_for(pointer.clone()));
                }
            }
            Step::StageGated(index) => {
                let before = bench.store.snapshot().pointer;
                stage(bench, VERSIONS[*index]);
                if bench.store.snapshot().pointer != before {
                    gate(bench);
                }
            }
        }
    }

    fn crash(&mut self) {
        let Some(crashed) = self.running.pop() else {
            return;
        };
        let after = self.bench.store.crashed(&crashed, now()).unwrap();
        let mut failures = Vec::new();
        if after == AfterCrash::Loop {
            failures.push(failure(&crashed, How::CrashLoop));
        }
        drop(crashed);
        let next = self.bench.begin_after(&failures);
        self.bench.ready(&next, &failures).unwrap();
        self.running.push(next);
    }

    pub(super) fn holds(&self) -> Result<(), TestCaseError> {
        let Bench { store, shell, .. } = &self.bench;
        let choice = store.resolve(shell, now());
        prop_assert!(choice.entry.is_file(), "{choice:?} has nothing to run");
        prop_assert_eq!(
            choice.source == Source::Bundled,
            choice.version == shell.bundled.version
        );
        if let Some(integrity) = &choice.integrity {
            let stored = store.versions().unwrap();
            let record = stored.iter().find(|it| Some(it.id()) == choice.id());
            prop_assert!(
                record.is_some_and(|it| !it.awaits_rehearsal()),
                "not rehearsed: {choice:?}"
            );
            prop_assert_eq!(
                contract::gate(&needs(choice.version.as_str()), &shell.offers),
                Ok(())
            );
            prop_assert!(choice.version.is_newer_than(&shell.bundled.version));
            let bad = store.snapshot().bad;
            prop_assert!(
                !bad.iter()
                    .any(|bad| bad.is_about(&choice.version, integrity))
            );
        }
        let snapshot = store.snapshot_for(shell);
        if choice.source != Source::Bundled {
            prop_assert!(!snapshot.recalls(&choice.version), "{choice:?} is recalled");
        }
        if shell.signed_only && choice.source == Source::Pointer {
            let trial = choice.trial.as_ref();
            prop_assert!(
                trial.is_none_or(|it| it.signed || !it.is_undecided()),
                "nobody vouches for {choice:?}"
            );
        }
        if let Some(blocked) = snapshot.blocked(shell, now()) {
            prop_assert!(choice.source != Source::Pointer, "{blocked:?}: {choice:?}");
        }
        for launch in &self.running {
            prop_assert!(launch.choice.entry.is_file(), "removed while it runs");
        }
        if let Some(placed) = &self.placed {
            prop_assert!(
                placed.choice().entry.is_file(),
                "removed while it is rehearsed"
            );
        }
        Ok(())
    }
}

pub(super) fn hear(bench: &Bench, recalled: u8, newest: usize) {
    let recalled: Vec<_> = (0..VERSIONS.len())
        .filter(|bit| recalled & (1 << bit) != 0)
        .map(|index| VERSIONS[index])
        .collect();
    let manifest = json!({ "version": VERSIONS[newest], "recalled": recalled,
        "publishedAt": now() + SignedDuration::from_hours(1) });
    bench.hear(&manifest, &json!({ "signed": bench.shell.signed_only }));
}

pub(super) fn gate(bench: &Bench) {
    bench.amend(|pointer| {
        if let Some(trial) = &mut pointer.trial {
            trial.gated = true;
        }
    });
}

/// Everything that a launch could have changed, once what is of no use is gone.
pub(super) fn settled(
    world: &mut World,
) -> (Option<crate::Pointer>, Vec<(String, rollout::BadReason)>) {
    world.running.clear();
    world.placed = None;
    let bench = &world.bench;
    let launch = bench.begin();
    if launch.failures.is_empty() {
        let taken: Vec<_> = launch.taken.iter().cloned().collect();
        bench.store.give_back(&taken).unwrap();
    } else {
        bench.ready(&launch, &launch.failures).unwrap();
    }
    (bench.store.snapshot().pointer, bench.bad())
}

/// The shell is one that can host everything.
pub(super) fn offer_all(bench: &mut Bench) {
    bench.shell.offers.contract = 2;
}
