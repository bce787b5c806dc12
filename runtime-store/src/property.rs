//! Whatever happens in whatever order, the next launch has something runnable.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::testing::{Bench, now};
use crate::{PassedOver, Source, WhyNot, transition};

mod acts;
mod world;

use world::{VERSIONS, World, gate, hear, offer_all, settled, step};

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
            let mut promised = promised;
            for choice in [&mut chosen, &mut promised] {
                if let Some(trial) = &mut choice.trial {
                    trial.signed = false;
                }
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
