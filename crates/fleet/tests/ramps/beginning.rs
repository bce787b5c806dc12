//! What may begin, and what may not.

use broker::Broker;
use fleet::FleetError;
use fleet::controller::Baseline;
use futures_util::StreamExt as _;
use rollout::fleet::ramp::{Counts, Next, Ramp, RampState, What};
use rollout::fleet::{Scope, Subject};

use crate::devices::Devices;
use crate::room::{Room, Running, pace, until, wish, works};

fn kind(error: &FleetError) -> &str {
    error.kind()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_devices_could_not_follow_or_go_back_to_is_refused() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0"]).await;
    let refused = async |wish| room.begin(wish).await.unwrap_err();

    let mut unknown = wish("100%");
    unknown.version = "9.9.9".parse().unwrap();
    assert_eq!(kind(&refused(unknown).await), "not-published");
    // Nothing is ordered, and nobody was heard of.
    assert_eq!(kind(&refused(wish("100%")).await), "no-baseline");
    let mut baseline = wish("100%");
    baseline.baseline = Baseline::Version("0.9.0".parse().unwrap());
    assert_eq!(kind(&refused(baseline).await), "baseline-not-published");
    let mut same = wish("100%");
    same.baseline = Baseline::Version("1.1.0".parse().unwrap());
    assert_eq!(kind(&refused(same).await), "same-version");
    room.order("1.1.0").await;
    assert_eq!(kind(&refused(wish("100%")).await), "same-version");
    assert_eq!(room.targets().await.len(), 1, "and nothing was written");

    room.order("1.0.0").await;
    let started = room.begin(wish("5%:1h,100%")).await.unwrap();
    let error = refused(wish("100%")).await;
    assert_eq!(kind(&error), "ramp-runs");
    let said = error.to_string();
    assert!(
        said.contains(&started.ramp.id) && said.contains("1.1.0"),
        "{said}"
    );
    // Another scope is another ramp.
    let mut other = wish("5%:1h,100%");
    other.scope = Scope::Group("kiosks".parse().unwrap());
    other.baseline = Baseline::Version("1.0.0".parse().unwrap());
    room.begin(other).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ramp_over_a_group_reaches_nobody_else_and_the_last_one_is_kept() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0", "1.2.0"]).await;
    let kiosks = "kiosks".parse().unwrap();
    let (client, names) = (&room.client, &room.names);
    let devices = Devices::in_groups(client, names, 60, "1.0.0", works(), &[kiosks]).await;
    let scope = Scope::Group("kiosks".parse().unwrap());
    let mut first = wish("50%:0s,100%");
    first.scope = scope.clone();
    let started = room.begin(first.clone()).await.unwrap();
    assert_eq!(started.devices, 60);
    let controller = Running::start(&room.client, &room.names, "desk", pace());
    let done = controller.records(What::Completed, 1).await;
    let others = devices.all.lock().unwrap().len();
    assert_eq!(others, 60);
    assert!(
        room.targets().await.is_empty(),
        "nobody else was ordered anything"
    );

    first.version = "1.2.0".parse().unwrap();
    // The last target of the one before may be on its way.
    let second = room.begin(first.clone()).await.unwrap();
    assert_eq!(second.ramp.baseline.as_str(), "1.1.0");
    let jetstream = fleet::jetstream(&room.client);
    let store = jetstream.get_key_value(room.names.ramps()).await.unwrap();
    let past = store
        .get(format!("past.{}", done.id))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(rollout::fleet::ramp::Ramp::parse(&past).unwrap(), done);
    let is_second = |it: &fleet::controller::Told| {
        matches!(it, fleet::controller::Told::Record { ramp, evidence }
            if ramp.id == second.ramp.id && evidence.what == What::Completed)
    };
    controller.tells("the second's end", is_second).await;
    let ramp = fleet::controller::ramp;
    let found = ramp(&room.client, &room.names, Subject::Runtime, &scope).await;
    assert_eq!(found.unwrap().unwrap().version.as_str(), "1.2.0");
}

