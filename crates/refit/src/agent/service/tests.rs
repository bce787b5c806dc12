use super::*;

/// Every path and argument that could be taken for something else.
fn unit(scope: Scope) -> Unit {
    Unit {
        name: "refit-agent".to_owned(),
        scope,
        exe: "/bin/true".to_owned(),
        arguments: [
            "agent",
            "--config",
            "/etc/an app/100% \"$HOME\" <&> \\ it's.json",
        ]
        .map(str::to_owned)
        .to_vec(),
        data_dir: "/var/lib/an app".to_owned(),
        run_as: None,
    }
}

/// Whether a program is here; said aloud where it is not.
fn have(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: {program} is not here to look at the unit");
    }
    there
}

fn must_pass(program: &str, arguments: &[&str]) -> String {
    let runtime = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .env("XDG_RUNTIME_DIR", runtime.path())
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

#[test]
fn systemd_has_nothing_to_object() {
    if !cfg!(target_os = "linux") || !have("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for scope in [Scope::System, Scope::User] {
        for run_as in [None, Some("daemon".to_owned())] {
            let unit = Unit {
                run_as: run_as.filter(|_| scope == Scope::System),
                ..unit(scope)
            };
            let file = dir.path().join("refit-agent.service");
            std::fs::write(&file, unit.text(Manager::Systemd).unwrap()).unwrap();
            let file = file.to_str().unwrap();
            let which = if scope == Scope::User {
                "--user"
            } else {
                "--system"
            };
            let said = must_pass("systemd-analyze", &[which, "--man=no", "verify", file]);
            assert!(!said.contains("refit-agent.service"), "{said}");
        }
    }
}

#[test]
fn a_unit_of_systemd_starts_just_this_command_and_keeps_starting_it() {
    let unit = Unit {
        run_as: Some("kiosk".to_owned()),
        ..unit(Scope::System)
    };
    let text = unit.text(Manager::Systemd).unwrap();
    for line in [
        r#"ExecStart="/bin/true" "agent" "--config" "/etc/an app/100%% \"$$HOME\" <&> \\ it's.json""#,
        r#"ReadWritePaths="/var/lib/an app" "/bin""#,
        "User=kiosk",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "KillMode=mixed",
        &format!("SuccessExitStatus={}", crate::agent::RESTART),
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    assert!(!text.contains('@'), "{text}");
}

#[test]
fn a_plist_is_one_and_says_the_same() {
    let text = unit(Scope::System).text(Manager::Launchd).unwrap();
    assert!(!text.contains('@'), "{text}");
    if !have("python3") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("it.plist");
    std::fs::write(&file, text).unwrap();
    let read =
        "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let said = must_pass("python3", &["-c", read, file.to_str().unwrap()]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let arguments: Vec<String> = serde_json::from_value(said["ProgramArguments"].clone()).unwrap();
    assert_eq!(arguments[1..], unit(Scope::System).arguments);
    assert_eq!(said["KeepAlive"], true);
    assert_eq!(said["Label"], "refit-agent");
    assert_eq!(said["StandardErrorPath"], "/var/lib/an app/agent.log");
}

#[test]
fn a_windows_service_is_well_formed_and_says_the_same() {
    let text = unit(Scope::System).text(Manager::WinSw).unwrap();
    assert!(!text.contains('@'), "{text}");
    if !have("python3") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("it.xml");
    std::fs::write(&file, text).unwrap();
    let read = "import json, sys, xml.etree.ElementTree as E; r = E.parse(sys.argv[1]).getroot(); \
                print(json.dumps({e.tag: e.text for e in r} | {'root': r.tag}))";
    let said = must_pass("python3", &["-c", read, file.to_str().unwrap()]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["root"], "service");
    assert_eq!(said["executable"], "/bin/true");
    let arguments = r#""agent" "--config" "/etc/an app/100% \"$HOME\" <&> \ it's.json""#;
    assert_eq!(said["arguments"], arguments);
}

#[test]
fn words_of_windows_end_where_they_should() {
    for (word, quoted) in [
        ("a b", r#""a b""#),
        (r"C:\an app\", r#""C:\an app\\""#),
        (r#"a\"b"#, r#""a\\\"b""#),
        ("", r#""""#),
    ] {
        assert_eq!(windows_quoted(word), quoted);
    }
}

#[test]
fn what_no_unit_can_hold_is_refused() {
    for name in ["", "a/b", "../x", "a b", "-x", &"x".repeat(65)] {
        let unit = Unit {
            name: name.to_owned(),
            ..unit(Scope::System)
        };
        assert!(matches!(
            unit.text(Manager::Systemd),
            Err(ServiceError::Name(_))
        ));
    }
    for (exe, run_as) in [("/a\nExecStartPre=/b", None), ("/a", Some("root\nUser=x"))] {
        let unit = Unit {
            exe: exe.to_owned(),
            run_as: run_as.map(str::to_owned),
            ..unit(Scope::System)
        };
        assert!(matches!(
            unit.text(Manager::Systemd),
            Err(ServiceError::Text(_))
        ));
    }
}

#[test]
fn each_manager_is_told_in_its_own_words() {
    let folders = Folders {
        home: Some("/home/u".into()),
        config: Some("/home/u/.config".into()),
    };
    let lines = |commands: Vec<Vec<String>>| {
        let lines: Vec<_> = commands.iter().map(|it| it.join(" ")).collect();
        lines.join("; ")
    };
    for (manager, scope, file, install) in [
        (
            Manager::Systemd,
            Scope::System,
            "/etc/systemd/system/a.service",
            "systemctl daemon-reload; systemctl enable --now a.service",
        ),
        (
            Manager::Systemd,
            Scope::User,
            "/home/u/.config/systemd/user/a.service",
            "systemctl --user daemon-reload; systemctl --user enable --now a.service",
        ),
        (
            Manager::Launchd,
            Scope::System,
            "/Library/LaunchDaemons/a.plist",
            "launchctl bootstrap system /Library/LaunchDaemons/a.plist",
        ),
        (
            Manager::WinSw,
            Scope::System,
            "/home/u/refit-services/a.xml",
            "winsw install /home/u/refit-services/a.xml; winsw start /home/u/refit-services/a.xml",
        ),
    ] {
        let found = manager.file("a", scope, &folders).unwrap();
        assert_eq!(found, Path::new(file));
        assert_eq!(lines(manager.to_install("a", scope, &found)), install);
    }
    let nobody = Folders {
        home: None,
        config: None,
    };
    assert!(Manager::Systemd.file("a", Scope::User, &nobody).is_err());
}
