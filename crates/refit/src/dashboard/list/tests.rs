use super::*;
use crate::dashboard::model::testing::{at, beat, named};
use fleet::operator::Overview;
use proptest::prelude::*;

fn overview(count: u32) -> Overview {
    let mut overview = Overview::default();
    for n in 0..count {
        overview.hear(beat(n), at(-i64::from(n % 200)));
    }
    overview
}

fn asked(pairs: &[(&str, &str)]) -> Result<Query, Wrong> {
    let asked: serde_json::Map<_, _> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    let asked: Asked = serde_json::from_value(asked.into()).unwrap();
    asked.query()
}

fn page(overview: &Overview, pairs: &[(&str, &str)]) -> Page {
    asked(pairs).unwrap().answer(overview.all(), at(0))
}

fn names(page: &Page) -> Vec<&str> {
    page.rows.iter().map(|it| it.device.as_str()).collect()
}

#[test]
fn a_page_has_a_hundred_devices_and_the_last_one_the_rest() {
    let overview = overview(250);
    let first = page(&overview, &[]);
    assert_eq!((first.total, first.page, first.pages), (250, 1, 3));
    assert_eq!(first.rows.len(), 100);
    assert_eq!(first.rows[0].device, named(0));
    let last = page(&overview, &[("page", "3")]);
    assert_eq!(
        (last.rows.len(), last.rows[49].device.clone()),
        (50, named(249))
    );
    // The fleet may have shrunk since the page was seen.
    assert_eq!(page(&overview, &[("page", "99")]).page, 3);
    let none = page(&overview, &[("filter", "nobody")]);
    assert_eq!(
        (none.total, none.page, none.pages, none.rows.len()),
        (0, 1, 1, 0)
    );
}

#[test]
fn each_filter_leaves_only_what_suits() {
    let overview = overview(1_000);
    let all: Vec<_> = overview.all().collect();
    let counted = |suits: &dyn Fn(&Seen) -> bool| all.iter().filter(|it| suits(it)).count();
    for (pairs, suits) in [
        (
            &[("filter", "TILL-0001")] as &[_],
            &(|it: &Seen| it.device.as_str().contains("till-0001")) as &dyn Fn(&Seen) -> bool,
        ),
        (&[("version", "1.1.0")], &|it| {
            it.runtime
                .version
                .as_ref()
                .is_some_and(|it| it.as_str() == "1.1.0")
        }),
        (&[("version", "none")], &|it| it.runtime.version.is_none()),
        (&[("state", "refused,trouble")], &|it| {
            matches!(it.runtime.state, State::Refused | State::Trouble)
        }),
        (&[("group", "north")], &|it| {
            it.groups.iter().any(|it| it.as_str() == "north")
        }),
        (&[("late", "1")], &|it| it.is_late(at(0))),
        (
            &[("late", "1"), ("group", "north"), ("version", "1.0.0")],
            &|it| {
                it.is_late(at(0))
                    && it.groups.iter().any(|it| it.as_str() == "north")
                    && it
                        .runtime
                        .version
                        .as_ref()
                        .is_some_and(|it| it.as_str() == "1.0.0")
            },
        ),
    ] {
        let found = page(&overview, pairs).total;
        assert_eq!(found, counted(suits), "{pairs:?}");
        assert!((1..1_000).contains(&found), "{pairs:?}");
    }
}

#[test]
fn what_cannot_be_asked_is_told() {
    for (name, value) in [
        ("filter", "x".repeat(65).as_str()),
        ("version", "newest"),
        ("state", "refused,well"),
        ("group", "a.b"),
        ("late", "yes"),
        ("sort", "colour"),
        ("page", "0"),
        ("page", "-1"),
    ] {
        assert_eq!(asked(&[(name, value)]).unwrap_err().name, name, "{value}");
    }
    let other = serde_json::json!({ "all": "1" });
    assert!(serde_json::from_value::<Asked>(other).is_err());
}

#[test]
fn columns_are_sorted_both_ways() {
    let overview = overview(300);
    let seen = page(&overview, &[("sort", "seen")]);
    assert!(seen.rows.is_sorted_by(|a, b| a.seen >= b.seen));
    let failures = page(&overview, &[("sort", "-failures")]);
    assert!(failures.rows.is_sorted_by(|a, b| a.failures >= b.failures));
    let versions = page(&overview, &[("sort", "version")]);
    assert_eq!(versions.rows[0].version, None);
    let down = page(&overview, &[("sort", "-device")]);
    assert_eq!(down.rows[0].device, named(299));
}

proptest! {
    #[test]
    fn pages_neither_miss_nor_repeat_a_device(
        count in 1_u32..420,
        sort in prop_oneof!["device", "version", "state", "target", "failures", "seen"],
        down in any::<bool>()
    ) {
        let overview = overview(count);
        let sort = if down { format!("-{sort}") } else { sort };
        let mut found = Vec::new();
        let pages = page(&overview, &[]).pages;
        for n in 1..=pages {
            let page = page(&overview, &[("sort", &sort), ("page", &n.to_string())]);
            found.extend(names(&page).into_iter().map(ToOwned::to_owned));
        }
        let mut sorted = found.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), count as usize);
        prop_assert_eq!(found.len(), count as usize);
    }
}
