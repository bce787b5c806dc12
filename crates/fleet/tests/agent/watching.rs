//! The watcher never ends.

use broker::{Broker, Cluster, Options};
use fleet::{Login, State};

use crate::played::Played;
use crate::scene::{Operator, agent, names, settings, until};

#[tokio::test]
async fn a_broker_that_comes_later_and_a_fleet_that_is_made_later_are_found() {
    let mut broker = Broker::start();
    let url = broker.url();
    broker.kill();
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let agent = agent(settings(&url), dir.path(), device.clone());
    until(&agent, "trouble is told", |it| {
        it.trouble.is_some() && !it.is_connected
    })
    .await;
    broker.restart();
    until(&agent, "no fleet yet, and that is told", |it| {
        it.is_connected && it.trouble.is_some()
    })
    .await;
    let operator = Operator::makes_a_fleet(&url, 1).await;
    operator.orders("global", "1.1.0", 0).await;
    device.comes_to("1.1.0").await;
    until(&agent, "no trouble any more", |it| it.trouble.is_none()).await;
}

#[tokio::test]
async fn a_broker_that_loses_its_disk_and_a_bucket_that_is_made_anew_are_followed_on() {
    let mut broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let agent = agent(settings(&broker.url()), dir.path(), device.clone());
    operator.orders("global", "1.1.0", 0).await;
    device.comes_to("1.1.0").await;
    broker.restart_empty();
    // Nothing is there that wants another version, and nothing was taken back.
    until(&agent, "no fleet, and that is told", |it| {
        it.is_connected && it.trouble.is_some()
    })
    .await;
    assert_eq!(device.runs(), "1.1.0");
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    operator.orders("global", "1.2.0", 0).await;
    device.comes_to("1.2.0").await;
    operator
        .jetstream
        .delete_key_value(names().targets())
        .await
        .unwrap();
    fleet::ensure(&operator.jetstream, &names(), 1)
        .await
        .unwrap();
    operator.orders("global", "1.3.0", 0).await;
    device.comes_to("1.3.0").await;
}

#[tokio::test]
async fn a_login_that_is_refused_is_read_again_until_it_is_the_right_one() {
    let options = Options {
        extra: "authorization { users: [ { user: d, password: right } ] }".to_owned(),
    };
    let broker = Broker::with(&options);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    let mut settings = settings(&broker.url());
    settings.login = Login::Password {
        user: "d".to_owned(),
        file: file.clone(),
    };
    let device = Played::running("1.0.0");
    let agent = agent(settings.clone(), dir.path(), device.clone());
    until(&agent, "the missing file is named", |it| {
        it.trouble
            .as_ref()
            .is_some_and(|it| it.contains("password"))
    })
    .await;
    std::fs::write(&file, "wrong-and-secret").unwrap();
    let refused = until(&agent, "refused", |it| {
        it.trouble
            .as_ref()
            .is_some_and(|it| it.contains("authorization") || it.contains("refuses"))
    })
    .await;
    assert!(!format!("{refused:?}").contains("secret"));
    std::fs::write(&file, "right\n").unwrap();
    until(&agent, "let in", |it| it.is_connected).await;
}

#[tokio::test]
async fn a_device_that_the_broker_learns_of_later_is_let_in_and_follows() {
    let users = |device: &str| Options {
        extra: format!("authorization {{ users: [ {{ user: o, password: o }}{device} ] }}"),
    };
    let mut broker = Broker::with(&users(""));
    let dir = tempfile::tempdir().unwrap();
    let password = |user: &str| {
        let file = dir.path().join(user);
        std::fs::write(&file, user).unwrap();
        let user = user.to_owned();
        Login::Password { user, file }
    };
    let mut settings = settings(&broker.url());
    settings.login = password("d");
    let device = Played::running("1.0.0");
    let agent = agent(settings.clone(), dir.path(), device.clone());
    until(&agent, "refused", |it| {
        it.trouble.as_ref().is_some_and(|it| it.contains("refuses"))
    })
    .await;
    broker.restart_with(&users(", { user: d, password: d }"));
    until(&agent, "let in", |it| it.is_connected).await;
    settings.login = password("o");
    let operator = Operator::makes_this_fleet(&settings, 1).await;
    operator.orders("global", "1.1.0", 0).await;
    device.comes_to("1.1.0").await;
}

#[tokio::test]
async fn a_cluster_that_loses_its_leader_goes_on_telling() {
    let mut cluster = Cluster::start();
    let operator = Operator::makes_a_fleet(&cluster.urls(), 3).await;
    let dir = tempfile::tempdir().unwrap();
    let device = Played::running("1.0.0");
    let agent = agent(settings(&cluster.urls()), dir.path(), device.clone());
    operator.orders("global", "1.1.0", 0).await;
    device.comes_to("1.1.0").await;
    let mut stream = operator
        .jetstream
        .get_stream(names().targets_stream())
        .await
        .unwrap();
    let leader = stream
        .info()
        .await
        .unwrap()
        .cluster
        .clone()
        .unwrap()
        .leader
        .unwrap();
    cluster.named(&leader).unwrap().kill();
    // The rest elect another leader; an order that comes too early is refused and made again.
    let ordering = async {
        loop {
            let target = crate::scene::target("1.2.0", 9_000_000_000_000_000, 0);
            let body = serde_json::to_vec(&target).unwrap();
            if let Ok(targets) = operator.jetstream.get_key_value(names().targets()).await
                && targets.put("runtime.global", body.into()).await.is_ok()
            {
                return;
            }
        }
    };
    tokio::time::timeout(crate::scene::PATIENCE, ordering)
        .await
        .unwrap();
    device.comes_to("1.2.0").await;
    until(&agent, "arrived", |it| it.runtime.state == State::Arrived).await;
}
