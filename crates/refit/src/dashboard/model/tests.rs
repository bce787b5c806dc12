use super::testing::{at, beat, named};
use super::*;
use crate::dashboard::events::States;
use fleet::State;
use rollout::fleet::ramp::{Origin, Ramp, RampPlan, RampState, Wish};

fn model(count: u32) -> Model {
    let mut overview = Overview::default();
    for n in 0..count {
        overview.hear(beat(n), at(-i64::from(n % 120)));
    }
    let mut model = Model::new("shopfloor".parse().unwrap());
    model.devices_are(overview, at(0));
    model.reports_are_read(at(0));
    model
}

fn ramp(n: u32, scope: &str, plan: &str) -> Ramp {
    let wish = Wish {
        id: format!("ramp-{n}"),
        subject: Subject::Runtime,
        scope: scope.parse().unwrap(),
        version: "1.1.0".parse().unwrap(),
        baseline: "1.0.0".parse().unwrap(),
        plan: plan.parse::<RampPlan>().unwrap(),
        halt_above: rollout::Share::from_hundredths(200),
        min_devices: 20,
        jitter: 60,
        by: "operator".to_owned(),
    };
    Ramp::begin(wish, Some(7), Origin::default(), at(-600))
}

fn report(
    device: u32,
    seq: u64,
    event: Event,
    version: &str,
    from: Option<&str>,
    when: i64,
) -> Report {
    Report {
        device: named(device).parse().unwrap(),
        seq,
        at: at(when),
        subject: Subject::Runtime,
        event,
        version: Some(version.parse().unwrap()),
        from: from.map(|it| it.parse().unwrap()),
        generation: None,
        reason: String::new(),
        detail: String::new(),
    }
}

#[test]
fn counts_add_up_whatever_they_are_counted_by() {
    let model = model(5_000);
    let told = model.told(at(0));
    assert_eq!(told.total, 5_000);
    let by_version: u64 = told.versions.iter().map(|it| it.devices).sum();
    let by_state: u64 = told.states.values().sum();
    assert_eq!((by_version, by_state), (5_000, 5_000));
    for version in &told.versions {
        assert_eq!(version.states.values().sum::<u64>(), version.devices);
    }
    let late = (0..5_000).filter(|n| n % 120 > 90).count() as u64;
    assert_eq!(told.late, late);
    assert_eq!(told.versions.iter().map(|it| it.late).sum::<u64>(), late);
    let groups: Vec<_> = told
        .groups
        .iter()
        .map(|it| (it.group.as_str(), it.devices))
        .collect();
    assert_eq!(groups, [("tills", 5_000), ("north", 1_667)]);
}

#[test]
fn a_heartbeat_moves_its_device_and_nobody_else() {
    let mut model = model(100);
    let before = model.told(at(0));
    let mut moved = beat(4);
    moved.runtime.version = Some("1.1.0".parse().unwrap());
    model.hear(moved, at(1));
    let after = model.told(at(1));
    let of = |told: &wire::Overview, version: &str| {
        let mut found = told.versions.iter();
        found
            .find(|it| it.version.as_deref() == Some(version))
            .unwrap()
            .devices
    };
    assert_eq!(of(&after, "1.1.0"), of(&before, "1.1.0") + 1);
    assert_eq!(of(&after, "1.0.0"), of(&before, "1.0.0") - 1);
    model.forget(&named(4).parse().unwrap());
    assert_eq!(model.told(at(1)).total, 99);
}

