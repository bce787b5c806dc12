use serde_json::{Value, json};

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn shell() -> Vec<Origin> {
    vec![Origin::of(&url("tauri://localhost")).unwrap()]
}

fn status(phase: &str, running: Value) -> Status {
    let mut status = crate::wire::tests::full();
    status["phase"] = json!(phase);
    status["running"] = running;
    serde_json::from_value(status).unwrap()
}

fn running(version: &str, port: u16, since: &str) -> Status {
    let running = json!({
        "version": version, "source": "pointer", "url": format!("http://127.0.0.1:{port}/"),
        "since": since, "trial": false
    });
    status("running", running)
}

const EARLY: &str = "2026-06-12T08:00:00Z";
const LATE: &str = "2026-06-12T09:00:00Z";

#[test]
fn a_runtime_that_became_ready_is_opened_once() {
    let (step, shown) = next(&Shown::Start, &running("1.0.0", 4321, EARLY));
    assert_eq!(step, Step::Open(url("http://127.0.0.1:4321/")));
    assert_eq!(
        next(&shown, &running("1.0.0", 4321, EARLY)),
        (Step::Stay, shown)
    );
}

#[test]
fn another_launch_on_the_same_port_loads_the_open_page_again() {
    let (_, shown) = next(&Shown::Start, &running("1.0.0", 4321, EARLY));
    for later in [running("1.1.0", 4321, LATE), running("1.0.0", 4321, LATE)] {
        assert_eq!(next(&shown, &later).0, Step::Reload);
    }
}

#[test]
fn a_page_that_ends_its_runtime_is_not_loaded_over_and_over() {
    let (_, shown) = next(&Shown::Start, &running("1.0.0", 4321, EARLY));
    let (step, shown) = next(&shown, &running("1.0.0", 4321, "2026-06-12T08:00:09Z"));
    assert_eq!(
        step,
        Step::Open(url("http://127.0.0.1:4321/")),
        "the runtime's first page"
    );
    assert_eq!(next(&shown, &running("1.0.0", 4321, LATE)).0, Step::Reload);
}

#[test]
fn another_port_is_opened_anew() {
    let (_, shown) = next(&Shown::Start, &running("1.0.0", 4321, EARLY));
    let (step, _) = next(&shown, &running("1.1.0", 4322, LATE));
    assert_eq!(step, Step::Open(url("http://127.0.0.1:4322/")));
}

#[test]
fn a_restart_leaves_the_page_open_and_a_failure_of_everything_leads_back() {
    let (_, shown) = next(&Shown::Start, &running("1.0.0", 4321, EARLY));
    assert_eq!(
        next(&shown, &status("restarting", Value::Null)),
        (Step::Stay, shown.clone())
    );
    assert_eq!(
        next(&shown, &status("failed", Value::Null)),
        (Step::Back, Shown::Start)
    );
    assert_eq!(
        next(&Shown::Start, &status("failed", Value::Null)).0,
        Step::Stay
    );
}

#[test]
fn the_window_is_led_on_only_after_its_own_page_has_loaded() {
    let screen = Screen::default();
    let status = running("1.0.0", 4321, EARLY);
    assert_eq!(screen.advance(&status).0, Step::Stay);
    assert!(
        !screen.loaded(&url("http://127.0.0.1:4321/"), &shell()),
        "not a page of the app"
    );
    assert!(screen.loaded(&url("tauri://localhost/"), &shell()));
    assert!(
        !screen.loaded(&url("tauri://localhost/"), &shell()),
        "the first load only"
    );
    assert_eq!(screen.runtime(), None);
    assert_eq!(
        screen.advance(&status).0,
        Step::Open(url("http://127.0.0.1:4321/"))
    );
    assert_eq!(screen.runtime(), Origin::of(&url("http://127.0.0.1:4321/")));
    screen.reset();
    assert_eq!(
        screen.runtime(),
        None,
        "a window made anew is nobody's but the app's"
    );
}

#[test]
fn the_runtimes_page_stays_on_its_own_origin() {
    let shown = Shown::Runtime {
        url: url("http://127.0.0.1:4321/"),
        since: Timestamp::UNIX_EPOCH,
    };
    for own in [
        "http://127.0.0.1:4321/other?x#y",
        "about:blank",
        "about:srcdoc",
        "blob:http://127.0.0.1:4321/1b2c",
    ] {
        assert!(may_open(&url(own), &shown, &shell()), "{own}");
    }
    for other in [
        "tauri://localhost/runtime.html",
        "http://127.0.0.1:4322/",
        "http://localhost:4321/",
        "https://example.org/",
        "blob:https://example.org/1b2c",
        "blob:null/1b2c",
        "data:text/html,x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "about:preferences",
        "ipc://localhost/x",
    ] {
        assert!(!may_open(&url(other), &shown, &shell()), "{other}");
    }
}

#[test]
fn the_apps_own_pages_open_only_one_another() {
    assert!(may_open(
        &url("tauri://localhost/index.html"),
        &Shown::Start,
        &shell()
    ));
    for other in [
        "http://127.0.0.1:4321/",
        "https://example.org/",
        "tauri://evil/",
    ] {
        assert!(!may_open(&url(other), &Shown::Start, &shell()), "{other}");
    }
}
