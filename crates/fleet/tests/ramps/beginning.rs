//! What may begin, and what may not.

use broker::Broker;
use fleet::FleetError;
use fleet::controller::Baseline;
use rollout::fleet::ramp::What;
use rollout::fleet::{Scope, Subject};

use crate::devices::Devices;
use crate::room::{Room, Running, pace, wish, works};

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
    let second = loop {
        // The last target of the one before may be on its way.
        match room.begin(first.clone()).await {
            Ok(started) => break started,
            Err(error) => assert_eq!(error.kind(), "ordered-meanwhile", "{error}"),
        }
    };
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
