use proptest::prelude::*;

use super::super::testing::{at, ramp};
use super::super::{Evidence, LAST_WATCH, Newly, What};
use super::*;

fn side(tried: u64, failed: u64, infrastructure: u64) -> Side {
    Side {
        devices: tried.max(infrastructure),
        tried,
        failed,
        infrastructure,
        refused: 0,
    }
}

/// The same in both windows, with everybody alive and nobody waited for.
fn counts(new: Side, old: Side) -> Counts {
    let window = Window { new, old };
    Counts {
        step: window,
        whole: window,
        living: 1_000,
        within: 50,
        asked: 50,
        answered: 10,
        newly: Newly {
            known: 50,
            asked: 50,
            answered: 10,
            tried: new.tried,
        },
    }
}

/// Of those that live within the share, all of whom this step reached first, so many have answered.
fn answer(counts: &mut Counts, answered: u64, asked: u64) {
    (counts.asked, counts.answered) = (asked, answered);
    (counts.newly.asked, counts.newly.answered) = (asked, answered);
}

const PLAN: &str = "5%:30m,25%:1h,100%";

fn halts(judgement: Judgement) -> Option<(Kind, bool)> {
    match judgement {
        Judgement::Halt(cause) => Some((cause.kind, cause.in_step)),
        _ => None,
    }
}

#[test]
fn what_does_no_worse_goes_on_when_its_time_is_over() {
    let ramp = ramp(PLAN);
    let well = counts(side(100, 2, 1), side(900, 0, 0));
    let until = at(1_800);
    assert_eq!(
        ramp.judge(&well, at(1_799)),
        Judgement::Wait(Wait::Time { until })
    );
    assert_eq!(ramp.judge(&well, at(1_800)), Judgement::Go);
    let Next::Write(next) = ramp.next(&well, at(1_800)) else {
        panic!("it goes on");
    };
    assert_eq!((next.step, next.step_since), (1, at(1_800)));
    let told: Vec<_> = next.evidence.iter().map(|it| (it.what, it.step)).collect();
    assert_eq!(
        told,
        [(What::Entered, 0), (What::Passed, 0), (What::Entered, 1)]
    );
    assert_eq!(next.evidence[1].counts, Some(well));
    assert_eq!(next.evidence[2].counts, None);
}

#[test]
fn a_rate_that_is_above_by_more_than_the_threshold_halts_in_mid_step() {
    let ramp = ramp(PLAN);
    let judge = |new, old| halts(ramp.judge(&counts(new, old), at(1)));
    // Exactly the threshold is not above it.
    assert_eq!(judge(side(100, 2, 0), side(900, 0, 0)), None);
    assert_eq!(
        judge(side(100, 3, 0), side(900, 0, 0)),
        Some((Kind::Failures, true))
    );
    assert_eq!(
        judge(side(100, 0, 3), side(900, 0, 0)),
        Some((Kind::Infrastructure, true))
    );
    // The baseline does as badly.
    assert_eq!(judge(side(100, 12, 0), side(900, 90, 0)), None);
    assert_eq!(judge(side(100, 0, 12), side(900, 0, 90)), None);
    // Failures of the baseline excuse no trouble, nor the other way round.
    assert_eq!(
        judge(side(100, 0, 12), side(900, 90, 0)),
        Some((Kind::Infrastructure, true))
    );
    // A baseline without devices has rate 0.
    assert_eq!(
        judge(side(100, 3, 0), side(0, 0, 0)),
        Some((Kind::Failures, true))
    );
    // Too few to tell.
    assert_eq!(judge(side(19, 19, 0), side(900, 0, 0)), None);
    assert!(judge(side(20, 2, 0), side(900, 0, 0)).is_some());
    // One device alone is no rate, nor one beyond what the baseline's would give.
    assert_eq!(judge(side(20, 1, 0), side(900, 0, 0)), None);
    assert_eq!(judge(side(20, 0, 1), side(900, 0, 0)), None);
    assert_eq!(judge(side(20, 3, 0), side(900, 90, 0)), None);
    assert!(judge(side(20, 4, 0), side(900, 90, 0)).is_some());
    // At the step's end it neither goes on by it, nor waits once there is no more evidence to come.
    let mut one = counts(side(20, 1, 0), side(900, 0, 0));
    let judged = ramp.judge(&one, at(1_800));
    assert!(matches!(judged, Judgement::Wait(Wait::Worse(_))));
    answer(&mut one, 50, 50);
    assert!(halts(ramp.judge(&one, at(1_800))).is_some());
}

