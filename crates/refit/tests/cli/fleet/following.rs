//! `refit fleet status --watch`.

use std::sync::mpsc;

use super::*;

/// The command, while it goes on.
struct Watching {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Watching {
    fn start(harbour: &Harbour) -> Self {
        let mut child = Process::new(REFIT)
            .args(["fleet", "status", "--watch", "--json"])
            .args(["--server", &harbour.broker.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let all = stdout.lines().map_while(Result::ok);
            all.for_each(|line| drop(tell.send(line)));
        });
        Self { child, lines }
    }

    /// Lines until one is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(90));
            let line = line.unwrap_or_else(|_| panic!("never: {what}"));
            if is_so(&serde_json::from_str(&line).unwrap()) {
                return;
            }
        }
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
