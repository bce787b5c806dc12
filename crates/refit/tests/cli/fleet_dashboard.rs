//! The dashboard's server in front of a real broker.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Cursor, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use broker::Broker;
use fleet::controller::{self, Baseline, Wish};
use fleet::operator::releases::{self, Artifact, Upload};
use fleet::{Client, Event, Heartbeat, Login, Names, Report, Settings, Standing, State};
use jiff::Timestamp;
use rollout::fleet::ramp::{Ramp, RampState};
use rollout::fleet::{Scope, Subject};
use serde_json::{Value, json};

use crate::support::REFIT;

const PATIENCE: Duration = Duration::from_secs(60);

/// A fleet on a broker of its own, and what an operator's machine would have.
struct Room {
    broker: Broker,
    client: Client,
    names: Names,
}

impl Room {
    async fn new() -> Self {
        let broker = Broker::start();
        let settings = Settings {
            fleet: "shopfloor".parse().unwrap(),
            servers: vec![broker.url()],
            login: Login::Nobody,
            ca: None,
        };
        let client = fleet::connect(&settings).await.unwrap();
        let names = Names::of(&settings.fleet);
        fleet::ensure(&fleet::jetstream(&client), &names, 1)
            .await
            .unwrap();
        Self {
            broker,
            client,
            names,
        }
    }

    async fn beat(&self, n: u32, version: &str, state: State) {
        let beat = Heartbeat {
            device: device(n).parse().unwrap(),
            at: Timestamp::now(),
            groups: vec!["tills".parse().unwrap()],
            runtime: Standing {
                version: Some(version.parse().unwrap()),
                state,
                target: Some(version.parse().unwrap()),
                generation: Some(1),
                scope: Some(Scope::Global),
                reason: String::new(),
                detail: String::new(),
                bad: Vec::new(),
            },
            agent: None,
            bucket: 0,
            uptime_seconds: 60,
            failures: fleet::Failures::default(),
            unsent: 0,
            platform: "linux-x86_64".to_owned(),
        };
        let subject = self.names.heartbeat(&beat.device);
        self.tell(subject, serde_json::to_vec(&beat).unwrap()).await;
    }

    async fn tell(&self, subject: String, bytes: Vec<u8>) {
        let jetstream = fleet::jetstream(&self.client);
        let taken = jetstream.publish(subject, bytes.into()).await.unwrap();
        taken.await.unwrap();
    }

    async fn publish(&self, version: &str) {
        let upload = Upload {
            artifact: Artifact::runtime(version.parse().unwrap()),
            package: "demo".to_owned(),
            by: "ann".to_owned(),
            at: Timestamp::now(),
        };
        let mut content = Cursor::new(version.as_bytes().to_vec());
        releases::publish(
            &fleet::jetstream(&self.client),
            &self.names,
            upload,
            &mut content,
        )
        .await
        .unwrap();
    }

    async fn ramp_up(&self, version: &str) -> Ramp {
        let wish = Wish {
            subject: Subject::Runtime,
            scope: Scope::Global,
            version: version.parse().unwrap(),
            baseline: Baseline::Version("1.0.0".parse().unwrap()),
            plan: "5%:30m,100%".parse().unwrap(),
            halt_above: rollout::Share::from_hundredths(200),
            min_devices: 20,
            jitter: Duration::ZERO,
            by: "ann".to_owned(),
        };
        controller::start(&self.client, &self.names, wish)
            .await
            .unwrap()
            .ramp
    }

    async fn ramp(&self) -> Ramp {
        let found = controller::ramp(&self.client, &self.names, Subject::Runtime, &Scope::Global);
        found.await.unwrap().unwrap()
    }
}

fn device(n: u32) -> String {
    format!("till-{n:05}")
}

/// A running `refit fleet dashboard`.
struct Dashboard {
    child: Child,
    host: String,
    key: String,
}

