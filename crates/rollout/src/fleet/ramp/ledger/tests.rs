use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::testing::{at, ramp};
use super::*;

const LATE: SignedDuration = SignedDuration::from_secs(90);

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn name(n: u32) -> Name {
    format!("device-{n}").parse().unwrap()
}

/// `count` devices whose position for 1.1.0 lies below the share, or not.
fn devices(count: usize, share: u16, within: bool) -> Vec<Name> {
    (0..)
        .map(name)
        .filter(|it| (Position::of(it.as_str(), &v("1.1.0")).hundredths() < share) == within)
        .take(count)
        .collect()
}

/// A device that runs one version and is to have another.
fn beat<'a>(runs: &'a Version, aims: &'a Version) -> Beat<'a> {
    Beat {
        groups: &[],
        runs: Some(runs),
        aims: Some(aims),
        scope: Some(&Scope::Global),
        generation: Some(8),
        refuses: false,
        trouble: false,
    }
}

#[test]
fn devices_count_and_not_events() {
    let ramp = ramp("5%:30m,100%");
    let mut ledger = Ledger::new(&ramp, LATE);
    let (new, old) = (v("1.1.0"), v("1.0.0"));
    let within = devices(3, 500, true);
    let outside = devices(5, 500, false);
    for device in within.iter().chain(&outside) {
        ledger.beat(at(-10), device, &beat(&old, &old));
    }
    let counts = ledger.count(&ramp, at(1));
    assert_eq!(counts.whole.old.tried, 8);
    assert_eq!(counts.whole.new, Side::default());
    assert_eq!((counts.living, counts.asked, counts.answered), (8, 3, 0));

    let ran = Fact::Ran {
        version: &new,
        from: Some(&old),
    };
    for device in &within {
        ledger.report(at(5), device, 1, &ran);
        ledger.report(at(5), device, 1, &ran);
    }
    for seq in 2..5 {
        ledger.report(at(9), &within[0], seq, &Fact::Failed(&new));
    }
    ledger.report(at(9), &within[1], 2, &Fact::Infrastructure(Some(&new)));
    ledger.report(at(9), &outside[0], 1, &Fact::Failed(&old));
    ledger.report(at(9), &outside[1], 1, &Fact::Infrastructure(Some(&old)));
    ledger.report(at(9), &outside[2], 1, &Fact::Failed(&v("0.1.0")));
    let counts = ledger.count(&ramp, at(10));
    let expected = Side {
        devices: 3,
        tried: 3,
        failed: 1,
        infrastructure: 1,
        refused: 0,
    };
    assert_eq!(counts.whole.new, expected);
    assert_eq!(counts.step.new, expected);
    let expected = Side {
        devices: 8,
        tried: 8,
        ..expected
    };
    assert_eq!(counts.whole.old, expected);
    assert_eq!(counts.answered, 3);
}

#[test]
fn who_ran_it_before_the_step_began_counts_in_the_step_and_who_had_failed_by_then_does_not() {
    let mut ramp = ramp("50%:30m,100%");
    let mut ledger = Ledger::new(&ramp, LATE);
    let (new, old) = (v("1.1.0"), v("1.0.0"));
    let devices = devices(10, 5_000, true);
    for device in &devices {
        let ran = Fact::Ran {
            version: &new,
            from: None,
        };
        ledger.report(at(5), device, 1, &ran);
    }
    ledger.report(at(6), &devices[0], 2, &Fact::Failed(&new));
    ledger.beat(at(7), &devices[0], &beat(&old, &new));
    ramp.step = 1;
    ramp.step_since = at(100);
    let counts = ledger.count(&ramp, at(101));
    assert_eq!((counts.step.new.tried, counts.step.new.failed), (9, 0));
    assert_eq!((counts.whole.new.tried, counts.whole.new.failed), (10, 1));
    // All had the baseline when the ramp began, though nobody looked; one has it still.
    assert_eq!((counts.step.old.tried, counts.whole.old.tried), (1, 10));
    // However often they say since what they run.
    for device in &devices {
        let runs = if *device == devices[0] { &old } else { &new };
        ledger.beat(at(101), device, &beat(runs, &new));
    }
    let counts = ledger.count(&ramp, at(102));
    assert_eq!((counts.step.new.tried, counts.step.old.tried), (9, 1));
    ledger.report(at(102), &devices[1], 2, &Fact::Failed(&new));
    let counts = ledger.count(&ramp, at(103));
    assert_eq!((counts.step.new.tried, counts.step.new.failed), (9, 1));
}

