use device::{DeviceEvent, Problem, Status};
use serde_json::{Value, json};

use super::*;
use crate::commands;

/// A status with everything in it, as pages and documentation know it.
pub(crate) fn full() -> Value {
    let mut status = json!({
        "seq": 7,
        "updates": "on",
        "phase": "running",
        "starting": "1.1.0",
        "running": {
            "version": "1.1.0", "source": "pointer", "url": "http://127.0.0.1:4321/",
            "since": "2026-06-12T08:00:00Z", "trial": true, "launchId": "l1"
        },
        "staged": {
            "version": "1.3.0", "stagedAt": "2026-06-12T08:05:00Z", "notes": "A clock.",
            "blocked": { "reason": "expired", "message": "It expired." }
        },
        "previous": "1.0.5",
        "bundled": { "version": "1.0.0", "note": null },
        "bad": [{
            "version": "1.2.0", "reason": "exited", "detail": "code 1", "at": "2026-06-12T08:01:00Z"
        }],
        "lastCheck": {
            "at": "2026-06-12T08:04:00Z", "by": "person", "decision": null, "version": null,
            "reason": "network", "message": "The registry did not answer.",
            "error": { "kind": "network", "message": "no answer", "hint": "Try later." },
            "bucket": 65, "delaySeconds": 43200, "eligibleAt": "2026-06-12T20:00:00Z",
            "fromManifest": true, "bypassed": false,
            "trouble": { "kind": "network", "message": "no answer", "hint": "Try later." }
        },
        "nextCheckAt": "2026-06-12T08:34:00Z",
        "progress": { "version": "1.3.0", "phase": "downloading", "bytes": 10, "total": 100 },
        "rollout": {
            "mode": "tuf", "experimental": false, "pinned": null, "version": "1.4.0",
            "decision": "hold", "reason": "held", "message": "It is being rolled out.",
            "bucket": 65, "delaySeconds": 43200, "eligibleAt": "2026-06-12T20:00:00Z",
            "stable": "1.3.0", "recalled": ["1.2.5"], "verifiedAt": "2026-06-12T08:00:00Z",
            "expires": "2026-06-19T08:00:00Z", "expired": false, "trouble": "no answer"
        },
        "recalledRunning": { "version": "1.1.0", "message": "It goes on until the next start." },
        "passedOver": {
            "from": "1.2.5", "to": "1.1.0", "reason": "recalled", "message": "It was recalled.",
            "at": "2026-06-12T08:01:00Z", "firstTime": true
        },
        "fellBack": {
            "from": "1.2.0", "to": "1.1.0", "reason": "exited", "message": "It exited with code 1.",
            "at": "2026-06-12T08:01:00Z", "condemned": true
        },
        "failure": { "message": "m", "hint": "h", "detail": "d" },
        "problems": ["p"]
    });
    let more = json!({
        "busy": { "tasks": 3, "since": "2026-06-12T08:02:00Z" },
        "applying": { "mode": "idle", "waitsFor": "idle", "deadline": "2026-06-13T08:05:00Z" },
        "rehearsals": [{
            "version": "1.3.0", "outcome": "passed", "detail": "ok=50/50",
            "at": "2026-06-12T08:05:00Z"
        }],
        "damage": [{
            "version": "1.1.0", "detail": "x differs", "state": "mended",
            "at": "2026-06-12T08:05:00Z"
        }],
        "contract": { "version": "1.3.0", "message": "m", "healed": "1.3.1" },
        "snapshots": [{
            "version": "1.1.0", "of": "1.0.5", "at": "2026-06-12T08:05:00Z", "bytes": 12
        }],
        "managed": { "updates": "managed", "message": "m", "source": "/etc/x/policy.json" },
        "workspaces": [{
            "name": "main", "folder": "/data/w/one", "state": "running", "version": "1.1.0",
            "url": "http://127.0.0.1:4321/", "launchId": "l1", "since": "2026-06-12T08:00:00Z",
            "detail": "d",
            "schedules": [{
                "every": "5m", "path": "/tick", "lastAt": "2026-06-12T08:05:00Z", "lastOk": true
            }]
        }],
        "app": { "name": "main", "package": "demo" },
        "fleet": {
            "name": "kiosks", "device": "d1", "connected": true, "trouble": "t", "state": "refused",
            "target": "1.4.0", "generation": 7, "scope": "group.lobby", "reason": "recalled",
            "detail": "d", "unsent": 2, "message": "m"
        }
    });
    if let (Some(status), Value::Object(more)) = (status.as_object_mut(), more) {
        status.extend(more);
    }
    status
}

