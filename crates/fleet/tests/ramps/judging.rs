//! Ramps that complete, halt, and wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use broker::Broker;
use rollout::fleet::ramp::{RampState, What};

use crate::devices::{Act, Devices, Script, is_within};
use crate::room::{Room, Running, pace, record, until, wish, works};

/// A third of the devices, by their numbers.
fn every_third(act: Act, of: &'static str) -> Script {
    Arc::new(move |n, version| {
        if version == of && n % 3 == 0 {
            act
        } else {
            Act::Works
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_works_comes_to_everyone_step_by_step() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let devices = Devices::start(&room.client, &room.names, 300, "1.0.0", works()).await;
    let started = room.begin(wish("10%:1s,50%:1s,100%")).await.unwrap();
    // What most devices run is the baseline where nothing is ordered.
    assert_eq!(started.ramp.baseline.as_str(), "1.0.0");
    assert_eq!(started.devices, 300);
    let within = (0..300).filter(|n| is_within(*n, "1.1.0", 10)).count();
    assert_eq!(started.first, u64::try_from(within).unwrap());

    let controller = Running::start(&room.client, &room.names, "desk", pace());
    let done = controller.records(What::Completed, 2).await;
    assert_eq!(done.state.is, RampState::Completed);
    assert_eq!(
        record(&done),
        [
            (What::Entered, 0),
            (What::Passed, 0),
            (What::Entered, 1),
            (What::Passed, 1),
            (What::Entered, 2),
            (What::Passed, 2),
            (What::Completed, 2)
        ]
    );
    let first = done.evidence[1].counts.unwrap();
    assert_eq!(first.whole.new.failed, 0);
    assert!((20..=u64::try_from(within).unwrap()).contains(&first.whole.new.tried));
    assert_eq!(first.whole.old.tried, 300);
    assert_eq!(first.living, 300);
    until("everyone", || devices.runs().get("1.1.0") == Some(&300)).await;
    until("the last target", || {
        controller
            .words()
            .contains("Completed: 1.1.0 on 100 % of global.")
    })
    .await;
    assert_eq!(room.shares().await, ["10 %", "50 %", "100 %", "1.1.0"]);
    assert_eq!(room.ramp().await, done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_halts_in_mid_step_and_whoever_was_reached_goes_back() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    room.order("1.0.0").await;
    let script = every_third(Act::FallsBack, "1.1.0");
    let devices = Devices::start(&room.client, &room.names, 400, "1.0.0", script).await;
    // Nobody waits for ten hours here.
    room.begin(wish("25%:10h,100%")).await.unwrap();
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    let halted = controller.records(What::Halted, 0).await;
    assert_eq!(record(&halted), [(What::Entered, 0), (What::Halted, 0)]);
    let why = &halted.state.why;
    assert!(why.contains("the new version failed on"), "{why}");
    assert!(why.contains("the baseline on 0 of 400 (0 %)"), "{why}");
    let counts = halted.evidence[1].counts.unwrap();
    let within: Vec<_> = (0..400).filter(|n| is_within(*n, "1.1.0", 25)).collect();
    assert!(counts.whole.new.devices <= u64::try_from(within.len()).unwrap());
    assert!(counts.whole.new.tried >= 20);

    until("everyone back", || {
        devices.runs().get("1.0.0") == Some(&400)
    })
    .await;
    assert!(
        devices.tried("1.1.0").iter().all(|n| within.contains(n)),
        "it reached more than its share"
    );
    assert_eq!(room.shares().await, ["1.0.0", "25 %", "1.0.0"]);
    let back = room.targets().await.pop().unwrap();
    assert_eq!((back.generation, back.jitter), (halted.generation, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_that_is_no_versions_fault_halts_as_well() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let script = every_third(Act::Trouble, "1.1.0");
    let devices = Devices::start(&room.client, &room.names, 200, "1.0.0", script).await;
    room.begin(wish("30%:10h,100%")).await.unwrap();
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    let halted = controller.records(What::Halted, 0).await;
    let why = &halted.state.why;
    assert!(
        why.contains("met trouble that is no version's fault on"),
        "{why}"
    );
    assert_eq!(halted.evidence[1].counts.unwrap().whole.new.failed, 0);
    until("everyone back", || {
        devices.runs().get("1.0.0") == Some(&200)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_that_fails_as_much_lets_it_go_on() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    // A third fails either way; which third has nothing to do with the version.
    let script: Script = Arc::new(|n, _| {
        if n % 3 == 0 {
            Act::FallsBack
        } else {
            Act::Works
        }
    });
    let _devices = Devices::start(&room.client, &room.names, 240, "1.0.0", script).await;
    let mut wish = wish("40%:1s,100%");
    // Shares of a hundred devices are not a third to the percent.
    wish.halt_above = rollout::Share::from_percent(10.0).unwrap();
    room.begin(wish).await.unwrap();
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    let done = controller.records(What::Completed, 1).await;
    let counts = done.evidence[1].counts.unwrap();
    assert!(
        counts.whole.new.failure_rate().percent() > 20.0,
        "{counts:?}"
    );
    assert!(
        counts.whole.old.failure_rate().percent() > 20.0,
        "{counts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_devices_wait_until_all_that_live_have_answered() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let last = (0..8).find(|n| is_within(*n, "1.1.0", 60)).unwrap();
    let refused = (0..8).rev().find(|n| is_within(*n, "1.1.0", 60)).unwrap();
    assert_ne!(last, refused);
    let may = Arc::new(AtomicBool::new(false));
    let script: Script = Arc::new({
        let may = Arc::clone(&may);
        move |n, version| match version {
            "1.1.0" if n == last && !may.load(Ordering::SeqCst) => Act::Nothing,
            "1.1.0" if n == refused => Act::Refused,
            _ => Act::Works,
        }
    });
    let devices = Devices::start(&room.client, &room.names, 8, "1.0.0", script).await;
    room.begin(wish("60%:0s,100%")).await.unwrap();
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    controller.waits("of them that live have answered").await;
    until("all others", || devices.tried("1.1.0").len() >= 2).await;
    assert_eq!(room.ramp().await.step, 0);
    may.store(true, Ordering::SeqCst);
    let done = controller.records(What::Completed, 1).await;
    let counts = done.evidence.last().unwrap().counts.unwrap();
    assert_eq!((counts.asked, counts.answered), (8, 8));
    assert_eq!((counts.whole.new.refused, counts.whole.new.failed), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_of_which_nobody_is_heard_completes_nothing() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let mut wish = wish("10%:0s,100%");
    wish.baseline = fleet::controller::Baseline::Version("1.0.0".parse().unwrap());
    let started = room.begin(wish).await.unwrap();
    assert_eq!((started.devices, started.first), (0, 0));
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    controller.waits("no device is heard of").await;
    assert_eq!(room.ramp().await.step, 0);
    let _devices = Devices::start(&room.client, &room.names, 5, "1.0.0", works()).await;
    controller.records(What::Completed, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_that_all_fail_halt_once_everybody_has_answered() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let script: Script = Arc::new(|_, version| {
        if version == "1.1.0" {
            Act::FallsBack
        } else {
            Act::Works
        }
    });
    let devices = Devices::start(&room.client, &room.names, 8, "1.0.0", script).await;
    room.begin(wish("60%:0s,100%")).await.unwrap();
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    controller.records(What::Halted, 0).await;
    assert!(
        devices
            .tried("1.1.0")
            .iter()
            .all(|n| is_within(*n, "1.1.0", 60))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rehearsals_and_crash_loops_of_the_new_version_halt() {
    for act in [Act::FailsRehearsal, Act::CrashLoops] {
        let broker = Broker::start();
        let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
        let script = every_third(act, "1.1.0");
        let devices = Devices::start(&room.client, &room.names, 200, "1.0.0", script).await;
        room.begin(wish("30%:10h,100%")).await.unwrap();
        let controller = Running::start(&room.client, &room.names, "desk", pace());
        let halted = controller.records(What::Halted, 0).await;
        let why = &halted.state.why;
        assert!(why.contains("the new version failed on"), "{act:?}: {why}");
        let counts = halted.evidence[1].counts.unwrap();
        assert_eq!(counts.whole.new.infrastructure, 0, "{act:?}");
        until("everyone back", || {
            devices.runs().get("1.0.0") == Some(&200)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_passes_by_the_first_ones_devices_and_the_last_is_watched_to_its_end() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    // Up to which share devices do what they are ordered, in percent.
    let most = Arc::new(AtomicU16::new(30));
    let script: Script = Arc::new({
        let most = Arc::clone(&most);
        move |n, version| match version {
            "1.1.0" if !is_within(n, "1.1.0", most.load(Ordering::SeqCst)) => Act::Nothing,
            _ => Act::Works,
        }
    });
    let devices = Devices::start(&room.client, &room.names, 200, "1.0.0", script).await;
    room.begin(wish("30%:0s,60%:0s,100%")).await.unwrap();
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    controller.records(What::Entered, 1).await;
    controller
        .waits("0 of the devices that this step reached tried it")
        .await;
    assert_eq!(room.ramp().await.step, 1);
    most.store(90, Ordering::SeqCst);
    controller.records(What::Entered, 2).await;
    controller.waits("they are waited for until").await;
    let within = (0..200).filter(|n| is_within(*n, "1.1.0", 90)).count();
    until("nine in ten", || {
        devices.runs().get("1.1.0") == Some(&within)
    })
    .await;
    assert!(room.ramp().await.is_open(), "with some on their way");
    most.store(100, Ordering::SeqCst);
    let done = controller.records(What::Completed, 2).await;
    let newly = done.evidence.last().unwrap().counts.unwrap().newly;
    let first = (0..200).filter(|n| is_within(*n, "1.1.0", 60)).count();
    assert_eq!(newly.answered, u64::try_from(200 - first).unwrap());
    for entered in done.evidence.iter().filter(|it| it.what == What::Entered) {
        assert_eq!(entered.counts, None, "nobody has counted by then");
    }
}
