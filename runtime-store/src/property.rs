//! Whatever happens in whatever order, the next launch has something runnable.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rollout::contract::{self, Needs};
use rollout::{Candidate, Engines};
use serde_json::json;

use crate::testing::{Bench, ENTRY, failure, now, v};
use crate::transition;
use crate::{
    AfterCrash, BeginStage, Failure, How, Launch, PassedOver, Placed, RehearsalRecord, Rehearsed,
    RollBack, Soak, Source, StagePlan, TakenAttempt, WhyNot,
};

const VERSIONS: [&str; 5] = ["1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"];
const SOAK: Duration = Duration::from_mins(10);

#[derive(Debug, Clone)]
enum Step {
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
enum End {
    Passes,
    IsSkipped,
    Fails,
    Condemns,
    IsLost,
}

fn step() -> impl Strategy<Value = Step> {
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

/// What a version needs of its host, by its name.
fn needs(version: &str) -> Needs {
    Needs {
        contract: (version == "1.2.0" || version == "1.5.0").then_some(2),
        requires: Vec::new(),
    }
}

struct World {
    bench: Bench,
    /// What is rehearsed now.
    placed: Option<Placed>,
    /// What runs now, ready, oldest first; each in a shell of its own.
    running: Vec<Launch>,
}

impl World {
    fn new() -> Self {
        Self {
            bench: Bench::new(),
            placed: None,
            running: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step) {
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

    fn holds(&self) -> Result<(), TestCaseError> {
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
            prop_assert_eq!(contract::gate(&needs(choice.version.as_str()), &shell.offers), Ok(()));
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

fn hear(bench: &Bench, recalled: u8, newest: usize) {
    let recalled: Vec<_> = (0..VERSIONS.len())
        .filter(|bit| recalled & (1 << bit) != 0)
        .map(|index| VERSIONS[index])
        .collect();
    let manifest = json!({ "version": VERSIONS[newest], "recalled": recalled,
        "publishedAt": now() + SignedDuration::from_hours(1) });
    bench.hear(&manifest, &json!({ "signed": bench.shell.signed_only }));
}

fn gate(bench: &Bench) {
    bench.amend(|pointer| {
        if let Some(trial) = &mut pointer.trial {
            trial.gated = true;
        }
    });
}

/// Everything that a launch could have changed, once what is of no use is gone.
fn settled(world: &mut World) -> (Option<crate::Pointer>, Vec<(String, rollout::BadReason)>) {
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

/// What the updater and staging let through.
fn stage(bench: &Bench, version: &str) {
    let id = crate::testing::id(version);
    let snapshot = bench.store.snapshot();
    let offered = id.version.is_newer_than(&bench.shell.bundled.version)
        && !snapshot
            .bad
            .iter()
            .any(|bad| bad.is_about(&id.version, &id.integrity))
        && snapshot
            .pointer
            .is_none_or(|pointer| id.version.is_newer_than(&pointer.version));
    if !offered {
        return;
    }
    put(bench, version, None);
    bench.point_at(&id);
}

/// The version whole on disk, to be rehearsed or not.
fn put(bench: &Bench, version: &str, rehearsal: Option<RehearsalRecord>) {
    if !bench.entry(version).is_file() {
        bench.place(version);
    }
    bench.amend_record(version, |record| {
        record.needs = Some(needs(version));
        record.rehearsal = rehearsal;
    });
}

/// None where staging refuses, or the version was rehearsed already.
fn place(bench: &Bench, version: &str) -> Option<Placed> {
    let id = crate::testing::id(version);
    let candidate = Candidate {
        package: "demo".parse().unwrap(),
        version: id.version,
        integrity: id.integrity,
        engines: Engines::default(),
        tarball: String::new(),
        unpacked_size: None,
    };
    let plan = StagePlan {
        entry: ENTRY.to_owned(),
        now: now(),
        rehearse: true,
        signed: bench.shell.signed_only,
        ..StagePlan::default()
    };
    if !bench.entry(version).is_file() {
        put(bench, version, Some(RehearsalRecord::default()));
    }
    let before = bench.store.snapshot().pointer;
    let begun = bench.store.begin_stage(&candidate, &bench.shell, &plan);
    let Ok(BeginStage::Unrehearsed(mut placed)) = begun else {
        return None;
    };
    assert_eq!(bench.store.snapshot().pointer, before);
    placed.begin_rehearsal().unwrap();
    Some(placed)
}

/// What goes on being rehearsed.
fn rehearse(bench: &Bench, mut placed: Placed, end: End) -> Option<Placed> {
    let id = placed.id();
    match end {
        // Refusals are as good as any other answer here.
        End::Passes => drop(placed.point(Rehearsed::Passed, now())),
        End::IsSkipped => drop(placed.point(Rehearsed::Skipped("memory".into()), now())),
        End::Fails => {
            placed.note_failure("too slow").unwrap();
            placed.begin_rehearsal().unwrap();
            return Some(placed);
        }
        End::Condemns => {
            if placed.condemn("failed twice", now()).is_ok() {
                let bad = bench.store.snapshot().bad;
                assert!(
                    bad.iter()
                        .any(|bad| bad.is_about(&id.version, &id.integrity))
                );
            }
        }
        End::IsLost => {}
    }
    None
}

/// Exactly that version, or nothing; and nothing of the store is another for it.
fn follow(bench: &Bench, version: &str) -> Option<Launch> {
    let id = crate::testing::id(version);
    let before = (bench.store.snapshot().pointer, bench.bad());
    let launch = bench.store.follow_launch(&bench.shell, Some(&id), now());
    assert_eq!((bench.store.snapshot().pointer, bench.bad()), before);
    let launch = launch.ok()?;
    assert_eq!(launch.choice.id(), Some(id));
    assert!(launch.taken.is_none() && launch.choice.trial.is_none());
    // Nobody follows to where the first workspace cannot be.
    let stored = bench.store.versions().unwrap();
    let record = stored
        .into_iter()
        .find(|it| it.version == launch.choice.version);
    record
        .is_some_and(|record| !record.awaits_rehearsal())
        .then_some(launch)
}

/// None when every choice failed.
fn launch(bench: &Bench, ends: &[How]) -> Option<Launch> {
    let mut failures: Vec<Failure> = Vec::new();
    let mut taken: Vec<TakenAttempt> = Vec::new();
    let mut ends = ends.iter();
    loop {
        let launch = bench.begin_after(&failures);
        taken.extend(launch.taken.clone());
        failures.extend(launch.failures.iter().cloned());
        let Some(how) = ends.next() else {
            bench.ready(&launch, &failures).unwrap();
            return Some(launch);
        };
        let bundled = launch.choice.source == Source::Bundled;
        failures.push(Bench::fail(launch, *how));
        if bundled {
            bench.store.give_back(&taken).unwrap();
            return None;
        }
    }
}

/// The shell is one that can host everything.
fn offer_all(bench: &mut Bench) {
    bench.shell.offers.contract = 2;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_next_launch_has_something_runnable_that_is_not_bad_and_never_older_than_bundled(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.holds()?;
        }
        // A passive launch really gets what was promised.
        let promised = world.bench.store.resolve(&world.bench.shell, now());
        let launch = world.bench.begin();
        prop_assert_eq!(promised.version, launch.choice.version.clone());
    }

    #[test]
    fn when_a_recall_or_a_block_is_over_everything_is_as_it_was(
        steps in prop::collection::vec(step(), 1..30), recall in any::<bool>()
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        offer_all(&mut world.bench);
        hear(&world.bench, 0, 0);
        settled(&mut world);
        let bench = &world.bench;
        if !recall {
            prop_assume!(bench.store.snapshot().pointer.is_some());
            gate(bench);
        }
        let was = settled(&mut world);
        let bench = &world.bench;
        let promised = bench.store.resolve(&bench.shell, now());
        if recall {
            hear(bench, 0xff, 0);
        } else {
            let manifest = json!({ "version": bench.pointer().version,
                "publishedAt": now() + SignedDuration::from_hours(1) });
            bench.hear(&manifest, &json!({ "expires": now() }));
        }
        let launch = bench.begin();
        prop_assert!(!recall || launch.choice.source == Source::Bundled);
        if launch.choice.source == Source::Pointer {
            // It was ready once: only a recall ends that.
            prop_assert_eq!(launch.choice, promised);
        } else {
            prop_assert!(launch.taken.is_none() && launch.failures.is_empty());
            bench.ready(&launch, &[]).unwrap();
            drop(launch);
            bench.store.gc().unwrap();
            hear(bench, 0, 0);
            prop_assert_eq!((bench.store.snapshot().pointer, bench.bad()), was);
            prop_assert_eq!(bench.store.resolve(&bench.shell, now()), promised);
        }
    }

    #[test]
    fn when_the_app_offers_enough_again_everything_is_as_it_was(
        steps in prop::collection::vec(step(), 1..30)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        hear(&world.bench, 0, 0);
        offer_all(&mut world.bench);
        world.placed = None;
        let was = settled(&mut world);
        let bench = &mut world.bench;
        let promised = bench.store.resolve(&bench.shell, now());
        bench.shell.offers.contract = 1;
        let launch = bench.begin();
        let unmet = |it: &PassedOver| matches!(it.why, WhyNot::Contract(_));
        prop_assume!(launch.choice.passed_over.first().is_some_and(unmet));
        // What runs in its place is confirmed, or bundled.
        prop_assert!(launch.taken.is_none() && launch.failures.is_empty());
        bench.ready(&launch, &[]).unwrap();
        drop(launch);
        bench.store.gc().unwrap();
        offer_all(bench);
        prop_assert_eq!((bench.store.snapshot().pointer, bench.bad()), was);
        prop_assert_eq!(bench.store.resolve(&bench.shell, now()), promised);
    }

    #[test]
    fn what_nobody_vouches_for_is_never_chosen_and_loses_nothing_until_somebody_does(
        steps in prop::collection::vec(step(), 1..30)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.bench.shell.signed_only = false;
        offer_all(&mut world.bench);
        hear(&world.bench, 0, 0);
        settled(&mut world);
        let bench = &mut world.bench;
        prop_assume!(bench.store.snapshot().pointer.is_some());
        bench.amend(|pointer| if let Some(trial) = &mut pointer.trial { trial.signed = false });
        let promised = bench.store.resolve(&bench.shell, now());
        bench.shell.signed_only = true;
        hear(bench, 0, 0);
        let was = (bench.store.snapshot().pointer, bench.bad());
        let launch = bench.begin();
        if launch.choice.source == Source::Pointer {
            // It was ready once, or is confirmed: it goes on running.
            prop_assert_eq!(launch.choice, promised);
        } else {
            prop_assert!(launch.taken.is_none() && launch.failures.is_empty());
            bench.ready(&launch, &[]).unwrap();
            drop(launch);
            bench.store.gc().unwrap();
            prop_assert_eq!((bench.store.snapshot().pointer, bench.bad()), was);
            bench.amend(|pointer| *pointer = transition::vouched_for(pointer.clone()));
            let mut chosen = bench.store.resolve(&bench.shell, now());
            if let (Some(trial), Some(_)) = (&mut chosen.trial, &promised.trial) {
                trial.signed = false;
            }
            prop_assert_eq!(chosen, promised);
        }
    }

    #[test]
    fn no_time_takes_a_confirmed_version_away(
        steps in prop::collection::vec(step(), 1..30), at in any::<i32>(), newest in 0..VERSIONS.len()
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        offer_all(&mut world.bench);
        hear(&world.bench, 0, newest);
        settled(&mut world);
        let bench = &world.bench;
        if bench.store.snapshot().pointer.is_some() {
            bench.amend(|pointer| pointer.trial = None);
        }
        let promised = bench.store.resolve(&bench.shell, now());
        let manifest = json!({ "version": VERSIONS[newest], "publishedAt": now(),
            "rollout": [{ "percent": 10, "delaySeconds": 60 }] });
        bench.hear(&manifest, &json!({ "signed": true, "expires": now(), "floor": now() }));
        let at = Timestamp::from_second(at.into()).unwrap();
        prop_assert_eq!(bench.store.resolve(&bench.shell, at), promised);
    }

    #[test]
    fn no_bytes_in_place_of_the_files_panic_or_block(
        pointer in prop::collection::vec(any::<u8>(), 0..200),
        bad in prop::collection::vec(any::<u8>(), 0..200),
        cut in 0_usize..400,
    ) {
        let bench = Bench::new();
        bench.stage("1.1.0");
        let path = bench.path("current.json");
        let whole = std::fs::read(&path).unwrap();
        let torn = &whole[..cut.min(whole.len())];
        for bytes in [&pointer[..], torn] {
            std::fs::write(&path, bytes).unwrap();
            std::fs::write(bench.path("bad-versions.json"), &bad).unwrap();
            prop_assert!(bench.begin().choice.entry.is_file());
            bench.store.sweep().unwrap();
        }
    }
}