#[test]
fn trouble_before_anything_was_tried_does_not_dilute_failures() {
    let ramp = ramp(PLAN);
    let new = Side {
        devices: 1_000,
        tried: 20,
        failed: 2,
        infrastructure: 980,
        refused: 0,
    };
    let old = side(1_000, 0, 980);
    let judged = ramp.judge(&counts(new, old), at(1));
    assert_eq!(halts(judged), Some((Kind::Failures, true)));
}

#[test]
fn late_is_not_diluted_and_early_not_forgotten() {
    let ramp = ramp(PLAN);
    let well = Window {
        new: side(1_000, 5, 0),
        old: side(9_000, 0, 0),
    };
    let bad = Window {
        new: side(100, 5, 0),
        old: side(9_000, 0, 0),
    };
    let mut late = counts(Side::default(), Side::default());
    (late.step, late.whole) = (bad, well);
    assert_eq!(
        halts(ramp.judge(&late, at(1))),
        Some((Kind::Failures, true))
    );
    let mut early = late;
    (early.step, early.whole) = (well, bad);
    assert_eq!(
        halts(ramp.judge(&early, at(1))),
        Some((Kind::Failures, false))
    );
    assert_eq!(
        halts(ramp.judge(&early, at(9_000))),
        Some((Kind::Failures, false))
    );
}

#[test]
fn too_few_devices_wait_until_all_that_live_have_answered() {
    let ramp = ramp(PLAN);
    let mut few = counts(side(3, 0, 0), side(40, 0, 0));
    answer(&mut few, 3, 4);
    let wait = Wait::Devices {
        tried: 3,
        enough: 20,
        asked: 4,
        answered: 3,
    };
    assert_eq!(ramp.judge(&few, at(100_000)), Judgement::Wait(wait));
    answer(&mut few, 4, 4);
    assert_eq!(ramp.judge(&few, at(100_000)), Judgement::Go);
    // A share in which nobody is, of a fleet that lives.
    let mut nobody = counts(Side::default(), side(9, 0, 0));
    answer(&mut nobody, 0, 0);
    (nobody.within, nobody.newly) = (0, Newly::default());
    assert_eq!(ramp.judge(&nobody, at(1_800)), Judgement::Go);
    // One in which some are, of whom none is heard of, and none tried it.
    nobody.within = 2;
    assert_eq!(
        ramp.judge(&nobody, at(100_000)),
        Judgement::Wait(Wait::Alive)
    );
    nobody.within = 0;
    // A fleet that does not.
    nobody.living = 0;
    assert_eq!(
        ramp.judge(&nobody, at(100_000)),
        Judgement::Wait(Wait::Alive)
    );
    // Many were reached, and none of them was heard of again.
    let mut gone = counts(side(500, 0, 0), side(500, 0, 0));
    answer(&mut gone, 0, 0);
    assert_eq!(ramp.judge(&gone, at(100_000)), Judgement::Wait(Wait::Alive));
}

