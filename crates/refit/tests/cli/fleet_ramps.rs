//! `refit fleet ramp`, `pause`, `resume`, `halt`: real processes, a real broker, and virtual devices, which run
//! the agent's own code.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command as Process, Stdio};
use std::time::{Duration, Instant};

use broker::Broker;
use serde_json::Value;

use crate::device::{Device, demo, idle};
use crate::support::{Package, REFIT, json_of, refit};

/// For how long a story waits for what must come.
const PATIENCE: Duration = Duration::from_mins(2);

/// A fleet with a few devices, all on 1.0.0; 1.1.0 works, and 1.2.0 comes up nowhere.
struct Fleet {
    broker: Broker,
    _device: Device,
    crowd: Child,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.crowd.kill();
        let _ = self.crowd.wait();
    }
}

impl Fleet {
    fn of(count: u64) -> Self {
        let broker = Broker::start();
        let device = idle();
        let bad = "// refit-virtual: exit\n";
        let versions = [
            demo("1.0.0"),
            demo("1.1.0"),
            Package::new("demo", "1.2.0").file("server.js", bad),
        ];
        device.room.publish(&versions);
        let url = broker.url();
        refit()
            .args(["fleet", "init", "--server", &url])
            .assert()
            .success();
        for version in &versions {
            refit()
                .args(["fleet", "publish", "--server", &url])
                .arg(version.tgz(&device.room.path()))
                .assert()
                .success();
        }
        let crowd = Process::new(REFIT)
            .args(["fleet", "simulate-devices", "--server", &url, "--count"])
            .arg(count.to_string())
            .args(device.globals())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let fleet = Self {
            broker,
            _device: device,
            crowd,
        };
        let until = Instant::now() + PATIENCE;
        while fleet.ask(&["status"]).1["devices"] != count {
            assert!(Instant::now() < until, "{}", fleet.ask(&["status"]).1);
        }
        fleet
    }

    /// Runs `refit fleet … --json`.
    fn ask(&self, order: &[&str]) -> (i32, Value) {
        let url = self.broker.url();
        if let ["status" | "current"] = order {
            return json_of(&["fleet", order[0], "--server", &url]);
        }
        json_of(&args(order, &url))
    }