impl Dashboard {
    fn start(room: &Room) -> Self {
        let mut child = Process::new(REFIT)
            .args([
                "fleet",
                "dashboard",
                "--json",
                "--fleet",
                "shopfloor",
                "--server",
            ])
            .arg(room.broker.url())
            .env("USER", "ann")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let url = told["url"].as_str().unwrap();
        let (host, key) = url
            .strip_prefix("http://")
            .and_then(|it| it.split_once("/#key="))
            .unwrap();
        Self {
            host: host.to_owned(),
            key: key.to_owned(),
            child,
        }
    }

    /// One request as it is written.
    fn ask(&self, head: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.send(head, headers, body);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        Answer {
            status: status.parse().unwrap(),
            headers: lines
                .filter_map(|it| it.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    fn send(&self, head: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut request = format!("{head} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{request}\r\n{body}").unwrap();
        stream
    }

    /// As the page asks.
    fn get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let headers = [("Host", self.host.as_str()), ("Authorization", &bearer)];
        self.ask(&format!("GET {path}"), &headers, "")
    }

    fn order(&self, scope: &str, order: &str, id: &str) -> Answer {
        let (bearer, origin) = (
            format!("Bearer {}", self.key),
            format!("http://{}", self.host),
        );
        let headers = [
            ("Host", self.host.as_str()),
            ("Origin", &origin),
            ("Authorization", &bearer),
            ("Content-Type", "application/json"),
        ];
        let body = json!({ "id": id }).to_string();
        self.ask(&format!("POST /api/ramps/{scope}/{order}"), &headers, &body)
    }

    fn listen(&self, last: Option<&str>) -> Events {
        let bearer = format!("Bearer {}", self.key);
        let mut headers = vec![("Host", self.host.as_str()), ("Authorization", &bearer)];
        headers.extend(last.map(|last| ("Last-Event-ID", last)));
        let stream = self.send("GET /api/events", &headers, "");
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            lines.read_line(&mut line).unwrap();
        }
        Events { lines }
    }

    /// Asks until what is told suits.
    fn until(&self, what: &str, suits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let told = self.get("/api/overview").json();
            if suits(&told) {
                return told;
            }
            assert!(Instant::now() < until, "{what}: {told:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn kind(&self) -> (u16, String) {
        let json = self.json();
        let error = &json["error"];
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(!error["hint"].as_str().unwrap().is_empty());
        (self.status, error["kind"].as_str().unwrap().to_owned())
    }
}

struct Events {
    lines: BufReader<TcpStream>,
}

impl Events {
    /// The next one: its id, its name and its data.
    fn next(&mut self) -> (String, String, Value) {
        let mut told: HashMap<String, String> = HashMap::new();
        loop {
            let mut line = String::new();
            assert!(
                self.lines.read_line(&mut line).unwrap() > 0,
                "the stream ended"
            );
            let line = line.trim_end();
            if line.is_empty() && told.contains_key("data") {
                let of = |name: &str| told[name].clone();
                let data = serde_json::from_str(&told["data"]).unwrap();
                return (of("id"), of("event"), data);
            }
            if let Some((name, value)) = line.split_once(": ")
                && !name.is_empty()
            {
                told.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

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
    let told = dashboard.until("a ramp", |it| it["ramps"][0]["state"] == "running");
    let shown = &told["ramps"][0];
    assert_eq!(
        (&shown["id"], &shown["devices"]),
        (&json!(ramp.id), &json!(40))
    );
    assert_eq!(
        shown["plan"][0],
        json!({ "percent": 5.0, "holdSeconds": 1800 })
    );
    assert_eq!(told["targets"][0]["percent"], 5.0);

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
    assert_eq!(stands.state.why, "by ann, at the dashboard");
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
    let told = dashboard.until("a halted ramp", |it| it["ramps"][0]["state"] == "halted");
    assert_eq!(told["targets"][0]["version"], "1.0.0");
    assert_eq!(told["targets"][0]["percent"], Value::Null);
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
    let dashboard = Dashboard::start(&room);
    dashboard.until("a device", |it| it["total"] == 1);
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
}