#[test]
fn no_step_passes_by_what_an_earlier_ones_devices_did() {
    let ramp = ramp(PLAN);
    let well = counts(side(500, 0, 0), side(9_500, 0, 0));
    let Next::Write(second) = ramp.next(&well, at(1_800)) else {
        panic!("it goes on");
    };
    // The first step's devices have all answered, and none that the second reached.
    let mut later = counts(side(500, 0, 0), side(9_500, 0, 0));
    (later.asked, later.answered) = (2_500, 500);
    later.newly = Newly {
        known: 2_000,
        asked: 2_000,
        answered: 0,
        tried: 19,
    };
    let wait = Wait::Devices {
        tried: 19,
        enough: 20,
        asked: 2_000,
        answered: 0,
    };
    assert_eq!(second.judge(&later, second.due_at()), Judgement::Wait(wait));
    let mut enough = later;
    enough.newly.tried = 20;
    assert_eq!(second.judge(&enough, second.due_at()), Judgement::Go);
    // All that the step reached went silent with it.
    (later.newly.asked, later.newly.tried) = (0, 0);
    assert_eq!(
        second.judge(&later, at(100_000)),
        Judgement::Wait(Wait::Alive)
    );
    // None of them lived when it began: nobody waits for those.
    later.newly = Newly::default();
    assert_eq!(second.judge(&later, second.due_at()), Judgement::Go);
}

#[test]
fn a_last_step_without_a_time_is_watched_until_everyone_has_answered_or_an_hour_is_over() {
    let mut ramp = ramp("100%");
    let mut most = counts(side(900, 0, 0), side(1_000, 0, 0));
    answer(&mut most, 900, 1_000);
    let until = at(3_600);
    let wait = Wait::All {
        until,
        asked: 1_000,
        answered: 900,
    };
    assert_eq!(ramp.judge(&most, at(0)), Judgement::Wait(wait));
    assert_eq!(ramp.judge(&most, at(3_599)), Judgement::Wait(wait));
    assert_eq!(ramp.judge(&most, until), Judgement::Go);
    // It halts meanwhile.
    let mut bad = most;
    bad.step.new.failed = 100;
    assert!(halts(ramp.judge(&bad, at(600))).is_some());
    let mut all = most;
    answer(&mut all, 1_000, 1_000);
    assert_eq!(ramp.judge(&all, at(5)), Judgement::Go);
    // After the hour it still takes enough devices.
    let mut few = counts(side(3, 0, 0), side(1_000, 0, 0));
    answer(&mut few, 3, 1_000);
    assert!(matches!(
        ramp.judge(&few, until),
        Judgement::Wait(Wait::Devices { tried: 3, .. })
    ));
    // Devices take up to two windows until they run it.
    ramp.jitter = 1_800;
    assert!(matches!(ramp.judge(&most, until), Judgement::Wait(_)));
    assert_eq!(ramp.judge(&most, at(7_200)), Judgement::Go);
}

#[test]
fn nobody_is_never_enough() {
    let mut ramp = ramp(PLAN);
    ramp.min_devices = 0;
    let silent = counts(Side::default(), side(900, 0, 0));
    assert!(matches!(
        ramp.judge(&silent, at(1_800)),
        Judgement::Wait(Wait::Devices { enough: 1, .. })
    ));
}

#[test]
fn few_that_fail_neither_go_on_nor_halt_until_there_is_no_more_evidence_to_come() {
    let ramp = ramp(PLAN);
    let mut few = counts(side(3, 1, 0), side(40, 0, 0));
    answer(&mut few, 3, 4);
    assert!(matches!(
        ramp.judge(&few, at(1_800)),
        Judgement::Wait(Wait::Worse(_))
    ));
    answer(&mut few, 4, 4);
    assert!(matches!(
        ramp.judge(&few, at(1_799)),
        Judgement::Wait(Wait::Time { .. })
    ));
    assert_eq!(
        halts(ramp.judge(&few, at(1_800))),
        Some((Kind::Failures, true))
    );
}

