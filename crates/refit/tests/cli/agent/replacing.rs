//! What a replacement takes and what it refuses, with real binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::binaries::Binary;
use crate::support::{REFIT, Room};

/// An installed agent, in a folder of its own.
pub(super) struct Installed {
    pub(super) room: Room,
    pub(super) exe: PathBuf,
}

impl Installed {
    pub(super) fn new(binary: &Binary) -> Self {
        let room = Room::new();
        std::fs::create_dir(room.path().join("opt")).unwrap();
        let exe = binary.put(&room.path().join("opt/refit"));
        Self { room, exe }
    }

    /// Runs it with `--json`.
    pub(super) fn ask(&self, args: &[&str]) -> (i32, Value) {
        let output = Command::new(&self.exe)
            .args(args)
            .arg("--json")
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let value = serde_json::from_str(&stdout).unwrap_or_else(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("{error}: {stdout}{said}")
        });
        (output.status.code().unwrap(), value)
    }

    /// Orders a replacement of which `sha256` was recorded.
    pub(super) fn replace(&self, binary: &Binary, sha256: &str) -> (i32, Value) {
        let file = binary.put(&self.room.path().join("published"));
        let file = file.to_str().unwrap();
        self.ask(&["agent", "replace", file, "--sha256", sha256])
    }

    pub(super) fn version(&self) -> String {
        let (code, status) = self.ask(&["agent", "status"]);
        assert_eq!(code, 0, "{status}");
        status["version"].as_str().unwrap().to_owned()
    }

    /// What lies beside it, but for the lock.
    pub(super) fn beside(&self) -> Vec<String> {
        names(self.exe.parent().unwrap())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "refit.lock")
        .collect();
    names.sort();
    names
}

#[test]
fn a_good_binary_takes_its_place_and_says_its_own_version() {
    let installed = Installed::new(&Binary::release("1.0.0"));
    let version = Command::new(&installed.exe).arg("--version").output();
    assert_eq!(version.unwrap().stdout, b"refit 1.0.0\n");
    let next = Binary::release("2.0.0-rc.1");
    let (code, told) = installed.replace(&next, &next.sha256());
    assert_eq!(
        (code, &told["version"]),
        (0, &json!("2.0.0-rc.1")),
        "{told}"
    );
    assert_eq!(installed.version(), "2.0.0-rc.1");
    assert_eq!(std::fs::read(&installed.exe).unwrap(), next.0);
    assert_eq!(
        installed.beside(),
        ["refit", "refit.boot.json", "refit.old"]
    );
    let (_, status) = installed.ask(&["agent", "status"]);
    assert_eq!(status["replacement"]["from"], "1.0.0", "{status}");
    assert_eq!(status["replacement"]["sha256"], next.sha256());
}

#[test]
fn what_is_mislabelled_truncated_forged_or_for_another_machine_leaves_the_old_one_and_nothing_else()
{
    let old = Binary::release("1.0.0");
    let installed = Installed::new(&old);
    let good = Binary::release("2.0.0");
    let elsewhere = good
        .clone()
        .labelled(r#"{"version":"2.0.0","platform":"plan9-vax"}"#);
    let development = good
        .clone()
        .labelled(r#"{"version":"2.0.0","platform":"linux-x86_64","development":true}"#);
    // Cut behind its label, so that only its digest and its start can tell.
    let truncated = Binary(good.0[..good.0.len() - 4096].to_vec());
    let mut forged = good.clone();
    let last = forged.0.len() - 1;
    forged.0[last] ^= 1;
    let headless = Binary(good.0[good.0.len() / 2..].to_vec());
    for (binary, sha256, kinds) in [
        (&truncated, good.sha256(), &["wrong-digest"][..]),
        (&forged, good.sha256(), &["wrong-digest"]),
        (&elsewhere, elsewhere.sha256(), &["other-platform"]),
        (
            &development,
            development.sha256(),
            &["built-for-development"],
        ),
        // Recorded just so: its publisher had half a file.
        (
            &headless,
            headless.sha256(),
            &["no-label", "does-not-start"],
        ),
    ] {
        let (code, told) = installed.replace(binary, &sha256);
        assert_eq!(code, 1, "{told}");
        let kind = told["error"]["kind"].as_str().unwrap();
        assert!(kinds.contains(&kind), "{told}");
        assert!(!told["error"]["hint"].as_str().unwrap().is_empty());
        assert_eq!(installed.beside(), ["refit"], "{told}");
    }
    let file = good.put(&installed.room.path().join("published"));
    let file = file.to_str().unwrap();
    let order = [
        "agent",
        "replace",
        file,
        "--sha256",
        &good.sha256(),
        "--expect",
        "3.0.0",
    ];
    let (code, told) = installed.ask(&order);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("mislabelled")),
        "{told}"
    );
    assert_eq!(installed.beside(), ["refit"]);
    assert_eq!(std::fs::read(&installed.exe).unwrap(), old.0);
    assert_eq!(installed.version(), "1.0.0");
}

