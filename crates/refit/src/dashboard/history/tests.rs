use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_781_251_200 + seconds).unwrap()
}

fn mix(of: &[(&str, u64)]) -> Mix {
    let named = |(version, count): &(&str, u64)| {
        let version = (!version.is_empty()).then(|| (*version).to_owned());
        (version, *count)
    };
    of.iter().map(named).collect()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn told<'a>(series: &'a Series, version: &str) -> &'a [u64] {
    let name = (!version.is_empty()).then_some(version);
    let line = series.versions.iter();
    let mut line = line.filter(|it| it.version.as_deref() == name);
    &line.next().unwrap().counts
}

#[test]
fn samples_stand_on_a_grid_fine_for_an_hour_and_coarse_for_a_day() {
    let mut history = History::default();
    for seconds in 0..2 * 86_400 / 5 {
        let now = at(seconds * 5);
        if history.wants(now) {
            history.note(now, &mix(&[("1.0.0", 7), ("", 1)]));
        }
    }
    let (hour, day) = history.series(at(2 * 86_400 - 5));
    assert_eq!((hour.step, told(&hour, "1.0.0").len()), (20, 180));
    assert_eq!((day.step, told(&day, "").len()), (600, 144));
    assert_eq!(hour.start, at(2 * 86_400 - 3_600));
    assert_eq!(day.start, at(86_400));
}

#[test]
fn what_nobody_saw_stands_as_the_sample_before_it() {
    let mut history = History::default();
    history.note(at(0), &mix(&[("1.0.0", 5)]));
    history.note(at(60), &mix(&[("1.0.0", 2), ("1.1.0", 3)]));
    let (hour, _) = history.series(at(60));
    assert_eq!(told(&hour, "1.0.0"), [5, 5, 5, 2]);
    assert_eq!(told(&hour, "1.1.0"), [0, 0, 0, 3]);
}

#[test]
fn a_clock_that_went_back_leaves_nothing_ahead_of_it() {
    let mut history = History::default();
    history.note(at(9_000), &mix(&[("9.0.0", 1)]));
    history.note(at(0), &mix(&[("1.0.0", 1)]));
    let (hour, _) = history.series(at(0));
    assert_eq!(hour.start, at(0));
    assert_eq!(told(&hour, "1.0.0"), [1]);
    assert_eq!(hour.versions.len(), 1);
}

#[test]
fn nothing_seen_is_no_line() {
    let (hour, day) = History::default().series(at(0));
    assert!(hour.versions.is_empty() && day.versions.is_empty());
}

#[test]
fn many_versions_are_eight_lines_and_one_for_the_others() {
    let mut history = History::default();
    let many: Mix = (0..500_u64)
        .map(|n| (Some(format!("1.0.{n}")), n + 1))
        .collect();
    history.note(at(0), &many);
    let (hour, _) = history.series(at(0));
    assert_eq!(hour.versions.len(), MOST + 1);
    assert_eq!(told(&hour, "1.0.499"), [500]);
    let all: u64 = hour.versions.iter().map(|it| it.counts[0]).sum();
    assert_eq!(all, 500 * 501 / 2);
}

#[test]
fn the_past_is_what_runs_now_with_what_was_reported_undone() {
    // Device 0 went 1.0 → 1.1 at 40 s; 1 went there and back; 2 said not from where; 3 runs nothing.
    let runs = ["1.1.0", "1.0.0", "1.1.0"].map(|it| Some(version(it)));
    let runs: Vec<_> = runs.into_iter().chain([None]).collect();
    let switch = |seconds, device, from: &str| Switch {
        at: at(seconds),
        device,
        from: (!from.is_empty()).then(|| version(from)),
    };
    let mut switches = [
        switch(39, 0, "1.0.0"),
        switch(30, 1, "1.0.0"),
        switch(70, 1, "1.1.0"),
        switch(50, 2, ""),
        switch(50, 99, "1.0.0"),
    ];
    let mut history = History::default();
    history.note(at(100), &mix(&[("1.1.0", 2), ("1.0.0", 1), ("", 1)]));
    history.rebuild(&runs, &mut switches, at(-1), at(100));
    let (hour, _) = history.series(at(100));
    assert_eq!(hour.start, at(0));
    assert_eq!(told(&hour, "1.0.0"), [2, 2, 0, 0, 1, 1]);
    assert_eq!(told(&hour, "1.1.0"), [0, 0, 2, 3, 2, 2]);
    assert_eq!(told(&hour, ""), [1; 6]);
    // What was seen stays as it was seen.
    let mut other = runs.clone();
    other[0] = Some(version("2.0.0"));
    history.rebuild(&other, &mut [], at(-1), at(100));
    assert_eq!(history.series(at(100)).0, hour);
}

proptest! {
    #[test]
    fn the_past_never_has_more_devices_than_now(
        runs in proptest::collection::vec(proptest::option::of(0_u8..4), 0..40),
        past in proptest::collection::vec((0_i64..4_000, 0_u32..50, proptest::option::of(0_u8..4)), 0..80)
    ) {
        let named = |n: u8| version(&format!("1.0.{n}"));
        let runs: Vec<_> = runs.into_iter().map(|it| it.map(named)).collect();
        let mut switches: Vec<_> = past
            .into_iter()
            .map(|(seconds, device, from)| Switch { at: at(seconds), device, from: from.map(named) })
            .collect();
        let mut history = History::default();
        history.rebuild(&runs, &mut switches, at(0), at(3_600));
        let (hour, day) = history.series(at(3_600));
        for series in [hour, day] {
            let length = series.versions.first().map_or(0, |it| it.counts.len());
            for n in 0..length {
                let all: u64 = series.versions.iter().map(|it| it.counts[n]).sum();
                prop_assert!(all <= runs.len() as u64);
            }
        }
    }
}
