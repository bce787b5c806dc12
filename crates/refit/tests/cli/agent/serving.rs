//! The service: what starts, dies, is counted, kept, or taken back.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::binaries::Binary;
use super::replacing::Installed;
use crate::device::{Device, edit};
use crate::support::Package;

/// Starts a command again whenever it ends, as a service manager does, and writes down how it ended: its code, or
/// `killed`. Told to stop, it tells the command, waits for it, and ends.
const MANAGER: &str = r"
const { spawn } = require('child_process'), fs = require('fs');
const [ends, ...command] = process.argv.slice(2);
let child, stopping = false;
const start = () => {
  child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
  child.on('exit', (code) => {
    fs.appendFileSync(ends, `${code ?? 'killed'}\n`);
    if (stopping) process.exit(0);
    setTimeout(start, 20);
  });
};
process.on('SIGTERM', () => { stopping = true; child.kill('SIGTERM'); });
start();
";

/// An agent under the stub of a service manager.
pub(super) struct Service {
    pub(super) installed: Installed,
    pub(super) device: Device,
    /// What the service finds in its environment, besides what there is.
    pub(super) environment: Vec<(&'static str, &'static str)>,
    manager: Option<Child>,
}

impl Service {
    pub(super) fn new(binary: &Binary) -> Self {
        let bundled = Package::new("demo", "1.0.0").file(
            "server.js",
            "require('http').createServer((q, a) => a.end('serves'))\
             .listen(process.env.REFIT_PORT, '127.0.0.1')",
        );
        let device = Device::new(&bundled, &json!(["node", "{entry}"]));
        edit(&device.room.path().join("refit.json"), |config| {
            // Nobody answers there: an agent runs without its broker.
            config["fleet"] = json!({ "servers": ["nats://127.0.0.1:1"] });
        });
        Self {
            installed: Installed::new(binary),
            device,
            environment: Vec::new(),
            manager: None,
        }
    }

    pub(super) fn start(&mut self, healthy_after: &str) {
        self.start_with(&["--healthy-after", healthy_after]);
    }

    pub(super) fn start_with(&mut self, options: &[&str]) {
        let log = File::create(self.path("words")).unwrap();
        std::fs::write(self.path("manager.js"), MANAGER).unwrap();
        let manager = Command::new("node")
            .arg(self.path("manager.js"))
            .arg(self.path("ends"))
            .arg(&self.installed.exe)
            .arg("agent")
            .args(options)
            .args(self.device.globals())
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(File::create(self.path("told")).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.manager = Some(manager);
    }

    /// Orders the service to stop, and waits until it has.
    pub(super) fn stop(&mut self) {
        let Some(mut manager) = self.manager.take() else {
            return;
        };
        let pid = manager.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
        assert!(manager.wait().unwrap().success());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.installed.room.path().join(name)
    }

    /// How it ended each time.
    pub(super) fn ends(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("ends")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(super) fn words(&self) -> String {
        std::fs::read_to_string(self.path("words")).unwrap()
    }

    pub(super) fn status(&self) -> Value {
        let (code, status) = self.installed.ask(&["agent", "status"]);
        assert_eq!(code, 0, "{status}");
        status
    }

    /// What the runtime answers; none where it does not.
    fn body(&self) -> Option<String> {
        let (_, status) = self.device.ask(&["status"]);
        let url = status["running"]["url"].as_str()?.to_owned();
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).ok()?;
        write!(stream, "GET / HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split("\r\n\r\n").nth(1).map(str::to_owned)
    }

    pub(super) fn serves(&self) {
        self.until("the runtime serves", || {
            self.body().as_deref() == Some("serves")
        });
    }

    /// Waits for what another process does.
    pub(super) fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let patience = Instant::now() + Duration::from_mins(1);
        while !done() {
            let late = Instant::now() >= patience;
            assert!(!late, "not: {what}\n{:?}\n{}", self.ends(), self.words());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut manager) = self.manager.take() {
            // In order: killed, it would leave its child to nobody.
            let pid = manager.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
            let _ = manager.wait();
        }
    }
}

#[test]
fn a_good_binary_comes_up_and_is_kept_once_it_was_healthy() {
    let mut service = Service::new(&Binary::release("1.0.0"));
    service.start("1ms");
    service.serves();
    let next = Binary::release("2.0.0");
    let (code, told) = service.installed.replace(&next, &next.sha256());
    assert_eq!(code, 0, "{told}");
    assert!(service.status()["replacement"].is_object());
    service.stop();
    assert_eq!(service.ends(), ["0"]);

    service.start("1ms");
    service.serves();
    service.until("it is kept", || service.status()["replacement"].is_null());
    service.until("no way back is left", || {
        !service.installed.beside().contains(&"refit.old".to_owned())
    });
    let status = service.status();
    assert_eq!(
        (&status["version"], &status["starts"]),
        (&json!("2.0.0"), &json!(0))
    );
    assert_eq!(status["quarantined"], json!([]));
    service.stop();
    assert_eq!(service.ends(), ["0", "0"], "it was started once each");
}

#[test]
fn a_crashing_binary_is_started_three_times_taken_back_and_not_taken_again() {
    let old = Binary::release("1.0.0");
    let mut service = Service::new(&old);
    let bad = Binary::release("2.0.0").crashing();
    let (code, told) = service.installed.replace(&bad, &bad.sha256());
    assert_eq!(code, 0, "its code up to there is sound: {told}");

    service.start("1h");
    service.serves();
    assert_eq!(service.ends(), ["killed", "killed", "killed", "85"]);
    assert_eq!(std::fs::read(&service.installed.exe).unwrap(), old.0);
    let status = service.status();
    assert_eq!(status["version"], "1.0.0");
    assert_eq!(status["quarantined"][0]["version"], "2.0.0", "{status}");
    assert_eq!(status["quarantined"][0]["sha256"], bad.sha256());
    assert_eq!(status["replacement"], Value::Null);
    let words = service.words();
    for said in [
        "version 1.0.0 is back in its place",
        "version 2.0.0 had 3 starts",
        "version 2.0.0 never came to a healthy time",
    ] {
        assert_eq!(words.matches(said).count(), 1, "{words}");
    }

    let (code, told) = service.installed.replace(&bad, &bad.sha256());
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("quarantined")),
        "{told}"
    );
    // The same version with other content is another, and a person may forgive.
    let (code, told) = service.installed.ask(&["agent", "forgive", "2.0.0"]);
    assert_eq!((code, &told["outcome"]), (0, &json!("forgiven")));
    assert_eq!(service.installed.ask(&["agent", "forgive", "2.0.0"]).0, 3);
    let (code, told) = service.installed.replace(&bad, &bad.sha256());
    assert_eq!(code, 0, "{told}");
    service.stop();
}

