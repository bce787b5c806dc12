//! Timed calls follow the live instance: counted where they arrive.

use std::time::Duration;

use device::{Schedule, Workspace};

use crate::scene::{Scene, but, everywhere, named, until};

fn ticks(scene: &Scene, version: &str) -> usize {
    scene.noted("b1", version, "ticks").len()
}

/// Waits for two more calls.
async fn ticking(scene: &Scene, device: &device::Device, version: &str) {
    let before = ticks(scene, version);
    let wait = async {
        let mut status = device.status();
        while ticks(scene, version) < before + 2 {
            status.changed().await.unwrap();
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
    assert!(
        waited.is_ok(),
        "{} calls, {before} before",
        ticks(scene, version)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn timed_calls_follow_the_live_instance_end_with_it_and_are_taken_up_again() {
    let scene = Scene::new().await;
    let shut = scene.open();
    let timed = Workspace {
        name: "b1".to_owned(),
        folder: Some(scene.folder("b1")),
        schedules: vec![Schedule {
            every: Duration::from_secs(1),
            path: "/tick".to_owned(),
        }],
        ..Workspace::default()
    };
    shut.workspace_create(timed).await.unwrap();
    let device = scene.open();
    device.start().await;
    everywhere(&device, "1.0.0").await;
    ticking(&scene, &device, "1.0.0").await;
    let status = until(&device, |status| {
        named(status, "b1").schedules[0].last_ok == Some(true)
    })
    .await;
    let call = named(&status, "b1").schedules[0].clone();
    assert_eq!((call.every.as_str(), call.path.as_str()), ("1s", "/tick"));
    assert!(call.last_at.is_some());

    device.workspace_restart("b1").await.unwrap();
    ticking(&scene, &device, "1.0.0").await;

    // Dead: nobody is called any more, and nobody else instead.
    scene.fails("b1", "1.1.0");
    scene.publish(&["1.0.0", "1.1.0"]);
    device.upgrade().await.unwrap();
    but(&device, "1.1.0", &["b1"]).await;
    let (ended, others) = (scene.notes("b1"), scene.notes("main"));
    let last = named(&device.status().borrow(), "b1").schedules[0].last_at;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(
        (&ended, &others),
        (&scene.notes("b1"), &scene.notes("main"))
    );
    let now = named(&device.status().borrow(), "b1").schedules[0].last_at;
    assert_eq!(last, now, "a call was made to nobody");

    // Revived: they go on, at what runs now.
    scene.works("b1");
    device.workspace_restart("b1").await.unwrap();
    ticking(&scene, &device, "1.1.0").await;
    device.stop().await;
    let stopped = ticks(&scene, "1.1.0");

    // And after a restart of the shell.
    let device = scene.open();
    device.start().await;
    everywhere(&device, "1.1.0").await;
    assert_eq!(scene.noted("b1", "1.1.0", "listens").len(), 2);
    ticking(&scene, &device, "1.1.0").await;
    assert!(ticks(&scene, "1.1.0") > stopped);
    device.workspace_remove("b1").await.unwrap();
    let gone = scene.notes("b1");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(gone, scene.notes("b1"));
    device.stop().await;
}
