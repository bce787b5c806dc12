//! What is done to a store, each as the parts above it do it, with what must hold of it there and then.

use rollout::contract::Needs;
use rollout::{Candidate, Engines};

use super::world::End;
use crate::testing::{Bench, ENTRY, now};
use crate::transition::knows;
use crate::{
    BeginStage, Failure, How, Launch, Placed, RehearsalRecord, Rehearsed, Source, StagePlan,
    TakenAttempt,
};

/// What a version needs of its host, by its name.
pub(super) fn needs(version: &str) -> Needs {
    Needs {
        contract: (version == "1.2.0" || version == "1.5.0").then_some(2),
        requires: Vec::new(),
    }
}

/// What the updater and staging let through.
pub(super) fn stage(bench: &Bench, version: &str) {
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
pub(super) fn place(bench: &Bench, version: &str) -> Option<Placed> {
    let id = crate::testing::id(version);
    let candidate = Candidate {
        package: "demo".parse().unwrap(),
        version: id.version.clone(),
        integrity: id.integrity.clone(),
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
    let before = bench.store.snapshot().pointer;
    if !bench.entry(version).is_file() {
        // Staging would move such a pointer first; this only puts the folder there.
        if before.as_ref().is_some_and(|pointer| knows(pointer, &id)) {
            return None;
        }
        put(bench, version, Some(RehearsalRecord::default()));
    }
    let begun = bench.store.begin_stage(&candidate, &bench.shell, &plan);
    let Ok(BeginStage::Unrehearsed(mut placed)) = begun else {
        return None;
    };
    assert_eq!(bench.store.snapshot().pointer, before);
    placed.begin_rehearsal().unwrap();
    Some(placed)
}

/// What goes on being rehearsed.
pub(super) fn rehearse(bench: &Bench, mut placed: Placed, end: End) -> Option<Placed> {
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
pub(super) fn follow(bench: &Bench, version: &str) -> Option<Launch> {
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
pub(super) fn launch(bench: &Bench, ends: &[How]) -> Option<Launch> {
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
