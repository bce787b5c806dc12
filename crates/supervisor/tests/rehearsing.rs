//! Rehearsals with real processes: what passes, what does not, and that nothing is left of either.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollout::rehearsal::{Limits, Smoke};
use runtime_store::{Launch, Source};
use supervisor::{Readiness, RehearsalFailure, RehearsalSpec, rehearse, rehearse_bundled};
use support::{Bench, in_time, is_alive, pids};

const TIMEOUT: Duration = Duration::from_secs(15);

struct Stage {
    bench: Bench,
    spec: RehearsalSpec,
}

impl Stage {
    /// A version that does what `script` says.
    fn new(script: &str) -> Self {
        let bench = Bench::new(script);
        let mut spec = bench.spec.clone();
        spec.ready = Readiness::Http {
            path: "/".into(),
            timeout: TIMEOUT,
        };
        let spec = RehearsalSpec {
            folder: spec.data.join("rehearsals"),
            spec,
            copy: Vec::new(),
            env: BTreeMap::new(),
            limits: Limits {
                requests: 20,
                p50: Duration::from_secs(2),
                p95: Duration::from_secs(5),
            },
            within: Duration::from_secs(20),
        };
        fs::create_dir_all(&spec.spec.data).expect("data folder");
        Self { bench, spec }
    }

    fn script(&self, script: &str) {
        support::write(&self.bench.shell.bundled.entry, script);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.bench.path(name)
    }

    async fn rehearse(&self) -> Result<Smoke, RehearsalFailure> {
        let rehearsing = rehearse_bundled(&self.spec, &self.bench.shell, std::future::pending());
        let result = in_time("the rehearsal", rehearsing).await;
        self.assert_nothing_is_left();
        result
    }

    async fn failure(&self) -> String {
        match self.rehearse().await {
            Err(RehearsalFailure::Runtime(detail)) => detail,
            other => panic!("no failure of the version: {other:?}"),
        }
    }

    fn assert_nothing_is_left(&self) {
        let left: Vec<_> = fs::read_dir(&self.spec.folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.expect("entry").path())
            .collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "something is left over");
    }

    fn data(&self) -> &Path {
        &self.spec.spec.data
    }
}