#[test]
fn whom_this_step_reached_is_told_from_whom_an_earlier_one_did() {
    let mut ramp = ramp("20%:30m,60%:30m,100%");
    let mut ledger = Ledger::new(&ramp, LATE);
    let (new, old) = (v("1.1.0"), v("1.0.0"));
    let ran = Fact::Ran {
        version: &new,
        from: Some(&old),
    };
    let first = devices(4, 2_000, true);
    for device in &first {
        ledger.beat(at(1), device, &beat(&old, &new));
        ledger.report(at(5), device, 1, &ran);
    }
    let newly = ledger.count(&ramp, at(10)).newly;
    assert_eq!((newly.known, newly.asked), (4, 4));
    assert_eq!((newly.answered, newly.tried), (4, 4));

    (ramp.step, ramp.step_since) = (1, at(200));
    let within = |it: &Name| {
        let position = Position::of(it.as_str(), &new).hundredths();
        (2_000..6_000).contains(&position)
    };
    let second: Vec<_> = (0..).map(name).filter(within).take(4).collect();
    // One was silent long before the step began, and one since a moment before.
    ledger.beat(at(100), &second[0], &beat(&old, &old));
    ledger.beat(at(150), &second[1], &beat(&old, &old));
    for device in first.iter().chain(&second[2..]) {
        ledger.beat(at(290), device, &beat(&old, &new));
    }
    ledger.report(at(300), &second[3], 1, &ran);
    let counts = ledger.count(&ramp, at(301));
    let newly = counts.newly;
    assert_eq!((newly.known, newly.asked), (3, 2));
    assert_eq!((newly.answered, newly.tried), (1, 1));
    assert_eq!((counts.within, counts.asked, counts.answered), (8, 6, 5));
}

#[test]
fn only_the_first_start_of_a_device_that_nothing_is_known_of_counts_for_the_baseline() {
    let mut ramp = ramp("50%:30m,100%");
    let mut ledger = Ledger::new(&ramp, LATE);
    let (new, older) = (v("1.1.0"), v("0.9.0"));
    let devices = devices(2, 5_000, true);
    let ran = Fact::Ran {
        version: &new,
        from: None,
    };
    ledger.beat(at(1), &devices[1], &beat(&older, &new));
    for (n, device) in devices.iter().enumerate() {
        ledger.report(at(5), device, 1, &ran);
        let counts = ledger.count(&ramp, at(6));
        assert_eq!(counts.whole.old.tried, 1, "device {n}");
    }
    // Both start again in the next step.
    (ramp.step, ramp.step_since) = (1, at(100));
    for device in &devices {
        ledger.report(at(150), device, 2, &ran);
    }
    let counts = ledger.count(&ramp, at(151));
    assert_eq!(counts.step.new.tried, 2);
    assert_eq!(counts.whole.old.tried, 1);
}

#[test]
fn a_device_that_refuses_has_answered_and_has_not_failed() {
    let ramp = ramp("100%");
    let mut ledger = Ledger::new(&ramp, LATE);
    let (new, old) = (v("1.1.0"), v("1.0.0"));
    let refuses = Beat {
        refuses: true,
        ..beat(&old, &new)
    };
    ledger.beat(at(1), &name(0), &refuses);
    ledger.beat(at(1), &name(1), &beat(&old, &new));
    ledger.report(at(2), &name(1), 1, &Fact::Refused(&new));
    ledger.beat(at(1), &name(2), &beat(&old, &new));
    ledger.report(at(2), &name(2), 1, &Fact::Refused(&v("2.0.0")));
    let off = Beat {
        refuses: true,
        aims: None,
        ..beat(&old, &new)
    };
    ledger.beat(at(1), &name(3), &off);
    let counts = ledger.count(&ramp, at(3));
    assert_eq!((counts.asked, counts.answered), (4, 3));
    assert_eq!(counts.whole.new.refused, 3);
    assert_eq!((counts.whole.new.tried, counts.whole.new.failed), (0, 0));
}

