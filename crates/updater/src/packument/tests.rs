use super::*;
use serde_json::json;

const SHA1: &str = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=";

fn good(version: &str) -> Value {
    json!({
        "name": "demo", "version": version, "engines": { "node": ">=22" },
        "dist": {
            "integrity": Integrity::from_digest([1; 64]).to_string(),
            "tarball": format!("http://127.0.0.1/demo/-/demo-{version}.tgz"),
            "unpackedSize": 7,
        },
    })
}

fn parse(value: &Value) -> Result<Packument, RegistryError> {
    let package = "demo".parse().unwrap();
    Packument::parse(
        &package,
        "http://127.0.0.1/demo",
        value.to_string().as_bytes(),
    )
}

fn with(versions: &Value) -> Packument {
    parse(&json!({
        "name": "demo", "dist-tags": { "latest": "1.2.0", "next": "2.0.0-rc.1" },
        "versions": versions,
    }))
    .unwrap()
}

#[test]
fn a_tag_leads_to_everything_a_decision_needs() {
    let candidate = with(&json!({ "1.2.0": good("1.2.0") }))
        .tagged("latest")
        .unwrap();
    assert_eq!(candidate.version.as_str(), "1.2.0");
    assert_eq!(candidate.integrity, Integrity::from_digest([1; 64]));
    assert_eq!(candidate.engines.node.as_deref(), Some(">=22"));
    assert_eq!(candidate.tarball, "http://127.0.0.1/demo/-/demo-1.2.0.tgz");
    assert_eq!(candidate.unpacked_size, Some(7));
}

#[test]
fn one_odd_version_spoils_only_itself() {
    let packument = with(&json!({
        "1.2.0": good("1.2.0"), "1.0.0": null, "1.0.1": "x", "1.0.2": { "dist": [] },
        "1.0.3": { "dist": { "tarball": 7 } }, "not a version": good("1.0.4"),
    }));
    assert!(packument.tagged("latest").is_ok());
    for version in ["1.0.0", "1.0.1", "1.0.2", "1.0.3"] {
        let error = packument.resolve(version).unwrap_err();
        assert!(
            matches!(error, RegistryError::BadEntry { .. }),
            "{version}: {error}"
        );
    }
}

#[test]
fn versions_and_tags_that_are_missing_or_no_objects_are_told_by_name() {
    let tags = json!({ "latest": "1.2.0" });
    let versions = json!({ "1.2.0": good("1.2.0") });
    for (packument, words) in [
        (json!({ "dist-tags": tags }), "no `versions`"),
        (json!({ "versions": versions }), "no `dist-tags`"),
        (
            json!({ "dist-tags": tags, "versions": [1, 2] }),
            "`versions` has the wrong type (a list, not an object)",
        ),
        (
            json!({ "dist-tags": tags, "versions": null }),
            "`versions` has the wrong type (null, not an object)",
        ),
        (
            json!({ "dist-tags": "latest", "versions": versions }),
            "`dist-tags` has the wrong type (a text, not an object)",
        ),
        (
            json!({ "dist-tags": 1.5, "versions": versions }),
            "`dist-tags` has the wrong type (a number, not an object)",
        ),
        (
            json!({ "dist-tags": true, "versions": versions }),
            "`dist-tags` has the wrong type (a truth value, not an object)",
        ),
        (json!({ "error": "not found" }), "no `dist-tags`"),
        (json!(["demo"]), "a list"),
        (json!("demo"), "a text"),
        (
            json!({ "name": "other", "dist-tags": tags, "versions": versions }),
            "about `other`",
        ),
    ] {
        let error = parse(&packument).unwrap_err();
        assert!(
            matches!(error, RegistryError::Malformed { .. }),
            "{packument}: {error}"
        );
        assert!(error.to_string().contains(words), "{error}");
        assert!(
            error.to_string().contains("http://127.0.0.1/demo"),
            "{error}"
        );
        assert!(!error.is_transient());
    }
}

#[test]
fn a_tag_or_version_of_the_wrong_type_spoils_only_itself_and_is_told() {
    let packument = parse(&json!({
        "dist-tags": { "latest": 7, "next": "1.2.0" }, "versions": { "1.2.0": good("1.2.0") },
    }))
    .unwrap();
    for asked in [packument.tagged("latest"), packument.resolve("latest")] {
        let error = asked.unwrap_err();
        assert!(matches!(error, RegistryError::Malformed { .. }), "{error}");
        assert!(
            error.to_string().contains("`latest` has the wrong type"),
            "{error}"
        );
    }
    assert!(packument.tagged("next").is_ok());
    assert!(packument.resolve("^1").is_ok());
    let odd = with(&json!({ "1.2.0": [] })).tagged("latest").unwrap_err();
    assert!(odd.to_string().contains("wrong type"), "{odd}");
}

