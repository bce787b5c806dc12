//! `refit rollout`: who gets which version when.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::support::{Package, Room, json_of, refit};

pub(crate) const PLAN: &str = "30%,30%@12h,40%@24h";

/// A site on which 1.0.0 is everyone's, and 1.1.0 and 1.2.0 wait to be let out.
pub(crate) fn site() -> Room {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    change(&room, &["start", "1.0.0", "--plan", "100%"]);
    room.publish(&[Package::new("demo", "1.1.0"), Package::new("demo", "1.2.0")]);
    room
}

/// `rollout ORDER SITE …`.
pub(crate) fn args<'a>(site: &'a str, order: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["rollout", order[0], site];
    args.extend(&order[1..]);
    args
}

pub(crate) fn tell(room: &Room, order: &[&str]) -> (i32, Value) {
    json_of(&args(&room.at("site"), order))
}

/// A change that must go well.
pub(crate) fn change(room: &Room, order: &[&str]) -> Value {
    let (code, told) = tell(room, &[order, &["--yes"]].concat());
    assert_eq!(code, 0, "{told}");
    told
}

pub(crate) fn manifest(room: &Room) -> Value {
    serde_json::from_slice(&fs::read(room.site().join("latest.json")).unwrap()).unwrap()
}

pub(crate) fn latest(room: &Room) -> Value {
    room.packument("demo")["dist-tags"]["latest"].clone()
}

/// `text` with its times taken out, and with how far off they are: a second may pass between two
/// commands.
fn timeless(text: &str) -> String {
    let is_time = |word: &str| word.len() >= 20 && word.as_bytes()[10] == b'T';
    let plain: String = text
        .split_inclusive(&[' ', '\n', ',', '.'][..])
        .map(|word| {
            if is_time(word) {
                "TIME ".to_owned()
            } else {
                word.to_owned()
            }
        })
        .collect();
    let mut parts = plain.split("(in ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once(')').unwrap().1;
        format!("{text}(WHEN){rest}")
    })
}

#[test]
fn a_ramp_goes_from_its_start_to_everyone() {
    let room = site();
    assert_eq!(latest(&room), "1.0.0", "publishing moves nobody");
    let told = change(
        &room,
        &["start", "1.1.0", "--plan", PLAN, "--notes", "Faster.\n"],
    );
    assert_eq!(told["outcome"], "started");
    assert_eq!(told["before"]["version"], "1.0.0");
    assert_eq!(told["after"]["curve"][0]["percent"], 30);
    assert_eq!(told["after"]["curve"][1]["devices"], 600);
    assert_eq!(told["after"]["meanwhile"], "1.0.0");
    let written = manifest(&room);
    assert_eq!(told["manifest"], written);
    assert_eq!(written["package"], "demo");
    assert_eq!(
        (&written["version"], &written["stable"]),
        (&json!("1.1.0"), &json!("1.0.0"))
    );
    assert_eq!(written["notes"], "Faster.");
    assert_eq!(written["publishedAt"], written["signedAt"]);
    assert_eq!(latest(&room), "1.0.0", "it is not everyone's");

    let told = change(&room, &["promote", "--to", "60%"]);
    assert_eq!(told["after"]["curve"][0]["percent"], 60);
    assert_eq!(manifest(&room)["publishedAt"], written["publishedAt"]);
    assert_eq!(tell(&room, &["promote", "--to", "45%", "--yes"]).0, 3);

    let told = change(&room, &["promote", "--all"]);
    assert_eq!(
        (&told["latest"], latest(&room)),
        (&json!("1.1.0"), json!("1.1.0"))
    );
    let (code, told) = tell(&room, &["promote", "--all", "--yes"]);
    assert_eq!((code, &told["outcome"]), (3, &json!("nothing")));
}

#[test]
fn a_halt_puts_back_and_a_resume_goes_on() {
    let room = site();
    change(&room, &["start", "1.1.0", "--plan", PLAN]);
    let mut by_hand = manifest(&room);
    by_hand["ours"] = json!({ "ticket": 7 });
    fs::write(room.site().join("latest.json"), by_hand.to_string()).unwrap();

    let told = change(&room, &["halt"]);
    assert_eq!(
        (&told["version"], &told["outcome"]),
        (&json!("1.0.0"), &json!("halted"))
    );
    let halted = manifest(&room);
    assert_eq!(halted["halted"]["version"], "1.1.0");
    let (code, told) = tell(&room, &["halt", "--yes"]);
    assert_eq!((code, &told["outcome"]), (3, &json!("nothing")));
    assert_eq!(tell(&room, &["promote", "--all", "--yes"]).0, 1);

    change(&room, &["resume"]);
    let resumed = manifest(&room);
    assert_eq!(resumed["version"], "1.1.0");
    assert_eq!(resumed["rollout"], by_hand["rollout"]);
    assert_eq!(resumed["stable"], "1.0.0");
    assert!(resumed.get("halted").is_none());
    assert_eq!(resumed["ours"], json!({ "ticket": 7 }), "not ours to drop");
    assert_eq!(
        tell(&room, &["resume", "--yes"]).1["error"]["kind"],
        "not-halted"
    );
}

