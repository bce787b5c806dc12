//! `refit run`: a real child, and the command line beside it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command as Process, Stdio};

use serde_json::{Value, json};

use crate::device::Device;
use crate::support::{Package, REFIT};

/// Answers with its version on the port it is given.
fn server(version: &str) -> Package {
    Package::new("demo", version).file(
        "server.js",
        &format!(
            "require('http').createServer((q, a) => a.end('{version}'))\
             .listen(process.env.REFIT_PORT, '127.0.0.1')"
        ),
    )
}

/// Dies at once.
fn broken(version: &str) -> Package {
    Package::new("demo", version).file("server.js", "console.error('no way'); process.exit(3)")
}

fn device(bundled: &Package) -> Device {
    Device::new(bundled, &json!(["node", "{entry}"]))
}

/// `refit run`, ended when dropped.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(device: &Device) -> Self {
        Self::start_with(device, Stdio::inherit())
    }

    fn start_with(device: &Device, stderr: Stdio) -> Self {
        let mut child = Process::new(REFIT)
            .args(["run", "--json"])
            .args(device.globals())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        Self {
            child,
            url: told["url"].as_str().unwrap().to_owned(),
        }
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    fn body(&self) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        write!(stream, "GET / HTTP/1.0\r\nHost: {}\r\n\r\n", self.address()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
            .split("\r\n\r\n")
            .nth(1)
            .unwrap_or_default()
            .to_owned()
    }

    fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Process::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_runs_takes_a_version_when_told_to_and_ends_in_order() {
    let device = device(&server("1.0.0"));
    let running = Running::start(&device);
    assert_eq!(running.body(), "1.0.0");

    let (_, status) = device.ask(&["status"]);
    assert_eq!(status["running"]["version"], "1.0.0");
    assert_eq!(status["running"]["url"], running.url);
    assert_eq!(device.ask(&["apply"]).0, 3, "nothing waits");

    device.room.publish(&[server("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let (code, applied) = device.ask(&["apply"]);
    assert_eq!(
        (code, &applied["outcome"]),
        (0, &json!("applied")),
        "{applied}"
    );
    assert_eq!(applied["version"], "1.1.0");
    assert_eq!(running.body(), "1.1.0", "on the same port");

    let (code, back) = device.ask(&["rollback"]);
    assert_eq!((code, &back["version"]), (0, &json!("1.0.0")), "{back}");
    assert_eq!(running.body(), "1.0.0");

    let address = running.address().to_owned();
    assert_eq!(running.stop(), Some(0));
    assert!(
        TcpStream::connect(address).is_err(),
        "its runtime ended with it"
    );
    assert_eq!(device.ask(&["status"]).1["running"], Value::Null);
}

#[test]
fn a_version_that_fails_is_told_and_the_last_good_one_serves() {
    let device = device(&server("1.0.0"));
    let running = Running::start(&device);
    device.room.publish(&[broken("1.2.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);

    let (code, applied) = device.ask(&["apply"]);

    assert_eq!(
        (code, &applied["outcome"]),
        (1, &json!("fell-back")),
        "{applied}"
    );
    assert_eq!(running.body(), "1.0.0");
    let (_, status) = device.ask(&["status"]);
    assert_eq!(status["bad"][0]["version"], "1.2.0");
    assert_eq!(status["fellBack"]["to"], "1.0.0");
    assert_eq!(device.ask(&["check"]).1["reason"], "bad-version");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn where_even_bundled_fails_the_first_error_is_shown() {
    let device = device(&broken("1.0.0"));
    let (code, told) = device.ask(&["run"]);
    assert_eq!(code, 1);
    assert_eq!(told["error"]["kind"], "not-running");
    let message = told["error"]["message"].as_str().unwrap();
    for once in ["no way", "exited with code 3"] {
        assert_eq!(message.matches(once).count(), 1, "{told}");
    }
}

#[test]
fn a_version_that_is_just_starting_is_not_told_to_wait() {
    let device = device(&server("1.0.0"));
    device.room.publish(&[server("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let words = device.room.path().join("words");
    let running = Running::start_with(&device, std::fs::File::create(&words).unwrap().into());
    assert_eq!(running.body(), "1.1.0");
    assert_eq!(running.stop(), Some(0));
    let words = std::fs::read_to_string(words).unwrap();
    assert!(words.contains("Version 1.1.0 is running"), "{words}");
    assert!(!words.contains("refit apply"), "{words}");
}

#[test]
fn a_recall_acts_at_the_next_start_and_is_told_once() {
    let device = device(&server("1.0.0"));
    device.room.publish(&[server("1.1.0")]);
    let config = device.room.path().join("refit.json");
    let url = format!("{}latest.json", device.served.url);
    crate::device::edit(&config, |config| config["manifest"] = json!(url));
    let say = |manifest: Value| {
        let file = device.room.site().join("latest.json");
        std::fs::write(file, manifest.to_string()).unwrap();
    };
    say(json!({ "version": "1.1.0" }));
    assert_eq!(device.ask(&["stage"]).0, 0);
    let running = Running::start(&device);
    assert_eq!(running.body(), "1.1.0");

    say(json!({ "version": "1.1.0", "recalled": ["1.1.0"] }));
    assert_eq!(device.ask(&["check"]).0, 3);
    let status = status_with(&device, "recalledRunning");
    assert_eq!(status["recalledRunning"]["version"], "1.1.0", "{status}");
    assert_eq!(running.body(), "1.1.0", "nothing restarts by itself");
    assert_eq!(running.stop(), Some(0));

    let recall = "Version 1.1.0 was recalled by its publisher. Version 1.0.0 is running.";
    for (start, times) in [(1, 1), (2, 0)] {
        let words = device.room.path().join(format!("words-{start}"));
        let stderr = std::fs::File::create(&words).unwrap();
        let running = Running::start_with(&device, stderr.into());
        assert_eq!(running.body(), "1.0.0");
        let status = status_with(&device, "passedOver");
        assert_eq!(status["passedOver"]["message"], recall, "{status}");
        assert_eq!(status["passedOver"]["firstTime"], times == 1, "{status}");
        assert_eq!(status["bad"], json!([]), "a recall lists nothing");
        let told = || std::fs::read_to_string(&words).unwrap();
        until(|| told().matches(recall).count() >= times);
        assert_eq!(running.stop(), Some(0));
        let words = told();
        assert_eq!(words.matches(recall).count(), times, "{words}");
        assert!(!words.contains("refit apply"), "{words}");
    }
    let store = device.room.path().join("data/runtime-store");
    let history = std::fs::read_to_string(store.join("history.log")).unwrap();
    assert_eq!(history.matches("\"recalled\"").count(), 1, "{history}");

    // Whoever asks need not wait for that start.
    say(json!({ "version": "1.1.0" }));
    assert_eq!(device.ask(&["check"]).0, 3, "it is staged still");
    let words = device.room.path().join("words-apply");
    let stderr = std::fs::File::create(&words).unwrap();
    let running = Running::start_with(&device, stderr.into());
    assert_eq!(running.body(), "1.1.0");
    say(json!({ "version": "1.1.0", "recalled": ["1.1.0"] }));
    assert_eq!(device.ask(&["check"]).0, 3);
    let leave = "`refit apply` leaves it now.";
    until(|| std::fs::read_to_string(&words).unwrap().contains(leave));
    let (code, applied) = device.ask(&["apply"]);
    assert_eq!(
        (code, &applied["outcome"], &applied["version"]),
        (0, &json!("applied"), &json!("1.0.0")),
        "{applied}"
    );
    assert_eq!(applied["reason"], recall);
    assert_eq!(running.body(), "1.0.0");
    assert_eq!(device.ask(&["apply"]).0, 3, "it was left already");
    assert_eq!(running.stop(), Some(0));

    // Even the bundled version can be recalled; it runs where nothing newer may.
    say(json!({ "version": "1.1.0", "recalled": ["1.1.0", "1.0.0"] }));
    assert_eq!(device.ask(&["check"]).0, 3);
    let running = Running::start(&device);
    assert_eq!(running.body(), "1.0.0");
    let status = status_with(&device, "recalledRunning");
    let told = status["recalledRunning"]["message"].as_str().unwrap();
    assert!(told.contains("came with the app"), "{status}");
    assert_eq!(device.ask(&["apply"]).0, 3, "nothing newer may run");
    assert_eq!(running.stop(), Some(0));

    // It is over when the list is.
    say(json!({ "version": "1.1.0" }));
    assert_eq!(device.ask(&["check"]).0, 3, "it is staged still");
    let running = Running::start(&device);
    assert_eq!(running.body(), "1.1.0");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn what_came_by_itself_and_was_halted_waits_until_a_person_wants_it() {
    let device = device(&server("1.0.0"));
    device.room.publish(&[server("1.1.0")]);
    let config = device.room.path().join("refit.json");
    let url = format!("{}latest.json", device.served.url);
    crate::device::edit(&config, |config| {
        config["manifest"] = json!(url);
        config["check"] = json!({ "after": "1ms", "every": "1h" });
    });
    let say = |manifest: Value| {
        let file = device.room.site().join("latest.json");
        std::fs::write(file, manifest.to_string()).unwrap();
    };
    say(json!({ "version": "1.1.0" }));
    let words = device.room.path().join("words");
    let running = Running::start_with(&device, std::fs::File::create(&words).unwrap().into());
    let ready = "Version 1.1.0 is ready. `refit apply` restarts into it.";
    until(|| std::fs::read_to_string(&words).unwrap().contains(ready));
    assert_eq!(running.stop(), Some(0));

    // Halted: the version before is put back, and nobody is taken back to it.
    say(json!({ "version": "1.0.0" }));
    assert_eq!(device.ask(&["check"]).0, 3);
    let running = Running::start_with(&device, std::fs::File::create(&words).unwrap().into());
    assert_eq!(running.body(), "1.0.0");
    let status = status_with(&device, "passedOver");
    assert_eq!(status["passedOver"]["reason"], "withdrawn", "{status}");
    assert_eq!(
        status["staged"]["blocked"]["reason"], "withdrawn",
        "{status}"
    );
    let told = || std::fs::read_to_string(&words).unwrap();
    until(|| told().contains("no longer being rolled out"));
    let told = told();
    assert!(!told.contains("refit apply"), "{told}");

    let (code, applied) = device.ask(&["apply"]);
    assert_eq!(
        (code, &applied["version"]),
        (0, &json!("1.1.0")),
        "{applied}"
    );
    assert_eq!(running.body(), "1.1.0");
    until(|| device.ask(&["status"]).1["passedOver"].is_null());
    assert_eq!(running.stop(), Some(0));
}

/// The status as soon as it has this: news come shortly after the page does.
fn status_with(device: &Device, key: &str) -> Value {
    let mut status = Value::Null;
    until(|| {
        status = device.ask(&["status"]).1;
        !status[key].is_null()
    });
    status
}

/// Waits for what another process does.
fn until(mut done: impl FnMut() -> bool) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !done() {
        assert!(std::time::Instant::now() < patience, "it never came");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