    /// Starts a controller that looks often.
    fn controller(&self, order: &[&str]) -> Controller {
        let url = self.broker.url();
        let mut child = Process::new(REFIT)
            .args(args(order, &url))
            .args(["--tick", "50ms", "--lease", "1s"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Controller { child, lines }
    }
}

fn args<'a>(order: &[&'a str], url: &'a str) -> Vec<&'a str> {
    [&["fleet"], order, &["--server", url, "--by", "ops-1"]].concat()
}

/// A process that runs a controller.
struct Controller {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Controller {
    /// Waits for a line with these words in it.
    fn tells(&mut self, words: &str) -> String {
        let mut before = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if line.contains(words) {
                return line;
            }
            before.push(line);
        }
        panic!("it ended without `{words}`:\n{}", before.join("\n"));
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // SIGKILL: from one moment to the next.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn record(ramp: &Value) -> Vec<String> {
    let evidence = ramp["evidence"].as_array().unwrap();
    let line = |it: &Value| format!("{} {}", it["what"].as_str().unwrap(), it["step"]);
    evidence.iter().map(line).collect()
}

const FAST: [&str; 4] = ["--tick", "50ms", "--lease", "1s"];

#[test]
fn a_ramp_runs_to_its_end_and_one_that_does_worse_turns_back() {
    let fleet = Fleet::of(40);
    let ramp = [&["ramp", "1.1.0", "--plan", "60%:1s,100%"][..], &FAST].concat();
    let (code, told) = fleet.ask(&ramp);
    assert_eq!(code, 0, "{told}");
    let ramp = &told["ramp"];
    assert_eq!(ramp["state"]["is"], "completed");
    assert_eq!(ramp["baseline"], "1.0.0");
    assert_eq!(
        record(ramp),
        [
            "entered 0",
            "passed 0",
            "entered 1",
            "passed 1",
            "completed 1"
        ]
    );
    let counts = &ramp["evidence"][1]["counts"];
    assert_eq!(counts["whole"]["new"]["failed"], 0, "{counts}");
    assert!(
        counts["whole"]["new"]["tried"].as_u64().unwrap() >= 1,
        "{counts}"
    );

    let ramp = [
        &[
            "ramp",
            "1.2.0",
            "--plan",
            "70%:5m,100%",
            "--min-devices",
            "5",
        ][..],
        &FAST,
    ];
    let url = fleet.broker.url();
    let args = args(&ramp.concat(), &url);
    let output = refit().args(args).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(
        words.contains("The ramp was halted: since the step began, the new version failed on"),
        "{words}"
    );
    let data = String::from_utf8(output.stdout).unwrap();
    assert!(
        data.contains("Step 1 of 2: 1.2.0 on 70 % of global."),
        "{data}"
    );
    assert!(
        data.contains("Halted at step 1 of 2 (70 %); whoever was reached goes back to 1.1.0."),
        "{data}"
    );
    // It is over: there is nothing to stop any more.
    for order in ["pause", "resume", "halt"] {
        let (code, told) = fleet.ask(&[order]);
        assert_eq!(code, 3, "{told}");
        assert_eq!(
            told["reason"],
            "The ramp of 1.2.0 on global: it is halted already."
        );
    }
    let (code, told) = fleet.ask(&["current"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.to_string().contains("\"1.1.0\""), "{told}");
}

#[test]
fn a_controller_that_is_killed_in_mid_step_is_followed_by_another_at_the_step_on_record() {
    let fleet = Fleet::of(30);
    let plan = "50%:1s,80%:4s,100%";
    let mut first = fleet.controller(&["ramp", "1.1.0", "--plan", plan]);
    first.tells("Step 2 of 3");
    drop(first);
    // It tells what is on record from the beginning, then what it does.
    let mut second = fleet.controller(&["ramp", "--json"]);
    let mut told = Vec::new();
    while told.last().is_none_or(|it| it != "completed 2") {
        let line: Value = serde_json::from_str(&second.tells("{")).unwrap();
        let evidence = &line["evidence"];
        told.push(format!(
            "{} {}",
            evidence["what"].as_str().unwrap(),
            evidence["step"]
        ));
    }
    let steps = (0..3).flat_map(|n| [format!("entered {n}"), format!("passed {n}")]);
    let whole: Vec<_> = steps.chain(["completed 2".to_owned()]).collect();
    assert_eq!(told, whole, "none skipped, none repeated");
}

#[test]
fn a_ramp_is_begun_paused_resumed_and_halted_by_hand() {
    let fleet = Fleet::of(12);
    for order in ["pause", "resume", "halt"] {
        let (code, told) = fleet.ask(&[order]);
        assert_eq!(
            (code, &told["reason"]),
            (3, &"There is no ramp on global.".into())
        );
    }
    let (code, told) = fleet.ask(&["ramp", "1.1.0", "--plan", "60%:1h,100%", "--detach"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(told["devices"], 12);
    let id = told["ramp"]["id"].as_str().unwrap().to_owned();
    let (code, told) = fleet.ask(&["ramp", "1.2.0"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &"ramp-runs".into()),
        "{told}"
    );
    assert!(
        told["error"]["message"].as_str().unwrap().contains(&id),
        "{told}"
    );

    let url = fleet.broker.url();
    let output = refit().args(args(&["pause"], &url)).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(
        words.contains("Paused the ramp of 1.1.0 at 60 % of global, by ops-1."),
        "{words}"
    );
    assert_eq!(fleet.ask(&["pause"]).0, 3);
    let (code, told) = fleet.ask(&["resume"]);
    assert_eq!(
        (code, &told["ramp"]["state"]["is"]),
        (0, &"running".into()),
        "{told}"
    );
    assert_eq!(fleet.ask(&["resume"]).0, 3);
    // Other scopes have ramps of their own.
    assert_eq!(fleet.ask(&["halt", "--groups", "kiosks"]).0, 3);
    assert_eq!(fleet.ask(&["halt", "--agent"]).0, 3);

    let output = refit().args(args(&["halt"], &url)).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(
        words.contains("Halted the ramp of 1.1.0 at 60 % of global;"),
        "{words}"
    );
    assert!(
        words.contains("devices were reached by then. All are ordered 1.0.0."),
        "{words}"
    );
    let (code, told) = fleet.ask(&["ramp", "9.9.9"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &"not-published".into()),
        "{told}"
    );
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    for args in [
        &["1.1.0", "--plan", "5%,100%"][..],
        &["1.1.0", "--plan", "50%:1h,25%"],
        &["1.1.0", "--halt-above", "2"],
        &["1.1.0", "--jitter", "soon"],
        &["1.1.0", "--baseline", "new"],
        &["1.1"],
        &["--plan", "100%"],
        &["--detach"],
        &["1.1.0", "--min-devices", "0"],
        // Without a version all ramps are led, and not those of one group.
        &["--groups", "kiosks"],
        &["--global"],
        &["--agent"],
        &["1.1.0", "--groups", "a.b"],
        &["1.1.0", "--groups", "a", "--global"],
    ] {
        let server = ["--server", "nats://127.0.0.1:1"];
        let args = [&["fleet", "ramp"], args, &server].concat();
        refit().args(&args).assert().code(2).stdout("");
    }
}

#[test]
fn the_help_says_how_a_ramp_is_judged_and_who_leads_it() {
    for order in ["ramp", "pause", "resume", "halt"] {
        let output = refit().args(["fleet", order, "--help"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        insta::assert_snapshot!(format!("help_fleet_{order}"), text);
    }
}