#[test]
fn a_recall_names_what_to_go_to_until_it_is_undone() {
    let room = site();
    change(&room, &["start", "1.1.0", "--plan", "100%"]);
    assert_eq!(latest(&room), "1.1.0");
    let told = change(&room, &["recall", "1.1.0", "--to", "1.0.0"]);
    assert_eq!(
        (&told["version"], latest(&room)),
        (&json!("1.0.0"), json!("1.0.0"))
    );
    let recalled = manifest(&room);
    assert_eq!(recalled["recalled"], json!(["1.1.0"]));
    assert_eq!(recalled["stable"], "1.0.0");

    let (code, told) = tell(&room, &["start", "1.1.0", "--plan", PLAN, "--yes"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("recalled")));
    let again = ["recall", "1.1.0", "--to", "1.0.0", "--yes"];
    assert_eq!(tell(&room, &again).0, 3);
    change(&room, &["recall", "1.1.0", "--undo"]);
    assert_eq!(manifest(&room)["recalled"], json!([]));
    change(&room, &["start", "1.1.0", "--plan", PLAN]);
}

#[test]
fn nothing_is_changed_before_somebody_agrees() {
    let room = site();
    let before = manifest(&room);
    let site = room.at("site");
    let order = args(
        &site,
        &[
            "start",
            "1.1.0",
            "--plan",
            "30%,60%@12h",
            "--devices",
            "20000",
        ],
    );
    let output = refit().args(&order).write_stdin("y\n").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "a pipe is no person");
    assert!(output.stdout.is_empty());
    insta::assert_snapshot!(
        "preview",
        timeless(&String::from_utf8(output.stderr).unwrap())
    );

    let (code, told) = json_of(&order);
    assert_eq!((code, &told["error"]["kind"]), (2, &json!("usage")));
    assert!(
        told["error"]["hint"].as_str().unwrap().contains("--yes"),
        "{told}"
    );
    assert_eq!(manifest(&room), before);
    // All of them would change something.
    change(&room, &["start", "1.1.0", "--plan", PLAN]);
    let before = manifest(&room);
    for order in [
        &["halt"][..],
        &["promote", "--all"],
        &["recall", "1.1.0", "--to", "1.0.0"],
        &["start", "1.2.0", "--plan", PLAN],
    ] {
        let (code, told) = tell(&room, order);
        assert_eq!(
            (code, &told["error"]["kind"]),
            (2, &json!("usage")),
            "{told}"
        );
    }
    assert_eq!(manifest(&room), before);
}

/// What a person at a terminal sees who gives this answer, and how it ends.
#[cfg(target_os = "linux")]
fn at_a_terminal(args: &[&str], answer: &str) -> (Option<i32>, String) {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let mut ours = fs::File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = fs::File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let child = Command::new(crate::support::REFIT)
        .args(args)
        .stdin(Stdio::from(theirs.try_clone().unwrap()))
        .stderr(Stdio::from(theirs))
        .stdout(Stdio::null())
        .spawn();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let mut answered = false;
    // The terminal ends with the last who has it open.
    while let Ok(read) = ours.read(&mut buffer) {
        seen.extend(&buffer[..read]);
        if read == 0 {
            break;
        }
        if !answered && String::from_utf8_lossy(&seen).contains("[y/N]") {
            ours.write_all(answer.as_bytes()).unwrap();
            answered = true;
        }
    }
    let code = child.unwrap().wait().unwrap().code();
    (code, String::from_utf8(seen).unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_at_a_terminal_is_asked() {
    let room = site();
    let site = room.at("site");
    let start = args(&site, &["start", "1.1.0", "--plan", PLAN]);
    let before = manifest(&room);
    for no in ["n\n", "\n", "\u{4}"] {
        let (code, seen) = at_a_terminal(&start, no);
        assert_eq!(code, Some(3), "{no:?}: {seen}");
        assert!(seen.contains("300 may have 1.1.0 now"), "{seen}");
        assert!(seen.contains("Nothing was changed."), "{seen}");
        assert_eq!(manifest(&room), before, "{no:?}");
    }
    let (code, seen) = at_a_terminal(&start, "y\n");
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("Started demo@1.1.0"), "{seen}");
    assert_eq!(manifest(&room)["version"], "1.1.0");
    // With --yes nobody is.
    let (code, seen) = at_a_terminal(&[&args(&site, &["halt"])[..], &["--yes"]].concat(), "n\n");
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("[y/N]"), "{seen}");
}

