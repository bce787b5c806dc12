use super::*;
use serde_json::json;

fn minimal() -> serde_json::Value {
    json!({ "package": "demo", "entry": "server.js", "command": ["node", "{entry}"] })
}

pub(super) fn with(key: &str, value: serde_json::Value) -> Result<Config, ConfigError> {
    let mut config = minimal();
    config[key] = value;
    Config::parse(config, "test.json")
}

#[test]
fn three_keys_are_enough() {
    let config = Config::parse(minimal(), "test.json").unwrap();
    assert_eq!(config.channel, "latest");
    assert_eq!(config.cwd, "{data}");
    assert_eq!((config.attempts, config.soak), (2, Duration::from_mins(10)));
    assert_eq!(config.ready, Ready::default());
    assert_eq!(config.check.every, Duration::from_mins(30));
}

#[test]
fn durations_are_texts() {
    let config = with("check", json!({ "after": "5s", "every": "2h" })).unwrap();
    assert_eq!(config.check.every, Duration::from_hours(2));
}

#[test]
fn an_unknown_key_is_named() {
    let error = with("regsitry", json!("x")).unwrap_err().to_string();
    assert!(
        error.contains("`regsitry`") && error.contains("test.json"),
        "{error}"
    );
    let error = with("check", json!({ "evry": "2h" }))
        .unwrap_err()
        .to_string();
    assert!(error.contains("`evry`"), "{error}");
}

#[test]
fn values_that_cannot_be_meant_name_their_key() {
    for (key, value) in [
        ("entry", json!("../cli.js")),
        ("entry", json!("/cli.js")),
        ("entry", json!("")),
        ("entry", json!("dist//cli.js")),
        ("entry", json!("./cli.js")),
        ("entry", json!("dist/")),
        ("entry", json!("a\\b.js")),
        ("entry", json!("C:evil.js")),
        ("carry", json!(["node_modules/../../x"])),
        ("command", json!([])),
        ("command", json!(["node", "--home={home}"])),
        ("cwd", json!("{nowhere}")),
        ("channel", json!("")),
        ("ready", json!({ "http": "/", "tcp": true })),
        ("ready", json!({ "timeout": "5s" })),
        ("ready", json!({ "http": "status" })),
        (
            "registry",
            json!("https://somebody:secret@example.org/npm/"),
        ),
        ("attempts", json!(0)),
        ("check", json!({ "every": "1ms" })),
    ] {
        let error = with(key, value.clone()).unwrap_err();
        assert!(
            matches!(error, ConfigError::Value { key: named, .. } if named == key),
            "{key}: {value} gave {error}"
        );
    }
}

#[test]
fn a_fleet_is_an_object_with_a_broker_and_null_is_fine() {
    assert!(with("fleet", json!("https://example.org/")).is_err());
    assert!(with("fleet", json!({ "servers": ["nats://broker.example"] })).is_err());
    assert!(with("fleet", json!({ "servers": ["tls://broker.example"] })).is_ok());
    for key in ["manifest", "latest", "trust", "fleet"] {
        assert!(with(key, json!(null)).is_ok(), "{key}");
    }
}

/// `minimal` with these keys besides.
pub(super) fn with_all(news: &serde_json::Value) -> Result<Config, ConfigError> {
    let mut config = minimal();
    for (key, value) in news.as_object().unwrap() {
        config[key] = value.clone();
    }
    Config::parse(config, "test.json")
}

fn trust(url: &str) -> serde_json::Value {
    json!({ "trust": { "root": "root.json", "url": url } })
}

#[test]
fn a_manifest_is_followed_over_https_or_on_this_machine() {
    for url in [
        "https://example.org/latest.json",
        "http://127.0.0.1:4873/latest.json",
        "http://localhost/latest.json",
        "http://[::1]:1/latest.json",
    ] {
        let config = with_all(&json!({ "manifest": url, "latest": url })).unwrap();
        assert_eq!(config.manifest.unwrap().as_str(), url);
        assert!(config.latest.is_some());
    }
}

#[test]
fn wrong_addresses_name_their_key() {
    let https = "https://example.org/x";
    for (news, key) in [
        (
            json!({ "manifest": "http://example.org/latest.json" }),
            "manifest",
        ),
        (json!({ "manifest": "file:///latest.json" }), "manifest"),
        (
            json!({ "manifest": "https://me:secret@example.org/x" }),
            "manifest",
        ),
        (json!({ "manifest": "latest.json" }), "manifest"),
        (json!({ "manifest": 5 }), "test.json"),
        (
            json!({ "manifest": https, "latest": "http://example.org/x" }),
            "latest",
        ),
        (
            json!({ "latest": https }),
            "`latest` needs `manifest`; asked when that address answers 404 or 410",
        ),
        (json!({ "registry": "registry" }), "registry"),
        (trust("http://example.org/repo/"), "trust.url"),
        (trust("https://me@example.org/repo/"), "trust.url"),
        (trust("https://example.org/repo/?a=b"), "trust.url"),
        (trust("repo/"), "trust.url"),
        (
            json!({ "trust": { "root": "", "url": https } }),
            "trust.root",
        ),
        (json!({ "trust": { "url": https } }), "root"),
        (json!({ "trust": { "root": "root.json" } }), "url"),
        (
            json!({ "trust": { "root": "a", "url": https, "keys": [] } }),
            "keys",
        ),
        (json!({ "trust": https }), "test.json"),
    ] {
        let error = with_all(&news).unwrap_err().to_string();
        assert!(error.contains(key), "{news} gave {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_signed_repository_stands_alone() {
    for key in ["manifest", "latest"] {
        let mut news = trust("https://example.org/repo/");
        news[key] = json!("https://example.org/x");
        let error = with_all(&news).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("trust"), "{error}");
    }
}

#[test]
fn a_repository_is_a_folder_with_or_without_its_slash() {
    for url in ["https://example.org/repo", "https://example.org/repo/"] {
        let trust = with_all(&trust(url)).unwrap().trust.unwrap();
        assert_eq!(trust.url.as_str(), "https://example.org/repo/");
    }
}

#[test]
fn a_trust_root_lies_beside_its_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("refit.json");
    let mut config = minimal();
    config["trust"] = trust("https://example.org/repo/")["trust"].clone();
    std::fs::write(&path, config.to_string()).unwrap();
    let loaded = Config::load(&path).unwrap();
    assert_eq!(loaded.trust.unwrap().root, dir.path().join("root.json"));
    config["trust"]["root"] = json!(dir.path().join("elsewhere/root.json"));
    std::fs::write(&path, config.to_string()).unwrap();
    let loaded = Config::load(&path).unwrap();
    let elsewhere = dir.path().join("elsewhere/root.json");
    assert_eq!(loaded.trust.unwrap().root, elsewhere);
}

#[test]
fn a_channel_that_is_a_version_pins() {
    let pinned = with("channel", json!("1.2.3-rc.1")).unwrap();
    assert_eq!(pinned.pin().unwrap().as_str(), "1.2.3-rc.1");
    assert_eq!(with("channel", json!("1.2")).unwrap().pin(), None);
    assert_eq!(with("channel", json!("next")).unwrap().pin(), None);
    assert!(with("channel", json!("a b")).is_err());
}

#[test]
fn a_file_is_named_with_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("refit.json");
    std::fs::write(&path, "\u{feff}{\n  \"package\": 5\n}").unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(
        error.contains("refit.json") && error.contains("line 2"),
        "{error}"
    );
    let missing = Config::load(&dir.path().join("none.json"))
        .unwrap_err()
        .to_string();
    assert!(missing.contains("none.json"), "{missing}");
}