#[test]
fn a_ramp_is_told_with_its_reach_and_with_what_was_counted_beside_its_record() {
    let mut model = model(2_000);
    assert!(model.ramp(
        "ramp.runtime.group.north".to_owned(),
        Some(ramp(1, "group.north", "50%:30m,100%"))
    ));
    // The same again is no news.
    assert!(!model.ramp(
        "ramp.runtime.group.north".to_owned(),
        Some(ramp(1, "group.north", "50%:30m,100%"))
    ));
    for n in 0..2_000 {
        model.report(
            &report(n, 1, Event::Launched, "1.1.0", Some("1.0.0"), -60),
            at(-60),
        );
        if n % 10 == 0 {
            model.report(&report(n, 2, Event::FellBack, "1.1.0", None, -50), at(-50));
        }
    }
    // What stands on the board no more is known no more.
    model.ramp(
        "ramp.runtime.device.lost".to_owned(),
        Some(self::ramp(2, "device.lost", "100%")),
    );
    let there = std::collections::HashSet::from(["ramp.runtime.group.north".to_owned()]);
    model.board_is_read(Of::Ramps, &there);
    model.tick(at(0));
    let told = model.told(at(0));
    assert_eq!(told.ramps.len(), 1);
    let ramp = &told.ramps[0];
    let north: Vec<_> = (0..2_000).filter(|n| n % 3 == 0).collect();
    assert_eq!(ramp.devices, north.len() as u64);
    let reached = north
        .iter()
        .filter(|n| *n % 97 != 13 && *n % 10 < 3)
        .count();
    assert_eq!(
        (ramp.reached, ramp.on_way),
        (reached as u64, (north.len() - reached) as u64)
    );
    assert_eq!(
        (ramp.percent_now(), ramp.halt_above, ramp.led),
        (50.0, 2.0, Some(false))
    );
    let counted = ramp.evidence.last().unwrap();
    assert_eq!(counted.what, None);
    assert!(
        counted.fresh.tried > 250 && counted.fresh.tried < 420,
        "{counted:?}"
    );
    assert!(counted.fresh.failed > 10 && counted.fresh.failed < counted.fresh.tried / 4);
    assert_eq!(
        ramp.evidence[0].what,
        Some(rollout::fleet::ramp::What::Entered)
    );

    model.led(Some(at(0)));
    assert_eq!(model.told(at(5)).ramps[0].led, Some(true));
    assert_eq!(model.told(at(60)).ramps[0].led, Some(false));
    let halted = self::ramp(1, "group.north", "50%:30m,100%")
        .halt("worse", None, at(1))
        .unwrap();
    assert!(!model.ramp("ramp.runtime.group.north".to_owned(), Some(halted)));
    let told = model.told(at(2));
    assert_eq!(
        (told.ramps[0].state.as_str(), told.ramps[0].reason.as_str()),
        ("halted", "worse")
    );
    assert_eq!((told.ramps[0].led, told.ramps[0].next_at), (None, None));
    // What was counted stays on the curve.
    assert_eq!(
        told.ramps[0]
            .evidence
            .iter()
            .filter(|it| it.what.is_none())
            .count(),
        1
    );
}

impl wire::Ramp {
    fn percent_now(&self) -> f64 {
        self.plan[self.step].percent
    }
}

#[test]
fn what_a_narrower_order_brought_is_not_the_ramps_reach() {
    let mut model = Model::new("shopfloor".parse().unwrap());
    let mut overview = Overview::default();
    for n in 0..10 {
        let mut beat = beat(n);
        beat.runtime.version = Some("1.1.0".parse().unwrap());
        let scope = if n < 4 { "group.pilots" } else { "global" };
        beat.runtime.scope = Some(scope.parse().unwrap());
        beat.runtime.generation = Some(1);
        overview.hear(beat, at(0));
    }
    model.ramp(
        "ramp.runtime.global".to_owned(),
        Some(ramp(1, "global", "100%")),
    );
    model.devices_are(overview, at(0));
    model.tick(at(0));
    let ramp = &model.told(at(0)).ramps[0];
    assert_eq!((ramp.devices, ramp.reached, ramp.on_way), (6, 6, 0));
}

#[test]
fn a_ramp_that_had_begun_before_anybody_looked_has_its_curve_from_the_beginning() {
    let mut model = Model::new("shopfloor".parse().unwrap());
    let mut overview = Overview::default();
    for n in 0..1_000 {
        let mut beat = beat(n);
        let moved = if n < 100 { "1.1.0" } else { "1.0.0" };
        beat.runtime.version = Some(moved.parse().unwrap());
        overview.hear(beat, at(0));
    }
    // All of it was told just now: the devices had been cut off.
    model.ramp(
        "ramp.runtime.global".to_owned(),
        Some(ramp(1, "global", "100%")),
    );
    model.begin_reports(at(0));
    for n in 0..100 {
        let when = -600 + i64::from(n) * 3;
        model.report(
            &report(n, 1, Event::Launched, "1.1.0", Some("1.0.0"), when),
            at(0),
        );
        if n % 4 == 0 {
            model.report(
                &report(n, 2, Event::CrashLoop, "1.1.0", None, when + 100),
                at(0),
            );
        }
    }
    model.reports_are_read(at(0));
    model.devices_are(overview, at(0));
    let told = model.told(at(0));
    let counted = told.ramps[0].evidence.iter();
    let counted: Vec<_> = counted.filter(|it| it.what.is_none()).collect();
    assert!(counted.len() > 20, "{}", counted.len());
    assert!(counted[0].at < at(-560));
    assert!(counted.is_sorted_by(|a, b| a.fresh.tried <= b.fresh.tried && a.fresh.failed <= b.fresh.failed));
    let middle = counted[counted.len() / 2].fresh;
    assert!(
        middle.tried > 50 && middle.tried <= 100 && middle.failed > 5,
        "{middle:?}"
    );
    let last = counted.last().unwrap();
    assert_eq!(
        (last.fresh.tried, last.fresh.failed, last.old.tried),
        (100, 25, 1_000)
    );
    // From now on it is counted live, and the past stays.
    model.tick(at(30));
    let after = model.told(at(30)).ramps[0].evidence.len();
    assert!(after >= counted.len());
}

