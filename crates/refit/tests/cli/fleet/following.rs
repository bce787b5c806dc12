//! `refit fleet status --watch`.

use super::*;

/// The command, while it goes on.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watching {
    fn start(harbour: &Harbour) -> Self {
        let mut child = Process::new(REFIT)
            .args([
                "fleet",
                "status",
                "--watch",
                "--json",
                "--server",
                &harbour.broker.url(),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Lines until one is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) {
        for line in &mut self.lines {
            let told: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if is_so(&told) {
                return;
            }
        }
        panic!("it ended before: {what}");
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn changes_are_told_as_they_come_also_over_a_broker_that_lost_everything() {
    let mut harbour = Harbour::new();
    let mut watching = Watching::start(&harbour);
    watching.until("nobody", |it| it["devices"] == 0);
    harbour
        .device("a")
        .beats(&json!({ "runtime": { "version": "1.0.0", "state": "staging" } }));
    watching.until("the first", |it| it["mix"][0]["state"] == "staging");
    harbour
        .device("a")
        .beats(&json!({ "runtime": { "version": "1.1.0", "state": "arrived" } }));
    watching.until("arrived", |it| {
        it["mix"][0]["version"] == "1.1.0" && it["devices"] == 1
    });

    harbour.broker.restart_empty();
    until("the fleet", || harbour.json(&["init"]).0 == 0);
    harbour
        .device("b")
        .beats(&json!({ "runtime": { "version": "1.2.0", "state": "arrived" } }));
    watching.until("the second", |it| {
        it["mix"][0]["version"] == "1.2.0" && it["devices"] == 2
    });
}

#[cfg(target_os = "linux")]
#[test]
fn it_ends_well_at_ctrl_c() {
    let harbour = Harbour::new();
    let mut watching = Watching::start(&harbour);
    watching.until("nobody", |it| it["devices"] == 0);
    let id = rustix::process::Pid::from_child(&watching.child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(watching.child.wait().unwrap().code(), Some(0));
}
