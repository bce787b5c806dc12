use proptest::prelude::*;

use super::*;
use crate::Share;
use crate::fleet::RampPart;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn target(wanted: &str, generation: u64, jitter: u32, second: i64) -> Target {
    Target {
        version: (!wanted.is_empty()).then(|| version(wanted)),
        generation,
        jitter,
        at: at(second),
        by: "operator".to_owned(),
        ramp: None,
    }
}

struct Device(Memory);

impl Device {
    fn hear(&mut self, scope: &str, target: Target) -> Heard {
        self.0.hear(scope.parse().unwrap(), target)
    }

    fn settle(&mut self, runs: &str, second: i64) -> Option<(String, u64)> {
        self.0.settle(
            &name("d"),
            &[name("x"), name("y")],
            &version(runs),
            at(second),
        );
        self.0
            .order()
            .map(|it| (it.version.to_string(), it.generation))
    }
}

fn refused(reason: &str) -> Refused {
    Refused {
        reason: reason.to_owned(),
        detail: String::new(),
    }
}

fn device() -> Device {
    Device(Memory::default())
}

#[test]
fn the_most_specific_scope_that_wants_something_counts() {
    let mut it = device();
    it.hear("global", target("1.1.0", 9, 0, 0));
    assert_eq!(it.settle("1.0.0", 0), Some(("1.1.0".into(), 9)));
    it.hear("group.x", target("1.2.0", 3, 0, 0));
    it.hear("group.y", target("1.3.0", 4, 0, 0));
    it.hear("group.z", target("1.9.0", 8, 0, 0));
    assert_eq!(
        it.settle("1.0.0", 0),
        Some(("1.3.0".into(), 4)),
        "the last order of my groups"
    );
    it.hear("device.d", target("1.4.0", 1, 0, 0));
    assert_eq!(it.settle("1.0.0", 0), Some(("1.4.0".into(), 1)));
    it.hear("device.d", target("", 2, 0, 0));
    assert_eq!(it.settle("1.0.0", 0), Some(("1.3.0".into(), 4)), "released");
    it.hear("group.x", target("", 10, 0, 0));
    it.hear("group.y", target("", 10, 0, 0));
    it.hear("global", target("", 10, 0, 0));
    assert_eq!(it.settle("1.0.0", 0), None);
}

#[test]
fn older_and_forged_generations_change_nothing() {
    let mut it = device();
    assert_eq!(it.hear("global", target("1.2.0", 5, 0, 0)), Heard::News);
    assert_eq!(it.hear("global", target("1.2.0", 5, 0, 0)), Heard::Known);
    assert_eq!(it.hear("global", target("1.1.0", 4, 0, 0)), Heard::Stale);
    assert_eq!(
        it.hear("global", target("6.6.6", 5, 0, 0)),
        Heard::Stale,
        "same generation"
    );
    assert_eq!(it.settle("1.0.0", 0), Some(("1.2.0".into(), 5)));
}

#[test]
fn whoever_a_ramp_has_not_reached_keeps_to_what_it_says_or_to_the_next_scope() {
    let mut it = device();
    let mut ramp = target("2.0.0", 5, 0, 0);
    ramp.ramp = Some(RampPart {
        id: "r".into(),
        share: Share::NONE,
        otherwise: None,
    });
    it.hear("group.x", ramp.clone());
    it.hear("global", target("1.1.0", 1, 0, 0));
    assert_eq!(it.settle("1.0.0", 0), Some(("1.1.0".into(), 1)));
    ramp.generation = 6;
    ramp.ramp.as_mut().unwrap().otherwise = Some(version("1.5.0"));
    it.hear("group.x", ramp);
    assert_eq!(it.settle("1.0.0", 0), Some(("1.5.0".into(), 6)));
}

#[test]
fn a_single_downgrade_is_followed_and_a_flapping_one_must_stand_a_minute() {
    let mut it = device();
    it.hear("global", target("1.1.0", 1, 0, 100));
    it.settle("1.2.0", 100);
    assert_eq!(it.0.order().unwrap().stands_until, None);
    it.hear("global", target("1.2.0", 2, 0, 110));
    it.settle("1.1.0", 110);
    assert_eq!(
        it.0.order().unwrap().stands_until,
        None,
        "up is no flapping"
    );
    it.hear("global", target("1.1.0", 3, 0, 159));
    it.settle("1.2.0", 159);
    assert_eq!(it.0.order().unwrap().stands_until, Some(at(219)));
    it.hear("global", target("1.2.0", 4, 0, 160));
    it.settle("1.2.0", 160);
    it.hear("global", target("1.1.0", 5, 0, 219));
    it.settle("1.2.0", 219);
    assert_eq!(
        it.0.order().unwrap().stands_until,
        None,
        "a minute after the last one"
    );
}