#[test]
fn a_status_has_the_shape_that_guest_js_types_say() {
    let status: Status = serde_json::from_value(full()).unwrap();
    assert_eq!(serde_json::to_value(&status).unwrap(), full());
}

#[test]
fn what_is_not_known_is_null_and_never_left_out() {
    let mut sparse = full();
    for key in [
        "starting",
        "running",
        "staged",
        "previous",
        "lastCheck",
        "nextCheckAt",
        "progress",
        "rollout",
        "recalledRunning",
        "passedOver",
        "fellBack",
        "failure",
        "busy",
        "applying",
        "contract",
        "managed",
        "fleet",
    ] {
        sparse[key] = Value::Null;
    }
    for key in ["version", "url", "launchId", "since", "detail"] {
        sparse["workspaces"][0][key] = Value::Null;
    }
    sparse["workspaces"][0]["schedules"][0]["lastAt"] = Value::Null;
    sparse["workspaces"][0]["schedules"][0]["lastOk"] = Value::Null;
    sparse["snapshots"][0]["of"] = Value::Null;
    let status: Status = serde_json::from_value(sparse.clone()).unwrap();
    assert_eq!(serde_json::to_value(&status).unwrap(), sparse);
}

#[test]
fn what_is_not_known_of_a_rollout_is_null_and_never_left_out() {
    let mut sparse = full();
    for key in [
        "version",
        "decision",
        "reason",
        "message",
        "bucket",
        "delaySeconds",
        "eligibleAt",
        "stable",
        "verifiedAt",
        "expires",
        "trouble",
    ] {
        sparse["rollout"][key] = Value::Null;
    }
    sparse["staged"]["notes"] = Value::Null;
    sparse["staged"]["blocked"] = Value::Null;
    let status: Status = serde_json::from_value(sparse.clone()).unwrap();
    assert_eq!(serde_json::to_value(&status).unwrap(), sparse);
}

#[test]
fn a_status_of_a_shell_without_rollouts_is_understood() {
    let mut old = full();
    for key in ["rollout", "recalledRunning", "passedOver"] {
        old.as_object_mut().unwrap().remove(key);
    }
    let staged = json!({ "version": "1.3.0", "stagedAt": "2026-06-12T08:05:00Z" });
    old["staged"] = staged;
    let status: Status = serde_json::from_value(old).unwrap();
    assert!(status.rollout.is_none() && status.staged.unwrap().is_offered());
}

#[test]
fn a_status_from_before_there_were_workspaces_is_understood() {
    let mut old = full();
    for key in [
        "busy",
        "applying",
        "rehearsals",
        "damage",
        "contract",
        "snapshots",
        "managed",
        "workspaces",
        "app",
        "fleet",
    ] {
        old.as_object_mut().unwrap().remove(key);
    }
    let status: Status = serde_json::from_value(old).unwrap();
    assert!(status.workspaces.is_empty() && status.managed.is_none());
}

#[test]
fn every_page_sees_that_a_workspace_is_there_and_not_where() {
    let status: Status = serde_json::from_value(full()).unwrap();
    let seen = serde_json::to_value(for_every_page(&status)).unwrap();
    let mut expected = full();
    expected["workspaces"][0]["folder"] = json!("one");
    expected["workspaces"][0]["url"] = Value::Null;
    assert_eq!(seen, expected);
    assert!(!seen["workspaces"].to_string().contains("/data"));
}

#[test]
fn all_runtimes_have_the_shape_that_guest_js_types_say() {
    let status: Status = serde_json::from_value(full()).unwrap();
    let apps = Everything {
        seq: 3,
        platform: Platform {
            os: "linux",
            arch: "x86_64",
            shell: "0.1.0".parse().unwrap(),
            node: Some("22.1.0".to_owned()),
            data_name: "dev.refit.shell".to_owned(),
            data_path: "/home/u/dev.refit.shell".to_owned(),
        },
        shown: Place::default(),
        apps: vec![Arc::new(status)],
    };
    let expected = json!({
        "seq": 3,
        "platform": {
            "os": "linux", "arch": "x86_64", "shell": "0.1.0", "node": "22.1.0",
            "dataName": "dev.refit.shell", "dataPath": "/home/u/dev.refit.shell"
        },
        "shown": { "app": "main", "workspace": "main" },
        "apps": [full()]
    });
    assert_eq!(serde_json::to_value(&apps).unwrap(), expected);
}