#[test]
fn open_ramps_come_first_and_one_that_stands_twice_is_told_once() {
    let mut model = model(10);
    for n in 0..20 {
        let over = ramp(n, "global", "100%")
            .halt("by operator", None, at(i64::from(n)))
            .unwrap();
        model.ramp(format!("past.ramp-{n}"), Some(over));
    }
    let last = ramp(19, "global", "100%")
        .halt("by operator", None, at(19))
        .unwrap();
    model.ramp("ramp.runtime.global".to_owned(), Some(last));
    model.ramp(
        "ramp.runtime.group.north".to_owned(),
        Some(ramp(99, "group.north", "5%:1h,100%")),
    );
    let told = model.told(at(30));
    let ids: Vec<_> = told.ramps.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids[..4], ["ramp-99", "ramp-19", "ramp-18", "ramp-17"]);
    assert_eq!(told.ramps.len(), MOST_RAMPS);
    assert_eq!(told.ramps[0].state, RampState::Running.as_str());
}

#[test]
fn the_hour_before_the_server_is_made_out_of_what_was_reported() {
    let mut overview = Overview::default();
    for n in 0..100 {
        let mut beat = beat(n);
        beat.runtime.version = Some("1.1.0".parse().unwrap());
        overview.hear(beat, at(0));
    }
    let mut model = Model::new("shopfloor".parse().unwrap());
    for n in 0..100_u32 {
        let when = -1_800 + i64::from(n) * 10;
        model.report(
            &report(n, 1, Event::Launched, "1.1.0", Some("1.0.0"), when),
            at(0),
        );
    }
    // The clock of one is ahead: it happened when it was told at the latest.
    model.report(
        &report(0, 2, Event::Launched, "1.1.0", Some("1.1.0"), 9_000),
        at(0),
    );
    model.reports_are_read(at(0));
    model.devices_are(overview, at(0));
    let (hour, _) = model.history.series(at(0));
    let line = |version: &str| {
        let mut lines = hour.versions.iter();
        &lines
            .find(|it| it.version.as_deref() == Some(version))
            .unwrap()
            .counts
    };
    assert_eq!(hour.start, at(-1_780));
    assert!(line("1.1.0").is_sorted() && line("1.0.0").iter().rev().is_sorted());
    assert_eq!((line("1.1.0")[0], *line("1.1.0").last().unwrap()), (3, 100));
    // Samples that follow do not lose what was made out.
    model.tick(at(20));
    assert_eq!(model.history.series(at(20)).0.start, at(-1_780));
}

#[test]
fn a_hundred_thousand_devices_are_small_to_tell_and_small_to_keep() {
    let mut model = model(100_000);
    // As much of everything as is ever told, in words as long as they may be.
    let long = "long ".repeat(2_000);
    for n in 0..400_u32 {
        let mut beat = beat(n);
        beat.device = format!("{n:064}").parse().unwrap();
        beat.groups = vec![format!("{n:064}").parse().unwrap()];
        beat.runtime.version = Some(format!("1.2.{n}-{}", "x".repeat(110)).parse().unwrap());
        model.hear(beat, at(0));
        let target: Target = serde_json::from_value(serde_json::json!({
            "version": format!("1.2.{n}-{}", "x".repeat(110)), "generation": n, "jitter": 60,
            "at": at(0), "by": long.clone(),
            "ramp": { "id": "r", "share": 12.34, "otherwise": "1.0.0" }
        }))
        .unwrap();
        model.target(
            Subject::Runtime,
            Scope::Device(format!("{n:064}").parse().unwrap()),
            Some(target),
        );
    }
    for second in 0..4_000 {
        if second % 20 == 0 {
            model.tick(at(second));
        }
    }
    for n in 0..20 {
        let mut ramp = ramp(n, "global", "1%:1m,2%:1m,5%:1m,10%:1m,20%:1m,50%:1m,100%");
        for turn in 0..200 {
            ramp = ramp.pause(&long, None, at(2 * turn)).unwrap();
            ramp = ramp.resume(&long, None, at(2 * turn + 1)).unwrap();
        }
        if n > 3 {
            ramp = ramp.halt(&long, None, at(500)).unwrap();
        }
        model.ramp(format!("ramp.runtime.{n}"), Some(ramp));
    }
    for second in 4_000..4_060 {
        model.tick(at(second));
    }
    let text = serde_json::to_string(&model.told(at(4_060))).unwrap();
    assert!(text.len() < 64 * 1024, "{} bytes", text.len());

    // A device that moved changes little of what is sent.
    let mut states = States::new("run".to_owned());
    let first = states.add(&model.told(at(4_060)));
    let mut moved = beat(5);
    moved.runtime.state = State::Staging;
    model.hear(moved, at(4_061));
    let second = states.add(&model.told(at(4_061)));
    assert!(first.whole().len() < 64 * 1024);
    let change = second.since(&first).len();
    assert!(change < 32 * 1024, "{change} bytes");

    let query: crate::dashboard::list::Asked =
        serde_json::from_value(serde_json::json!({ "sort": "-seen", "page": "500" })).unwrap();
    let page = serde_json::to_string(&model.list(&query.query().unwrap(), at(4_061))).unwrap();
    assert!(page.len() < 64 * 1024, "{} bytes", page.len());
}