#[test]
fn with_yes_the_preview_is_shown_all_the_same() {
    let room = site();
    change(&room, &["start", "1.1.0", "--plan", PLAN]);
    let site = room.at("site");
    let words = |order: &[&str]| {
        let output = refit()
            .args(args(&site, &[order, &["--yes"]].concat()))
            .output()
            .unwrap();
        assert!(output.status.success() && output.stdout.is_empty());
        timeless(&String::from_utf8(output.stderr).unwrap())
    };
    insta::assert_snapshot!("halt", words(&["halt"]));
    insta::assert_snapshot!(
        "start_critical",
        words(&["start", "1.2.0", "--plan", "1%", "--critical"])
    );
    insta::assert_snapshot!("recall", words(&["recall", "1.2.0", "--to", "1.0.0"]));
}

#[test]
fn only_what_devices_can_get_is_let_out() {
    let room = site();
    for order in [
        &["start", "1.9.0", "--plan", PLAN][..],
        &["recall", "1.0.0", "--to", "0.9.0"],
        &["start", "1.1.0", "--plan", PLAN, "--stable", "0.9.0"],
    ] {
        let (code, told) = tell(&room, &[order, &["--yes"]].concat());
        assert_eq!(
            (code, &told["error"]["kind"]),
            (1, &json!("not-published")),
            "{told}"
        );
        let hint = told["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("refit publish"), "{hint}");
    }
    let (code, told) = tell(&room, &["start", "1.0.0", "--plan", PLAN, "--yes"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("started")),
        "{told}"
    );
    change(&room, &["start", "1.2.0", "--plan", PLAN]);
    let (code, told) = tell(&room, &["start", "1.1.0", "--plan", PLAN, "--yes"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("not-newer")),
        "{told}"
    );
}

#[test]
fn a_plan_that_cannot_be_meant_is_wrong_usage() {
    let room = site();
    let site = room.at("site");
    for (plan, why) in [
        ("0%", "`0%` is nobody"),
        ("101%", "more than everyone"),
        ("60%,60%@1h", "120 % together"),
        ("30%,70%@25h", "over 24 hours"),
        ("30%,30%@12h,40%@12h", "not later than"),
        ("0.001%", "finer than 0.01%"),
        ("30", "not a percentage"),
        ("-5%", "not a percentage"),
    ] {
        refit()
            .args(args(&site, &["start", "1.1.0", "--yes", "--plan", plan]))
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(why));
    }
    for order in [
        &["promote", "--to", "0%"][..],
        &["promote", "--to", "-5%"],
        &["status", "--devices", "-5"],
        &["halt", "--devices", "-5"],
        &["promote", "--to", "60%", "--all"],
        &["promote"],
        &["recall", "1.1.0"],
        &["recall", "1.1.0", "--to", "1.0.0", "--undo"],
        &["start", "1.1.0"],
        &["halt", "--channel", "a/b"],
        &["halt", "--channel", "demo-1.0.0"],
    ] {
        refit().args(args(&site, order)).assert().code(2).stdout("");
    }
}

#[test]
fn what_is_missing_is_named_with_its_alternative() {
    let room = site();
    for (order, both) in [
        (&["promote"][..], "--to <SHARE>|--all"),
        (&["recall", "1.1.0"], "--to <VERSION>|--undo"),
    ] {
        refit()
            .args(args(&room.at("site"), order))
            .assert()
            .code(2)
            .stderr(predicate::str::contains(both));
    }
}

#[test]
fn nobody_is_told_to_halt() {
    let room = site();
    refit()
        .args(args(&room.at("site"), &["promote", "--to", "0%"]))
        .assert()
        .code(2)
        .stderr(predicate::str::contains("refit rollout halt"));
}

