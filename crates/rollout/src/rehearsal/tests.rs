use proptest::prelude::*;

use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn percentiles_are_the_nearest_rank() {
    let took: Vec<_> = (1..=20).map(ms).collect();
    assert_eq!(percentile(&took, 50), Some(ms(10)));
    assert_eq!(percentile(&took, 95), Some(ms(19)));
    assert_eq!(percentile(&took, 100), Some(ms(20)));
    assert_eq!(percentile(&took, 0), Some(ms(1)));
    assert_eq!(percentile(&took[..1], 95), Some(ms(1)));
    assert_eq!(percentile(&[], 50), None);
}

#[test]
fn a_smoke_is_one_line() {
    let smoke = Smoke::of(50, (0..50).map(|n| ms(12 + n / 48 * 18)).collect());
    assert_eq!(smoke.to_string(), "ok=50/50 p50=12ms p95=12ms");
    let smoke = Smoke::of(2, vec![Duration::from_micros(1_250)]);
    assert_eq!(smoke.to_string(), "ok=1/2 p50=1.2ms p95=1.2ms");
    assert_eq!(Smoke::of(3, Vec::new()).to_string(), "ok=0/3 p50=- p95=-");
}

#[test]
fn half_and_one_in_twenty_may_be_over_and_no_more() {
    let limits = Limits {
        requests: 20,
        p50: ms(10),
        p95: ms(100),
    };
    let with = |slow: u64, very: u64| {
        let quick = 20 - slow - very;
        let took = (0..quick).map(|_| ms(10));
        let took = took.chain((0..slow).map(|_| ms(100)));
        limits.judge(&Smoke::of(
            20,
            took.chain((0..very).map(|_| ms(101))).collect(),
        ))
    };
    assert_eq!(with(10, 0), Ok(()));
    assert_eq!(with(9, 1), Ok(()));
    let over = with(11, 0).expect_err("more than half were over");
    assert_eq!(over.to_string(), "p50 was 100ms, and may be 10ms at most");
    let over = with(0, 2).expect_err("more than one in twenty were over");
    assert_eq!(over.to_string(), "p95 was 101ms, and may be 100ms at most");
}

#[test]
fn one_failure_is_one_too_many_however_quick_the_rest_was() {
    let limits = Limits::default();
    let over = limits.judge(&Smoke::of(50, vec![ms(1); 49]));
    assert_eq!(
        over.expect_err("failed").to_string(),
        "1 of 50 requests failed"
    );
    // Fewer than are asked for are no smoke check either.
    assert!(limits.judge(&Smoke::of(49, vec![ms(1); 49])).is_err());
    assert!(limits.judge(&Smoke::of(50, vec![ms(1); 50])).is_ok());
}

#[test]
fn it_is_settled_once_more_answers_were_slow_than_may_be() {
    let limits = Limits::default();
    let slow = |count| vec![ms(501); count];
    assert_eq!(limits.settled(&slow(25)), None);
    let unfit = limits.settled(&slow(26)).expect("more than half were slow");
    assert_eq!(
        unfit.to_string(),
        "p50 is over 500ms: 26 of 50 requests took longer"
    );
    assert_eq!(limits.patience(&slow(24)), None);
    assert_eq!(limits.patience(&slow(25)), Some((ms(500), unfit)));
    let (patience, unfit) = limits
        .patience(&[ms(2001); 2])
        .expect("2 in 50 were very slow");
    assert_eq!(patience, ms(2000));
    assert_eq!(
        unfit.to_string(),
        "p95 is over 2000ms: 3 of 50 requests took longer"
    );
}

fn known(lost: u32, outcomes: &[bool], bundled: Option<bool>) -> Next {
    next(&Rehearsals {
        lost,
        outcomes,
        bundled,
    })
}

#[test]
fn a_version_fails_twice_and_then_the_bundled_one_says_what_that_means() {
    assert_eq!(known(0, &[], None), Next::Rehearse);
    assert_eq!(known(0, &[true], None), Next::Point);
    assert_eq!(known(0, &[false], None), Next::Rehearse);
    assert_eq!(known(0, &[false, true], None), Next::Point);
    assert_eq!(known(0, &[false, false], None), Next::RehearseBundled);
    assert_eq!(known(0, &[false, false], Some(true)), Next::Condemn);
    assert_eq!(known(0, &[false, false], Some(false)), Next::Inconclusive);
}

