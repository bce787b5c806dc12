//! What people order about a ramp: pause, resume, halt, and something else.

use std::time::Duration;

use broker::Broker;
use fleet::controller::{Ordered, halt, pause_ramp, resume};
use jiff::Timestamp;
use rollout::fleet::ramp::{self, Counts, Next, Ramp, RampState, What};
use rollout::fleet::{Scope, Subject};

use crate::devices::{Devices, is_within};
use crate::room::{Room, Running, pace, record, until, wish, works};

fn done(ordered: Ordered) -> Ramp {
    match ordered {
        Ordered::Done(ramp) => *ramp,
        Ordered::NothingToDo(why) => panic!("there was nothing to do: {why}"),
    }
}

fn nothing(ordered: Ordered) -> String {
    match ordered {
        Ordered::Done(ramp) => panic!("it was done: {:?}", ramp.state),
        Ordered::NothingToDo(why) => why,
    }
}

const WHAT: Subject = Subject::Runtime;
const WHERE: Scope = Scope::Global;

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_ramp_stays_where_it_is_until_it_is_resumed() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    let _devices = Devices::start(client, names, 150, "1.0.0", works()).await;
    room.begin(wish("40%:1s,100%")).await.unwrap();
    let paused = done(
        pause_ramp(client, names, WHAT, &WHERE, "ops-1")
            .await
            .unwrap(),
    );
    assert_eq!(
        (paused.state.is, paused.state.why.as_str()),
        (RampState::Paused, "by ops-1")
    );
    assert!(paused.evidence[1].counts.is_some());
    let again = nothing(
        pause_ramp(client, names, WHAT, &WHERE, "ops-1")
            .await
            .unwrap(),
    );
    assert!(again.contains("it is paused already"), "{again}");

    let controller = Running::start(client, names, "desk", pace());
    controller
        .waits("paused; `refit fleet resume` lets it go on")
        .await;
    // Its step's time passes, and more, while the controller looks every few milliseconds.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(room.ramp().await, paused);

    let resumed = done(resume(client, names, WHAT, &WHERE, "ops-1").await.unwrap());
    assert!(resumed.paused_millis >= 1_200);
    let again = nothing(resume(client, names, WHAT, &WHERE, "ops-1").await.unwrap());
    assert!(again.contains("already"), "{again}");
    let over = controller.records(What::Completed, 1).await;
    assert_eq!(
        record(&over)[..4],
        [
            (What::Entered, 0),
            (What::Paused, 0),
            (What::Resumed, 0),
            (What::Passed, 0)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_halts_it_at_once_and_hears_how_many_were_reached() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    let devices = Devices::start(client, names, 100, "1.0.0", works()).await;
    for order in [
        halt(client, names, WHAT, &WHERE, "ops-1").await,
        resume(client, names, WHAT, &WHERE, "ops-1").await,
        pause_ramp(client, names, WHAT, &WHERE, "ops-1").await,
    ] {
        assert_eq!(nothing(order.unwrap()), "There is no ramp on global.");
    }
    room.begin(wish("30%:10h,100%")).await.unwrap();
    let within = (0..100).filter(|n| is_within(*n, "1.1.0", 30)).count();
    until("the first step", || {
        devices.runs().get("1.1.0") == Some(&within)
    })
    .await;
    // With no controller anywhere.
    let halted = done(
        halt(client, names, WHAT, &WHERE, "ops-1\u{7}")
            .await
            .unwrap(),
    );
    assert_eq!(halted.state.why, "by ops-1 ");
    let counts = halted.evidence.last().unwrap().counts.unwrap();
    assert_eq!(counts.whole.new.devices, u64::try_from(within).unwrap());
    until("everyone back", || {
        devices.runs().get("1.0.0") == Some(&100)
    })
    .await;
    assert_eq!(room.shares().await, ["30 %", "1.0.0"]);
    assert_eq!(room.ramp().await, halted);
    let again = nothing(halt(client, names, WHAT, &WHERE, "ops-1").await.unwrap());
    assert!(again.contains("it is halted already"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_order_for_the_scope_cancels_it() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    let devices = Devices::start(client, names, 50, "1.0.0", works()).await;
    room.begin(wish("30%:10h,100%")).await.unwrap();
    let controller = Running::start(client, names, "desk", pace());
    controller.waits("held until").await;
    room.order("1.2.0").await;
    let over = controller.records(What::Cancelled, 0).await;
    assert_eq!(over.state.is, RampState::Cancelled);
    assert_eq!(over.state.why, "1.2.0 was ordered for global by eve");
    until("the other order", || {
        devices.runs().get("1.2.0") == Some(&50)
    })
    .await;
    assert_eq!(room.shares().await, ["30 %", "1.2.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_died_between_document_and_target_is_made_up_for() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    let devices = Devices::start(client, names, 50, "1.0.0", works()).await;
    let begun = room.begin(wish("30%:10h,100%")).await.unwrap().ramp;
    until("the first step", || devices.runs().contains_key("1.1.0")).await;
    // A controller decided, wrote the document, and was gone.
    let halted = begun.halt("worse", None, begun.at).unwrap();
    room.put(&halted).await;
    let _controller = Running::start(client, names, "desk", pace());
    until("everyone back", || devices.runs().get("1.0.0") == Some(&50)).await;
    assert_eq!(room.shares().await, ["30 %", "1.0.0"]);
    assert_eq!(room.targets().await[1].generation, halted.generation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_turns_everyone_back_over_a_step_whose_target_never_came() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    let devices = Devices::start(client, names, 50, "1.0.0", works()).await;
    let begun = room.begin(wish("30%:10h,100%")).await.unwrap().ramp;
    until("the first step", || devices.runs().contains_key("1.1.0")).await;
    // A controller decided on the next step, wrote the document, and stalled.
    let jetstream = fleet::jetstream(client);
    let targets = jetstream.get_key_value(names.targets()).await.unwrap();
    let seen = targets.entry("runtime.global").await.unwrap().unwrap();
    let all = Counts {
        living: 50,
        asked: 15,
        answered: 15,
        ..Counts::default()
    };
    let Next::Write(step) = begun.next(&all, begun.due_at()) else {
        panic!("it goes on");
    };
    room.put(&step).await;
    let halted = done(halt(client, names, WHAT, &WHERE, "ops-1").await.unwrap());
    assert_eq!(halted.over, Some(step.generation));
    let last = room.targets().await.pop();
    assert_eq!(last, halted.target());
    // It wakes up, and is too late.
    let late = serde_json::to_vec(&step.target()).unwrap();
    let written = targets
        .update("runtime.global", late.into(), seen.revision)
        .await;
    assert!(written.is_err());
    let controller = Running::start(client, names, "desk", pace());
    until("everyone back", || devices.runs().get("1.0.0") == Some(&50)).await;
    assert_eq!(room.shares().await, ["30 %", "1.0.0"]);
    assert!(!controller.words().contains("Trouble"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_turns_everyone_back_over_a_ramp_whose_first_target_never_came() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    room.order("1.0.0").await;
    let began = room.begin(wish("30%:10h,100%")).await.unwrap().ramp;
    done(halt(client, names, WHAT, &WHERE, "ops-1").await.unwrap());
    let over = room.targets().await.pop().unwrap().generation;
    let wish = ramp::Wish {
        id: "another".to_owned(),
        subject: began.subject,
        scope: began.scope,
        version: began.version,
        baseline: began.baseline,
        plan: began.plan,
        halt_above: began.halt_above,
        min_devices: began.min_devices,
        jitter: began.jitter,
        by: began.by,
    };
    let unordered = Ramp::begin(wish, Some(over), began.reports, Timestamp::now());
    room.put(&unordered).await;
    let halted = done(halt(client, names, WHAT, &WHERE, "ops-1").await.unwrap());
    assert_eq!(room.targets().await.pop(), halted.target());

    // What somebody else ordered stands, and that is said.
    let again = room.begin(self::wish("30%:10h,100%")).await.unwrap().ramp;
    room.order("1.0.0").await;
    let error = halt(client, names, WHAT, &WHERE, "ops-1")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("somebody else ordered"),
        "{error}"
    );
    assert_eq!(room.ramp().await.id, again.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_counts_before_anything_is_counted_while_a_controller_runs() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let (client, names) = (&room.client, &room.names);
    let _devices = Devices::start(client, names, 100, "1.0.0", works()).await;
    room.begin(wish("30%:4s,60%:10h,100%")).await.unwrap();
    let controller = Running::start(client, names, "desk", pace());
    controller.waits("held until").await;
    // Whoever counts from now on takes long, and the controller does not.
    room.lose_the_last_report().await;
    let paused = done(
        pause_ramp(client, names, WHAT, &WHERE, "ops-1")
            .await
            .unwrap(),
    );
    assert_eq!((paused.state.is, paused.step), (RampState::Paused, 0));
    assert_eq!(paused.state.why, "by ops-1");
    controller.records(What::Paused, 0).await;
    controller.waits("paused; `refit fleet resume`").await;
    let ramp = room.ramp().await;
    assert_eq!(record(&ramp), [(What::Entered, 0), (What::Paused, 0)]);

    done(resume(client, names, WHAT, &WHERE, "ops-1").await.unwrap());
    let next = controller.records(What::Entered, 1).await;
    assert_eq!(
        record(&next)[1..],
        [
            (What::Paused, 0),
            (What::Resumed, 0),
            (What::Passed, 0),
            (What::Entered, 1)
        ]
    );
}
