//! Who leads while the first workspace is dead.

use std::collections::BTreeMap;

use device::{UpgradeOutcome, WorkspaceState};

use crate::scene::{Scene, but, everywhere, get, named, until};

#[tokio::test(flavor = "multi_thread")]
async fn where_the_first_workspace_cannot_start_the_others_do() {
    let scene = Scene::new().await;
    scene.fails("main", "1.0.0\n1.1.0");
    let shut = scene.open();
    for name in ["b1", "b2"] {
        shut.workspace_add(name, Some(scene.folder(name)), BTreeMap::default())
            .await
            .unwrap();
    }
    let device = scene.open();
    device.start().await;
    let status = but(&device, "1.0.0", &["main"]).await;
    assert!(named(&status, "main").detail.is_some());

    // The next one tries what is newer.
    scene.publish(&["1.0.0", "1.1.0"]);
    let upgraded = device.upgrade().await.unwrap();
    assert_eq!(upgraded.outcome, UpgradeOutcome::Upgraded, "{upgraded:?}");
    let status = but(&device, "1.1.0", &["main"]).await;
    assert_eq!(status.bad, []);
    let first = scene.noted("b1", "1.1.0", "listens")[0];
    assert!(first <= scene.noted("b2", "1.1.0", "starts")[0]);

    // Which is all there is: nobody is restarted.
    let before = (scene.notes("b1"), scene.notes("b2"));
    let again = device.upgrade().await.unwrap();
    assert_eq!(again.outcome, UpgradeOutcome::UpToDate, "{again:?}");
    assert_eq!(before, (scene.notes("b1"), scene.notes("b2")));

    // And falls back as the first one would.
    scene.fails("b1", "1.2.0");
    scene.publish(&["1.0.0", "1.1.0", "1.2.0"]);
    let fell_back = device.upgrade().await.unwrap();
    assert_eq!(fell_back.outcome, UpgradeOutcome::FellBack, "{fell_back:?}");
    assert_eq!(scene.noted("b2", "1.2.0", "starts"), [] as [u64; 0]);
    // What was on trial itself is nothing to fall back to.
    let status = but(&device, "1.0.0", &["main"]).await;
    assert_eq!(status.bad[0].version.as_str(), "1.2.0");

    scene.works("main");
    let revived = device.workspace_restart("main").await.unwrap();
    assert_eq!(revived.state, WorkspaceState::Running);
    everywhere(&device, "1.0.0").await;
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_starts_anywhere_each_is_tried_once() {
    let scene = Scene::new().await;
    let shut = scene.open();
    for name in ["b1", "b2"] {
        shut.workspace_add(name, Some(scene.folder(name)), BTreeMap::default())
            .await
            .unwrap();
    }
    for name in ["main", "b1", "b2"] {
        scene.fails(name, "1.0.0");
    }
    let device = scene.open();
    device.start().await;
    let status = but(&device, "", &["main", "b1", "b2"]).await;
    assert_eq!(status.phase, device::Phase::Failed);
    scene.works("b2");
    let revived = device.workspace_restart("b2").await.unwrap();
    assert_eq!(revived.version, Some("1.0.0".parse().unwrap()));
    device.stop().await;
}

/// A device on 1.1.0 that the second workspace tried, since the first one was dead; the first one is
/// alive again.
async fn led_by_the_second(scene: &Scene) -> device::Device {
    scene.fails("main", "1.0.0\n1.1.0");
    let shut = scene.open();
    for name in ["b1", "b2"] {
        shut.workspace_add(name, Some(scene.folder(name)), BTreeMap::default())
            .await
            .unwrap();
    }
    let device = scene.open();
    device.start().await;
    but(&device, "1.0.0", &["main"]).await;
    scene.publish(&["1.0.0", "1.1.0"]);
    device.upgrade().await.unwrap();
    but(&device, "1.1.0", &["main"]).await;
    scene.works("main");
    let revived = device.workspace_restart("main").await.unwrap();
    assert_eq!(revived.version, Some("1.1.0".parse().unwrap()));
    everywhere(&device, "1.1.0").await;
    device
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_workspace_that_came_back_takes_what_is_newer() {
    let scene = Scene::new().await;
    let device = led_by_the_second(&scene).await;
    scene.publish(&["1.0.0", "1.1.0", "1.2.0"]);
    let upgraded = device.upgrade().await.unwrap();
    assert_eq!(upgraded.outcome, UpgradeOutcome::Upgraded, "{upgraded:?}");
    everywhere(&device, "1.2.0").await;
    let back = device.roll_back(None, false).await.unwrap();
    assert_eq!(back.outcome, device::AppliedOutcome::RolledBack, "{back:?}");
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_where_it_was_tried_is_left_by_the_first_workspace_too() {
    let scene = Scene::new().await;
    let device = led_by_the_second(&scene).await;
    for crash in 1..=3 {
        let status = until(&device, |status| {
            let listens = scene.noted("b1", "1.1.0", "listens").len();
            named(status, "b1").url.is_some() && listens == crash
        })
        .await;
        get(&named(&status, "b1").url.unwrap(), "/die").await;
    }
    let status = everywhere(&device, "1.0.0").await;
    assert_eq!(status.bad[0].version.as_str(), "1.1.0");
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_workspace_condemns_at_a_time() {
    let scene = Scene::new().await;
    let device = led_by_the_second(&scene).await;
    // The first one dies, and tries it itself from then on.
    scene.fails("main", "1.0.0\n1.1.0");
    device.workspace_restart("main").await.unwrap_err();
    scene.works("main");
    // The status is another task's, and what there is to try again is read from it.
    until(&device, |status| status.phase == device::Phase::Failed).await;
    let revived = device.retry(None).await.unwrap();
    assert_eq!(revived.outcome, device::AppliedOutcome::Applied);
    everywhere(&device, "1.1.0").await;
    for crash in 1.. {
        let status = until(&device, |status| {
            let one = named(status, "b1");
            let listens = scene.noted("b1", "1.1.0", "listens").len();
            one.state == WorkspaceState::Dead || one.url.is_some() && listens == crash
        })
        .await;
        if named(&status, "b1").state == WorkspaceState::Dead {
            break;
        }
        get(&named(&status, "b1").url.unwrap(), "/die").await;
    }
    let status = but(&device, "1.1.0", &["b1"]).await;
    assert_eq!(status.bad, []);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_to_apply_is_made_by_who_leads() {
    let scene = Scene::new().await;
    let device = led_by_the_second(&scene).await;
    scene.fails("main", "1.0.0\n1.1.0\n1.2.0");
    device.workspace_restart("main").await.unwrap_err();
    scene.publish(&["1.0.0", "1.1.0", "1.2.0"]);
    device.check().await.unwrap();
    let applied = device.apply().await.unwrap();
    assert_eq!(
        applied.outcome,
        device::AppliedOutcome::Applied,
        "{applied:?}"
    );
    but(&device, "1.2.0", &["main"]).await;
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_leads_any_more_the_first_one_falls_back_again() {
    let scene = Scene::new().await;
    let device = led_by_the_second(&scene).await;
    device.workspace_remove("b1").await.unwrap();
    let mut crashes = 0;
    loop {
        let status = until(&device, |status| {
            let one = named(status, "main");
            let listens = scene.noted("main", "1.1.0", "listens").len();
            one.state == WorkspaceState::Dead
                || one.version == Some("1.0.0".parse().unwrap())
                || one.url.is_some() && listens == crashes + 1
        })
        .await;
        let one = named(&status, "main");
        if one.version != Some("1.1.0".parse().unwrap()) {
            break;
        }
        get(&one.url.unwrap(), "/die").await;
        crashes += 1;
    }
    let status = everywhere(&device, "1.0.0").await;
    assert_eq!(status.bad[0].version.as_str(), "1.1.0");
    device.stop().await;
}
