use super::*;
use crate::ramp::parse_plan;

fn model(plan: &str) -> Model {
    Model {
        devices: 10_000,
        version: "1.1.0".parse().unwrap(),
        plan: parse_plan(plan).unwrap(),
        every: 1_800,
        size: 20_000_000,
        hours: None,
    }
}

fn near(found: u32, wanted: u32, off: u32) {
    assert!(found.abs_diff(wanted) <= off, "{found}, not {wanted}");
}

#[test]
fn a_ramp_of_three_batches_goes_in_three_waves() {
    let run = model("30%,30%@12h,40%@24h").run();
    assert_eq!(run.hours.len(), 25, "until the last device has it");
    assert_eq!(run.download_seconds, 10);
    let eligible: Vec<_> = [0, 11, 12, 23, 24]
        .map(|hour| run.hours[hour].eligible)
        .to_vec();
    near(eligible[0], 3_000, 150);
    near(eligible[2], 6_000, 150);
    assert_eq!((eligible[0], eligible[2]), (eligible[1], eligible[3]));
    assert_eq!(eligible[4], 10_000);
    for hour in &run.hours {
        assert_eq!(hour.checked, 10_000, "a poll is at most 33 minutes away");
        assert_eq!(hour.staged, hour.eligible, "and so is a download");
    }
    assert_eq!(run.hours[1].started, 0);
    assert_eq!(run.hours[12].started, eligible[2] - eligible[1]);
}

#[test]
fn hosts_are_asked_as_often_as_devices_poll_and_send_what_they_fetch() {
    let run = model("30%,70%@2h").run();
    let requests: f64 = run
        .hours
        .iter()
        .map(|hour| hour.requests_per_second * 3_600.0)
        .sum();
    // Two polls an hour and device for three hours, two requests for each download, and a sixth of
    // a poll of those who look sooner than their rhythm has it: a third in place of half an interval.
    assert!((requests - 81_170.0).abs() < 700.0, "{requests}");
    let quiet = run.hours[1];
    assert!((quiet.requests_per_second - 10_000.0 / 1_800.0).abs() < 0.1);
    assert!((quiet.bytes_per_second - quiet.requests_per_second * 400.0).abs() < 0.01);
    assert!((quiet.peak_bytes_per_second - quiet.bytes_per_second).abs() < f64::EPSILON);
    let bytes: f64 = run
        .hours
        .iter()
        .map(|hour| hour.bytes_per_second * 3_600.0)
        .sum();
    let fetched = 10_000.0 * 20_002_000.0;
    assert!((bytes / fetched - 1.0).abs() < 0.001, "{bytes}");
    // 3,000 within some 30 minutes.
    let first = run.hours[0];
    let wanted = 3_000.0 * 20_000_000.0 / 1_800.0;
    assert!(
        (first.peak_bytes_per_second / wanted - 1.0).abs() < 0.35,
        "{first:?}"
    );
    assert!(first.peak_bytes_per_second > 1.5 * first.bytes_per_second);
}

#[test]
fn it_goes_the_same_way_every_time() {
    let model = model("0.1%,99.9%@6h");
    assert_eq!(model.run(), model.run());
    let other = Model {
        version: "1.1.1".parse().unwrap(),
        ..model.clone()
    };
    assert_ne!(other.run(), model.run(), "another version is another draw");
    // 0.1 % of 10,000; what these very ids draw.
    assert_eq!(model.run().hours[0].eligible, 10);
}

#[test]
fn what_lies_behind_the_hours_is_left_out() {
    let short = Model {
        hours: Some(2),
        ..model("30%,70%@12h")
    }
    .run();
    assert_eq!(short.hours.len(), 2);
    assert_eq!(short.hours[..], model("30%,70%@12h").run().hours[..2]);
    let endless = Model {
        size: u64::MAX,
        devices: 10,
        ..model("100%")
    }
    .run();
    assert_eq!(endless.hours.len(), 240);
    assert_eq!(endless.hours[239].staged, 0);
    assert_eq!(endless.hours[239].downloading, 10);
}

#[test]
fn polls_are_counted_as_if_one_by_one() {
    let delays = [0, 600, 1_700, 43_200, 86_400];
    for (n, delay) in (0..200).flat_map(|n| delays.map(|delay| (n, delay))) {
        let device = Device::of(n, 1_800, delay);
        assert!((1_620..=1_980).contains(&device.every) && device.first < device.every);
        let mut polls = Vec::new();
        let mut next = device.first;
        while next < 200_000 {
            polls.push(next);
            let regular = next + device.every;
            let waits = next < delay;
            next = if waits {
                regular.min(device.turn)
            } else {
                regular
            };
        }
        let came = polls.iter().find(|at| **at >= delay);
        assert_eq!(came, Some(&device.turn), "{n} {delay}");
        if device.first < delay {
            assert!((delay..delay + 1_800).contains(&device.turn), "{n} {delay}");
        }
        for end in [
            0,
            1,
            device.first + 1,
            3_600,
            delay,
            device.turn + 1,
            90_000,
            190_000,
        ] {
            let before = polls.iter().filter(|at| **at < end).count();
            assert_eq!(
                device.polls_before(end) as usize,
                before,
                "{n} {delay} {end}"
            );
        }
    }
}

#[test]
fn who_waits_for_the_same_turn_does_not_fetch_all_at_once() {
    let run = model("30%,70%@2h").run();
    let wave = run.hours[2];
    assert_eq!(wave.staged, 10_000, "an interval after it everyone has it");
    // The sooner of two even draws out of 1,800 s: at first two in 1,800 s come each second.
    let most = 7_000.0 * 20_000_000.0 * 2.0 / 1_800.0;
    assert!(wave.peak_bytes_per_second < 1.2 * most, "{wave:?}");
    assert!(wave.peak_bytes_per_second > 0.8 * most, "{wave:?}");
}

#[test]
fn no_devices_ask_nothing() {
    let run = Model {
        devices: 0,
        ..model("100%")
    }
    .run();
    assert!(run.hours.iter().all(|hour| hour.requests_per_second == 0.0));
}