#[test]
fn trouble_is_that_of_what_it_is_about_or_else_of_what_the_device_is_to_have() {
    let ramp = ramp("50%:30m,100%");
    let mut ledger = Ledger::new(&ramp, LATE);
    let (new, old) = (v("1.1.0"), v("1.0.0"));
    let within = devices(3, 5_000, true);
    let outside = devices(2, 5_000, false);
    ledger.beat(at(1), &within[0], &beat(&old, &new));
    ledger.report(at(2), &within[0], 1, &Fact::Infrastructure(None));
    ledger.beat(at(1), &outside[0], &beat(&old, &old));
    ledger.report(at(2), &outside[0], 1, &Fact::Infrastructure(None));
    // Of a device that nothing else is known of, nobody knows whose trouble it is.
    ledger.report(at(2), &within[1], 1, &Fact::Infrastructure(None));
    ledger.report(
        at(2),
        &within[2],
        1,
        &Fact::Infrastructure(Some(&v("3.0.0"))),
    );
    let trouble = Beat {
        trouble: true,
        ..beat(&old, &new)
    };
    ledger.beat(at(2), &within[2], &trouble);
    let counts = ledger.count(&ramp, at(3)).whole;
    assert_eq!(
        (counts.new.infrastructure, counts.old.infrastructure),
        (2, 1)
    );
    // Whom trouble kept from trying it was reached and has not tried.
    assert_eq!((counts.new.devices, counts.new.tried), (2, 0));
}

#[test]
fn who_is_late_or_steered_elsewhere_is_not_waited_for() {
    let mut ramp = ramp("100%");
    ramp.scope = Scope::Group("kiosks".parse().unwrap());
    let mut ledger = Ledger::new(&ramp, LATE);
    let (new, old) = (v("1.1.0"), v("1.0.0"));
    let groups = ["kiosks".parse().unwrap(), "north".parse().unwrap()];
    let here = Beat {
        groups: &groups,
        ..beat(&old, &new)
    };
    let steered = |scope| Beat {
        scope: Some(scope),
        generation: Some(ramp.generation + 1),
        ..here
    };
    ledger.beat(at(1), &name(0), &here);
    let own = Scope::Device(name(1));
    ledger.beat(at(1), &name(1), &steered(&own));
    let north = Scope::Group("north".parse().unwrap());
    ledger.beat(at(1), &name(2), &steered(&north));
    let earlier = Beat {
        generation: Some(1),
        ..steered(&north)
    };
    ledger.beat(at(1), &name(3), &earlier);
    ledger.beat(at(1), &name(4), &beat(&new, &new));
    let counts = ledger.count(&ramp, at(2));
    assert_eq!((counts.living, counts.asked), (2, 2));
    assert_eq!(counts.whole.new.tried, 0, "one that is not in the group");
    let counts = ledger.count(&ramp, at(92));
    assert_eq!((counts.living, counts.asked), (0, 0));
    // They are known all the same.
    assert_eq!(counts.within, 2);
}

#[test]
fn what_was_heard_long_before_the_ramp_began_counts_for_nothing() {
    let ramp = ramp("100%");
    let mut ledger = Ledger::new(&ramp, LATE);
    let (new, old) = (v("1.1.0"), v("1.0.0"));
    ledger.beat(at(-91), &name(0), &beat(&old, &old));
    ledger.beat(at(-90), &name(1), &beat(&old, &old));
    ledger.report(at(-1), &name(2), 1, &Fact::Failed(&new));
    let counts = ledger.count(&ramp, at(0));
    assert_eq!(counts.whole.old.tried, 1);
    assert_eq!(counts.whole.new.failed, 0);
    // An older heartbeat that comes later changes nothing.
    ledger.beat(at(20), &name(3), &beat(&new, &new));
    ledger.beat(at(10), &name(3), &beat(&old, &old));
    assert_eq!(ledger.count(&ramp, at(20)).whole.old.tried, 1);
}

