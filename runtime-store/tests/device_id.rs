//! Killed at any moment, a device keeps the id it has told, and no first launch is lost; and on a disk
//! that takes no more it has none.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of a test may end it where they stand"
)]

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use runtime_store::Store;

/// Names the folder that a process of this test works in; unset in the test itself.
const FOLDER: &str = "REFIT_TEST_KILLS";

/// A process of the test `name` that works in `folder`, started through `through`.
fn process(name: &str, folder: &Path, through: &[&str]) -> Command {
    let own = std::env::current_exe().unwrap();
    let mut words = through.iter().map(OsStr::new).chain([own.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["--exact", "--nocapture", name])
        .env(FOLDER, folder)
        .stdout(Stdio::piped());
    command
}

/// Makes device after device and says what it counted and what it reported, until it is killed.
fn count_for_ever(folder: &Path) {
    let mut out = std::io::stdout().lock();
    for device in 0.. {
        let store = Store::open(&folder.join(device.to_string())).unwrap();
        let made = store.device_id().unwrap();
        if made.first_launch {
            writeln!(out, "\ncounted {device} {}", made.id).unwrap();
        }
        store.first_launch_reported().unwrap();
        writeln!(out, "\nreported {device} {}", made.id).unwrap();
    }
}

#[test]
fn a_device_that_is_killed_keeps_its_id_and_its_first_launch() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        count_for_ever(Path::new(&folder));
        return;
    }
    for lines in 1..40 {
        let scratch = tempfile::tempdir().unwrap();
        let name = "a_device_that_is_killed_keeps_its_id_and_its_first_launch";
        let mut child = process(name, scratch.path(), &[]).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut heard = Vec::new();
        for line in out.lines().map_while(Result::ok) {
            if line.starts_with("counted") || line.starts_with("reported") {
                heard.push(line);
            }
            if heard.len() == lines {
                // What is still in the pipe is heard after it.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        for device in 0.. {
            let folder = scratch.path().join(device.to_string());
            if !folder.exists() {
                break;
            }
            let store = Store::open(&folder).unwrap();
            let known = store.known_device_id();
            let now = store.device_id().unwrap();
            assert_eq!(known.as_ref().unwrap_or(&now.id), &now.id, "another id");
            let told = |what: &str| heard.contains(&format!("{what} {device} {}", now.id));
            assert!(
                told("counted") || now.first_launch,
                "the first launch of {} was lost: {heard:?}",
                now.id
            );
            assert!(
                !(told("reported") && now.first_launch),
                "a reported first launch is told again"
            );
        }
    }
}

/// The marker is empty and can be written; the id cannot.
#[cfg(unix)]
#[test]
fn an_id_that_is_not_on_disk_is_told_to_nobody() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let store = Store::open(Path::new(&folder)).unwrap();
        for _ in 0..3 {
            let made = store.device_id().map(|device| device.id);
            println!("\nmade {}", made.unwrap_or_else(|_| "none".to_owned()));
        }
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let name = "an_id_that_is_not_on_disk_is_told_to_nobody";
    let no_room = r#"trap "" XFSZ; ulimit -f 0; exec "$0" "$@""#;
    let out = process(name, scratch.path(), &["sh", "-c", no_room])
        .output()
        .unwrap();
    let out = String::from_utf8(out.stdout).unwrap();
    let made: Vec<_> = out.lines().filter(|it| it.starts_with("made")).collect();
    assert_eq!(made, ["made none"; 3], "{out}");
    let store = Store::open(scratch.path()).unwrap();
    let marked = store.root().join("first-launch").exists();
    assert!(marked, "it was not the id that failed");
    assert_eq!(store.known_device_id(), None);
    assert!(store.device_id().unwrap().first_launch);
}
