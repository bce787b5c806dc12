use proptest::prelude::*;
use serde_json::json;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn beat(device: &str, groups: &[&str], version: Option<&str>, state: &str) -> Heartbeat {
    serde_json::from_value(json!({
        "device": device, "at": "1999-01-01T00:00:00Z", "groups": groups, "bucket": 7, "uptimeSeconds": 1,
        "runtime": { "version": version, "state": state },
    }))
    .unwrap()
}

fn report(device: &str, seq: u64, event: &str) -> Report {
    serde_json::from_value(json!({
        "device": device, "seq": seq, "at": "1999-01-01T00:00:00Z", "subject": "runtime", "event": event,
        "version": "1.0.0",
    }))
    .unwrap()
}

fn told(counts: &Counts) -> Vec<(String, State, u64)> {
    let version = |it: &Mix| {
        it.version
            .as_ref()
            .map_or("-".to_owned(), Version::to_string)
    };
    let mix = counts.mix.iter();
    mix.map(|it| (version(it), it.state, it.devices)).collect()
}

#[test]
fn a_device_counts_once_and_where_it_was_last_heard_to_be() {
    let mut overview = Overview::default();
    overview.hear(beat("a", &["kiosks"], Some("1.0.0"), "arrived"), at(0));
    overview.hear(
        beat("b", &["kiosks", "east"], Some("1.0.0"), "arrived"),
        at(1),
    );
    overview.hear(beat("c", &[], None, "halted"), at(2));
    overview.hear(beat("a", &["east"], Some("1.10.0"), "arrived"), at(3));
    // What came before counts no more, though it is delivered again.
    overview.hear(beat("a", &["kiosks"], Some("1.0.0"), "staging"), at(2));

    let counts = overview.counts(Subject::Runtime, at(10));
    assert_eq!(
        told(&counts),
        [
            ("1.10.0".to_owned(), State::Arrived, 1),
            ("1.0.0".to_owned(), State::Arrived, 1),
            ("-".to_owned(), State::Halted, 1),
        ]
    );
    assert_eq!((counts.devices, counts.late), (3, 0));
    let groups: Vec<_> = overview
        .groups()
        .iter()
        .map(|(name, n)| (name.as_str(), *n))
        .collect();
    assert_eq!(groups, [("east", 2), ("kiosks", 1)]);
    assert_eq!(overview.counts(Subject::Agent, at(10)).devices, 0);

    overview.forget(&"a".parse().unwrap());
    assert_eq!(overview.counts(Subject::Runtime, at(10)).devices, 2);
    assert_eq!(overview.groups().len(), 2);
}

#[test]
fn late_is_who_was_not_heard_for_longer_than_ninety_seconds_whatever_its_own_clock_says() {
    let mut overview = Overview::default();
    overview.hear(beat("a", &[], Some("1.0.0"), "arrived"), at(0));
    overview.hear(beat("b", &[], Some("1.0.0"), "arrived"), at(50));
    assert_eq!(overview.counts(Subject::Runtime, at(90)).late, 0);
    assert_eq!(overview.counts(Subject::Runtime, at(91)).late, 1);
    let late = Filter {
        late: Some(true),
        ..Filter::default()
    };
    let page = Page {
        offset: 0,
        limit: 10,
    };
    let found = overview.devices(Subject::Runtime, &late, page, at(91));
    assert_eq!(found.devices[0].device.as_str(), "a");
    // A week later both are gone, as they are on the broker.
    overview.forget_the_lost(at(604_801));
    assert_eq!(overview.len(), 1);
    overview.forget_the_lost(at(604_851));
    assert!(overview.is_empty() && overview.groups().is_empty());
}

