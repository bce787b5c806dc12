//! `refit workspaces` and `refit apps` beside a running `refit run`: real children.

use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::device::{Device, edit};
use crate::support::{Package, REFIT};

/// Answers with its version, and does not start in a folder with `fail-<version>`.
fn server(package: &str, version: &str) -> Package {
    Package::new(package, version).file(
        "server.js",
        &format!(
            "if (require('fs').existsSync('fail-{version}')) process.exit(3);
            require('http').createServer((q, a) => a.end('{version}'))\
             .listen(process.env.REFIT_PORT, '127.0.0.1')"
        ),
    )
}

struct Running(Child);

impl Running {
    fn start(device: &Device) -> Self {
        Self(
            Process::new(REFIT)
                .arg("run")
                .args(device.globals())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    fn stop(mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        let told = Process::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn device() -> Device {
    let device = Device::new(&server("demo", "1.0.0"), &json!(["node", "{entry}"]));
    edit(&device.room.path().join("refit.json"), |config| {
        config["rehearse"] = json!(false);
    });
    device
}

/// Asks until the answer is as wanted: what runs is another process, so there is no event.
fn until(device: &Device, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
    let patience = Instant::now() + Duration::from_mins(1);
    loop {
        let (_, told) = device.ask(args);
        if wanted(&told) {
            return told;
        }
        assert!(Instant::now() < patience, "not in time: {told}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn all_run(told: &Value, version: &str) -> bool {
    let all = told["workspaces"].as_array();
    all.is_some_and(|all| all.iter().all(|one| one["version"] == version))
}

#[test]
fn a_running_app_takes_workspaces_in_and_upgrades_them_together() {
    let device = device();
    let home = device.room.at("home");
    assert_eq!(
        device
            .ask(&["workspaces", "add", "home", "--folder", &home])
            .0,
        0
    );
    let running = Running::start(&device);
    until(&device, &["workspaces", "list"], |told| {
        all_run(told, "1.0.0")
    });
    device.room.publish(&[server("demo", "1.1.0")]);
    let (code, added) = device.ask(&["workspaces", "add", "work"]);
    assert_eq!(
        (code, &added["version"]),
        (0, &json!("1.0.0")),
        "adding pulls nothing: {added}"
    );
    assert_eq!(
        device.ask(&["apps", "list"]).1["apps"][0]["available"],
        Value::Null
    );

    std::fs::write(format!("{home}/fail-1.1.0"), "").unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| device.ask(&["apps", "upgrade"]));
        (device.ask(&["apps", "upgrade"]), other.join().unwrap())
    });
    // Had they not met, the second one would have found nothing to do.
    for (code, told) in [&first, &second] {
        let app = &told["apps"][0];
        assert_eq!((*code, &app["to"]), (0, &json!("1.1.0")), "{told}");
        assert_eq!(app["dead"], json!(["home"]));
    }
    assert_eq!(first.1, second.1);
    let (code, nothing) = device.ask(&["apps", "upgrade"]);
    assert_eq!(
        (code, &nothing["apps"][0]["outcome"]),
        (3, &json!("up-to-date"))
    );

    let (code, dead) = device.ask(&["workspaces", "restart", "home"]);
    assert_eq!((code, &dead["error"]["kind"]), (1, &json!("restart")));
    std::fs::remove_file(format!("{home}/fail-1.1.0")).unwrap();
    let (code, revived) = device.ask(&["workspaces", "restart", "home"]);
    assert_eq!((code, &revived["version"]), (0, &json!("1.1.0")));
    let (code, _) = device.ask(&["workspaces", "remove", "work"]);
    assert_eq!(code, 0);
    let told = until(&device, &["workspaces", "list"], |told| {
        all_run(told, "1.1.0")
    });
    assert_eq!(told["workspaces"].as_array().unwrap().len(), 2);
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_run_goes_on_while_any_workspace_lives_and_runs_every_runtime() {
    let device = device();
    let notes = server("notes", "3.0.0").tgz(&device.room.path());
    std::fs::create_dir(device.room.path().join("bundled/apps")).unwrap();
    let into = device.room.at("bundled/apps/notes");
    crate::support::refit()
        .args(["unpack", "--into", &into, "--tarball"])
        .arg(notes)
        .assert()
        .success();
    edit(&device.room.path().join("refit.json"), |config| {
        let mut notes = config.clone();
        notes["package"] = json!("notes");
        config["apps"] = json!({ "notes": notes });
    });
    let home = device.room.at("home");
    let add = ["workspaces", "add", "home", "--folder", &home];
    assert_eq!(device.ask(&add).0, 0);
    std::fs::write(device.room.path().join("data/fail-1.0.0"), "").unwrap();
    let running = Running::start(&device);
    let told = until(&device, &["apps", "list"], |told| {
        told["apps"][0]["workspaces"][1]["version"] == "1.0.0" && told["apps"][1]["running"] == true
    });
    assert_eq!(told["apps"][0]["workspaces"][0]["state"], "dead", "{told}");
    assert_eq!(told["apps"][1]["version"], "3.0.0");
    assert_eq!(running.stop(), Some(0));
}