#[test]
fn what_is_so_already_is_nothing_to_do() {
    let room = site();
    let start = ["start", "1.1.0", "--plan", PLAN, "--notes", "Faster."];
    change(&room, &start);
    let before = manifest(&room);
    let (code, told) = tell(&room, &[&start[..], &["--yes"]].concat());
    assert_eq!((code, &told["outcome"]), (3, &json!("nothing")), "{told}");
    let other = ["start", "1.1.0", "--plan", "1%", "--yes"];
    let (code, told) = tell(&room, &other);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("started")));
    assert_eq!(manifest(&room), before);
}

#[test]
fn devices_are_sent_to_what_was_everyones_only() {
    let room = site();
    room.publish(&[Package::new("demo", "1.3.0")]);
    change(&room, &["start", "1.2.0", "--plan", "1%,99%@24h"]);
    change(&room, &["halt"]);
    change(&room, &["start", "1.3.0", "--plan", "1%,99%@24h"]);
    // 1.2.0 was halted, and 1.1.0 never started.
    for to in ["1.2.0", "1.1.0", "1.3.0"] {
        let order = ["recall", "1.0.0", "--to", to, "--yes"];
        let (code, told) = tell(&room, &order);
        assert_eq!(
            (code, &told["error"]["kind"]),
            (1, &json!("not-out")),
            "{told}"
        );
    }
    change(&room, &["promote", "--all"]);
    let (_, told) = tell(&room, &["recall", "1.3.0", "--to", "1.2.0", "--yes"]);
    assert_eq!(told["error"]["kind"], "not-out", "{told}");
    change(&room, &["recall", "1.3.0", "--to", "1.0.0"]);
    assert_eq!(latest(&room), "1.0.0");

    let (code, told) = tell(&room, &["halt", "--yes"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("the-only-one")),
        "who ran 1.3.0 would be left with what is bundled: {told}"
    );
    assert_eq!(manifest(&room)["version"], "1.0.0");
}

#[test]
fn a_recall_says_who_goes_where() {
    let room = site();
    room.publish(&[Package::new("demo", "0.9.0")]);
    let site = room.at("site");
    let moves = |version: &str, to: &str| {
        let order = ["recall", version, "--to", to, "--yes"];
        let output = refit().args(args(&site, &order)).output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{words}");
        let line = words.lines().find(|line| line.contains("may run"));
        line.unwrap().to_owned()
    };
    change(&room, &["start", "1.1.0", "--plan", PLAN]);
    assert_eq!(
        moves("0.9.0", "1.0.0"),
        "Of 1,000 devices, at most 1,000 may run 0.9.0. At the next launch after they heard of this they \
         go to 1.1.0 where that is theirs already, else to 1.0.0; to the bundled version until that is there."
    );
    assert!(moves("1.1.0", "1.0.0").starts_with("Of 1,000 devices, at most 300 may run 1.1.0."));
    change(&room, &["start", "1.2.0", "--plan", "100%"]);
    room.publish(&[Package::new("demo", "0.8.0")]);
    assert!(
        moves("0.8.0", "1.0.0").contains("they go to 1.2.0;"),
        "nobody goes to 1.0.0"
    );
}

#[test]
fn the_first_rollout_is_not_older_than_what_everyone_has() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0"), Package::new("demo", "1.4.0")]);
    assert_eq!(latest(&room), "1.4.0");
    let (code, told) = tell(&room, &["start", "1.0.0", "--plan", "100%", "--yes"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("not-newer")),
        "{told}"
    );
    assert_eq!(latest(&room), "1.4.0");
}

#[test]
fn notes_come_from_a_file_too() {
    let room = site();
    fs::write(room.at("notes.md"), "# New\n\nFaster.\n").unwrap();
    let file = room.at("notes.md");
    change(
        &room,
        &["start", "1.1.0", "--plan", PLAN, "--notes-file", &file],
    );
    assert_eq!(manifest(&room)["notes"], "# New\n\nFaster.");
    let absent = room.at("absent.md");
    let order = [
        "start",
        "1.2.0",
        "--plan",
        PLAN,
        "--yes",
        "--notes-file",
        &absent,
    ];
    assert_eq!(tell(&room, &order).1["error"]["kind"], "file");
}