#[test]
fn devices_are_found_by_what_is_asked_for_and_come_in_pages() {
    let mut overview = Overview::default();
    for n in 0..10 {
        let (version, group) = if n % 2 == 0 {
            ("1.0.0", "even")
        } else {
            ("2.0.0", "odd")
        };
        let beat = beat(&format!("Device-{n}"), &[group], Some(version), "arrived");
        overview.hear(beat, at(0));
    }
    let find = |filter: Filter, offset, limit| {
        let page = Page { offset, limit };
        let found = overview.devices(Subject::Runtime, &filter, page, at(0));
        let names = found.devices.iter().map(|it| it.device.to_string());
        (found.total, names.collect::<Vec<_>>())
    };
    let all = Filter::default();
    assert_eq!(
        find(all.clone(), 8, 5),
        (10, vec!["Device-8".to_owned(), "Device-9".to_owned()])
    );
    assert_eq!(find(all, 11, 5), (10, vec![]));
    let odd = Filter {
        group: Some("odd".parse().unwrap()),
        ..Filter::default()
    };
    assert_eq!(find(odd, 0, 1), (5, vec!["Device-1".to_owned()]));
    let version = Some("2.0.0".parse().ok());
    let text = Some("DEVICE-3".to_owned());
    assert_eq!(
        find(
            Filter {
                text,
                version,
                ..Filter::default()
            },
            0,
            9
        )
        .0,
        1
    );
    assert_eq!(
        find(
            Filter {
                version: Some(None),
                ..Filter::default()
            },
            0,
            9
        )
        .0,
        0
    );
    assert_eq!(
        find(
            Filter {
                state: Some(State::Halted),
                ..Filter::default()
            },
            0,
            9
        )
        .0,
        0
    );
}

#[test]
fn a_report_counts_once_however_often_it_comes() {
    let mut overview = Overview::default();
    assert!(overview.report(&report("a", 1, "fell-back")));
    assert!(!overview.report(&report("a", 1, "fell-back")));
    assert!(overview.report(&report("a", 3, "confirmed")));
    assert!(!overview.report(&report("a", 2, "fell-back")));
    assert!(overview.report(&report("b", 1, "fell-back")));
    let version = "1.0.0".parse().unwrap();
    let events = overview.events(Subject::Runtime, Some(&version));
    assert_eq!(events[&Event::FellBack], 2);
    assert_eq!(events[&Event::Confirmed], 1);
    assert!(overview.events(Subject::Agent, Some(&version)).is_empty());
}

#[test]
fn what_many_say_in_the_same_words_is_kept_once() {
    let mut overview = Overview::default();
    for n in 0..1_000 {
        overview.hear(
            beat(&format!("d{n}"), &["g"], Some("1.0.0"), "arrived"),
            at(0),
        );
    }
    assert_eq!(
        (overview.runtimes.0.len(), overview.memberships.0.len()),
        (1, 1)
    );
    // All of them move on, and what they left is not kept.
    for n in 0..1_000 {
        overview.hear(
            beat(&format!("d{n}"), &["g"], Some("2.0.0"), "arrived"),
            at(1),
        );
    }
    assert_eq!(overview.runtimes.0.len(), 1);
}

proptest! {
    #[test]
    fn the_counts_are_those_of_a_count_by_hand(
        heard in proptest::collection::vec((0_u8..6, 0_u8..3, 0_u8..3, 0_i64..300), 0..60)
    ) {
        let mut overview = Overview::default();
        let mut last: BTreeMap<u8, (u8, u8, i64)> = BTreeMap::new();
        for (device, version, group, when) in heard {
            let version_text = format!("{version}.0.0");
            let group_text = format!("g{group}");
            let beat = beat(&format!("d{device}"), &[&group_text], Some(&version_text), "arrived");
            overview.hear(beat, at(when));
            let known = last.entry(device).or_insert((version, group, when));
            if known.2 <= when {
                *known = (version, group, when);
            }
        }
        let counts = overview.counts(Subject::Runtime, at(200));
        prop_assert_eq!(counts.devices, last.len() as u64);
        for n in 0..3_u8 {
            let by_hand = last.values().filter(|it| it.0 == n).count() as u64;
            let version: Version = format!("{n}.0.0").parse().unwrap();
            let mix = counts.mix.iter().find(|it| it.version.as_ref() == Some(&version));
            prop_assert_eq!(mix.map_or(0, |it| it.devices), by_hand);
            let group: Name = format!("g{n}").parse().unwrap();
            let by_hand = last.values().filter(|it| it.1 == n).count() as u64;
            prop_assert_eq!(overview.groups().get(&group).copied().unwrap_or(0), by_hand);
        }
        let late = last.values().filter(|it| 200 - it.2 > 90).count() as u64;
        prop_assert_eq!(counts.late, late);
    }
}