#[test]
fn the_wait_begins_with_the_order_or_where_it_was_heard_late_with_that() {
    let share = part("d", 7, Wait::Download, Duration::from_mins(10));
    for (heard, from) in [
        (1_000, 1_005),
        (1_060, 1_005),
        (940, 1_005),
        (1_061, 1_061),
        (9_999, 9_999),
    ] {
        let mut it = device();
        it.hear("global", target("1.1.0", 7, 600, 1_000));
        it.settle("1.0.0", heard);
        let order = it.0.order().unwrap();
        assert_eq!(
            order.download_at,
            jitter::after(at(from), share),
            "heard at {heard}"
        );
    }
}

#[test]
fn ordering_again_never_makes_a_device_wait_longer_and_asks_again_what_was_refused() {
    let mut it = device();
    it.hear("global", target("1.1.0", 1, 600, 0));
    it.settle("1.0.0", 0);
    let first = it.0.order().unwrap().download_at;
    it.0.refuse(1, refused("recalled"), at(0));
    it.0.refuse(9, refused("other"), at(0));
    assert_eq!(
        it.0.order().unwrap().refused.as_ref().unwrap().reason,
        "recalled"
    );
    it.hear("global", target("1.1.0", 2, 604_800, 0));
    it.settle("1.0.0", 1);
    let order = it.0.order().unwrap();
    assert!(order.download_at <= first && order.refused.is_none() && order.generation == 2);
    it.hear("global", target("1.1.0", 3, 0, 2));
    it.settle("1.0.0", 2);
    assert_eq!(it.0.order().unwrap().download_at, at(2).min(first), "now");
}

#[test]
fn what_is_staged_and_ordered_again_without_a_window_is_swapped_in_at_once() {
    let mut it = device();
    it.hear("global", target("1.1.0", 1, 604_800, 0));
    it.settle("1.0.0", 0);
    it.0.staged(&name("d"), at(0));
    let first = it.0.order().unwrap().swap_at.unwrap();
    assert!(first > at(10));
    it.hear("global", target("1.1.0", 2, 604_800, 5));
    it.settle("1.0.0", 5);
    assert!(
        it.0.order().unwrap().swap_at.unwrap() <= first,
        "never later"
    );
    it.hear("global", target("1.1.0", 3, 0, 10));
    it.settle("1.0.0", 10);
    assert_eq!(it.0.order().unwrap().swap_at, Some(at(10)));
}

#[test]
fn what_may_be_published_meanwhile_is_asked_for_again_and_what_is_bad_is_not() {
    for (reason, asked_again) in [
        ("unknown", true),
        ("not-signed", true),
        ("bad-version", false),
    ] {
        let mut it = device();
        it.hear("global", target("1.1.0", 1, 0, 0));
        it.settle("1.0.0", 0);
        it.0.refuse(1, refused(reason), at(100));
        it.settle("1.0.0", 699);
        assert!(it.0.order().unwrap().refused.is_some());
        it.settle("1.0.0", 700);
        assert_eq!(
            it.0.order().unwrap().refused.is_none(),
            asked_again,
            "{reason}"
        );
    }
}

#[test]
fn a_refusal_is_told_once_for_each_order_and_reason() {
    let mut it = device();
    it.hear("global", target("1.1.0", 1, 0, 0));
    it.settle("1.0.0", 0);
    assert_eq!(it.0.untold_refusal(), None);
    it.0.refuse(1, refused("unknown"), at(0));
    assert!(it.0.untold_refusal().is_some());
    it.0.told_refusal();
    // A restart, and the same again once it was asked for anew.
    let text = serde_json::to_string(&it.0).unwrap();
    let mut it = Device(serde_json::from_str(&text).unwrap());
    assert_eq!(it.0.untold_refusal(), None);
    it.settle("1.0.0", 600);
    it.0.refuse(1, refused("unknown"), at(600));
    assert_eq!(it.0.untold_refusal(), None);
    it.0.refuse(1, refused("recalled"), at(601));
    assert!(it.0.untold_refusal().is_some());
    it.0.told_refusal();
    it.hear("global", target("1.1.0", 2, 0, 700));
    it.settle("1.0.0", 700);
    it.0.refuse(2, refused("recalled"), at(700));
    assert!(it.0.untold_refusal().is_some(), "another order");
}

