use serde_json::{Value, json};

use super::*;

fn status(phase: &str, workspaces: Value) -> Status {
    let mut status = crate::wire::tests::full();
    status["phase"] = json!(phase);
    status["workspaces"] = workspaces;
    serde_json::from_value(status).unwrap()
}

fn one(name: &str, state: &str, url: Option<&str>) -> Value {
    json!({
        "name": name, "folder": "/w", "state": state, "version": "1.1.0", "url": url,
        "launchId": "l7", "since": "2026-06-12T08:00:00Z", "detail": null, "schedules": []
    })
}

const URL: &str = "http://127.0.0.1:4322/";

#[test]
fn a_workspace_that_runs_has_a_page() {
    let status = status("running", json!([one("main", "running", Some(URL))]));
    let Some(Goal::Page(serving)) = goal(&status, "main") else {
        panic!("no page");
    };
    assert_eq!((serving.url.as_str(), &*serving.launch), (URL, "l7"));
}

#[test]
fn what_is_on_its_way_is_awaited_and_what_is_dead_is_not() {
    for (state, expected) in [
        ("starting", Goal::Wait),
        ("restarting", Goal::Wait),
        ("dead", Goal::Nothing),
        ("stopped", Goal::Nothing),
    ] {
        let status = status("running", json!([one("b", state, None)]));
        assert_eq!(goal(&status, "b"), Some(expected), "{state}");
    }
    // At the start nothing runs yet, and at the end nothing any more.
    let stopped = |phase| status(phase, json!([one("main", "stopped", None)]));
    assert_eq!(goal(&stopped("starting"), "main"), Some(Goal::Wait));
    assert_eq!(goal(&stopped("failed"), "main"), Some(Goal::Nothing));
}

#[test]
fn an_address_that_is_none_is_no_page() {
    for url in [None, Some("not an address")] {
        let status = status("running", json!([one("b", "running", url)]));
        assert_eq!(goal(&status, "b"), Some(Goal::Wait), "{url:?}");
    }
}

#[test]
fn a_workspace_that_is_not_listed_is_none_but_for_main() {
    let listed = status("running", json!([one("main", "running", Some(URL))]));
    assert_eq!(goal(&listed, "b"), None);
    let mut alone = status("running", json!([]));
    let Some(Goal::Page(serving)) = goal(&alone, "main") else {
        panic!("no page");
    };
    assert_eq!((serving.url.port(), &*serving.launch), (Some(4321), "l1"));
    alone.running = None;
    assert_eq!(goal(&alone, "main"), Some(Goal::Wait));
    alone.phase = Phase::Failed;
    assert_eq!(goal(&alone, "main"), Some(Goal::Nothing));
}
