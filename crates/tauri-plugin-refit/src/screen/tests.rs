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
    status["workspaces"] = json!([]);
    serde_json::from_value(status).unwrap()
}

fn running(version: &str, port: u16, since: &str) -> Status {
    let running = json!({
        "version": version, "source": "pointer", "url": format!("http://127.0.0.1:{port}/"),
        "since": since, "trial": false, "launchId": format!("{version} {since}")
    });
    status("running", running)
}

fn place(app: &str, workspace: &str) -> Place {
    Place {
        app: app.to_owned(),
        workspace: workspace.to_owned(),
    }
}

fn serving(port: u16, launch: &str, since: &str) -> Serving {
    Serving {
        url: url(&format!("http://127.0.0.1:{port}/")),
        launch: launch.to_owned(),
        since: since.parse().unwrap(),
    }
}

/// What follows where the main workspace is chosen.
fn to(shown: &Shown, serving: Serving) -> (Step, Shown) {
    next(shown, &Place::default(), Goal::Page(serving))
}

const EARLY: &str = "2026-06-12T08:00:00Z";
const LATE: &str = "2026-06-12T09:00:00Z";

#[test]
fn a_runtime_that_became_ready_is_opened_once() {
    let (step, shown) = to(&Shown::Start, serving(4321, "a", EARLY));
    assert_eq!(step, Step::Open(url("http://127.0.0.1:4321/")));
    assert_eq!(
        to(&shown, serving(4321, "a", EARLY)),
        (Step::Stay, shown.clone())
    );
}

#[test]
fn another_launch_on_the_same_port_loads_the_open_page_again() {
    let (_, shown) = to(&Shown::Start, serving(4321, "a", EARLY));
    assert_eq!(to(&shown, serving(4321, "b", LATE)).0, Step::Reload);
}

#[test]
fn a_swap_within_the_same_second_is_seen_by_its_launch() {
    let (_, shown) = to(&Shown::Start, serving(4321, "a", EARLY));
    let (step, shown) = to(&shown, serving(4321, "b", EARLY));
    assert_eq!(step, Step::Open(url("http://127.0.0.1:4321/")));
    assert_eq!(to(&shown, serving(4321, "b", EARLY)).0, Step::Stay);
}

#[test]
fn a_page_that_ends_its_runtime_is_not_loaded_over_and_over() {
    let (_, shown) = to(&Shown::Start, serving(4321, "a", EARLY));
    let (step, shown) = to(&shown, serving(4321, "b", "2026-06-12T08:00:09Z"));
    assert_eq!(
        step,
        Step::Open(url("http://127.0.0.1:4321/")),
        "the runtime's first page"
    );
    assert_eq!(to(&shown, serving(4321, "c", LATE)).0, Step::Reload);
}

#[test]
fn another_port_is_opened_anew() {
    let (_, shown) = to(&Shown::Start, serving(4321, "a", EARLY));
    let (step, _) = to(&shown, serving(4322, "b", LATE));
    assert_eq!(step, Step::Open(url("http://127.0.0.1:4322/")));
}

#[test]
fn a_restart_leaves_the_page_open_and_a_failure_leads_back() {
    let main = Place::default();
    let (_, shown) = to(&Shown::Start, serving(4321, "a", EARLY));
    assert_eq!(next(&shown, &main, Goal::Wait), (Step::Stay, shown.clone()));
    assert_eq!(
        next(&shown, &main, Goal::Nothing),
        (Step::Back, Shown::Start)
    );
    assert_eq!(next(&Shown::Start, &main, Goal::Nothing).0, Step::Stay);
}

#[test]
fn another_workspace_is_opened_at_once_and_awaited_on_the_start_page() {
    let (_, shown) = to(&Shown::Start, serving(4321, "a", EARLY));
    for other in [place("main", "b"), place("notes", "main")] {
        let page = Goal::Page(serving(4322, "b", EARLY));
        let (step, there) = next(&shown, &other, page);
        assert_eq!(step, Step::Open(url("http://127.0.0.1:4322/")));
        assert!(matches!(&there, Shown::Runtime { place, .. } if *place == other));
        assert_eq!(next(&shown, &other, Goal::Wait), (Step::Back, Shown::Start));
        assert_eq!(next(&shown, &other, Goal::Nothing).0, Step::Back);
    }
}

#[test]
fn another_workspace_is_opened_even_at_the_same_address() {
    // A port can be taken over by the next one; the open page is still another workspace's.
    let (_, shown) = to(&Shown::Start, serving(4321, "a", EARLY));
    let other = place("main", "b");
    let (step, _) = next(&shown, &other, Goal::Page(serving(4321, "a", EARLY)));
    assert_eq!(step, Step::Open(url("http://127.0.0.1:4321/")));
}

fn two(b: &str) -> Status {
    let mut status = crate::wire::tests::full();
    let mut second = status["workspaces"][0].clone();
    second["name"] = json!("b");
    second["state"] = json!(b);
    second["url"] = json!("http://127.0.0.1:4322/");
    second["launchId"] = json!("l2");
    status["workspaces"].as_array_mut().unwrap().push(second);
    serde_json::from_value(status).unwrap()
}

#[test]
fn the_window_shows_what_was_chosen_and_only_that_is_answered() {
    let screen = Screen::default();
    let origin = |port: u16| Origin::of(&url(&format!("http://127.0.0.1:{port}/"))).unwrap();
    assert!(screen.loaded(&url("tauri://localhost/"), &shell()));
    let status = two("running");
    assert_eq!(
        screen.advance("notes", &status).0,
        Step::Stay,
        "not what is shown"
    );
    screen.advance("main", &status);
    assert_eq!(screen.runtime(), Some((origin(4321), "main".to_owned())));
    screen.choose(place("main", "b"));
    assert_eq!(
        screen.runtime(),
        Some((origin(4321), "main".to_owned())),
        "until the window is led on"
    );
    let (step, _) = screen.advance("main", &status);
    assert_eq!(step, Step::Open(url("http://127.0.0.1:4322/")));
    assert_eq!(screen.runtime(), Some((origin(4322), "main".to_owned())));
    assert!(!screen.may_open(&url("http://127.0.0.1:4321/"), &shell()));
    assert_eq!(screen.advance("main", &two("dead")).0, Step::Back);
    assert_eq!(screen.runtime(), None, "nobody's page is open");
    assert_eq!(screen.chosen(), place("main", "b"), "it may be revived");
}

#[test]
fn a_workspace_that_was_removed_gives_way_to_main() {
    let screen = Screen::default();
    screen.loaded(&url("tauri://localhost/"), &shell());
    screen.choose(place("main", "b"));
    let gone = serde_json::from_value(crate::wire::tests::full()).unwrap();
    let (step, _) = screen.advance("main", &gone);
    assert_eq!(step, Step::Open(url("http://127.0.0.1:4321/")));
    assert_eq!(screen.chosen(), Place::default());
}

#[test]
fn the_window_is_led_on_only_after_its_own_page_has_loaded() {
    let screen = Screen::default();
    let status = running("1.0.0", 4321, EARLY);
    assert_eq!(screen.advance("main", &status).0, Step::Stay);
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
        screen.advance("main", &status).0,
        Step::Open(url("http://127.0.0.1:4321/"))
    );
    let origin = Origin::of(&url("http://127.0.0.1:4321/")).unwrap();
    assert_eq!(screen.runtime(), Some((origin, "main".to_owned())));
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
        place: Place::default(),
        serving: serving(4321, "a", EARLY),
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