#[test]
fn a_clock_that_goes_back_costs_no_more_than_the_window() {
    let mut it = device();
    it.hear("global", target("1.1.0", 1, 600, 1_000_000));
    it.settle("1.0.0", 1_000_000);
    it.0.staged(&name("d"), at(1_000_000));
    it.settle("1.0.0", 500);
    let order = it.0.order().unwrap();
    assert!(order.download_at <= at(1_100) && order.swap_at.unwrap() <= at(1_100));
}

#[test]
fn a_clock_that_was_ahead_for_a_while_costs_no_more_than_the_window() {
    let mut it = device();
    it.hear("global", target("1.1.0", 1, 600, 0));
    it.settle("1.0.0", 0);
    // A start with a clock a year ahead, until it was set.
    let ahead = 31_536_000;
    it.0.staged(&name("d"), at(ahead));
    it.0.refuse(1, refused("unknown"), at(ahead));
    it.0.tried(at(ahead));
    it.settle("1.0.0", 100);
    let order = it.0.order().unwrap();
    assert!(order.swap_at.unwrap() <= at(700), "{order:?}");
    assert_eq!(
        (order.tried_at, order.refused_at),
        (Some(at(100)), Some(at(100)))
    );
    // Heard with such a clock, of an order by one that was as far ahead.
    let mut it = device();
    it.hear("global", target("1.1.0", 1, 600, ahead));
    it.settle("1.0.0", ahead);
    it.settle("1.0.0", 100);
    assert!(it.0.order().unwrap().download_at <= at(700));
}

#[test]
fn what_is_staged_waits_its_other_share_once() {
    let mut it = device();
    it.hear("global", target("1.1.0", 7, 600, 0));
    it.settle("1.0.0", 0);
    it.0.staged(&name("d"), at(50));
    let share = part("d", 7, Wait::Swap, Duration::from_mins(10));
    assert_eq!(
        it.0.order().unwrap().swap_at,
        Some(jitter::after(at(50), share))
    );
    it.0.staged(&name("d"), at(500));
    assert_eq!(
        it.0.order().unwrap().swap_at,
        Some(jitter::after(at(50), share)),
        "a restart"
    );
}

#[test]
fn it_is_written_and_read_as_it_was() {
    let mut it = device();
    it.hear("group.x", target("1.1.0", 7, 600, 0));
    it.settle("1.2.0", 0);
    it.0.staged(&name("d"), at(50));
    it.0.tried(at(60));
    it.0.refuse(7, refused("unknown"), at(70));
    let text = serde_json::to_string(&it.0).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), it.0);
}

proptest! {
    /// With a clock that goes on as it should, no moment that was written down moves.
    #[test]
    fn a_right_clock_moves_nothing(
        heard in 0_i64..900, jitter in 0_u32..1_200, skew in -200_i64..200, looks in prop::collection::vec(0_i64..3_000, 1..6),
    ) {
        let mut it = device();
        it.hear("global", target("1.1.0", 3, jitter, heard + skew));
        it.settle("1.0.0", heard);
        it.0.staged(&name("d"), at(heard + 10));
        let before = it.0.order().unwrap().clone();
        for look in looks {
            it.settle("1.0.0", heard + 10 + look);
            prop_assert_eq!(it.0.order().unwrap(), &before);
        }
    }

    /// Whatever order they come in and however often, what counts at the end is the newest of each.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        mut said in prop::collection::vec((0_usize..3, 1_u64..50, 0_u64..4), 1..30),
        seed in any::<u64>(),
    ) {
        said.sort_unstable();
        said.dedup_by_key(|it| (it.0, it.1));
        let scopes = ["global", "group.x", "device.d"];
        let play = |said: &[(usize, u64, u64)]| {
            let mut it = device();
            for (scope, generation, minor) in said {
                let wanted = format!("1.{minor}.0");
                it.hear(scopes[*scope], target(&wanted, *generation, 0, 0));
            }
            it.settle("1.0.0", 0)
        };
        let mut other = said.clone();
        let n = other.len();
        let mut state = seed;
        for i in 0..n {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            other.swap(i, usize::try_from(state >> 33).unwrap() % n);
        }
        other.extend_from_slice(&said[..n / 2]);
        prop_assert_eq!(play(&said), play(&other));
    }
}
