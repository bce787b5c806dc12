use device::{DeviceEvent, Problem, Status};
use serde_json::{Value, json};

use super::*;
use crate::commands;

/// A status with everything in it, as pages and documentation know it.
pub(crate) fn full() -> Value {
    json!({
        "seq": 7,
        "updates": "on",
        "phase": "running",
        "starting": "1.1.0",
        "running": {
            "version": "1.1.0", "source": "pointer", "url": "http://127.0.0.1:4321/",
            "since": "2026-06-12T08:00:00Z", "trial": true
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
    })
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
    ] {
        sparse[key] = Value::Null;
    }
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
fn news_have_their_names_and_payloads() {
    let version = || "1.1.0".parse().unwrap();
    let News::Staged(staged) = DeviceEvent::UpdateStaged { version: version() }.into() else {
        panic!("not staged");
    };
    let News::RolledBack(back) = (DeviceEvent::RolledBack {
        version: version(),
        reason: "It crashed.".to_owned(),
    })
    .into() else {
        panic!("not rolled back");
    };
    insta::assert_json_snapshot!(json!({ STATUS: "the status", UPDATE_STAGED: staged, ROLLED_BACK: back }), @r#"
    {
      "refit://status": "the status",
      "runtime:update-staged": {
        "version": "1.1.0"
      },
      "runtime:rolled-back": {
        "version": "1.1.0",
        "reason": "It crashed."
      }
    }
    "#);
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
fn no_command_takes_anything_but_a_version() {
    let source = include_str!("../commands.rs");
    let mut commands = 0;
    for command in source.split("#[tauri::command]").skip(1) {
        let (_, rest) = command.split_once("fn ").unwrap();
        let (name, _) = rest.split_once(['<', '(']).unwrap();
        let (_, rest) = rest.split_once('(').unwrap();
        let (arguments, _) = rest.split_once(") ->").unwrap();
        for argument in arguments
            .split(",\n")
            .map(str::trim)
            .filter(|it| !it.is_empty())
        {
            let known = [
                "page: Webview<R>",
                "refit: State<'_, Refit>",
                "version: Option<String>",
            ];
            let argument = argument.trim_end_matches(',');
            assert!(known.contains(&argument), "{name} takes `{argument}`");
        }
        commands += 1;
    }
    assert_eq!(commands, 7, "a new command: may a page have it?");
}
