//! Instances that run exactly what another workspace runs: one dead, the others fine, and revival.

mod support;

use std::sync::Arc;
use std::time::Duration;

use runtime_store::{Asked, Source, VersionId};
use supervisor::{Event, Spec, State, Supervisor, SupervisorError, Swap};
use support::asking::Asking;
use support::shelf::{Shelf, version};
use support::{failed_after, get, in_time, is_alive, pids, running};

/// The spec of a workspace that was added.
fn workspace(shelf: &Shelf, name: &str) -> Spec {
    let mut spec = shelf.bench.spec.clone();
    name.clone_into(&mut spec.workspace);
    spec.folder = Some(shelf.path(&format!("workspaces/{name}")));
    spec.logs = shelf.path(&format!("logs/{name}"));
    spec.port_file = shelf.path(&format!("ports/{name}"));
    spec
}

fn id(shelf: &Shelf) -> VersionId {
    shelf.pointer().expect("pointer").id()
}

fn follow(shelf: &Shelf, spec: Spec, what: Option<VersionId>) -> Supervisor {
    let host = Arc::new(shelf.bench.shell.clone());
    Supervisor::start_following(Some(shelf.store.clone()), host, spec, what)
}

async fn cwd(port: u16) -> String {
    get(port, "/cwd").await.expect("cwd")
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_run_what_the_first_one_runs_each_in_its_own_folder_and_take_no_attempt() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.on_trial("1.1.0", 2, None);
    let leader = shelf.start();
    let first = running(&leader).await;
    let mut spec = workspace(&shelf, "two");
    spec.args.push("--board={workspace}/board".to_owned());
    let two = follow(&shelf, spec, Some(id(&shelf)));
    let three = follow(&shelf, workspace(&shelf, "three"), Some(id(&shelf)));
    for (name, supervisor) in [("two", &two), ("three", &three)] {
        let now = running(supervisor).await;
        assert_eq!(now.version, version("1.1.0"));
        assert_eq!(now.source, Source::Pointer);
        assert!(!now.trial);
        assert_ne!(now.port, first.port);
        let folder = shelf.path(&format!("workspaces/{name}"));
        assert_eq!(cwd(now.port).await, folder.display().to_string());
        let env = get(now.port, "/env").await.expect("env");
        assert!(env.contains(&format!("REFIT_WORKSPACE={name}\n")), "{env}");
    }
    let args = get(running(&two).await.port, "/args").await.expect("args");
    let board = shelf.path("workspaces/two/board");
    assert!(
        args.ends_with(&format!("--board={}", board.display())),
        "{args}"
    );
    assert_eq!(shelf.attempts_left(), 1);
    assert_eq!(shelf.leases(), 3);
    for supervisor in [two, three, leader] {
        in_time("stop", supervisor.stop()).await;
    }
    assert_eq!(shelf.leases(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_dead_condemns_nothing_and_is_revived_by_a_later_order() {
    let shelf = Shelf::new("serve");
    let bad = shelf.path("workspaces/two/bad");
    // Fails where the workspace's folder holds a file called `bad`.
    shelf.put("1.1.0", "exit-if bad\nserve");
    shelf.on_trial("1.1.0", 2, None);
    let leader = shelf.start();
    let first = running(&leader).await;
    support::write(&bad, "");
    let mut spec = workspace(&shelf, "two");
    spec.inherited.clear();
    let two = follow(&shelf, spec, Some(id(&shelf)));
    let three = follow(&shelf, workspace(&shelf, "three"), Some(id(&shelf)));
    let report = failed_after(&two).await;
    assert!(report.message.contains("1.1.0"), "{report:?}");
    assert_eq!(report.tried.len(), 1, "no fallback: {report:?}");
    let others = running(&three).await;
    assert_eq!(shelf.bad(), []);
    assert!(shelf.is_stored("1.1.0"));
    let again = in_time("the order", two.follow(Some(id(&shelf)))).await;
    assert!(
        matches!(again, Err(SupervisorError::Failed(_))),
        "{again:?}"
    );
    std::fs::remove_file(&bad).expect("remove");
    let outcome = in_time("the order", two.restart(Asked::ByPerson)).await;
    assert_eq!(outcome.expect("revived").version, version("1.1.0"));
    assert_eq!(running(&leader).await, first);
    assert_eq!(running(&three).await, others);
    for supervisor in [two, three, leader] {
        in_time("stop", supervisor.stop()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_crashes_within_the_soak_are_its_death_and_nothing_is_left_running() {
    let shelf = Shelf::new("serve");
    let pid_file = shelf.path("pids");
    shelf.put("1.1.0", &format!("pid {}\nserve", pid_file.display()));
    shelf.confirmed("1.1.0", None);
    let two = follow(&shelf, workspace(&shelf, "two"), Some(id(&shelf)));
    let mut events = two.events();
    for crash in 1..=3 {
        let port = running(&two).await.port;
        let _ = get(port, "/exit/7").await;
        let counted = support::event(&mut events, "the crash", |event| match event {
            Event::Crashed { crashes, .. } => Some(crashes),
            _ => None,
        })
        .await;
        assert_eq!(counted, crash);
    }
    let report = failed_after(&two).await;
    assert!(report.message.contains("keeps crashing"), "{report:?}");
    assert_eq!(shelf.bad(), []);
    assert_eq!(shelf.named().as_deref(), Some("1.1.0"));
    for pid in pids(&pid_file, 3).await {
        assert!(!is_alive(pid));
    }
    assert_eq!(shelf.leases(), 0);
    in_time("revival", two.restart(Asked::ByPerson))
        .await
        .expect("ready");
    in_time("stop", two.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_from_outside_is_no_death() {
    let shelf = Shelf::new("serve");
    let pid_file = shelf.path("pids");
    shelf.put("1.1.0", &format!("pid {}\nserve", pid_file.display()));
    shelf.confirmed("1.1.0", None);
    let two = follow(&shelf, workspace(&shelf, "two"), Some(id(&shelf)));
    let mut events = two.events();
    #[cfg(unix)]
    for kill in 1..=3 {
        running(&two).await;
        let pid = pids(&pid_file, kill).await[kill - 1];
        support::send(pid, rustix::process::Signal::KILL);
        let counted = support::event(&mut events, "the end", |event| match event {
            Event::Crashed { crashes, .. } => Some(crashes),
            _ => None,
        })
        .await;
        assert_eq!(counted, 0);
    }
    pids(&pid_file, 4).await;
    assert!(!matches!(&*two.state().borrow(), State::Failed(_)));
    in_time("stop", two.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_follows_to_another_version_and_to_the_bundled_one() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.confirmed("1.1.0", None);
    let before = id(&shelf);
    let two = follow(&shelf, workspace(&shelf, "two"), Some(before));
    let port = running(&two).await.port;
    shelf.put("1.2.0", "serve");
    shelf.confirmed("1.2.0", Some("1.1.0"));
    let outcome = in_time("the order", two.follow(Some(id(&shelf)))).await;
    assert_eq!(outcome.expect("ready").version, version("1.2.0"));
    assert_eq!(running(&two).await.port, port, "it keeps its port");
    let outcome = in_time("the order", two.follow(None)).await.expect("ready");
    assert_eq!(outcome.source, Source::Bundled);
    let outcome = in_time("the order", two.lead(Asked::ByPerson)).await;
    assert_eq!(outcome.expect("ready").source, Source::Pointer);
    in_time("stop", two.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_stored_any_more_is_said_and_nothing_else_is_started() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.confirmed("1.1.0", None);
    let gone = id(&shelf);
    std::fs::remove_dir_all(shelf.store.root().join("versions/1.1.0")).expect("remove");
    let two = follow(&shelf, workspace(&shelf, "two"), Some(gone));
    let report = failed_after(&two).await;
    assert!(report.message.contains("1.1.0"), "{report:?}");
    in_time("stop", two.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_swaps_goes_on_with_what_it_had() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "web");
    shelf.confirmed("1.1.0", None);
    let mut spec = workspace(&shelf, "two");
    spec.swap = Some(Swap {
        drain: Duration::from_secs(5),
    });
    let two = follow(&shelf, spec, Some(id(&shelf)));
    let old = running(&two).await;
    let asking = Asking::start(old.port, true);
    shelf.put("1.2.0", "exit 1");
    shelf.on_trial("1.2.0", 2, Some("1.1.0"));
    let outcome = in_time("the order", two.follow(Some(id(&shelf)))).await;
    let outcome = outcome.expect("the old one serves");
    assert_eq!(outcome.version, version("1.1.0"));
    assert_eq!(outcome.fell_back_from, Some(version("1.2.0")));
    assert_eq!(running(&two).await, old);
    assert_eq!(shelf.bad(), []);
    assert_eq!(shelf.attempts_left(), 2);
    assert_eq!(asking.stop().await.1, Vec::<String>::new());
    in_time("stop", two.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_whose_folder_cannot_be_made_runs_nowhere_else() {
    let shelf = Shelf::new("serve");
    shelf.put("1.1.0", "serve");
    shelf.confirmed("1.1.0", None);
    let folder = shelf.path("workspaces/two");
    support::write(&folder, "a file");
    let two = follow(&shelf, workspace(&shelf, "two"), Some(id(&shelf)));
    let report = failed_after(&two).await;
    let said = format!("{report:?}");
    assert!(said.contains(&*folder.to_string_lossy()), "{said}");
    std::fs::remove_file(&folder).expect("remove");
    in_time("revival", two.restart(Asked::ByPerson))
        .await
        .expect("ready");
    in_time("stop", two.stop()).await;
}
