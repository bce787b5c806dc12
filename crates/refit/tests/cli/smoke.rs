//! `refit smoke` and `refit soak`: one line, and an exit code that a pipeline can use.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use predicates::prelude::*;
use serde_json::json;

use crate::device::Device;
use crate::support::{Package, json_of, refit};

/// Answers in turn: after so many milliseconds, with that status.
fn serving(answer: impl Fn(usize) -> (u64, u16) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (n, stream) in listener.incoming().flatten().enumerate() {
            let (millis, status) = answer(n);
            let mut stream = stream;
            let _ = stream.read(&mut [0; 1024]);
            thread::sleep(Duration::from_millis(millis));
            let _ = write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
        }
    });
    url
}

#[test]
fn what_answers_well_is_one_line_and_success() {
    let url = serving(|_| (0, 200));
    let line = predicate::str::is_match(r"^ok=50/50 p50=[0-9.]+ms p95=[0-9.]+ms\n$").unwrap();
    refit()
        .args(["smoke", &url])
        .assert()
        .success()
        .stdout(line);
    let line = predicate::str::is_match(r"^ok=300/300 p50=\S+ms p95=\S+ms failed=0\n$").unwrap();
    let soak = ["soak", &url, "--requests", "300", "--concurrency", "4"];
    refit().args(soak).assert().success().stdout(line);
}

#[test]
fn what_is_too_slow_says_so_and_fails() {
    let url = serving(|_| (30, 200));
    let args = ["smoke", &url, "--requests", "10", "--p50", "5ms"];
    let assert = refit().args(args).assert().code(1);
    assert
        .stdout(predicate::str::starts_with("ok=10/10 p50="))
        .stderr(predicate::str::contains("and may be 5ms at most"));
    let (code, told) = json_of(&[
        "smoke",
        &url,
        "--requests",
        "10",
        "--p95",
        "5ms",
        "--p50",
        "1s",
    ]);
    assert_eq!(code, 1, "{told}");
    assert_eq!((&told["ok"], &told["passed"]), (&json!(10), &json!(false)));
    assert!(told["p95Ms"].as_f64().unwrap() >= 30.0, "{told}");
    assert!(told["why"].as_str().unwrap().contains("p95"), "{told}");
}

#[test]
fn a_single_failure_is_one_too_many() {
    let once = || serving(|n| (0, if n == 7 { 500 } else { 200 }));
    refit()
        .args(["smoke", &once()])
        .assert()
        .code(1)
        .stdout(predicate::str::starts_with("ok=49/50 "))
        .stderr(predicate::str::contains(
            "1 of 50 requests failed; the first: it answered 500",
        ));
    let (code, told) = json_of(&["soak", &once(), "--requests", "100"]);
    assert_eq!((code, &told["failed"]), (1, &json!(1)), "{told}");
}

#[test]
fn it_is_bounded_in_count_and_time() {
    let url = serving(|_| (400, 200));
    refit()
        .args(["soak", &url, "--requests", "1000", "--within", "1s"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("the time was up after 1 s"));
    for args in [
        &["soak", "http://127.0.0.1:9/", "--requests", "1000001"][..],
        &["soak", "http://127.0.0.1:9/", "--concurrency", "65"],
        &["smoke", "http://127.0.0.1:9/", "--requests", "0"],
        &["smoke", "http://127.0.0.1:9/", "--within", "25h"],
        &["smoke", "https://host.example/"],
        &["smoke", "1.2"],
    ] {
        refit().args(args).assert().code(2);
    }
}

#[test]
fn nobody_there_is_a_failure_with_its_cause() {
    let (code, told) = json_of(&["smoke", "http://127.0.0.1:9/", "--requests", "3"]);
    assert_eq!(code, 1, "{told}");
    assert_eq!((&told["ok"], &told["p50Ms"]), (&json!(0), &json!(null)));
    assert!(told["trouble"].is_string(), "{told}");
}

fn server(version: &str, millis: u64) -> Package {
    Package::new("demo", version).file(
        "server.js",
        &format!(
            "require('http').createServer((q, a) => setTimeout(() => a.end('{version}'), {millis}))\
             .listen(process.env.REFIT_PORT, '127.0.0.1')"
        ),
    )
}

#[cfg(unix)]
#[test]
fn a_stored_and_the_bundled_version_are_tried_out_of_sight() {
    let device = Device::new(&server("1.0.0", 0), &json!(["node", "{entry}"]));
    device.room.publish(&[server("1.1.0", 30)]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let pointer = || std::fs::read(device.room.path().join("data/runtime-store/current.json"));
    let before = pointer().unwrap();
    for version in ["1.0.0", "1.1.0"] {
        let (code, told) = device.ask(&["smoke", version, "--requests", "20"]);
        assert_eq!((code, &told["ok"]), (0, &json!(20)), "{told}");
    }
    let (code, told) = device.ask(&["smoke", "1.1.0", "--requests", "10", "--p50", "5ms"]);
    assert_eq!((code, &told["passed"]), (1, &json!(false)), "{told}");
    let (code, told) = device.ask(&["smoke", "9.9.9"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("not-stored")),
        "{told}"
    );
    // Nothing of that is remembered, nor left behind.
    assert_eq!(pointer().unwrap(), before);
    let left = std::fs::read_dir(device.room.path().join("data/rehearsals"));
    assert_eq!(left.unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_version_that_does_not_start_says_what_was_seen() {
    let broken =
        Package::new("demo", "1.0.0").file("server.js", "console.error('no way'); process.exit(3)");
    let device = Device::new(&broken, &json!(["node", "{entry}"]));
    let (code, told) = device.ask(&["smoke", "1.0.0"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("not-ready")),
        "{told}"
    );
    let message = told["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("exited with code 3") && message.contains("no way"),
        "{message}"
    );
}