fn payload(event: DeviceEvent) -> (&'static str, Value) {
    let json = |it: &dyn erased::Json| it.json();
    match News::of("main", event) {
        News::Staged(it) => (UPDATE_STAGED, json(&it)),
        News::RolledBack(it) => (ROLLED_BACK, json(&it)),
        News::Upgraded(it) => (UPGRADED, json(&it)),
        News::Dead(it) => (DEAD, json(&it)),
    }
}

/// Any payload as JSON.
mod erased {
    pub(super) trait Json {
        fn json(&self) -> serde_json::Value;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> serde_json::Value {
            serde_json::to_value(self).unwrap()
        }
    }
}

#[test]
fn news_have_their_names_and_payloads() {
    let version = |it: &str| it.parse().unwrap();
    let told: serde_json::Map<_, _> = [
        DeviceEvent::UpdateStaged {
            version: version("1.1.0"),
        },
        DeviceEvent::RolledBack {
            version: version("1.1.0"),
            reason: "It crashed.".to_owned(),
        },
        DeviceEvent::Upgraded {
            workspace: "b".to_owned(),
            from: Some(version("1.0.0")),
            to: version("1.1.0"),
        },
        DeviceEvent::WorkspaceDead {
            name: "b".to_owned(),
            detail: "It exited.".to_owned(),
        },
    ]
    .map(payload)
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect();
    let expected = json!({
        "runtime:update-staged": { "version": "1.1.0" },
        "runtime:rolled-back": { "version": "1.1.0", "reason": "It crashed." },
        "runtime:upgraded": { "app": "main", "workspace": "b", "from": "1.0.0", "to": "1.1.0" },
        "runtime:workspace-dead": { "app": "main", "workspace": "b", "detail": "It exited." }
    });
    assert_eq!(Value::Object(told), expected);
    assert_eq!((STATUS, APPS), ("refit://status", "refit://apps"));
    let nudge = serde_json::to_value(Changed { seq: 3 }).unwrap();
    assert_eq!(
        nudge,
        json!({ "seq": 3 }),
        "every page hears it: nothing but that there is news"
    );
}

#[test]
fn an_error_names_its_kind_and_the_next_step() {
    insta::assert_json_snapshot!(Problem::new("network", "no answer", "Try later."), @r#"
    {
      "kind": "network",
      "message": "no answer",
      "hint": "Try later."
    }
    "#);
}

#[test]
fn a_version_from_a_page_is_a_version_or_a_problem() {
    assert_eq!(commands::parsed(None).unwrap(), None);
    assert_eq!(
        commands::parsed(Some("1.2.3".to_owned()))
            .unwrap()
            .unwrap()
            .as_str(),
        "1.2.3"
    );
    for wrong in ["", "latest", "^1.0.0", "../1.0.0", "http://x/"] {
        let problem = commands::parsed(Some(wrong.to_owned())).unwrap_err();
        assert_eq!(problem.kind, "version", "{wrong}");
    }
}

#[test]
fn a_workspace_is_named_so_that_no_path_can_be_made_of_it() {
    for name in ["main", "board-2", "a", &"x".repeat(40)] {
        assert_eq!(commands::workspace_name(name).unwrap(), name);
    }
    for wrong in [
        "",
        "..",
        "a/b",
        "a\\b",
        "A",
        "a b",
        "ä",
        "a.b",
        &"x".repeat(41),
    ] {
        let problem = commands::workspace_name(wrong).unwrap_err();
        assert_eq!(problem.kind, "workspace-name", "{wrong}");
    }
}

#[test]
fn no_command_takes_anything_but_versions_and_names() {
    let source = include_str!("../commands.rs");
    let mut commands = 0;
    for command in source.split("#[tauri::command]").skip(1) {
        let (_, rest) = command.split_once("fn ").unwrap();
        let (name, _) = rest.split_once(['<', '(']).unwrap();
        let (_, rest) = rest.split_once('(').unwrap();
        let (arguments, rest) = rest.split_once(") ->").unwrap();
        for argument in arguments
            .split(",\n")
            .map(str::trim)
            .filter(|it| !it.is_empty())
        {
            let known = [
                "page: Webview<R>",
                "refit: State<'_, Refit>",
                "version: Option<String>",
                "with_data: Option<bool>",
                "app: String",
                "name: String",
            ];
            let argument = argument.trim_end_matches(',');
            assert!(known.contains(&argument), "{name} takes `{argument}`");
        }
        // A name is looked up or checked, never used as it comes.
        if arguments.contains("name: String") {
            assert!(rest.contains("workspace_name(&name)?"), "{name}");
        }
        commands += 1;
    }
    assert_eq!(commands, 15, "a new command: may a page have it?");
}