#[test]
fn a_paused_ramp_goes_nowhere_and_still_halts() {
    let paused = ramp(PLAN).pause("", None, at(1)).unwrap();
    let well = counts(side(100, 0, 0), side(900, 0, 0));
    assert_eq!(
        paused.judge(&well, at(100_000)),
        Judgement::Wait(Wait::Paused)
    );
    let bad = counts(side(100, 50, 0), side(900, 0, 0));
    assert!(halts(paused.judge(&bad, at(2))).is_some());
    let Next::Write(halted) = paused.next(&bad, at(2)) else {
        panic!("it halts");
    };
    assert_eq!(halted.state.is, RampState::Halted);
    assert_eq!(
        halted.state.why,
        "since the step began, the new version failed on 50 of 100 devices (50 %), the baseline on 0 of \
         900 (0 %); more than 2 % above is too much"
    );
    assert_eq!(
        halted.next(&well, at(100_000)),
        Next::Wait(Wait::Paused),
        "what is over stays so"
    );
}

#[test]
fn numbers_that_nobody_can_have_are_no_panic() {
    let mut ramp = ramp(PLAN);
    (ramp.paused_millis, ramp.jitter) = (u64::MAX, u32::MAX);
    ramp.step = 2;
    assert_eq!(ramp.watched_until(), Some(Timestamp::MAX));
    (ramp.paused_millis, ramp.step) = (0, 0);
    let most = side(u64::MAX, u64::MAX, u64::MAX);
    let judged = ramp.judge(&counts(most, most), at(1_800));
    assert_eq!(judged, Judgement::Go);
}

prop_compose! {
    fn any_side()(tried in 0_u64..60, more in 0_u64..20)
        (failed in 0..=tried, infrastructure in 0..=tried + more, tried in Just(tried), more in Just(more))
        -> Side
    {
        Side { devices: tried + more, tried, failed, infrastructure, refused: 0 }
    }
}

prop_compose! {
    fn any_window()(new in any_side(), old in any_side()) -> Window {
        Window { new, old }
    }
}

prop_compose! {
    fn any_newly()(asked in 0_u64..30, answered in 0_u64..30, silent in 0_u64..3, tried in 0_u64..40) -> Newly {
        Newly { known: asked + silent, asked, answered: answered.min(asked), tried: tried.min(asked + silent) }
    }
}

prop_compose! {
    fn any_counts()(
        step in any_window(), whole in any_window(), well in any::<bool>(),
        living in 0_u64..40, asked in 0_u64..40, answered in 0_u64..40, silent in 0_u64..3, newly in any_newly(),
    ) -> Counts {
        // Who was reached by this step is within the share as well.
        let (asked, answered) = (asked + newly.asked, answered.min(asked) + newly.answered);
        let mut counts = Counts {
            step, whole, living: living.max(asked), within: asked + silent, asked, answered, newly
        };
        if well {
            for side in [&mut counts.step.new, &mut counts.whole.new] {
                (side.failed, side.infrastructure) = (0, 0);
            }
        }
        counts
    }
}

/// Another reckoning than the one under test.
fn is_above(ramp: &Ramp, counts: &Counts) -> bool {
    let rate = |part: u64, all: u64| {
        let [part, all] = [part, all].map(|it| f64::from(u32::try_from(it).unwrap()));
        if all == 0.0 { 0.0 } else { part / all }
    };
    [counts.step, counts.whole].iter().any(|window| {
        let failures = |side: &Side| rate(side.failed, side.tried);
        let trouble = |side: &Side| rate(side.infrastructure, side.devices);
        let most = ramp.halt_above.percent() / 100.0 + 1e-9;
        failures(&window.new) - failures(&window.old) > most
            || trouble(&window.new) - trouble(&window.old) > most
    })
}

fn steps(evidence: &[Evidence], what: What) -> Vec<usize> {
    let those = evidence.iter().filter(|it| it.what == what);
    those.map(|it| it.step).collect()
}

