//! `refit agent install` and `uninstall`, with a service manager that only writes down what it is told.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::binaries::Binary;
use super::replacing::Installed;
use crate::device::{Device, demo, edit};

/// Writes its arguments down; refuses what the file `refuses` names.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> "$0.calls"
if [ -e "$0.refuses" ] && [ "$1 $2" = "$(cat "$0.refuses")" ]; then echo "not today" >&2; exit 1; fi
"#;

struct Scene {
    installed: Installed,
    device: Device,
}

impl Scene {
    fn new() -> Self {
        let device = Device::new(&demo("1.0.0"), &json!(["never-started", "{entry}"]));
        edit(&device.room.path().join("refit.json"), |config| {
            config["fleet"] = json!({ "servers": ["nats://127.0.0.1:1"] });
        });
        std::fs::create_dir(device.room.path().join("data")).unwrap();
        let installed = Installed::new(&Binary::release("1.0.0"));
        let stub = installed.room.path().join("bin");
        std::fs::create_dir(&stub).unwrap();
        let stub = Binary(SYSTEMCTL.as_bytes().to_vec()).put(&stub.join("systemctl"));
        assert!(stub.is_file());
        Self { installed, device }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.installed.room.path().join(name)
    }

    fn run(&self, exe: &Path, args: &[&str]) -> (i32, Value) {
        let globals = self.device.globals();
        let output = Command::new(exe)
            .args(args)
            .args(globals)
            .arg("--json")
            .env("PATH", self.path("bin:/usr/bin:/bin"))
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("home/.config"))
            .output()
            .unwrap();
        let told = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), told)
    }

    fn order(&self, args: &[&str]) -> (i32, Value) {
        self.run(&self.installed.exe, args)
    }

    /// What the service manager was told since this was asked last.
    fn calls(&self) -> Vec<String> {
        let file = self.path("bin/systemctl.calls");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = std::fs::remove_file(file);
        text.lines().map(str::to_owned).collect()
    }

    fn unit(&self) -> PathBuf {
        self.path("home/.config/systemd/user/refit-agent.service")
    }
}

#[test]
fn a_service_is_installed_once_started_and_taken_away() {
    let scene = Scene::new();
    let install = ["agent", "install", "--user"];
    let (code, told) = scene.order(&install);
    assert_eq!((code, &told["outcome"]), (0, &json!("installed")), "{told}");
    let unit = scene.unit();
    assert_eq!(told["file"], unit.to_str().unwrap());
    let started = [
        "--user daemon-reload",
        "--user enable --now refit-agent.service",
    ];
    assert_eq!(scene.calls(), started);
    let text = std::fs::read_to_string(&unit).unwrap();
    let data = scene.device.room.path().join("data");
    for said in [
        format!("ExecStart=\"{}\" \"agent\"", scene.installed.exe.display()),
        format!("\"--data-dir\" \"{}\"", data.display()),
    ] {
        assert!(text.contains(&said), "{said}\n{text}");
    }

    let (code, told) = scene.order(&install);
    assert_eq!((code, &told["outcome"]), (0, &json!("unchanged")), "{told}");
    assert_eq!(scene.calls(), started);

    let (code, told) = scene.order(&["agent", "uninstall", "--user"]);
    assert_eq!(
        (code, &told["outcome"]),
        (0, &json!("uninstalled")),
        "{told}"
    );
    assert!(!unit.exists());
    assert_eq!(
        scene.calls(),
        [
            "--user disable --now refit-agent.service",
            "--user daemon-reload"
        ]
    );
    assert_eq!(scene.order(&["agent", "uninstall", "--user"]).0, 3);
    assert!(scene.calls().is_empty());
}

#[test]
fn another_service_of_that_name_is_left_alone() {
    let scene = Scene::new();
    let unit = scene.unit();
    std::fs::create_dir_all(unit.parent().unwrap()).unwrap();
    std::fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    for order in ["install", "uninstall"] {
        let (code, told) = scene.order(&["agent", order, "--user"]);
        assert_eq!(
            (code, &told["error"]["kind"]),
            (1, &json!("service-exists")),
            "{told}"
        );
    }
    assert!(scene.calls().is_empty());
    assert!(
        std::fs::read_to_string(&unit)
            .unwrap()
            .contains("/bin/true")
    );
    let (code, _) = scene.order(&["agent", "install", "--user", "--name", "other"]);
    assert_eq!(code, 0);
    assert!(unit.with_file_name("other.service").is_file());
}

#[test]
fn where_the_manager_refuses_nothing_is_left() {
    let scene = Scene::new();
    std::fs::write(scene.path("bin/systemctl.refuses"), "--user enable").unwrap();
    let (code, told) = scene.order(&["agent", "install", "--user"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("service-manager")),
        "{told}"
    );
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("not today")
    );
    assert!(!scene.unit().exists());
}

#[test]
fn only_a_release_with_a_fleet_becomes_a_service() {
    let scene = Scene::new();
    let install = ["agent", "install", "--user"];
    let (code, told) = scene.run(Path::new(crate::support::REFIT), &install);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("development-build")),
        "{told}"
    );
    edit(&scene.device.room.path().join("refit.json"), |config| {
        config.as_object_mut().unwrap().remove("fleet");
    });
    let (code, told) = scene.order(&install);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("no-fleet")),
        "{told}"
    );
    assert!(scene.calls().is_empty());
    assert!(!scene.unit().exists());
}
