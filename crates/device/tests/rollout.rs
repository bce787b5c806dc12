//! A device that follows a manifest on a host on loopback: what it takes by itself, what a person
//! gets, and what it says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "other tests need more of it")]
mod host;

use std::sync::Arc;

use device::{AppliedOutcome, Device, DeviceEvent, Local, Mode, StageOutcome, Status, Wanted};
use serde_json::{Value, json};

use host::{Host, open, options};

/// Follows the manifest.
fn following(host: &Host) -> Value {
    json!({ "manifest": format!("{}latest.json", host.url) })
}

/// The same, and looks by itself at once.
fn looking(host: &Host) -> Value {
    let mut config = following(host);
    config["check"] = json!({ "after": "1ms", "every": "1h" });
    config
}

/// Published a minute ago, and for everyone a day later.
fn held(version: &str) -> Value {
    let minute = jiff::SignedDuration::from_mins(1);
    let published = jiff::Timestamp::now().checked_sub(minute).unwrap();
    json!({
        "version": version, "publishedAt": published.to_string(), "notes": "A clock.",
        "rollout": [{ "percent": 100, "delaySeconds": 86_400 }],
    })
}

async fn until(device: &Device, wanted: impl FnMut(&Arc<Status>) -> bool) -> Arc<Status> {
    let mut status = device.status();
    let found = status.wait_for(wanted).await.unwrap();
    Arc::clone(&*found)
}

async fn checked(device: &Device) -> Arc<Status> {
    // The manifest stands in the status as soon as the check does.
    until(device, |status| {
        status.last_check.is_some()
            && status
                .rollout
                .as_ref()
                .is_some_and(|it| it.version.is_some())
    })
    .await
}

#[tokio::test]
async fn by_itself_a_device_takes_nothing_before_its_turn_and_a_person_waits_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0"]);
    host.say(&held("1.1.0"));
    let device = open(dir.path(), &host, &looking(&host), &[]);
    let mut events = device.events();
    device.start().await;

    let status = checked(&device).await;
    // What banner, notices and the line of the command line are made from has nothing of it.
    assert_eq!((&status.staged, &status.progress), (&None, &None));
    assert_eq!((&status.fell_back, &status.passed_over), (&None, &None));
    assert!(events.try_recv().is_err(), "it was announced");
    assert_eq!(host.asked_for(".tgz"), 0);
    // What a person opens to look has it all.
    let rollout = status.rollout.clone().unwrap();
    assert_eq!(rollout.mode, Mode::Manifest);
    assert_eq!(rollout.version.unwrap().as_str(), "1.1.0");
    assert_eq!(rollout.reason.as_deref(), Some("held"));
    assert_eq!(rollout.delay_seconds, Some(86_400));
    assert!(rollout.bucket.is_some() && rollout.eligible_at.is_some());

    let report = device.check().await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, StageOutcome::Staged);
    let status = until(&device, |status| status.staged.is_some()).await;
    let staged = status.staged.clone().unwrap();
    assert!(staged.is_offered(), "{staged:?}");
    assert_eq!(staged.notes.as_deref(), Some("A clock."));
    device.stop().await;
}

#[tokio::test]
async fn who_opted_in_takes_the_newest_at_once_unless_updates_are_off() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0"]);
    host.say(&held("1.1.0"));
    let env = [("REFIT_EXPERIMENTAL", "on"), ("REFIT_NO_AUTO_UPDATE", "1")];
    let device = open(dir.path(), &host, &looking(&host), &env);
    device.start().await;
    assert!(
        !device
            .status()
            .borrow()
            .rollout
            .as_ref()
            .unwrap()
            .experimental
    );
    // One that looked by itself as well would have asked twice, and staged.
    let looked = device.look().await.unwrap();
    assert_eq!((looked.decision, looked.bypassed), ("stage", true));
    device.stop().await;
    assert_eq!(host.asked_for("latest.json"), 1, "it looked by itself");
    assert_eq!(host.asked_for(".tgz"), 0);

    let device = open(dir.path(), &host, &looking(&host), &env[..1]);
    let mut events = device.events();
    device.start().await;
    let version = "1.1.0".parse().unwrap();
    assert_eq!(
        events.recv().await.unwrap(),
        DeviceEvent::UpdateStaged { version }
    );
    assert!(
        device
            .status()
            .borrow()
            .rollout
            .as_ref()
            .unwrap()
            .experimental
    );
    device.stop().await;
}

#[tokio::test]
async fn a_recalled_version_is_not_staged_and_one_that_waits_is_not_started() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0", "1.2.0"]);
    host.say(&json!({ "version": "1.1.0" }));
    let device = open(dir.path(), &host, &following(&host), &[]);
    device.start().await;
    let report = device.check().await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, StageOutcome::Staged);

    host.say(&json!({ "version": "1.2.0", "recalled": ["1.1.0", "1.2.0"] }));
    let report = device.check().await.unwrap();
    assert_eq!(
        (report.decision, report.reason.as_str()),
        ("hold", "recalled")
    );
    let named = Wanted::Version("1.2.0".parse().unwrap());
    let report = device.stage(named).await.unwrap();
    assert_eq!(report.outcome, StageOutcome::Held);
    assert_eq!(report.reason, "recalled");

    let blocked = |status: &Status| status.staged.as_ref()?.blocked.clone();
    let status = until(&device, |status| blocked(status).is_some()).await;
    assert_eq!(blocked(&status).unwrap().reason, "recalled");
    assert_eq!(status.rollout.as_ref().unwrap().recalled.len(), 2);
    let applied = device.apply().await.unwrap();
    assert_eq!(applied.outcome, AppliedOutcome::Nothing);
    assert!(applied.reason.contains("recalled"), "{applied:?}");
    device.stop().await;

    // Without the app, from its files alone.
    let at_rest = Local::look(options(dir.path(), &host, &following(&host), &[])).at_rest(None);
    assert_eq!(blocked(&at_rest).unwrap().reason, "recalled");
    assert!(at_rest.rollout.unwrap().verified_at.is_some());

    // A recall is over when the list is.
    host.say(&json!({ "version": "1.1.0" }));
    let device = open(dir.path(), &host, &following(&host), &[]);
    device.check().await.unwrap();
    let status = until(&device, |status| status.staged.is_some()).await;
    assert_eq!(blocked(&status), None);
    device.stop().await;
}

