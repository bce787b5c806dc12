use super::*;

#[test]
fn no_policy_is_no_news() {
    let nowhere = Path::new("/etc/refit-nobody-has-this-name/policy.json");
    assert_eq!(read(nowhere), Reading::default());
}

#[test]
fn what_only_an_administrator_wrote_and_nobody_understands_takes_rights_away() {
    let path = Path::new("/etc/x/policy.json");
    for reading in [
        understand(path, Ok(b"{".to_vec())),
        understand(path, Err(io::ErrorKind::PermissionDenied.into())),
    ] {
        let policy = reading.policy.unwrap();
        assert!(!policy.people_may_change());
        assert!(reading.problems[0].contains("/etc/x/policy.json"));
    }
    let gone = understand(path, Err(io::ErrorKind::NotFound.into()));
    assert_eq!(gone, Reading::default());
}

#[cfg(unix)]
#[test]
fn a_policy_of_somebody_else_is_ignored_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.json");
    std::fs::write(&path, r#"{"updates":"off"}"#).unwrap();
    // What it stands in, a folder for everybody's temporary files, is no administrator's.
    let reading = read(&path);
    assert_eq!(reading.policy, None);
    assert!(reading.problems[0].contains("is ignored"), "{reading:?}");
}