/// What becomes of a ramp with whose step everything is well.
fn passed(ramp: &Ramp) -> Ramp {
    let all = Counts {
        living: 1,
        asked: 1,
        answered: 1,
        ..Counts::default()
    };
    match ramp.next(&all, ramp.due_at()) {
        Next::Write(next) => *next,
        Next::Wait(wait) => panic!("it goes on: {wait}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_one_that_is_complete_without_its_last_target_nobody_goes_back() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &["1.0.0", "1.1.0", "1.2.0"]).await;
    room.order("1.0.0").await;
    let begun = room.begin(wish("50%:0s,100%")).await.unwrap().ramp;
    // A controller wrote two documents, and none of their targets, and was gone.
    let complete = passed(&passed(&begun));
    assert_eq!(complete.state.is, RampState::Completed);
    room.put(&complete).await;
    let mut next = wish("50%:10h,100%");
    next.version = "1.2.0".parse().unwrap();
    let second = room.begin(next.clone()).await.unwrap().ramp;
    assert_eq!(second.baseline.as_str(), "1.1.0");
    let shares = room.shares().await;
    assert_eq!(shares, ["1.0.0", "50 %", "1.1.0", "50 %"]);

    // So it is with one that was halted.
    room.put(&second.halt("worse", None, second.at).unwrap())
        .await;
    let third = room.begin(next).await.unwrap().ramp;
    assert_eq!(third.baseline.as_str(), "1.1.0");
    assert_eq!(room.shares().await[4..], ["1.1.0", "50 %"]);
    assert_eq!(room.targets().await.pop(), third.target());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_taken_back_at_the_moment_it_begins_halts_it() {
    let broker = Broker::start();
    let versions = ["1.0.0", "1.1.0", "1.1.1", "1.1.2", "1.1.3", "1.1.4"];
    let room = Room::new(&broker.url(), 1, &versions).await;
    room.order("1.0.0").await;
    let jetstream = fleet::jetstream(&room.client);
    let bucket = room.names.releases(Subject::Runtime);
    let store = jetstream.get_object_store(bucket).await.unwrap();
    // Who takes it back may be too late: then there is one more.
    for version in &versions[1..] {
        // The broker's time is asked for when all else was looked at.
        let clock = format!("$KV.{}.clock", room.names.ramps());
        let mut asked = room.connect().await.subscribe(clock).await.unwrap();
        let begins = tokio::spawn({
            let (room, mut wish) = (room.clone(), wish("50%:10h,100%"));
            wish.version = version.parse().unwrap();
            async move { room.begin(wish).await }
        });
        asked.next().await.unwrap();
        store.delete(*version).await.unwrap();
        let begun = begins.await.unwrap();
        let Err(error) = begun else {
            let halt = fleet::controller::halt;
            halt(
                &room.client,
                &room.names,
                Subject::Runtime,
                &Scope::Global,
                "ops-1",
            )
            .await
            .unwrap();
            continue;
        };
        if kind(&error) == "not-published" {
            continue;
        }
        assert_eq!(kind(&error), "unpublished-meanwhile");
        let ramp = room.ramp().await;
        assert_eq!(
            (ramp.version.as_str(), ramp.state.is),
            (*version, RampState::Halted)
        );
        let why = format!("{version} was unpublished at the moment the ramp began");
        assert_eq!(ramp.state.why, why);
        assert_eq!(room.targets().await.pop(), ramp.target());
        return;
    }
    panic!("it began with a version that is not published, each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_ramped_up_by_themselves() {
    let broker = Broker::start();
    let room = Room::new(&broker.url(), 1, &[]).await;
    for version in ["0.9.0", "0.9.1"] {
        room.publish_agent(version).await;
    }
    let (client, names) = (&room.client, &room.names);
    let devices = Devices::agents(client, names, 60, "0.9.0", works()).await;
    let mut wish = wish("40%:0s,100%");
    wish.subject = Subject::Agent;
    wish.version = "0.9.1".parse().unwrap();
    let started = room.begin(wish).await.unwrap();
    assert_eq!(
        (started.devices, started.ramp.baseline.as_str()),
        (60, "0.9.0")
    );
    let controller = Running::start(client, names, "desk", pace());
    let done = controller.records(What::Completed, 1).await;
    assert_eq!(done.subject, Subject::Agent);
    let counts = done.evidence.last().unwrap().counts.unwrap();
    assert_eq!((counts.whole.new.tried, counts.answered), (60, 60));
    until("everyone", || devices.runs().get("0.9.1") == Some(&60)).await;
    assert!(room.targets().await.is_empty(), "no runtime was ordered");
}