#[test]
fn what_never_came_to_an_end_is_begun_a_few_times_only() {
    assert_eq!(known(LOST - 1, &[], None), Next::Rehearse);
    assert_eq!(known(LOST, &[], None), Next::RehearseBundled);
    assert_eq!(known(LOST, &[], Some(true)), Next::Condemn);
    assert_eq!(known(LOST, &[], Some(false)), Next::Inconclusive);
}

proptest! {
    #[test]
    fn what_is_settled_is_what_the_whole_is_judged_to_be(
        took in prop::collection::vec(0_u64..30, 20),
        p50 in 0_u64..30,
        p95 in 0_u64..30,
    ) {
        let took: Vec<_> = took.into_iter().map(ms).collect();
        let limits = Limits { requests: 20, p50: ms(p50), p95: ms(p95) };
        let judged = limits.judge(&Smoke::of(20, took.clone()));
        prop_assert_eq!(judged.is_err(), limits.settled(&took).is_some());
        for seen in 0..20 {
            let (seen, next) = (&took[..seen], took[seen]);
            if limits.settled(seen).is_some() {
                prop_assert!(judged.is_err());
            }
            if limits.patience(seen).is_some_and(|(most, _)| next > most) {
                prop_assert!(judged.is_err());
            }
        }
    }

    #[test]
    fn percentiles_only_grow(mut micros in prop::collection::vec(0_u64..5_000_000, 1..200), a in 0_u8..=100, b in 0_u8..=100) {
        micros.sort_unstable();
        let took: Vec<_> = micros.into_iter().map(Duration::from_micros).collect();
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(percentile(&took, low) <= percentile(&took, high));
        // So many percent do not exceed it.
        let at_most = percentile(&took, high).unwrap();
        let within = took.iter().filter(|took| **took <= at_most).count();
        prop_assert!(within * 100 >= took.len() * usize::from(high));
    }

    #[test]
    fn what_passes_is_within_every_limit(
        micros in prop::collection::vec(0_u64..3_000_000, 0..80), asked in 0_u32..80, most in 0_u64..3_000
    ) {
        let took: Vec<_> = micros.into_iter().map(Duration::from_micros).collect();
        let limits = Limits { requests: 20, p50: ms(most), p95: ms(most * 2) };
        let smoke = Smoke::of(asked.max(u32::try_from(took.len()).unwrap()), took.clone());
        prop_assert_eq!(smoke.ok + smoke.failed, smoke.asked);
        if limits.judge(&smoke).is_ok() {
            prop_assert!(smoke.failed == 0 && took.len() >= 20);
            let over = took.iter().filter(|took| **took > limits.p50).count();
            prop_assert!(over * 2 <= took.len());
            let over = took.iter().filter(|took| **took > limits.p95).count();
            prop_assert!(over * 20 <= took.len());
        }
    }

    #[test]
    fn nothing_is_bad_unless_it_failed_while_the_bundled_one_passed(
        lost in 0_u32..8, outcomes in prop::collection::vec(any::<bool>(), 0..4), bundled in any::<Option<bool>>()
    ) {
        let next = known(lost, &outcomes, bundled);
        if next == Next::Condemn {
            prop_assert_eq!(bundled, Some(true));
            prop_assert!(outcomes.len() >= FAILURES || lost >= LOST);
            prop_assert!(outcomes.last() != Some(&true));
        }
        prop_assert_eq!(next == Next::Point, outcomes.last() == Some(&true));
    }

    #[test]
    fn every_rehearsal_comes_to_an_end(lost in 0_u32..8, script in prop::collection::vec(any::<bool>(), 3), bundled in any::<bool>()) {
        let (mut outcomes, mut asked) = (Vec::new(), None);
        for step in 0.. {
            prop_assert!(step <= FAILURES + 1, "it goes on and on");
            match known(lost, &outcomes, asked) {
                Next::Rehearse => outcomes.push(script[outcomes.len()]),
                Next::RehearseBundled => asked = Some(bundled),
                Next::Point | Next::Condemn | Next::Inconclusive => break,
            }
        }
    }
}