#[test]
fn what_is_not_json_is_transient_and_described() {
    let package = "demo".parse().unwrap();
    let deep = format!("{{\"versions\":{{\"1.0.0\":{}", "[".repeat(100_000));
    for (bytes, words) in [
        ("<!doctype html><title>Log in</title>", "web page"),
        ("", "empty"),
        ("{\"versions\": {", "EOF"),
        ("garbage", "expected"),
        (deep.as_str(), "recursion"),
    ] {
        let error = Packument::parse(&package, "http://127.0.0.1/demo", bytes.as_bytes());
        let error = error.unwrap_err();
        assert!(matches!(error, RegistryError::NotJson { .. }) && error.is_transient());
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn an_integrity_must_be_there_and_be_sha512() {
    for (dist, words) in [
        (
            json!({ "shasum": "da39", "tarball": "http://127.0.0.1/t" }),
            "only a sha1 shasum",
        ),
        (
            json!({ "tarball": "http://127.0.0.1/t" }),
            "no integrity at all",
        ),
        (
            json!({ "integrity": SHA1, "tarball": "http://127.0.0.1/t" }),
            SHA1,
        ),
        (
            json!({ "integrity": "sha512-AAAA", "tarball": "http://127.0.0.1/t" }),
            "AAAA",
        ),
        (
            json!({ "integrity": 5, "tarball": "http://127.0.0.1/t" }),
            "no integrity",
        ),
    ] {
        let error = with(&json!({ "1.2.0": { "dist": dist } }))
            .tagged("latest")
            .unwrap_err();
        assert!(matches!(error, RegistryError::Integrity { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn an_entry_that_names_another_version_or_package_is_refused() {
    let mut other = good("1.2.0");
    other["name"] = json!("other");
    for entry in [good("1.1.0"), other] {
        let error = with(&json!({ "1.2.0": entry }))
            .tagged("latest")
            .unwrap_err();
        assert!(matches!(error, RegistryError::BadEntry { .. }), "{error}");
    }
}

#[test]
fn a_tag_that_is_no_version_or_names_a_missing_one_is_refused() {
    let packument = parse(&json!({
        "dist-tags": { "latest": "../../evil", "gone": "9.9.9" },
        "versions": { "../../evil": good("../../evil") },
    }))
    .unwrap();
    assert!(matches!(
        packument.tagged("latest"),
        Err(RegistryError::BadEntry { .. })
    ));
    let gone = packument.tagged("gone").unwrap_err();
    assert!(
        matches!(gone, RegistryError::NoSuchVersion { .. }),
        "{gone}"
    );
    assert!(
        gone.to_string()
            .contains("the tag `gone` names version 9.9.9, which is not there"),
        "{gone}"
    );
}

#[test]
fn a_tarballs_address_is_kept_without_a_login() {
    let mut entry = good("1.2.0");
    entry["dist"]["tarball"] = json!("https://ann:s3cr3t@reg.test/demo.tgz?signature=1");
    let packument = with(&json!({ "1.2.0": entry }));
    let candidate = packument.tagged("latest").unwrap();
    assert_eq!(candidate.tarball, "https://reg.test/demo.tgz?signature=1");
    assert!(!format!("{packument:?}").contains("s3cr3t"));
}

#[test]
fn exact_versions_tags_and_ranges_are_resolved_as_npm_does() {
    let versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0-rc.1"];
    let versions = versions.map(|version| (version.to_owned(), good(version)));
    let packument = with(&Value::Object(versions.into_iter().collect()));
    for (wanted, version) in [
        ("1.1.0", "1.1.0"),
        ("1.1.0+build", "1.1.0"),
        ("next", "2.0.0-rc.1"),
        ("", "1.2.0"),
        // `latest` is in the range, so the newer 1.3.0 is not chosen.
        ("^1.0.0", "1.2.0"),
        ("~1.1", "1.1.0"),
        (">1.2.0", "1.3.0"),
        ("<1.1", "1.0.0"),
    ] {
        assert_eq!(
            packument.resolve(wanted).unwrap().version.as_str(),
            version,
            "{wanted}"
        );
    }
    let none = packument.resolve("^7").unwrap_err();
    assert!(none.to_string().contains("latest: 1.2.0"), "{none}");
}

#[test]
fn odd_engines_do_not_make_a_version_unusable() {
    let mut entry = good("1.2.0");
    entry["engines"] = json!(["node >= 0.4"]);
    let candidate = with(&json!({ "1.2.0": entry })).tagged("latest").unwrap();
    assert_eq!(candidate.engines, Engines::default());
}
