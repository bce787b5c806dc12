//! The dashboard's server in front of a real broker.

mod room;

use fleet::{Event, Report, State};
use jiff::Timestamp;
use rollout::fleet::Subject;
use rollout::fleet::ramp::RampState;
use serde_json::{Value, json};

use room::{Dashboard, Room, device};

#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_page_with_its_key_is_answered() {
    let room = Room::new().await;
    let dashboard = Dashboard::start(&room);
    let host = dashboard.host.as_str();
    assert!(host.starts_with("127.0.0.1:"));

    let page = dashboard.ask("GET /", &[("Host", host)], "");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("/page.js"));
    let policy = &page.headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    assert!(!policy.contains("unsafe") && !policy.contains("data:"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.headers[name], value, "{name}");
    }
    let script = dashboard.ask("GET /page.js", &[("Host", host)], "");
    assert_eq!(
        script.headers["content-type"],
        "text/javascript; charset=utf-8"
    );

    let bearer = format!("Bearer {}", dashboard.key);
    let key = ("Authorization", bearer.as_str());
    let named = format!("localhost:{}", host.split_once(':').unwrap().1);
    let refused = |head: &str, headers: &[(&str, &str)]| dashboard.ask(head, headers, "").kind();
    assert_eq!(
        refused("GET /", &[("Host", &named)]),
        (403, "host".to_owned())
    );
    for path in ["/api/overview", "/api/events", "/api/devices"] {
        let head = format!("GET {path}");
        assert_eq!(refused(&head, &[("Host", host)]), (401, "key".to_owned()));
        let other = [("Host", host), key, ("Origin", "http://evil.example")];
        assert_eq!(refused(&head, &other), (403, "origin".to_owned()));
    }
    let post = "POST /api/ramps/global/halt";
    assert_eq!(
        refused(post, &[("Host", host), key]),
        (403, "origin".to_owned())
    );
    assert_eq!(
        refused("GET /nothing", &[("Host", host)]),
        (404, "not-found".to_owned())
    );
    let origin = format!("http://{host}");
    let own = [("Host", host), key, ("Origin", origin.as_str())];
    assert_eq!(
        refused("POST /api/devices", &own),
        (405, "method".to_owned())
    );
    assert_eq!(refused(post, &own), (400, "order".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_hears_all_at_first_then_what_changed_and_goes_on_where_it_was_cut_off() {
    let room = Room::new().await;
    for n in 0..250 {
        room.beat(n, "1.0.0", State::Arrived).await;
    }
    let dashboard = Dashboard::start(&room);
    dashboard.until("250 devices", |it| it["total"] == 250);

    let mut events = dashboard.listen(None);
    let (_, name, whole) = events.next();
    assert_eq!((name.as_str(), &whole["total"]), ("whole", &json!(250)));
    assert_eq!(whole["fleet"], "shopfloor");
    room.beat(7, "1.1.0", State::Staging).await;
    let (id, change) = loop {
        let (id, name, change) = events.next();
        assert_eq!(name, "changed");
        assert!(change.get("fleet").is_none(), "{change}");
        if change.get("versions").is_some() {
            break (id, change);
        }
    };
    assert_eq!(change["states"], json!({ "arrived": 249, "staging": 1 }));
    drop(events);

    let (_, name, change) = dashboard.listen(Some(&id)).next();
    assert_eq!(name, "changed");
    assert!(change.get("fleet").is_none() && change.get("versions").is_none());
    let (_, name, _) = dashboard.listen(Some("another-run-7")).next();
    assert_eq!(name, "whole");

    let list = dashboard.get("/api/devices?page=3").json();
    assert_eq!(
        (&list["total"], list["rows"].as_array().unwrap().len()),
        (&json!(250), 50)
    );
    let list = dashboard
        .get("/api/devices?version=1.1.0&state=staging&filter=0000")
        .json();
    assert_eq!(list["rows"][0]["device"], device(7));
    let wrong = dashboard.get("/api/devices?sort=colour").kind();
    assert_eq!(wrong, (400, "query".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_pauses_resumes_and_halts_the_ramp_that_it_shows_and_no_other() {
    let room = Room::new().await;
    for n in 0..40 {
        room.beat(n, "1.0.0", State::Arrived).await;
    }
    for version in ["1.0.0", "1.1.0"] {
        room.publish(version).await;
    }
    let dashboard = Dashboard::start(&room);
    let ramp = room.ramp_up("1.1.0").await;
    // The document comes before the target that it speaks of.
    let told = dashboard.until("a ramp and its target", |it| {
        it["ramps"][0]["state"] == "running" && it["targets"][0]["percent"] == 5.0
    });
    let shown = &told["ramps"][0];
    assert_eq!(
        (&shown["id"], &shown["devices"]),
        (&json!(ramp.id), &json!(40))
    );
    assert_eq!(
        shown["plan"][0],
        json!({ "percent": 5.0, "holdSeconds": 1800 })
    );

    let stale = dashboard.order("global", "halt", "another");
    assert_eq!(stale.kind(), (409, "another-ramp".to_owned()));
    assert_eq!(room.ramp().await.state.is, RampState::Running);

    let paused = dashboard.order("global", "pause", &ramp.id);
    assert_eq!(paused.status, 200, "{}", paused.body);
    assert!(
        paused.json()["message"]
            .as_str()
            .unwrap()
            .contains("paused at 5 %")
    );
    let stands = room.ramp().await;
    assert_eq!(stands.state.is, RampState::Paused);
    assert_eq!(stands.state.why, "by operator, at the dashboard");
    dashboard.until("a paused ramp", |it| it["ramps"][0]["state"] == "paused");
    let again = dashboard.order("global", "pause", &ramp.id);
    assert_eq!(again.kind(), (409, "nothing-to-do".to_owned()));

    assert_eq!(dashboard.order("global", "resume", &ramp.id).status, 200);
    assert_eq!(room.ramp().await.state.is, RampState::Running);
    let halted = dashboard.order("global", "halt", &ramp.id);
    assert!(
        halted.json()["message"]
            .as_str()
            .unwrap()
            .contains("go back to 1.0.0")
    );
    assert_eq!(room.ramp().await.state.is, RampState::Halted);
    dashboard.until("a halted ramp, and what all go back to", |it| {
        let target = &it["targets"][0];
        it["ramps"][0]["state"] == "halted"
            && target["version"] == "1.0.0"
            && target["percent"] == Value::Null
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_against_the_baseline_while_a_ramp_goes_on() {
    let room = Room::new().await;
    for version in ["1.0.0", "1.1.0"] {
        room.publish(version).await;
    }
    for n in 0..60 {
        room.beat(n, "1.0.0", State::Arrived).await;
    }
    let dashboard = Dashboard::start(&room);
    let ramp = room.ramp_up("1.1.0").await;
    let within: Vec<_> = (0..60)
        .filter(|n| {
            let position = rollout::Position::of(&device(*n), &ramp.version);
            position.hundredths() < ramp.share().hundredths()
        })
        .collect();
    assert!(!within.is_empty());
    for n in &within {
        for (seq, event) in [(1, Event::Launched), (2, Event::FellBack)] {
            let report = Report {
                device: device(*n).parse().unwrap(),
                seq,
                at: Timestamp::now(),
                subject: Subject::Runtime,
                event,
                version: Some("1.1.0".parse().unwrap()),
                from: Some("1.0.0".parse().unwrap()),
                generation: Some(ramp.generation),
                reason: String::new(),
                detail: String::new(),
            };
            let subject = room.names.report(&report.device);
            room.tell(subject, serde_json::to_vec(&report).unwrap())
                .await;
        }
    }
    dashboard.until("failures", |it| {
        let evidence = it["ramps"][0]["evidence"].as_array();
        let last = evidence.and_then(|it| it.last());
        last.is_some_and(|it| it["fresh"]["failed"] == within.len() && it["old"]["tried"] == 60)
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_away_is_told_and_one_that_comes_back_is_heard_again() {
    let mut room = Room::new().await;
    room.beat(1, "1.0.0", State::Arrived).await;
    for version in ["1.0.0", "1.1.0"] {
        room.publish(version).await;
    }
    room.ramp_up("1.1.0").await;
    let dashboard = Dashboard::start(&room);
    dashboard.until("a device and a ramp", |it| {
        it["total"] == 1 && it["ramps"][0]["state"] == "running"
    });
    room.broker.kill();
    let told = dashboard.until("trouble", |it| it["trouble"].is_string());
    assert!(
        told["trouble"]
            .as_str()
            .unwrap()
            .contains("asked again by itself")
    );
    assert_eq!(told["total"], 1);
    room.broker.restart();
    dashboard.until("no trouble", |it| it["trouble"].is_null());
    room.beat(2, "1.0.0", State::Arrived).await;
    dashboard.until("two devices", |it| it["total"] == 2);

    // With nothing on its disk: who lives tells again, and the others are no part of the fleet.
    room.broker.restart_empty();
    dashboard.until("the fleet's loss", |it| {
        let words = it["trouble"].as_str();
        words.is_some_and(|it| it.contains("refit fleet init"))
    });
    fleet::ensure(&fleet::jetstream(&room.client), &room.names, 1)
        .await
        .unwrap();
    room.beat(3, "1.1.0", State::Arrived).await;
    let told = dashboard.until("one device", |it| {
        it["total"] == 1 && it["trouble"].is_null() && it["ramps"] == json!([])
    });
    assert_eq!(told["targets"], json!([]));
    assert_eq!(told["versions"][0]["version"], "1.1.0");
}