proptest! {
    #[test]
    fn a_version_was_tried_in_a_window_where_it_ran_at_some_moment_of_it(
        history in proptest::collection::vec(any::<bool>(), 0..12), since in 0_i64..14,
    ) {
        let mut track = Track::default();
        for (when, runs) in (1..).zip(&history) {
            track.runs(*runs, at(when));
        }
        let moments = || (1..).zip(&history);
        let before = moments().filter(|(when, _)| *when < since).last();
        let ran = before.is_some_and(|(_, runs)| *runs)
            || moments().any(|(when, runs)| when >= since && *runs);
        prop_assert_eq!(track.tried(at(since)), ran);
    }

    #[test]
    fn whatever_is_heard_first_a_version_did_not_leave_before_it_did(
        (ran, left, facts) in (1_i64..20, 0_i64..20, proptest::collection::vec(0_i64..20, 0..4)).prop_flat_map(
            |(ran, stays, looks)| {
                let left = ran + stays;
                let mut facts = vec![(true, ran), (false, left)];
                facts.extend(looks.into_iter().map(|look| (false, left + look)));
                (Just(ran), Just(left), Just(facts).prop_shuffle())
            },
        ),
    ) {
        let mut track = Track::default();
        for (runs, when) in &facts {
            track.runs(*runs, at(*when));
        }
        prop_assert_eq!(track.on, Some(at(ran)));
        prop_assert!(track.left >= Some(at(left)) && track.left <= track.off);
        if facts[0].0 {
            prop_assert_eq!(track.left, Some(at(left)));
        }
    }

    #[test]
    fn numbers_are_seen_once_in_whatever_order(seqs in proptest::collection::vec(0_u64..40, 0..120)) {
        let mut seen = Seen::default();
        let mut known = BTreeSet::new();
        for seq in seqs {
            prop_assert_eq!(seen.first_time(seq), known.insert(seq));
            prop_assert!(seen.0.windows(2).all(|it| it[0].1 + 1 < it[1].0));
        }
    }

    #[test]
    fn gaps_without_end_take_no_memory_without_end(seqs in proptest::collection::vec(any::<u64>(), 0..300)) {
        let mut seen = Seen::default();
        for seq in seqs {
            seen.first_time(seq);
            prop_assert!(!seen.first_time(seq));
            prop_assert!(seen.0.len() <= MOST_RANGES);
        }
    }

    #[test]
    fn reached_never_exceeds_the_share_and_order_and_repeats_change_nothing(
        facts in proptest::collection::vec((0_u32..40, 1_u64..6), 0..80),
        share in 1_u32..=10_000,
    ) {
        let mut ramp = ramp("100%");
        let plan = format!("[{{\"share\":{}}}]", f64::from(share) / 100.0);
        ramp.plan = serde_json::from_str(&plan).unwrap();
        let (new, old) = (v("1.1.0"), v("1.0.0"));
        // A device's report of one number is the same each time.
        let note = |ledger: &mut Ledger, (device, seq): (u32, u64)| {
            let fact = match (u64::from(device) + seq) % 6 {
                0 => Fact::Ran { version: &new, from: Some(&old) },
                1 => Fact::Failed(&new),
                2 => Fact::Infrastructure(Some(&new)),
                3 => Fact::Refused(&new),
                4 => Fact::Failed(&old),
                _ => Fact::Ran { version: &old, from: None },
            };
            let when = at(i64::try_from(seq).unwrap());
            ledger.report(when, &name(device), seq, &fact);
        };
        let mut forth = Ledger::new(&ramp, LATE);
        for fact in &facts {
            note(&mut forth, *fact);
        }
        let mut back = Ledger::new(&ramp, LATE);
        for fact in facts.iter().rev().chain(&facts) {
            note(&mut back, *fact);
        }
        let counts = forth.count(&ramp, at(200));
        prop_assert_eq!(counts, back.count(&ramp, at(200)));
        let within = (0..40).filter(|n| {
            u32::from(Position::of(name(*n).as_str(), &new).hundredths()) < share
        });
        let within = u64::try_from(within.count()).unwrap();
        for side in [counts.step.new, counts.whole.new] {
            prop_assert!(side.devices <= within && side.tried <= side.devices);
            prop_assert!(side.failed <= side.tried && side.infrastructure <= side.devices);
        }
        // Of a plan's only step, all are reached by it.
        prop_assert_eq!(counts.newly.tried, counts.step.new.tried);
        prop_assert_eq!(counts.newly.asked, counts.asked);
        prop_assert_eq!(counts.newly.answered, counts.answered);
        prop_assert!(counts.newly.known <= counts.within);
    }
}
