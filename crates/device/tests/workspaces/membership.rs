//! Workspaces come, go, and come back with the shell.

use std::collections::BTreeMap;

use device::{Local, WorkspaceState};

use crate::scene::{Scene, everywhere, named, until, who};

#[tokio::test(flavor = "multi_thread")]
async fn adding_takes_what_runs_and_never_pulls() {
    let scene = Scene::new().await;
    let device = scene.start(&[]).await;
    scene.publish(&["1.0.0", "1.1.0"]);
    let added = device
        .workspace_add("other", None, BTreeMap::new())
        .await
        .unwrap();
    assert_eq!(added.state, WorkspaceState::Running, "{added:?}");
    assert_eq!(added.version, Some("1.0.0".parse().unwrap()));
    assert_eq!(added.folder, scene.data().join("workspaces/other"));
    let status = everywhere(&device, "1.0.0").await;
    assert_eq!(status.workspaces.len(), 2);
    assert_eq!(
        who(&status, "other").await["cwd"],
        added.folder.to_str().unwrap()
    );
    assert_eq!(
        scene.host.asked_for("/demo"),
        0,
        "it looked for a newer one"
    );
    assert!(status.staged.is_none());
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_added_is_refused_and_changes_nothing() {
    let scene = Scene::new().await;
    let device = scene.start(&["b1"]).await;
    let before = std::fs::read(scene.data().join("workspaces.json")).unwrap();
    let inside = scene.data().join("runtime-store/versions/x");
    // Another way to the same place.
    let link = scene.path().join("link");
    std::os::unix::fs::symlink(scene.data().join("runtime-store"), &link).unwrap();
    for (name, folder) in [
        ("b1", Some(scene.folder("b2"))),
        ("main", None),
        ("../x", None),
        ("b2", Some("relative".into())),
        ("b2", Some(scene.folder("b1"))),
        ("b2", Some(inside)),
        ("b2", Some(link.join("x"))),
    ] {
        let refused = device
            .workspace_add(name, folder.clone(), BTreeMap::new())
            .await
            .unwrap_err();
        assert_eq!(refused.kind, "workspace", "{name} {folder:?}: {refused:?}");
    }
    let after = std::fs::read(scene.data().join("workspaces.json")).unwrap();
    assert_eq!(before, after);
    assert_eq!(device.workspaces().await.len(), 2);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_stops_it_and_leaves_its_folder() {
    let scene = Scene::new().await;
    let device = scene.start(&["b1", "b2"]).await;
    let status = device.status().borrow().clone();
    let pid = who(&status, "b1").await["pid"].to_string();
    assert!(std::path::Path::new("/proc").join(&pid).exists());
    device.workspace_remove("b1").await.unwrap();
    let status = until(&device, |status| status.workspaces.len() == 2).await;
    assert_eq!(named(&status, "b2").state, WorkspaceState::Running);
    assert!(
        !std::path::Path::new("/proc").join(&pid).exists(),
        "it runs on"
    );
    assert!(scene.folder("b1").join("notes").exists());
    let unknown = device.workspace_remove("b1").await.unwrap_err();
    assert_eq!(unknown.kind, "no-such-workspace");
    assert_eq!(
        device.workspace_remove("main").await.unwrap_err().kind,
        "workspace"
    );
    // And it may come back.
    device
        .workspace_add("b1", Some(scene.folder("b1")), BTreeMap::new())
        .await
        .unwrap();
    assert_eq!(everywhere(&device, "1.0.0").await.workspaces.len(), 3);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_of_one_workspace_only() {
    let scene = Scene::new().await;
    let device = scene.start(&["b1", "b2"]).await;
    let others = (scene.notes("main"), scene.notes("b2"));
    let url = named(&device.status().borrow(), "b1").url;
    let restarted = device.workspace_restart("b1").await.unwrap();
    assert_eq!(restarted.url, url, "on another port");
    assert_eq!(scene.noted("b1", "1.0.0", "starts").len(), 2);
    assert_eq!(others, (scene.notes("main"), scene.notes("b2")));
    let unknown = device.workspace_restart("b7").await.unwrap_err();
    assert_eq!(unknown.kind, "no-such-workspace");
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_is_started_again_takes_everything_up() {
    let scene = Scene::new().await;
    scene.publish(&["1.0.0", "1.1.0"]);
    let device = scene.start(&["b1", "b2"]).await;
    device.upgrade().await.unwrap();
    let before = everywhere(&device, "1.1.0").await;
    device.stop().await;
    let ended = device.status().borrow().clone();
    let stopped =
        |one: &device::WorkspaceStatus| one.state == WorkspaceState::Stopped && one.url.is_none();
    assert!(
        ended.workspaces.iter().all(stopped),
        "{:?}",
        ended.workspaces
    );
    for one in &before.workspaces {
        let host = one.url.clone().unwrap();
        let host = host.trim_start_matches("http://").trim_end_matches('/');
        assert!(
            std::net::TcpStream::connect(host).is_err(),
            "{} runs on",
            one.name
        );
    }

    let device = scene.open();
    device.start().await;
    let after = everywhere(&device, "1.1.0").await;
    for (was, is) in before.workspaces.iter().zip(&after.workspaces) {
        assert_eq!(
            (&was.name, &was.folder, &was.url),
            (&is.name, &is.folder, &is.url)
        );
    }
    assert_eq!(who(&after, "b2").await["board"], "b2");
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_read_is_set_aside_and_told_and_main_runs() {
    let scene = Scene::new().await;
    drop(scene.open());
    std::fs::write(scene.data().join("workspaces.json"), "garbage").unwrap();
    let device = scene.open();
    device.start().await;
    let status = everywhere(&device, "1.0.0").await;
    assert_eq!(status.workspaces.len(), 1);
    let told = status
        .problems
        .iter()
        .any(|it| it.contains("workspaces.json.invalid-"));
    assert!(told, "{:?}", status.problems);
    device.stop().await;
}

#[tokio::test]
async fn without_a_running_app_only_the_file_is_changed() {
    let scene = Scene::new().await;
    let device = scene.open();
    let added = device
        .workspace_add("b1", Some(scene.folder("b1")), BTreeMap::new())
        .await
        .unwrap();
    assert_eq!(added.state, WorkspaceState::Stopped);
    let names: Vec<_> = device
        .workspaces()
        .await
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["main", "b1"]);
    assert_eq!(
        device.workspace_restart("b1").await.unwrap_err().kind,
        "not-running"
    );
    device.workspace_remove("b1").await.unwrap();
    let local = Local::look(scene.options(scene.config()));
    assert_eq!(local.workspaces().len(), 1);
}