#[test]
fn a_status_is_a_table_and_a_curve() {
    let room = site();
    let (code, told) = tell(&room, &["status"]);
    assert_eq!(
        (code, &told["version"], &told["percent"]),
        (0, &json!("1.0.0"), &json!(100))
    );
    fs::write(
        room.site().join("latest.json"),
        json!({
            "package": "demo", "version": "1.1.0", "publishedAt": "2020-06-12T08:00:00Z",
            "rollout": [{ "percent": 0.1, "delaySeconds": 0 }, { "percent": 50, "delaySeconds": 3_600 }],
            "stable": "1.0.0", "recalled": ["0.9.0", "0.9.1"], "notes": "Faster.\nBetter.",
            "critical": false,
        })
        .to_string(),
    )
    .unwrap();
    let site = room.at("site");
    let output = refit()
        .args(args(&site, &["status", "--devices", "5000"]))
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let table = String::from_utf8(output.stdout).unwrap();
    for line in [
        "Version      1.1.0\n",
        "Published    2020-06-12T08:00:00Z (",
        "Plan         0.1%,50%@1h\n",
        "May have it  100 %\n",
        "Recalled     0.9.0, 0.9.1\n",
        "Notes        Faster.\n",
        "#.............................      5  0.1 %\n",
        "2020-06-13T08:00:00Z",
        "##############################  5,000  100 %\n",
        "Now 5,000 of 5,000 devices may have 1.1.0.\n",
    ] {
        assert!(table.contains(line), "{line} is not in\n{table}");
    }
    let (_, told) = tell(&room, &["status"]);
    assert_eq!(told["recalled"], json!(["0.9.0", "0.9.1"]));
    assert_eq!(
        (&told["eligible"], &told["verified"]),
        (&json!(1_000), &json!(false))
    );
}

#[test]
fn without_a_manifest_there_is_nothing_to_change() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    let (code, told) = tell(&room, &["status"]);
    assert_eq!((code, &told["version"]), (3, &Value::Null));
    for order in [&["halt"][..], &["resume"], &["promote", "--all"]] {
        let (code, told) = tell(&room, order);
        assert_eq!(
            (code, &told["error"]["kind"]),
            (1, &json!("no-rollout")),
            "{told}"
        );
    }
}

#[test]
fn one_that_cannot_be_read_is_left_as_it_is() {
    let room = site();
    for text in [
        "<html>",
        "{}",
        r#"{"package":"demo","version":"1.0.0","halted":7}"#,
    ] {
        fs::write(room.site().join("latest.json"), text).unwrap();
        for order in [&["halt", "--yes"][..], &["status"]] {
            let (code, told) = tell(&room, order);
            assert_eq!(
                (code, &told["error"]["kind"]),
                (1, &json!("manifest")),
                "{told}"
            );
            assert!(
                told["error"]["message"]
                    .as_str()
                    .unwrap()
                    .contains("latest.json")
            );
        }
        assert_eq!(
            fs::read_to_string(room.site().join("latest.json")).unwrap(),
            text
        );
    }
}

#[test]
fn several_packages_need_a_name_and_channels_have_files_of_their_own() {
    let room = site();
    room.publish(&[Package::new("@acme/board", "3.0.0")]);
    let beta = [
        "start",
        "1.1.0",
        "--plan",
        PLAN,
        "--yes",
        "--channel",
        "beta",
    ];
    let (code, told) = tell(&room, &beta);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (2, &json!("usage")),
        "{told}"
    );
    assert!(
        told["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("--package")
    );
    let (code, told) = tell(&room, &[&beta[..], &["--package", "demo"]].concat());
    assert_eq!((code, &told["file"]), (0, &json!("beta.json")), "{told}");
    change(&room, &["promote", "--all", "--channel", "beta"]);
    assert_eq!(
        manifest(&room)["version"],
        "1.0.0",
        "latest.json is another rollout"
    );
    assert_eq!(latest(&room), "1.0.0", "and so is the tag");
    assert!(Path::new(&room.at("site/beta.json")).is_file());
    let (code, told) = tell(&room, &["halt", "--yes", "--package", "other"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("manifest")),
        "{told}"
    );
    let hint = told["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("--channel"), "{hint}");
}

#[test]
fn the_help_says_what_each_order_is_for() {
    for (name, order) in [
        ("rollout", &["rollout"][..]),
        ("start", &["rollout", "start"]),
        ("promote", &["rollout", "promote"]),
        ("halt", &["rollout", "halt"]),
        ("resume", &["rollout", "resume"]),
        ("recall", &["rollout", "recall"]),
        ("status", &["rollout", "status"]),
        ("simulate", &["simulate"]),
    ] {
        let output = refit().args(order).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        insta::assert_snapshot!(format!("help_{name}"), help.replace("refit.exe", "refit"));
    }
}
