//! One of many controllers leads, and another takes over where it died.

use std::time::Duration;

use broker::Broker;
use fleet::controller::{Baseline, Controller, Pace, Told, halt};
use rollout::fleet::Scope;
use rollout::fleet::ramp::{RampState, What};

use crate::devices::Devices;
use crate::room::{Room, Running, pace, record, until, whole, wish, works};

fn leads(told: &Told) -> bool {
    matches!(told, Told::Leads)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_when_it_dies_in_mid_step_another_resumes_at_the_step_on_record() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let devices = Devices::start(&room.client, &room.names, 200, "1.0.0", works()).await;
    room.begin(wish("20%:1s,50%:3s,80%:1s,100%")).await.unwrap();
    let first = Running::start(&room.connect().await, &room.names, "first", pace());
    first.tells("that it leads", leads).await;
    let second = Running::start(&room.connect().await, &room.names, "second", pace());
    let follows = |told: &Told| matches!(told, Told::Follows { leader } if leader == "first");
    second.tells("that it follows", follows).await;

    let ramp = first.records(What::Entered, 1).await;
    assert_eq!(ramp.step, 1);
    // In mid-step: its three seconds are not over.
    first.kill();
    second.tells("that it leads", leads).await;
    let done = second.records(What::Completed, 3).await;
    assert_eq!(record(&done), whole(4), "none skipped, none repeated");
    // The second's first step had its whole time, though two controllers share it.
    let [entered, passed] = [&done.evidence[2], &done.evidence[3]];
    assert!(passed.at.duration_since(entered.at).as_secs() >= 3);
    // It counted anew what the first had counted.
    let counts = passed.counts.unwrap();
    assert_eq!(counts.whole.old.tried, 200);
    assert!(counts.whole.new.tried >= 20);
    until("everyone", || devices.runs().get("1.1.0") == Some(&200)).await;
    let shares = room.shares().await;
    assert_eq!(shares[..4], ["20 %", "50 %", "80 %", "100 %"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_changes_nothing_and_who_gives_up_the_lead_is_followed_at_once() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let _devices = Devices::start(&room.client, &room.names, 60, "1.0.0", works()).await;
    // A leader that never acts: it holds the lease, and is not let to look again.
    let lazy = fleet::controller::Pace {
        tick: std::time::Duration::from_hours(1),
        lease: std::time::Duration::from_mins(4),
        ..pace()
    };
    let mut holder = fleet::controller::Controller::new(&room.client, &room.names, "holder", lazy);
    {
        let mut told = Vec::new();
        let mut tell = |it: Told| told.push(it);
        let looked = tokio::time::timeout(std::time::Duration::from_secs(2), holder.run(&mut tell));
        assert!(looked.await.is_err());
        assert!(told.iter().any(leads), "{told:?}");
    }
    let begun = room.begin(wish("50%:0s,100%")).await.unwrap().ramp;
    let other = Running::start(&room.client, &room.names, "other", pace());
    // It tells of what it sees, and leaves it alone.
    other.records(What::Entered, 0).await;
    for _ in 0..20 {
        assert_eq!(room.ramp().await, begun);
    }
    assert!(!other.told.lock().unwrap().iter().any(leads));
    holder.give_back().await;
    let done = other.records(What::Completed, 1).await;
    assert_eq!(done.state.is, RampState::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wakes_up_late_has_lost_the_lead_and_changes_nothing() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let _devices = Devices::start(&room.client, &room.names, 60, "1.0.0", works()).await;
    let begun = room.begin(wish("50%:10h,100%")).await.unwrap().ramp;
    let sleepy = fleet::controller::Pace {
        tick: std::time::Duration::from_hours(1),
        ..pace()
    };
    let mut sleeper =
        fleet::controller::Controller::new(&room.client, &room.names, "sleeper", sleepy);
    let told = std::sync::Mutex::new(Vec::new());
    let mut tell = |it: Told| told.lock().unwrap().push(it);
    // One look, then it sleeps for longer than its lease lasts.
    tokio::select! {
        never = sleeper.run(&mut tell) => match never {},
        () = until("its first look", || told.lock().unwrap().iter().any(leads)) => {}
    }
    let other = Running::start(&room.client, &room.names, "other", pace());
    other.tells("that it leads", leads).await;
    told.lock().unwrap().clear();
    let follows = |it: &Told| matches!(it, Told::Follows { leader } if leader == "other");
    tokio::select! {
        never = sleeper.run(&mut tell) => match never {},
        () = until("its second look", || told.lock().unwrap().iter().any(follows)) => {}
    }
    sleeper.give_back().await;
    assert_eq!(room.ramp().await, begun);
    let leaders = |it: &&Told| matches!(it, Told::Leads | Told::Follows { .. });
    assert_eq!(other.told.lock().unwrap().iter().filter(leaders).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_document_that_cannot_be_read_keeps_nobody_from_the_lead_nor_from_other_ramps() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    let devices = Devices::start(client, names, 60, "1.0.0", works()).await;
    let key = "ramp.runtime.group.kiosks";
    room.put_bytes(key, br#"{"schema":99}"#.to_vec()).await;
    // The longest pause is far longer than the lease, as it is outside of stories.
    let pace = Pace {
        most_pause: Duration::from_mins(10),
        ..pace()
    };
    let first = Running::start(client, names, "one", pace);
    first.tells("the lead", leads).await;
    let trouble = |it: &Told| matches!(it, Told::Trouble { why } if why.contains(key));
    first.tells("trouble", trouble).await;
    let second = Running::start(client, names, "two", pace);
    let follows = |it: &Told| matches!(it, Told::Follows { .. });
    second.tells("that it follows", follows).await;
    // A step long enough for pauses, for the bad document's sake, to outgrow the lease.
    room.begin(wish("30%:8s,100%")).await.unwrap();
    let over = first.records(What::Completed, 1).await;
    assert_eq!(record(&over), whole(2));
    assert_eq!(devices.runs().get("1.1.0"), Some(&60));
    for (running, times) in [(&first, 1), (&second, 0)] {
        let told = running.told.lock().unwrap();
        let led = told.iter().filter(|it| leads(it)).count();
        assert_eq!(led, times, "the lead changed hands");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_ramps_end_hears_of_it_though_the_next_one_has_begun() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    room.order("1.0.0").await;
    let first = room.begin(wish("50%:10h,100%")).await.unwrap().ramp;
    let (what, on) = (first.subject, first.scope.clone());
    halt(client, names, what, &on, "ops-1").await.unwrap();
    let second = room.begin(wish("50%:10h,100%")).await.unwrap().ramp;
    let mut controller = Controller::new(client, names, "desk", pace());
    let mut tell = |_| ();
    let over = controller.until_over(&first.id, &mut tell);
    let over = tokio::time::timeout(Duration::from_mins(1), over).await;
    let over = over.expect("it hears of the end");
    assert_eq!((over.id, over.state.is), (first.id, RampState::Halted));
    assert_eq!(room.ramp().await.id, second.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ramps_that_are_not_counted_yet_do_not_cost_the_lead() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    let _devices = Devices::start(client, names, 20, "1.0.0", works()).await;
    room.order("1.0.0").await;
    for group in ["a", "b", "c", "d", "e"] {
        let mut wish = wish("50%:10h,100%");
        wish.scope = Scope::Group(group.parse().unwrap());
        wish.baseline = Baseline::Version("1.0.0".parse().unwrap());
        room.begin(wish).await.unwrap();
    }
    room.begin(wish("50%:1s,100%")).await.unwrap();
    room.lose_the_last_report().await;
    // One look at all of them takes three times as long as the lease lasts.
    let pace = Pace {
        patience: Duration::from_millis(800),
        stall: Duration::from_secs(8),
        ..pace()
    };
    let first = Running::start(client, names, "one", pace);
    first.tells("the lead", leads).await;
    let second = Running::start(client, names, "two", pace);
    let counts = |it: &Told| matches!(it, Told::Counts { .. });
    first.tells("that it counts", counts).await;
    first.records(What::Completed, 1).await;
    for (running, times) in [(&first, 1), (&second, 0)] {
        let told = running.told.lock().unwrap();
        let led = told.iter().filter(|it| leads(it)).count();
        assert_eq!(led, times, "the lead changed hands");
    }
}
