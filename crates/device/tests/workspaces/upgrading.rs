//! One upgrade for all.

use std::collections::BTreeMap;

use device::{Answer, Device, DeviceEvent, Local, Request, UpgradeOutcome, WorkspaceState, ask};

use crate::scene::{Scene, but, everywhere, named, until, who};

const BOARDS: [&str; 10] = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9"];

#[tokio::test(flavor = "multi_thread")]
async fn ten_workspaces_are_upgraded_by_one_pull_and_one_that_fails_takes_nobody_down() {
    let scene = Scene::new().await;
    scene.publish(&["1.0.0"]);
    let device = scene.start(&BOARDS).await;
    let mut events = device.events();
    for board in BOARDS {
        std::fs::write(scene.folder(board).join("credentials"), board).unwrap();
    }
    scene.fails("b3", "1.1.0");
    scene.publish(&["1.0.0", "1.1.0"]);

    // From a page and from the command line at once.
    let data = scene.data();
    let (page, line) = tokio::join!(device.upgrade(), ask(&data, &Request::Upgrade));
    let page = page.unwrap();
    let Some(Answer::Upgraded(line)) = line.unwrap() else {
        panic!("no upgrade")
    };
    assert_eq!(page, *line, "both are one");
    assert_eq!(page.outcome, UpgradeOutcome::Upgraded, "{page:?}");
    assert_eq!(scene.host.asked_for(".tgz"), 1, "it is pulled once");
    let version = |text: &str| Some(text.parse().unwrap());
    assert_eq!((page.from, page.to), (version("1.0.0"), version("1.1.0")));
    assert_eq!(page.workspaces.len(), 11);
    for one in &page.workspaces {
        let (to, state) = match one.name.as_str() {
            "b3" => (None, WorkspaceState::Dead),
            _ => (version("1.1.0"), WorkspaceState::Running),
        };
        assert_eq!((&one.to, one.state), (&to, state), "{one:?}");
        assert_eq!(one.from, version("1.0.0"));
    }
    assert!(page.reason.contains("`b3`"), "{}", page.reason);

    let status = but(&device, "1.1.0", &["b3"]).await;
    assert_eq!(status.bad, [], "a workspace condemned a version");
    assert!(named(&status, "b3").url.is_none());
    let why = named(&status, "b3").detail.unwrap();
    assert!(!why.is_empty());
    for board in BOARDS.iter().filter(|it| **it != "b3") {
        let who = who(&status, board).await;
        assert_eq!(who["cwd"], scene.folder(board).to_str().unwrap());
        assert_eq!(
            (&who["board"], &who["all"]),
            (&(*board).into(), &"all".into())
        );
        let kept = std::fs::read_to_string(scene.folder(board).join("credentials")).unwrap();
        assert_eq!(kept, *board);
    }

    // In the first one, and then in one after another.
    let mut spans: Vec<(u64, u64)> = ["main"]
        .iter()
        .chain(&BOARDS)
        .filter(|it| **it != "b3")
        .map(|board| {
            let starts = scene.noted(board, "1.1.0", "starts");
            assert_eq!(starts.len(), 1, "{board} was started {starts:?}");
            (starts[0], scene.noted(board, "1.1.0", "listens")[0])
        })
        .collect();
    let first = spans[0];
    spans.sort_unstable();
    assert_eq!(spans[0], first, "`main` goes first");
    for pair in spans.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "two at once: {spans:?}");
    }

    let mut upgraded = BTreeMap::new();
    let mut dead = Vec::new();
    while let Ok(event) = events.try_recv() {
        match event {
            DeviceEvent::Upgraded {
                workspace,
                from,
                to,
            } => {
                upgraded.insert(workspace, (from.unwrap().to_string(), to.to_string()));
            }
            DeviceEvent::WorkspaceDead { name, .. } => dead.push(name),
            _ => {}
        }
    }
    assert_eq!(upgraded.len(), 10, "{upgraded:?}");
    assert_eq!(upgraded["b9"], ("1.0.0".to_owned(), "1.1.0".to_owned()));
    assert_eq!(dead, ["b3"]);

    // Nothing newer: nobody is restarted, the dead one neither.
    let before: Vec<_> = BOARDS.iter().map(|board| scene.notes(board)).collect();
    let again = device.upgrade().await.unwrap();
    assert_eq!(again.outcome, UpgradeOutcome::UpToDate, "{again:?}");
    assert!(again.workspaces.is_empty());
    let after: Vec<_> = BOARDS.iter().map(|board| scene.notes(board)).collect();
    assert_eq!(before, after);

    scene.works("b3");
    let revived = device.workspace_restart("b3").await.unwrap();
    assert_eq!(revived.version, version("1.1.0"));
    everywhere(&device, "1.1.0").await;
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_in_the_first_workspace_reaches_no_other() {
    let scene = Scene::new().await;
    let device = scene.start(&["b1", "b2"]).await;
    scene.fails("main", "1.1.0");
    scene.publish(&["1.0.0", "1.1.0"]);
    let before = (scene.notes("b1"), scene.notes("b2"));
    let upgraded = device.upgrade().await.unwrap();
    assert_eq!(upgraded.outcome, UpgradeOutcome::FellBack, "{upgraded:?}");
    let status = everywhere(&device, "1.0.0").await;
    assert_eq!(status.bad[0].version.as_str(), "1.1.0");
    assert_eq!(before, (scene.notes("b1"), scene.notes("b2")));
    // It is bad now, and stays away.
    let again = device.upgrade().await.unwrap();
    assert_eq!(again.outcome, UpgradeOutcome::Held, "{again:?}");
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_upgrade_revives_what_died_of_an_earlier_one() {
    let scene = Scene::new().await;
    let device = scene.start(&["b1", "b2"]).await;
    scene.fails("b1", "1.1.0");
    scene.publish(&["1.0.0", "1.1.0"]);
    device.upgrade().await.unwrap();
    but(&device, "1.1.0", &["b1"]).await;
    scene.publish(&["1.0.0", "1.1.0", "1.2.0"]);
    let upgraded = device.upgrade().await.unwrap();
    let one = |name: &str| {
        upgraded
            .workspaces
            .iter()
            .find(|it| it.name == name)
            .unwrap()
    };
    assert_eq!(one("b1").from, None, "it was dead");
    assert_eq!(one("b1").to, Some("1.2.0".parse().unwrap()));
    assert_eq!(one("b2").from, Some("1.1.0".parse().unwrap()));
    everywhere(&device, "1.2.0").await;
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crashes_again_and_again_is_dead_and_condemns_nothing() {
    let scene = Scene::new().await;
    let device = scene.start(&["b1", "b2"]).await;
    scene.publish(&["1.0.0", "1.1.0"]);
    device.upgrade().await.unwrap();
    let mut crashed = Vec::new();
    loop {
        let status = until(&device, |status| {
            let one = named(status, "b1");
            one.state == WorkspaceState::Dead
                || one.url.is_some() && {
                    // A new instance, as it notes its starts.
                    scene.noted("b1", "1.1.0", "listens").len() > crashed.len()
                }
        })
        .await;
        let one = named(&status, "b1");
        if one.state == WorkspaceState::Dead {
            break;
        }
        crate::scene::get(&one.url.unwrap(), "/die").await;
        crashed.push(());
        assert!(crashed.len() < 10, "it never dies");
    }
    assert!(crashed.len() >= 3, "dead after {} crashes", crashed.len());
    let status = but(&device, "1.1.0", &["b1"]).await;
    assert_eq!(status.bad, []);
    let revived = device.workspace_restart("b1").await.unwrap();
    assert_eq!(revived.state, WorkspaceState::Running);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_restarted_while_the_first_one_tries_does_not_try_it_too() {
    let scene = Scene::new().await;
    let shut = scene.open();
    for name in ["b1", "b2"] {
        let folder = Some(scene.folder(name));
        shut.workspace_add(name, folder, BTreeMap::default())
            .await
            .unwrap();
    }
    let mut config = scene.config();
    config["ready"]["timeout"] = "5s".into();
    let device = Device::open(Local::open(scene.options(config)));
    device.start().await;
    everywhere(&device, "1.0.0").await;
    scene.publish(&["1.0.0", "1.1.0"]);
    std::fs::write(scene.folder("main").join("hang-1.1.0"), "").unwrap();
    let upgrade = tokio::spawn({
        let device = device.clone();
        async move { device.upgrade().await }
    });
    until(&device, |_| {
        scene.noted("main", "1.1.0", "starts").len() == 1
    })
    .await;
    let restarted = device.workspace_restart("b1").await.unwrap();
    assert_eq!(restarted.version, Some("1.0.0".parse().unwrap()));
    let upgraded = upgrade.await.unwrap().unwrap();
    assert_eq!(upgraded.outcome, UpgradeOutcome::FellBack, "{upgraded:?}");
    everywhere(&device, "1.0.0").await;
    assert_eq!(scene.noted("b1", "1.1.0", "starts"), [] as [u64; 0]);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_does_not_come_up_beside_what_serves_is_said() {
    let scene = Scene::new().await;
    let shut = scene.open();
    let folder = Some(scene.folder("b1"));
    shut.workspace_add("b1", folder, BTreeMap::default())
        .await
        .unwrap();
    let mut config = scene.config();
    config["swap"] = true.into();
    let device = Device::open(Local::open(scene.options(config)));
    device.start().await;
    let before = named(&*everywhere(&device, "1.0.0").await, "b1");
    scene.fails("b1", "1.0.0");
    let refused = device.workspace_restart("b1").await.unwrap_err();
    assert_eq!(refused.kind, "restart", "{refused:?}");
    assert_eq!(named(&device.status().borrow(), "b1"), before);
    scene.works("b1");
    let restarted = device.workspace_restart("b1").await.unwrap();
    assert_ne!(restarted.launch_id, before.launch_id);
    device.stop().await;
}
