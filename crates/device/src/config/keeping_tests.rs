use super::tests::{with, with_all};
use super::*;
use serde_json::json;

#[test]
fn what_is_left_out_rehearses_asks_and_keeps_no_data() {
    let config = with("attempts", json!(1)).unwrap();
    assert_eq!(config.rehearse, Some(Rehearse::default()));
    assert_eq!(config.apply, Apply::Prompt);
    assert_eq!(config.ceiling, Duration::from_hours(24));
    assert_eq!(
        (config.swap, config.drain),
        (false, Duration::from_secs(10))
    );
    assert_eq!((&config.busy, &config.snapshot), (&None, &None));
    assert_eq!((config.host.contract, config.host.from), (1, 1));
}

#[test]
fn rehearse_is_a_switch_or_an_object() {
    assert_eq!(with("rehearse", json!(false)).unwrap().rehearse, None);
    assert_eq!(
        with("rehearse", json!(true)).unwrap().rehearse,
        Some(Rehearse::default())
    );
    let how = json!({ "requests": 5, "p50": "1s", "copy": ["{data}/files"], "env": { "A": "b" } });
    let how = with("rehearse", how).unwrap().rehearse.unwrap();
    assert_eq!((how.requests, how.p95), (5, Duration::from_secs(2)));
    assert_eq!(how.env["A"], "b");
}

#[test]
fn what_was_read_is_written_as_it_can_be_read_again() {
    for news in [
        json!({ "rehearse": false }),
        json!({ "rehearse": true, "snapshot": { "folder": "{data}/files", "cap": "2MB" } }),
    ] {
        let config = with_all(&news).unwrap();
        let written = serde_json::to_value(&config).unwrap();
        assert_eq!(Config::parse(written, "test").unwrap(), config, "{news}");
    }
}

#[test]
fn the_ways_to_apply_have_their_names() {
    for (name, apply) in [
        ("prompt", Apply::Prompt),
        ("next-launch", Apply::NextLaunch),
        ("now", Apply::Now),
    ] {
        assert_eq!(with("apply", json!(name)).unwrap().apply, apply);
    }
    let idle = json!({ "apply": "idle", "busy": { "http": "/busy" } });
    assert_eq!(with_all(&idle).unwrap().apply, Apply::Idle);
}

#[test]
fn values_that_cannot_be_meant_name_their_key() {
    let app = json!({ "package": "clock", "entry": "../x.js", "command": ["node"] });
    for (key, value) in [
        ("rehearse", json!({ "requests": 0 })),
        ("rehearse", json!({ "requests": 10_001 })),
        ("rehearse", json!({ "p50": "0s" })),
        ("rehearse", json!({ "p50": "3s", "p95": "2s" })),
        ("rehearse", json!({ "copy": ["files"] })),
        ("rehearse", json!({ "copy": ["{data}/../x"] })),
        ("rehearse", json!({ "copy": ["{data}"] })),
        ("rehearse", json!({ "copy": ["{workspace}/files"] })),
        ("cwd", json!("{workspace}/files")),
        ("apply", json!("idle")),
        ("busy", json!({})),
        (
            "busy",
            json!({ "http": "/busy", "file": "{data}/busy.json" }),
        ),
        ("busy", json!({ "http": "busy" })),
        ("busy", json!({ "file": "busy.json" })),
        ("ceiling", json!("0s")),
        ("drain", json!("11m")),
        ("snapshot", json!({ "folder": "{data}" })),
        ("snapshot", json!({ "folder": "/home" })),
        ("snapshot", json!({ "folder": "{workspace}/files" })),
        ("snapshot", json!({ "folder": "{data}/runtime-store" })),
        ("snapshot", json!({ "folder": "{data}/Snapshots/x" })),
        ("snapshot", json!({ "folder": "{data}/schedules" })),
        ("host", json!({ "contract": 1, "from": 2 })),
        ("host", json!({ "from": 0 })),
        ("host", json!({ "offers": [""] })),
        ("identifier", json!("../etc")),
        ("identifier", json!("")),
        ("apps", json!({ "clock": app.clone() })),
        ("apps", json!({ "Clock": app })),
    ] {
        let error = with(key, value.clone()).unwrap_err();
        assert!(
            matches!(error, ConfigError::Value { key: named, .. } if named == key),
            "{key}: {value} gave {error}"
        );
    }
}

#[test]
fn shapes_that_cannot_be_meant_name_what_is_wrong() {
    for (key, value, named) in [
        ("rehearse", json!({ "reqests": 5 }), "`reqests`"),
        (
            "rehearse",
            json!("yes"),
            "`rehearse` to be true, false or an object",
        ),
        ("apply", json!("later"), "next-launch"),
        ("busy", json!({ "url": "/busy" }), "`url`"),
        (
            "snapshot",
            json!({ "folder": "{data}/files", "cap": "1" }),
            "`1` is no size",
        ),
        ("host", json!({ "offer": [] }), "`offer`"),
        ("apps", json!({ "clock": {} }), "package"),
    ] {
        let error = with(key, value.clone()).unwrap_err().to_string();
        assert!(error.contains(named), "{key}: {value} gave {error}");
    }
}

#[test]
fn apps_are_whole_configurations_without_apps() {
    let app = json!({
        "package": "clock", "entry": "cli.js", "command": ["node", "{entry}"],
        "trust": { "root": "root.json", "url": "https://example.org/repo/" },
    });
    let config = with("apps", json!({ "clock": app.clone() })).unwrap();
    let config = config.beside(Path::new("/there"));
    let root = &config.apps["clock"].trust.as_ref().unwrap().root;
    assert_eq!(root, Path::new("/there/root.json"));
    let mut nested = app.clone();
    nested["apps"] = json!({ "inner": app.clone() });
    for (apps, named) in [
        (json!({ "clock": nested }), "no apps of its own"),
        (json!({ "main": app }), "`main`"),
    ] {
        let error = with("apps", apps).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