#[test]
fn a_hanging_binary_ends_by_itself_three_times_and_is_taken_back() {
    let old = Binary::release("1.0.0");
    let mut service = Service::new(&old);
    let bad = Binary::release("2.0.0").hanging();
    let (code, told) = service.installed.replace(&bad, &bad.sha256());
    assert_eq!(code, 0, "its code up to there is sound: {told}");

    service.start_with(&["--healthy-after", "1h", "--hung-after", "1s"]);
    service.serves();
    assert_eq!(service.ends(), ["85"; 4], "{}", service.words());
    assert_eq!(std::fs::read(&service.installed.exe).unwrap(), old.0);
    let status = service.status();
    assert_eq!(status["quarantined"][0]["sha256"], bad.sha256(), "{status}");
    let words = service.words();
    assert_eq!(words.matches("was not up for 1 s").count(), 3, "{words}");
    service.stop();
}

#[test]
fn what_crashes_without_a_replacement_is_told_and_nothing_changes() {
    let bad = Binary::release("1.0.0").crashing();
    let mut service = Service::new(&bad);
    service.start("1h");
    service.until("it died five times", || service.ends().len() >= 5);
    service.stop();
    assert!(service.ends().iter().all(|end| end == "killed"));
    assert!(service.words().contains("there is no binary to go back to"));
    assert_eq!(std::fs::read(&service.installed.exe).unwrap(), bad.0);
}

#[test]
fn settings_that_cannot_be_read_do_not_keep_a_start_from_being_counted() {
    let mut service = Service::new(&Binary::release("1.0.0"));
    let next = Binary::release("2.0.0");
    assert_eq!(service.installed.replace(&next, &next.sha256()).0, 0);
    std::fs::write(service.device.room.path().join("refit.json"), "{").unwrap();
    service.start("1h");
    service.until("the old one is back", || {
        service.ends().contains(&"85".to_owned())
    });
    service.until("it starts too", || service.ends().len() >= 5);
    service.stop();
    assert_eq!(service.ends()[..4], ["1", "1", "1", "85"]);
    assert_eq!(service.installed.version(), "1.0.0");
}

#[test]
fn a_count_that_was_torn_is_no_reason_not_to_start() {
    let mut service = Service::new(&Binary::release("1.0.0"));
    let boot = service.installed.exe.with_file_name("refit.boot.json");
    std::fs::write(&boot, "{\"schema\":1,\"sta").unwrap();
    service.start("1h");
    service.serves();
    assert!(service.words().contains("could not be read"));
    assert_eq!(service.status()["starts"], 1);
    service.stop();
}

#[test]
fn an_agent_without_a_fleet_is_told_what_to_use() {
    let service = Service::new(&Binary::release("1.0.0"));
    edit(&service.device.room.path().join("refit.json"), |config| {
        config.as_object_mut().unwrap().remove("fleet");
    });
    let globals = service.device.globals();
    let mut args = vec!["agent"];
    args.extend(globals.iter().map(String::as_str));
    let (code, told) = service.installed.ask(&args);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("no-fleet")),
        "{told}"
    );
    assert!(told["error"]["hint"].as_str().unwrap().contains("`fleet`"));
}

#[test]
fn a_development_build_is_nobodys_agent() {
    let service = Service::new(&Binary::release("1.0.0"));
    let (code, told) = service.device.ask(&["agent"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("development-build")),
        "{told}"
    );
    assert_eq!(service.device.ask(&["status"]).1["running"], json!(null));
}
