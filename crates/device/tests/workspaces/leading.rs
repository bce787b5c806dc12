//! Who leads while the first workspace is dead.

use std::collections::BTreeMap;

use device::{UpgradeOutcome, WorkspaceState};

use crate::scene::{Scene, but, everywhere, named};

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
