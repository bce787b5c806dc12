use crate::support::{Room, json_of, refit};

fn help(args: &[&str]) -> String {
    let output = refit().args(args).arg("--help").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .replace("refit.exe", "refit")
}

#[test]
fn the_help_says_what_each_command_is_for() {
    insta::assert_snapshot!("help", help(&[]));
    for command in [
        "agent", "check", "stage", "resolve", "run", "status", "apply", "rollback", "retry",
        "verify", "gc", "publish", "serve", "unpack", "bundle", "smoke", "soak",
    ] {
        insta::assert_snapshot!(format!("help_{command}"), help(&[command]));
    }
    for command in [
        &["keys"][..],
        &["keys", "new"],
        &["repo"],
        &["repo", "init"],
        &["repo", "refresh"],
        &["repo", "rotate"],
        &["workspaces"],
        &["workspaces", "add"],
        &["apps"],
        &["apps", "upgrade"],
        &["fleet", "dashboard"],
        &["agent", "install"],
        &["agent", "uninstall"],
        &["agent", "replace"],
        &["agent", "forgive"],
    ] {
        insta::assert_snapshot!(format!("help_{}", command.join("_")), help(command));
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [
        &["nonsense"][..],
        &[],
        &["publish"],
        &["publish", "site"],
        &["serve", "site", "--port", "many"],
        &["unpack", "--tarball", "x"],
    ] {
        refit().args(args).assert().code(2).stdout("");
    }
}

#[test]
fn an_error_is_one_object_under_json_and_words_with_a_hint_without() {
    let room = Room::new();
    let missing = room.at("absent.tgz");
    let (code, told) = json_of(&["publish", &room.at("site"), &missing]);
    assert_eq!(code, 1);
    insta::assert_snapshot!("error_json", room.plain(&told.to_string()));

    let output = refit()
        .args(["publish", &room.at("site"), &missing])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    insta::assert_snapshot!(
        "error_words",
        room.plain(&String::from_utf8(output.stderr).unwrap())
    );
}