#[test]
fn a_development_build_is_no_agent_to_replace_or_to_install() {
    let next = Binary::release("2.0.0");
    let room = Room::new();
    let file = next.put(&room.path().join("next"));
    let output = Command::new(REFIT)
        .args(["agent", "replace"])
        .arg(&file)
        .args(["--sha256", &next.sha256(), "--json"])
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["error"]["kind"], "development-build", "{told}");
    // Nor is a release that lies where Cargo built it.
    std::fs::create_dir(room.path().join("release")).unwrap();
    std::fs::write(room.path().join(".rustc_info.json"), "{}").unwrap();
    let exe = Binary::release("1.0.0").put(&room.path().join("release/refit"));
    let output = Command::new(exe)
        .args(["agent", "replace"])
        .arg(&file)
        .args(["--sha256", &next.sha256(), "--json"])
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["error"]["kind"], "development-build", "{told}");
    assert_eq!(names(&room.path().join("release")), ["refit"]);
}

/// Runs a script as root of a name space of its own, where file systems may be mounted. None where this machine
/// has no such thing, which is said.
#[cfg(target_os = "linux")]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn in_own_mounts(script: &str, room: &Room) -> Option<String> {
    let unshare = |script: &str| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-ec", script])
            .current_dir(room.path())
            .output()
    };
    if !unshare("mount -t tmpfs t site && umount site").is_ok_and(|it| it.status.success()) {
        eprintln!("SKIPPED: no file systems of one's own here");
        return None;
    }
    let output = unshare(script).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}{said}");
    Some(stdout)
}

#[cfg(target_os = "linux")]
#[test]
fn without_room_on_the_disk_nothing_is_replaced_and_nothing_is_left() {
    let room = Room::new();
    let old = Binary::release("1.0.0");
    let next = Binary::release("2.0.0");
    old.put(&room.path().join("old"));
    next.put(&room.path().join("next"));
    // Room for one of them, and half of the other.
    let bytes = old.0.len() + next.0.len() / 2;
    let script = format!(
        "mkdir full && mount -t tmpfs -o size={bytes} t full && cp -p old full/refit
         full/refit agent replace next --sha256 {} --json || true
         ls full; cmp old full/refit",
        next.sha256()
    );
    let Some(said) = in_own_mounts(&script, &room) else {
        return;
    };
    let (told, names) = said.split_once('\n').unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!(told["error"]["kind"], "disk-full", "{told}");
    assert_eq!(names, "refit\nrefit.lock\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_a_refusal_that_names_it() {
    let room = Room::new();
    Binary::release("1.0.0").put(&room.path().join("old"));
    let next = Binary::release("2.0.0");
    next.put(&room.path().join("next"));
    let script = format!(
        "mkdir held && mount -t tmpfs t held && cp -p old held/refit && mount -o remount,ro held
         held/refit agent replace next --sha256 {} --json || true
         ls held",
        next.sha256()
    );
    let Some(said) = in_own_mounts(&script, &room) else {
        return;
    };
    let (told, names) = said.split_once('\n').unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!(told["error"]["kind"], "folder-not-writable", "{told}");
    assert!(told["error"]["message"].as_str().unwrap().contains("/held"));
    assert_eq!(names, "refit\n");
}