#[tokio::test]
async fn a_channel_that_is_a_version_is_the_version_that_a_device_has() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0", "1.2.0"]);
    host.say(&json!({ "version": "1.2.0" }));
    let mut config = following(&host);
    config["channel"] = json!("1.1.0");
    let device = open(dir.path(), &host, &config, &[]);
    let report = device.look().await.unwrap();
    assert_eq!(report.version.unwrap().as_str(), "1.1.0");
    assert_eq!(report.reason, "pinned");
    device.stop().await;
}

#[tokio::test]
async fn without_its_trust_root_a_device_asks_nobody_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0"]);
    host.say(&json!({ "version": "1.1.0" }));
    let root = dir.path().join("root.json");
    let url = format!("{}repo/", host.url);
    let config = json!({
        "trust": { "root": root, "url": url }, "check": { "after": "1ms", "every": "1h" },
    });
    for content in [None, Some("<html>")] {
        if let Some(content) = content {
            std::fs::write(&root, content).unwrap();
        }
        let device = open(dir.path(), &host, &config, &[]);
        device.start().await;
        assert_eq!(device.check().await.unwrap_err().kind, "trust-root");
        let staged = device
            .stage(Wanted::Version("1.1.0".parse().unwrap()))
            .await;
        assert_eq!(staged.unwrap_err().kind, "trust-root");
        let status = device.status().borrow().clone();
        let told = |text: &String| text.contains("root.json") && text.contains("no updates");
        assert_eq!(status.problems.iter().filter(|it| told(it)).count(), 1);
        // Whoever has an app has no root to put anywhere.
        assert!(status.problems.concat().contains("installing it again"));
        let rollout = status.rollout.clone().unwrap();
        assert_eq!(rollout.mode, Mode::Tuf);
        assert!(rollout.trouble.is_some_and(|trouble| told(&trouble)));
        device.stop().await;
    }
    assert_eq!(host.asked_for(""), 0, "it asked somebody unsigned");
}

#[tokio::test]
async fn a_root_that_is_none_stages_nothing_whatever_the_registry_has() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0"]);
    host.say(&json!({ "version": "1.1.0" }));
    let url = format!("{}repo/", host.url);
    let config = json!({ "trust": { "root": "nowhere/root.json", "url": url } });
    let mut options = options(dir.path(), &host, &config, &[]);
    options.trust_root = Some(br#"{"signed":{"_type":"root"},"signatures":[]}"#.to_vec());
    let device = Device::open(Local::open(options));
    // The bytes are what counts: that the file is nowhere is nothing odd.
    assert_eq!(device.local().problems(), [] as [String; 0]);
    assert!(device.check().await.is_err());
    let named = Wanted::Version("1.1.0".parse().unwrap());
    assert!(device.stage(named).await.is_err());
    assert_eq!(device.local().resolve().version.as_str(), "1.0.0");
    assert_eq!(host.asked_for(".tgz"), 0);
    device.stop().await;
}

#[tokio::test]
async fn no_variable_says_whom_to_follow() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    let other = Host::start().await;
    host.publish(&["1.1.0"]);
    host.say(&held("1.1.0"));
    other.publish(&["9.9.9"]);
    other.say(&json!({ "version": "9.9.9" }));
    let manifest = format!("{}latest.json", other.url);
    let root = r#"{"signed":{"_type":"root"},"signatures":[]}"#;
    let env = [
        ("REFIT_MANIFEST", manifest.as_str()),
        ("REFIT_LATEST", manifest.as_str()),
        ("REFIT_TRUST", root),
        ("REFIT_TRUST_ROOT", root),
        ("REFIT_TRUST_URL", other.url.as_str()),
        ("REFIT_CHANNEL", "9.9.9"),
        ("REFIT_REGISTRY", other.url.as_str()),
        ("REFIT_ALLOW_OLDER", "1"),
        ("REFIT_KEYS", "/keys"),
        ("npm_config_manifest", manifest.as_str()),
        ("npm_config_trust", root),
        ("npm_config_tag", "9.9.9"),
        ("npm_config_registry", other.url.as_str()),
        ("npm_config_refit_manifest", manifest.as_str()),
    ];
    let device = open(dir.path(), &host, &looking(&host), &env);
    device.start().await;
    let status = checked(&device).await;
    let rollout = status.rollout.clone().unwrap();
    assert_eq!(rollout.mode, Mode::Manifest);
    assert_eq!(rollout.version.unwrap().as_str(), "1.1.0");
    assert_eq!(rollout.reason.as_deref(), Some("held"));
    assert!(!rollout.experimental && rollout.pinned.is_none());
    assert_eq!(other.asked_for(""), 0, "a variable had a say");
    device.stop().await;
}
