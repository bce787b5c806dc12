//! A damaged copy is fetched again, and one look is taken whatever the timer says.

use runtime_store::VersionId;

use super::*;

/// A device on which 1.1.0 is staged, with a file of it overwritten.
async fn damaged() -> (Device, Server, Answers, Updater, VersionId) {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let (server, answers) = offering("1.1.0", &bytes).await;
    let updater = device.updater(&server.origin);
    updater.check(By::Timer).await.unwrap();
    let id = device.state().pointer.unwrap().id();
    std::fs::write(entry(&device), "garbage").unwrap();
    (device, server, answers, updater, id)
}

fn entry(device: &Device) -> PathBuf {
    device.store.root().join("versions/1.1.0/cli.js")
}

fn pointer(device: &Device) -> Vec<u8> {
    std::fs::read(device.store.root().join("current.json")).unwrap()
}

#[tokio::test]
async fn a_damaged_copy_is_fetched_again_and_the_pointer_stays_as_it_is() {
    let (device, server, _, updater, id) = damaged().await;
    let before = pointer(&device);
    let mut events = updater.events();
    let (one, other) = tokio::join!(updater.mend(&id), updater.mend(&id));
    one.unwrap();
    other.unwrap();
    assert_ne!(std::fs::read(entry(&device)).unwrap(), b"garbage");
    assert_eq!(pointer(&device), before);
    let lines = server.lines();
    let downloads = lines.iter().filter(|line| line.contains("/-/")).count();
    assert_eq!(
        downloads, 2,
        "once for staging, once for both who asked: {lines:?}"
    );
    assert!(
        events.try_recv().is_err(),
        "nothing new waits for a restart"
    );
}

#[tokio::test]
async fn other_content_by_the_same_name_does_not_take_its_place() {
    let (device, server, answers, updater, id) = damaged().await;
    let other = tarball(&[
        (
            "package/package.json",
            r#"{"name":"demo","version":"1.1.0"}"#,
        ),
        ("package/cli.js", "// other"),
    ]);
    answers.lock().unwrap().0 = listing(&server, &[("1.1.0", &other)]);
    let error = updater.mend(&id).await.unwrap_err();
    assert_eq!(error.kind(), "wrong-integrity");
    assert_eq!(std::fs::read(entry(&device)).unwrap(), b"garbage");
}

#[tokio::test]
async fn offline_the_error_names_the_cause_and_nothing_changes() {
    let (device, _server, _, _, id) = damaged().await;
    let before = pointer(&device);
    // Nobody listens there.
    let updater = device.updater("http://127.0.0.1:9/");
    let error = updater.mend(&id).await.unwrap_err();
    assert_eq!(error.kind(), "unreachable");
    assert_eq!(pointer(&device), before);
    let error = updater.forced_look().await.unwrap_err();
    assert_eq!(error.kind(), "unreachable");
}

#[tokio::test]
async fn a_forced_look_heeds_no_wish_to_be_left_alone_but_what_a_timer_may_have() {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let (server, answers) = serving(
        Reply::new(429, "").with("retry-after", "3600"),
        Reply::new(200, bytes.clone()),
    )
    .await;
    let updater = device.updater(&server.origin);
    updater.check(By::Timer).await.unwrap_err();
    answers.lock().unwrap().0 = listing(&server, &[("1.1.0", &bytes)]);
    let report = updater.forced_look().await.unwrap();
    assert_eq!(report.outcome, Outcome::Staged);
    let trial = device.state().pointer.unwrap().trial.unwrap();
    assert!(trial.gated, "nobody asked for it");
}

#[tokio::test]
async fn a_release_that_is_too_young_waits_whoever_asks() {
    let (device, bytes) = (Device::new(), version("demo", "1.1.0"));
    let (server, _) = offering("1.1.0", &bytes).await;
    let policy = |least: Option<Duration>| Policy {
        minimum_age: least,
        ..Policy::registry(jiff::Timestamp::UNIX_EPOCH)
    };
    let day = Duration::from_hours(24);
    let updater = device.updater_with(&server.origin, policy(Some(day)), None);
    for by in [By::Timer, By::Person] {
        let report = updater.check(by).await.unwrap();
        assert_eq!((report.decision, &*report.reason), ("hold", "minimum-age"));
    }
    let named = Wanted::Version("1.1.0".parse().unwrap());
    let report = updater.stage(named.clone(), false).await.unwrap();
    assert_eq!(
        (report.outcome, &*report.reason),
        (Outcome::Held, "minimum-age")
    );
    assert_eq!(device.state().pointer, None);
    // First heard of two days ago.
    let file = device.store.root().join("releases.json");
    let mut releases: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let then = runtime_store::now() - jiff::SignedDuration::from_hours(48);
    assert!(releases["firstSeen"]["1.1.0"].is_string(), "{releases}");
    releases["firstSeen"]["1.1.0"] = then.to_string().into();
    std::fs::write(&file, releases.to_string()).unwrap();
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
}