/// What `litter` told: names and values.
fn told(file: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(file).expect("what it told");
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Every path below `folder`.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(tree(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_version_passes_and_leaves_no_process_behind() {
    let stage = Stage::new("");
    let file = stage.path("pids");
    stage.script(&format!("pid {}\nserve", file.display()));
    let smoke = stage.rehearse().await.expect("a good version");
    assert_eq!((smoke.asked, smoke.ok, smoke.failed), (20, 20, 0));
    assert!(smoke.p50 <= smoke.p95 && !smoke.p95.is_zero());
    for pid in pids(&file, 1).await {
        assert!(!is_alive(pid), "{pid} outlived its rehearsal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_version_fails_though_every_answer_is_right() {
    let mut stage = Stage::new("slow 60\nserve");
    stage.spec.limits.p50 = Duration::from_millis(30);
    let detail = stage.failure().await;
    assert!(
        detail.contains("p50 is over 30ms: 11 of 20 requests took longer"),
        "{detail}"
    );
    assert!(detail.contains("ok=10/11"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_certain_to_fail_is_not_waited_for_to_the_end() {
    // Three in fifty may not be that slow; fifty answers would take 40 seconds.
    let mut stage = Stage::new("slow 800\nserve");
    stage.spec.limits = Limits {
        requests: 50,
        p50: Duration::from_secs(30),
        p95: Duration::from_millis(300),
    };
    stage.spec.within = Duration::from_mins(1);
    let start = std::time::Instant::now();
    let detail = stage.failure().await;
    assert!(
        detail.contains("p95 is over 300ms: 3 of 50 requests took longer"),
        "{detail}"
    );
    let took = start.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_does_not_answer_within_the_time_fails_when_that_is_up() {
    let mut stage = Stage::new("slow 300\nserve");
    stage.spec.within = Duration::from_millis(900);
    let start = std::time::Instant::now();
    let detail = stage.failure().await;
    assert!(detail.contains("of 20 requests failed"), "{detail}");
    assert!(detail.contains("the time was up"), "{detail}");
    // Twenty answers would take six seconds.
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_version_that_dies_while_it_is_looked_at_fails() {
    // The first answer is readiness.
    let stage = Stage::new("print about to die\nanswers 5\nserve");
    let detail = stage.failure().await;
    assert!(
        detail.contains("exited with code 1") || detail.contains("requests failed"),
        "{detail}"
    );
    assert!(detail.contains("about to die"), "the last lines: {detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_version_that_dies_just_after_it_was_looked_at_fails() {
    // Twenty answers and readiness take far less, and the second after them is longer.
    let stage = Stage::new("serve\nsleep 900\nexit 3");
    let detail = stage.failure().await;
    assert!(detail.contains("exited with code 3"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_never_ready_fails_when_its_time_is_up() {
    let mut stage = Stage::new("print still thinking\nhang");
    stage.spec.spec.ready = Readiness::Http {
        path: "/".into(),
        timeout: Duration::from_millis(400),
    };
    let detail = stage.failure().await;
    assert!(detail.starts_with("not ready in time"), "{detail}");
    assert!(detail.contains("still thinking"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_ends_at_once_fails() {
    let stage = Stage::new("print no config\nexit 7");
    let detail = stage.failure().await;
    assert!(
        detail.starts_with("exited with code 7 before it was ready"),
        "{detail}"
    );
    assert!(detail.contains("no config"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_stealer_that_serves_where_another_runs_is_not_ready() {
    // What runs in earnest has a port, and the version that is rehearsed wants that one.
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = held.local_addr().expect("address").port();
    drop(held);
    let mut stage = Stage::new(&format!("serve-elsewhere {port}"));
    stage.spec.spec.ready = Readiness::Http {
        path: "/".into(),
        timeout: Duration::from_millis(600),
    };
    let detail = stage.failure().await;
    assert!(detail.starts_with("not ready in time"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_takes_no_port_that_a_workspace_remembers() {
    let stage = Stage::new("");
    stage.script("serve");
    let supervisor = stage.bench.start();
    support::running(&supervisor).await;
    supervisor.stop().await;
    let kept = fs::read_to_string(&stage.spec.spec.port_file).expect("port file");
    let file = stage.path("told");
    stage.script(&format!("litter {}\nserve", file.display()));
    stage.rehearse().await.expect("a good version");
    let own = told(&file)["REFIT_PORT"].clone();
    assert!(
        kept.lines().all(|port| port != own),
        "{own} is the workspace's"
    );
    let after = fs::read_to_string(&stage.spec.spec.port_file).expect("port file");
    assert_eq!(after, kept, "a rehearsal's port was remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_it_writes_is_thrown_away_and_nothing_of_the_persons_is_touched() {
    let mut stage = Stage::new("");
    let home = stage.path("home");
    fs::create_dir_all(&home).expect("home");
    for folder in [&home, &stage.data().join("files"), &stage.path("project")] {
        support::write(&folder.join("theirs"), "theirs");
    }
    let (file, project) = (stage.path("told"), stage.path("project"));
    let spec = &mut stage.spec.spec;
    for name in ["HOME", "USERPROFILE", "XDG_CONFIG_HOME"] {
        spec.inherited.insert(name.into(), home.clone().into());
    }
    spec.env.insert("HOME".into(), home.display().to_string());
    spec.env
        .insert("PROJECT".into(), project.join("sub").display().to_string());
    spec.args
        .push(format!("--config={}/config.json", project.display()));
    spec.args.push("--files={data}/files".into());
    spec.cwd = project.display().to_string();
    stage.spec.copy = vec!["{data}/files".into(), project.display().to_string()];
    stage.spec.env.insert("EXTRA".into(), "{data}/extra".into());
    stage.script(&format!("litter {}\nserve", file.display()));
    let before = (
        tree(&home),
        tree(&project),
        tree(&stage.data().join("files")),
    );
    stage.rehearse().await.expect("a good version");

    let told = told(&file);
    let thrown_away = stage.spec.folder.display().to_string();
    for name in [
        "HOME",
        "USERPROFILE",
        "XDG_CONFIG_HOME",
        "REFIT_DATA",
        "PROJECT",
        "EXTRA",
        "HERE",
    ] {
        assert!(
            told[name].starts_with(&thrown_away),
            "{name}={}",
            told[name]
        );
    }
    assert_eq!(told["REFIT_REHEARSAL"], "1");
    let text = fs::read_to_string(&file).expect("told");
    let config = text
        .lines()
        .find(|line| line.contains("--config="))
        .expect("argument");
    assert!(
        config.contains(&format!("--config={thrown_away}")),
        "{config}"
    );
    assert!(
        !text.contains(&format!("={}/", project.display())),
        "{text}"
    );

    let after = (
        tree(&home),
        tree(&project),
        tree(&stage.data().join("files")),
    );
    assert_eq!(before, after);
    assert!(!stage.data().join("litter").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_on_a_copy_of_what_is_named_and_on_nothing_else() {
    let mut stage = Stage::new("");
    support::write(&stage.data().join("files/one.txt"), "one");
    support::write(&stage.data().join("other/two.txt"), "two");
    stage.spec.copy = vec!["{data}/files".into()];
    stage.spec.spec.cwd = "{data}/files".into();
    // Only where the copy is there does it serve.
    stage.script("wait-for one.txt\nexit-if ../other\nserve");
    stage.rehearse().await.expect("a good version");
    // A working folder that is nobody's to touch is a fresh one.
    stage.spec.spec.cwd = stage.data().parent().expect("root").display().to_string();
    let file = stage.path("told");
    stage.script(&format!("litter {}\nserve", file.display()));
    stage.rehearse().await.expect("a good version");
    let here = told(&file)["HERE"].clone();
    assert!(
        here.starts_with(&stage.spec.folder.display().to_string()),
        "{here}"
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn it_runs_at_low_priority_and_what_runs_in_earnest_does_not() {
    let stage = Stage::new("");
    let (rehearsed, ran) = (stage.path("rehearsed"), stage.path("ran"));
    stage.script(&format!("niceness {}\nserve", rehearsed.display()));
    stage.rehearse().await.expect("a good version");
    stage.script(&format!("niceness {}\nserve", ran.display()));
    let supervisor = stage.bench.start();
    support::running(&supervisor).await;
    supervisor.stop().await;
    let nice = |file: &Path| -> i32 {
        let text = fs::read_to_string(file).expect("niceness");
        text.trim().parse().expect("number")
    };
    assert_eq!(nice(&rehearsed) - nice(&ran), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ended_in_order_when_nobody_wants_it_any_more() {
    let stage = Stage::new("");
    let file = stage.path("pids");
    stage.script(&format!("pid {}\nhang", file.display()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let rehearsing = tokio::spawn({
        let (spec, shell) = (stage.spec.clone(), stage.bench.shell.clone());
        async move {
            let stopped = async move { drop(stopped.await) };
            rehearse_bundled(&spec, &shell, stopped).await
        }
    });
    let pids = pids(&file, 1).await;
    stop.send(()).expect("still there");
    let result = in_time("the end", rehearsing).await.expect("no panic");
    assert_eq!(result, Err(RehearsalFailure::Stopped));
    for pid in pids {
        assert!(!is_alive(pid), "{pid} outlived its rehearsal");
    }
    stage.assert_nothing_is_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_not_the_versions_fault() {
    let mut stage = Stage::new("serve");
    stage.spec.spec.program = "/nowhere/node".into();
    let failure = stage
        .rehearse()
        .await
        .expect_err("nothing was there to start");
    assert!(
        matches!(failure, RehearsalFailure::Machine(_)),
        "{failure:?}"
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_from_outside_is_not_the_versions_fault() {
    let stage = Stage::new("");
    let file = stage.path("pids");
    stage.script(&format!("pid {}\nhang", file.display()));
    let rehearsing = tokio::spawn({
        let (spec, shell) = (stage.spec.clone(), stage.bench.shell.clone());
        async move { rehearse_bundled(&spec, &shell, std::future::pending()).await }
    });
    for pid in pids(&file, 1).await {
        support::send(pid, rustix::process::Signal::KILL);
    }
    let result = in_time("the end", rehearsing).await.expect("no panic");
    assert!(
        matches!(result, Err(RehearsalFailure::Machine(_))),
        "{result:?}"
    );
    stage.assert_nothing_is_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_the_lease_of_what_is_rehearsed_until_nothing_runs() {
    let shelf = support::shelf::Shelf::new("serve");
    shelf.put("1.2.0", "serve");
    shelf.confirmed("1.2.0", None);
    let mut stage = Stage::new("");
    stage.spec.spec = shelf.bench.spec.clone();
    stage.spec.folder = shelf.bench.spec.data.join("rehearsals");
    let store = shelf.store.clone();
    let asked = runtime_store::Asked::Passively;
    let launch = store.begin_launch(&shelf.bench.shell, asked, &[], runtime_store::now());
    assert_eq!(launch.choice.source, Source::Pointer);
    let launch: Arc<Launch> = Arc::new(launch);
    let result = in_time(
        "the rehearsal",
        rehearse(&stage.spec, Arc::clone(&launch), std::future::pending()),
    );
    result.await.expect("a good version");
    assert_eq!(shelf.leases(), 1, "still this process's own");
    drop(launch);
    assert_eq!(shelf.leases(), 0);
}
