//! `refit simulate`: a plan played through.

use std::fs;

use predicates::prelude::*;

use crate::support::{Room, json_of, refit};

const PLAN: &str = "30%,30%@2h,40%@4h";

#[test]
fn a_plan_is_played_through_the_same_way_every_time() {
    let told = || {
        let output = refit()
            .args(["simulate", "--devices", "1000", "--plan", PLAN])
            .output()
            .unwrap();
        assert!(output.status.success());
        let words = String::from_utf8(output.stderr).unwrap();
        format!("{}\n{words}", String::from_utf8(output.stdout).unwrap())
    };
    let first = told();
    insta::assert_snapshot!("table", first);
    assert_eq!(told(), first);
}

#[test]
fn programs_get_the_same_figures() {
    let (code, told) = json_of(&[
        "simulate",
        "--devices",
        "1000",
        "--plan",
        PLAN,
        "--polls",
        "10m",
        "--size",
        "1MB",
        "--hours",
        "2",
    ]);
    assert_eq!(code, 0);
    assert_eq!(told["plan"], PLAN);
    assert_eq!(told["pollSeconds"], 600);
    assert_eq!(told["downloadSeconds"], 1);
    let hours = told["hours"].as_array().unwrap();
    assert_eq!(hours.len(), 2);
    assert_eq!(hours[1]["checked"], 1_000);
    assert_eq!(hours[1]["staged"], hours[1]["eligible"]);
}

#[test]
fn a_picture_is_drawn_and_the_size_is_the_tarballs() {
    let room = Room::new();
    let tarball = room.at("demo.tgz");
    fs::write(&tarball, vec![0; 3_000_000]).unwrap();
    let (code, told) = json_of(&[
        "simulate",
        "--devices",
        "10",
        "--plan",
        "100%",
        "--tarball",
        &tarball,
        "--svg",
        &room.at("ramp.svg"),
    ]);
    assert_eq!((code, &told["size"]), (0, &3_000_000.into()), "{told}");
    let svg = fs::read_to_string(room.at("ramp.svg")).unwrap();
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    assert!(svg.contains("<title ") && svg.contains("prefers-color-scheme:dark"));
    refit()
        .args([
            "simulate",
            "--plan",
            "100%",
            "--tarball",
            &room.at("absent.tgz"),
        ])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("absent.tgz"));
}

#[test]
fn a_folder_is_no_tarball() {
    let room = Room::new();
    refit()
        .args(["simulate", "--plan", "100%", "--tarball", &room.at("site")])
        .assert()
        .code(1)
        .stdout("")
        .stderr(predicate::str::contains("is not a file"));
}

#[test]
fn one_device_is_one() {
    refit()
        .args(["simulate", "--plan", "100%", "--devices", "1"])
        .assert()
        .success()
        .stderr(predicate::str::starts_with("1 device, each"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (args, why) in [
        (&["--plan", "30%,70%"][..], "needs a delay"),
        (&["--plan", "-5%"], "not a percentage"),
        (&["--plan", "100%", "--devices", "-5"], "-5"),
        (&["--plan", "100%", "--polls", "1s"], "from 1m to 24h"),
        (&["--plan", "100%", "--size", "big"], "a size is"),
        (&["--plan", "100%", "--hours", "0"], "1..=240"),
        (&[], "--plan"),
    ] {
        refit()
            .arg("simulate")
            .args(args)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(why));
    }
}