proptest! {
    #[test]
    fn a_ramp_keeps_its_word_whatever_is_counted(
        looks in proptest::collection::vec((any_counts(), 0_i64..3_000, 0_u8..12), 1..60),
        min_devices in 0_u32..30, is_timed in any::<bool>(),
    ) {
        let last = if is_timed { ":10m" } else { "" };
        let mut ramp = ramp(&format!("5%:30m,25%:1h,50%:2h,100%{last}"));
        ramp.min_devices = min_devices;
        let mut now = 0;
        for (counts, passes, person) in looks {
            now += passes;
            let before = ramp.clone();
            match person {
                0 => ramp = ramp.pause("", None, at(now)).unwrap_or(ramp),
                1 => ramp = ramp.resume("", None, at(now)).unwrap_or(ramp),
                _ => if let Next::Write(next) = ramp.next(&counts, at(now)) {
                    ramp = *next;
                },
            }
            let goes_on = ramp.step > before.step
                || (ramp.state.is == RampState::Completed && before.is_open());
            if goes_on {
                prop_assert!(!is_above(&before, &counts), "it went on while a rate was above");
                prop_assert!(at(now) >= before.due_at());
                prop_assert!(counts.living > 0);
                prop_assert!(counts.asked > 0 || counts.within == 0);
                prop_assert!(before.state.is == RampState::Running);
                // By those that this step reached, whatever earlier ones did.
                let newly = counts.newly;
                prop_assert!(newly.asked > 0 || newly.known == 0);
                let all_answered = counts.answered == counts.asked;
                prop_assert!(
                    all_answered
                        || newly.answered == newly.asked
                        || (newly.tried >= u64::from(min_devices) && newly.tried > 0)
                );
                let is_watched = before.at_step().hold_seconds.is_none()
                    && at(now) < before.step_since + LAST_WATCH;
                prop_assert!(all_answered || !is_watched, "most of its devices were on their way");
            }
            prop_assert!(ramp.step <= before.step + 1, "it skipped a step");
            prop_assert!(ramp.step >= before.step, "it went back");
            if ramp.state.is == RampState::Halted && before.is_open() {
                prop_assert!(is_above(&before, &counts), "it halted with no rate above");
                prop_assert_eq!(&ramp.target().unwrap().version, &Some(ramp.baseline.clone()));
            }
            if !before.is_open() {
                prop_assert_eq!(&ramp, &before, "it changed after its end");
            }
            if ramp.target() == before.target() {
                prop_assert_eq!(ramp.generation, before.generation);
            } else {
                prop_assert!(ramp.generation > before.generation);
                prop_assert_eq!(ramp.over, Some(before.generation));
            }
        }
        let entered = steps(&ramp.evidence, What::Entered);
        prop_assert_eq!(entered, (0..=ramp.step).collect::<Vec<_>>());
        let passed = ramp.step + usize::from(ramp.state.is == RampState::Completed);
        let expected: Vec<_> = (0..passed).collect();
        prop_assert_eq!(steps(&ramp.evidence, What::Passed), expected);
        let text = serde_json::to_vec(&ramp).unwrap();
        prop_assert_eq!(Ramp::parse(&text).unwrap(), ramp);
    }

    #[test]
    fn time_alone_never_halts_and_alone_lets_no_step_pass(
        counts in any_counts(), seconds in 0_i64..1_000_000,
    ) {
        let ramp = ramp(PLAN);
        let mut quiet = counts;
        for side in [&mut quiet.step.new, &mut quiet.whole.new] {
            (side.failed, side.infrastructure) = (0, 0);
        }
        prop_assert!(halts(ramp.judge(&quiet, at(seconds))).is_none());
        let newly = Newly { known: counts.newly.known, asked: counts.newly.asked, ..Newly::default() };
        let silent = Counts { living: counts.living, asked: counts.asked, newly, ..Counts::default() };
        if counts.newly.known > 0 {
            prop_assert!(ramp.judge(&silent, at(seconds)) != Judgement::Go);
        }
    }
}
