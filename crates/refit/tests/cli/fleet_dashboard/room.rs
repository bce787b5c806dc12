//! A fleet on a real broker, the dashboard's server, and a page that is only bytes.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Cursor, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use broker::Broker;
use fleet::controller::{self, Baseline, Wish};
use fleet::operator::releases::{self, Artifact, Upload};
use fleet::{Client, Heartbeat, Login, Names, Settings, Standing, State};
use jiff::Timestamp;
use rollout::fleet::ramp::Ramp;
use rollout::fleet::{Scope, Subject};
use serde_json::{Value, json};

use crate::support::REFIT;

const PATIENCE: Duration = Duration::from_mins(1);

/// A fleet on a broker of its own, and what an operator's machine would have.
pub(super) struct Room {
    pub(super) broker: Broker,
    pub(super) client: Client,
    pub(super) names: Names,
}

impl Room {
    pub(super) async fn new() -> Self {
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

    pub(super) async fn beat(&self, n: u32, version: &str, state: State) {
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

    pub(super) async fn tell(&self, subject: String, bytes: Vec<u8>) {
        let jetstream = fleet::jetstream(&self.client);
        let taken = jetstream.publish(subject, bytes.into()).await.unwrap();
        taken.await.unwrap();
    }

    pub(super) async fn publish(&self, version: &str) {
        let upload = Upload {
            artifact: Artifact::runtime(version.parse().unwrap()),
            package: "demo".to_owned(),
            by: "operator".to_owned(),
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

    pub(super) async fn ramp_up(&self, version: &str) -> Ramp {
        let wish = Wish {
            subject: Subject::Runtime,
            scope: Scope::Global,
            version: version.parse().unwrap(),
            baseline: Baseline::Version("1.0.0".parse().unwrap()),
            plan: "5%:30m,100%".parse().unwrap(),
            halt_above: rollout::Share::from_hundredths(200),
            min_devices: 20,
            jitter: Duration::ZERO,
            by: "operator".to_owned(),
        };
        controller::start(&self.client, &self.names, wish)
            .await
            .unwrap()
            .ramp
    }

    pub(super) async fn ramp(&self) -> Ramp {
        let found = controller::ramp(&self.client, &self.names, Subject::Runtime, &Scope::Global);
        found.await.unwrap().unwrap()
    }
}

pub(super) fn device(n: u32) -> String {
    format!("till-{n:05}")
}

/// A running `refit fleet dashboard`.
pub(super) struct Dashboard {
    child: Child,
    pub(super) host: String,
    pub(super) key: String,
}

impl Dashboard {
    pub(super) fn start(room: &Room) -> Self {
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
            .env("USER", "operator")
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
    pub(super) fn ask(&self, head: &str, headers: &[(&str, &str)], body: &str) -> Answer {
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
    pub(super) fn get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let headers = [("Host", self.host.as_str()), ("Authorization", &bearer)];
        self.ask(&format!("GET {path}"), &headers, "")
    }

    pub(super) fn order(&self, scope: &str, order: &str, id: &str) -> Answer {
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

    pub(super) fn listen(&self, last: Option<&str>) -> Events {
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
    pub(super) fn until(&self, what: &str, suits: impl Fn(&Value) -> bool) -> Value {
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

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(super) fn kind(&self) -> (u16, String) {
        let json = self.json();
        let error = &json["error"];
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(!error["hint"].as_str().unwrap().is_empty());
        (self.status, error["kind"].as_str().unwrap().to_owned())
    }
}

pub(super) struct Events {
    lines: BufReader<TcpStream>,
}

impl Events {
    /// The next one: its id, its name and its data.
    pub(super) fn next(&mut self) -> (String, String, Value) {
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
