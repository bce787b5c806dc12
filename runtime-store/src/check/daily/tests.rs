use std::fs;

use proptest::prelude::*;

use super::*;
use crate::testing::{Bench, id, now};

const DAY: Duration = Duration::from_hours(24);

fn later(days: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * days)
}

#[test]
fn a_version_staged_before_gets_its_manifest_once_and_no_damage_meanwhile() {
    let bench = Bench::new();
    let placed = bench.place("1.1.0");
    bench.store.quick_check(&placed).unwrap();
    assert_eq!(bench.store.daily_check(now(), DAY), []);
    let path = bench.path("records/1.1.0~tree.json");
    let made = fs::read(&path).unwrap();
    fs::write(bench.entry("1.1.0"), "other").unwrap();
    // Not due: neither read nor described anew.
    assert_eq!(bench.store.daily_check(now(), DAY), []);
    assert_eq!(fs::read(&path).unwrap(), made);

    let damaged = bench.store.daily_check(later(1), DAY);
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].detail, "`dist/cli.js` was changed");
    assert_eq!(bench.store.damaged(), damaged);
}

#[test]
fn what_was_read_today_is_not_read_again_and_a_stamp_survives() {
    let bench = Bench::new();
    bench.place("1.1.0");
    bench.place("1.2.0");
    bench.store.daily_check(now(), DAY);
    fs::write(bench.entry("1.1.0"), "other").unwrap();
    let other = bench.other_process();
    assert_eq!(other.daily_check(later(0), DAY), []);
    assert_eq!(other.daily_check(later(1), DAY).len(), 1);
    assert_eq!(other.daily_check(later(1), DAY), []);
    let text = fs::read_to_string(bench.path("checks.json")).unwrap();
    assert!(text.contains("1.1.0") && text.contains("1.2.0"), "{text}");
}

#[test]
fn what_cannot_be_described_keeps_no_other_from_being_checked() {
    let bench = Bench::new();
    bench.place("1.1.0");
    bench.place("1.2.0");
    bench.block("records/1.1.0~tree.json");
    bench.store.daily_check(now(), DAY);
    assert!(bench.path("records/1.2.0~tree.json").is_file());
}

#[test]
fn an_unreadable_manifest_is_made_anew_and_a_newer_shells_stays() {
    let bench = Bench::new();
    bench.place("1.1.0");
    let path = bench.path("records/1.1.0~tree.json");
    fs::write(&path, "garbage").unwrap();
    bench.store.quick_check(&id("1.1.0")).unwrap();
    bench.store.daily_check(now(), DAY);
    assert!(fs::read_to_string(&path).unwrap().contains("dist/cli.js"));
    let newer = r#"{"schema":2}"#;
    fs::write(&path, newer).unwrap();
    bench.store.daily_check(later(2), DAY);
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}

proptest! {
    #[test]
    fn a_check_is_due_exactly_when_nothing_was_read_in_time(
        last in prop::option::of(-100_i64..100),
        staged in -100_i64..100,
        every in 1_u64..100,
    ) {
        let at = |hours: i64| now() + SignedDuration::from_hours(hours);
        let fresh = |hours: i64| hours <= 0 && hours.unsigned_abs() < every;
        let due = is_due(last.map(at), at(staged), now(), Duration::from_hours(every));
        prop_assert_eq!(due, !(last.is_some_and(fresh) || fresh(staged)));
    }
}
