//! An administrator's policy on the command line: root lays one down; skipped aloud elsewhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::device::{Device, demo, edit, idle};
use crate::support::refit;

/// Taken away with the test.
struct Policy(PathBuf);

impl Policy {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn lay(device: &Device, policy: &Value) -> Option<Self> {
        let room = device.room.path();
        if fs::metadata(&room).unwrap().uid() != 0 {
            eprintln!("SKIPPED: only root can lay down a policy that counts");
            return None;
        }
        let name = room.file_name().unwrap().to_string_lossy().into_owned();
        let identifier = format!("refit-test{}", name.replace(['.', ' '], "-"));
        let base = if cfg!(target_os = "macos") {
            "/Library/Application Support"
        } else {
            "/etc"
        };
        let folder = Path::new(base).join(&identifier);
        fs::create_dir(&folder).unwrap();
        let laid = Self(folder);
        fs::set_permissions(&laid.0, Permissions::from_mode(0o755)).unwrap();
        fs::write(laid.file(), policy.to_string()).unwrap();
        fs::set_permissions(laid.file(), Permissions::from_mode(0o644)).unwrap();
        edit(&room.join("refit.json"), |config| {
            config["identifier"] = identifier.into();
        });
        Some(laid)
    }

    fn file(&self) -> PathBuf {
        self.0.join("policy.json")
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn setting<'a>(told: &'a Value, name: &str) -> &'a Value {
    let settings = told["settings"].as_array().unwrap();
    settings.iter().find(|it| it["name"] == name).unwrap()
}

#[test]
fn every_command_that_changes_versions_is_refused_and_looking_is_not() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let Some(policy) = Policy::lay(&device, &json!({ "updates": "managed" })) else {
        return;
    };
    device.room.publish(&[demo("1.1.0"), demo("1.2.0")]);
    for command in [
        &["stage"][..],
        &["stage", "1.2.0"],
        &["stage", "--tarball", &device.room.at("refit.json")],
        &["rollback"],
        &["rollback", "--to", "1.0.0"],
        &["rollback", "--with-data"],
        &["retry", "1.1.0"],
    ] {
        let (code, told) = device.ask(command);
        let kind = &told["error"]["kind"];
        assert_eq!((code, kind), (1, &json!("managed")), "{command:?}: {told}");
        let message = told["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Managed by your administrator"),
            "{message}"
        );
    }
    assert_eq!(device.next(), "pointer 1.1.0", "nothing was changed");
    let (code, found) = device.ask(&["check"]);
    assert_eq!((code, &found["version"]), (0, &json!("1.2.0")), "{found}");
    let (_, status) = device.ask(&["status"]);
    assert_eq!(status["managed"]["updates"], "managed", "{status}");
    let file = policy.file().display().to_string();
    assert_eq!(status["managed"]["source"], file.as_str());
    let words = |command: &str| {
        let output = refit().arg(command).args(device.globals()).output();
        let output = output.unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let (table, found) = (words("status"), words("check"));
    assert!(table.contains("Managed "), "{table}");
    let refused = found.contains("refit stage");
    assert!(found.contains("administrator") && !refused, "{found}");
    // Whoever could be anybody is nobody.
    fs::set_permissions(policy.file(), Permissions::from_mode(0o666)).unwrap();
    let (code, _) = device.ask(&["stage"]);
    assert_eq!(code, 0);
    assert_eq!(device.next(), "pointer 1.2.0");
    let (_, told) = device.ask(&["status"]);
    let problems = told["problems"].to_string();
    assert!(
        problems.contains("is ignored") && problems.contains(&file),
        "{problems}"
    );
}

#[test]
fn explain_names_whose_word_counts() {
    let device = idle();
    let told = |device: &Device| device.ask(&["explain"]).1;
    let config = device.room.at("refit.json");
    let before = told(&device);
    assert_eq!(
        setting(&before, "channel"),
        &json!({ "name": "channel", "value": "latest", "source": "configuration", "from": config })
    );
    assert_eq!(setting(&before, "updates")["source"], "default");
    let policy = json!({ "updates": "managed", "pin": "1.1.0" });
    let Some(policy) = Policy::lay(&device, &policy) else {
        return;
    };
    let after = told(&device);
    let file = policy.file().display().to_string();
    assert_eq!(
        setting(&after, "pin"),
        &json!({ "name": "pin", "value": "1.1.0", "source": "policy", "from": file })
    );
    assert_eq!(setting(&after, "updates")["value"], "managed");
    let gates = after["gates"].as_array().unwrap();
    let pin = gates.iter().find(|gate| gate["name"] == "pin").unwrap();
    assert_eq!(pin["source"], file.as_str());
}
