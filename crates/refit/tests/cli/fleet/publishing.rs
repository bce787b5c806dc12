//! `refit fleet publish`, `releases` and `unpublish`.

use super::*;

#[test]
fn a_version_is_published_once_and_stays_while_a_scope_is_to_have_it() {
    let harbour = Harbour::new();
    let (code, told) = harbour.json(&["releases"]);
    assert_eq!((code, &told["releases"]), (3, &json!([])));

    let (code, told) = harbour.publish("1.0.0", "one");
    assert_eq!((code, &told["outcome"]), (0, &json!("published")));
    let release = told["release"].clone();
    assert_eq!(
        (
            &release["version"],
            &release["package"],
            &release["by"],
            &release["subject"]
        ),
        (
            &json!("1.0.0"),
            &json!("demo"),
            &json!("operator"),
            &json!("runtime")
        )
    );
    assert!(release["sha512"].as_str().unwrap().starts_with("sha512-"));
    let (code, told) = harbour.publish("1.0.0", "one");
    assert_eq!((code, &told["outcome"]), (3, &json!("unchanged")));
    let (code, told) = harbour.publish("1.0.0", "two");
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("other-content")));

    assert_eq!(harbour.publish("1.1.0", "two").0, 0);
    let (code, told) = harbour.json(&["releases"]);
    assert_eq!(code, 0);
    assert_eq!(told["releases"][0]["version"], "1.1.0");
    assert_eq!(told["releases"][1], release);

    let ordered = ["rollout", "1.1.0", "--groups", "kiosks", "--by", "operator"];
    assert_eq!(harbour.json(&ordered).0, 0);
    let (code, told) = harbour.json(&["unpublish", "1.1.0"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("in-use")));
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("group.kiosks"),
        "{told}"
    );
    let (code, told) = harbour.json(&["unpublish", "1.0.0"]);
    assert_eq!((code, &told["unpublished"][0]), (0, &release));
    assert_eq!(
        harbour.json(&["unpublish", "1.0.0"]).1["error"]["kind"],
        "not-published"
    );
    assert_eq!(harbour.json(&["clear", "--groups", "kiosks"]).0, 0);
    assert_eq!(harbour.json(&["unpublish", "1.1.0"]).0, 0);
}

#[test]
fn what_devices_would_refuse_is_not_published() {
    let harbour = Harbour::new();
    let path = harbour.room.path().join("evil.tgz");
    let packed = crate::support::pack(|tar| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "package/link", "/etc/passwd")
            .unwrap();
    });
    std::fs::write(&path, packed).unwrap();
    let (code, told) = harbour.json(&["publish", path.to_str().unwrap()]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("refused")));
    let nameless = Package::new("demo", "one point oh").tgz(&harbour.room.path());
    let (code, told) = harbour.json(&["publish", nameless.to_str().unwrap()]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("manifest")));
    assert_eq!(harbour.json(&["releases"]).0, 3);
}

/// Something that says of itself what a binary of refit would.
fn agent(harbour: &Harbour, version: &str, platform: &str, more: &str) -> String {
    let json = format!(r#"{{"version":"{version}","platform":"{platform}"{more}}}"#);
    let room = 512 - "refit-agent-label".len() - "label-ends\n".len();
    let path = harbour.room.path().join("some-binary");
    std::fs::write(
        &path,
        format!("\u{7f}ELF refit-agent-label{json:room$}label-ends\n\0\0"),
    )
    .unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_agent_says_itself_what_it_is_and_each_platform_has_its_own() {
    let harbour = Harbour::new();
    for platform in ["linux-x86_64", "macos-aarch64"] {
        let binary = agent(&harbour, "2.0.0", platform, "");
        let (code, told) = harbour.json(&["publish", "--agent", &binary]);
        assert_eq!(
            (code, &told["release"]["platform"]),
            (0, &json!(platform)),
            "{told}"
        );
        assert_eq!(told["release"]["version"], "2.0.0");
        assert_eq!(harbour.json(&["publish", "--agent", &binary]).0, 3);
    }
    let other = agent(&harbour, "2.0.0", "macos-aarch64", r#","new":1"#);
    let (code, told) = harbour.json(&["publish", "--agent", &other]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("other-content")));
    let tried = agent(&harbour, "3.0.0", "linux-x86_64", r#","development":true"#);
    let (_, told) = harbour.json(&["publish", "--agent", &tried]);
    assert_eq!(told["error"]["kind"], "built-for-development");
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("some-binary"),
        "{told}"
    );
    let tarball = Package::new("demo", "1.0.0").tgz(&harbour.room.path());
    let (_, told) = harbour.json(&["publish", "--agent", tarball.to_str().unwrap()]);
    assert_eq!(told["error"]["kind"], "no-label");

    // A runtime is no agent, and the other way round.
    assert_eq!(
        harbour.json(&["rollout", "2.0.0", "--global"]).1["error"]["kind"],
        "not-published"
    );
    let (code, told) = harbour.json(&["rollout", "2.0.0", "--global", "--agent"]);
    assert_eq!((code, &told["subject"]), (0, &json!("agent")));
    assert_eq!(
        harbour.json(&["current"]).1["targets"][0]["subject"],
        "agent"
    );
    assert_eq!(harbour.json(&["history"]).0, 3);
    assert_eq!(harbour.json(&["history", "--agent"]).0, 0);
    let (_, told) = harbour.json(&["unpublish", "2.0.0", "--agent"]);
    assert_eq!(told["error"]["kind"], "in-use");
}
