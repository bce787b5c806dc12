//! An administrator's policy, as the system keeps it: written as root, and skipped aloud elsewhere.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "other tests need more of it")]
mod host;
mod laid;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use device::{AppliedOutcome, Device, Local, StageOutcome, Updates, Wanted};
use serde_json::json;

use host::{Host, open, options};
use laid::Laid;

fn kind<T: std::fmt::Debug>(result: Result<T, device::Problem>) -> String {
    let problem = result.unwrap_err();
    assert!(
        problem.message.starts_with("Managed by your administrator"),
        "{problem:?}"
    );
    assert!(problem.message.contains("policy.json"), "{problem:?}");
    problem.kind
}

async fn refuses_people(device: &Device) {
    let version = "1.1.0".parse().unwrap();
    let staged = device.stage(Wanted::Latest).await;
    assert_eq!(kind(staged), "managed");
    let named = device.stage(Wanted::Version(version)).await;
    assert_eq!(kind(named), "managed");
    let file = Wanted::Tarball {
        file: "nowhere.tgz".into(),
        integrity: None,
    };
    assert_eq!(kind(device.stage(file).await), "managed");
    assert_eq!(kind(device.roll_back(None, false).await), "managed");
    let again = device.retry(Some("1.1.0".parse().unwrap())).await;
    assert_eq!(kind(again), "managed");
    assert_eq!(kind(device.may_change()), "managed");
}

#[tokio::test]
async fn where_an_administrator_decides_people_look_and_change_nothing() {
    let Some(laid) = Laid::new() else { return };
    laid.say(r#"{"updates":"managed"}"#);
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0"]);
    let quiet = [("REFIT_NO_AUTO_UPDATE", "1"), ("REFIT_EXPERIMENTAL", "1")];
    let config = laid.about(&json!({}));
    let device = open(dir.path(), &host, &config, &quiet);
    // A variable takes nothing back of what the policy says.
    assert_eq!(device.status().borrow().updates, Updates::Managed);
    let managed = device.local().managed().unwrap();
    assert_eq!(managed.updates, "managed");
    assert_eq!(managed.source, laid.file().display().to_string());
    refuses_people(&device).await;
    assert_eq!(host.asked_for(".tgz"), 0);
    let looked = device.check().await.unwrap();
    assert_eq!((looked.decision, &looked.staged), ("stage", &None));
    assert_eq!(host.asked_for(".tgz"), 0, "a check staged it");
    // Whoever may change versions counts at once.
    laid.say(r#"{"updates":"user"}"#);
    device.may_change().unwrap();
    let staged = device.check().await.unwrap().staged.unwrap();
    assert_eq!(staged.outcome, StageOutcome::Staged);
    laid.say(r#"{"updates":"managed"}"#);
    refuses_people(&device).await;
    // What is staged may be restarted into; here there is nothing to restart.
    let applied = device.apply().await.unwrap();
    assert_eq!(applied.outcome, AppliedOutcome::Nothing);
    laid.say(r#"{"updates":"off"}"#);
    assert_eq!(kind(device.apply().await), "managed");
    device.stop().await;
}

#[tokio::test]
async fn off_is_off_for_the_timer_too() {
    let Some(laid) = Laid::new() else { return };
    laid.say(r#"{"updates":"off"}"#);
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0"]);
    let config = json!({ "check": { "after": "1ms", "every": "1h" } });
    let device = open(dir.path(), &host, &laid.about(&config), &[]);
    device.start().await;
    assert_eq!(device.status().borrow().updates, Updates::Off);
    refuses_people(&device).await;
    // One that looked by itself as well would have asked before.
    assert_eq!(device.look().await.unwrap().decision, "stage");
    device.stop().await;
    assert_eq!(host.asked_for("/demo"), 1, "it looked by itself");
}

#[tokio::test]
async fn a_release_waits_until_it_is_old_enough() {
    let Some(laid) = Laid::new() else { return };
    laid.say(r#"{"updates":"managed","minimumAge":"3d"}"#);
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0"]);
    let device = open(dir.path(), &host, &laid.about(&json!({})), &[]);
    let looked = device.look().await.unwrap();
    assert_eq!(
        (looked.decision, looked.reason.as_str()),
        ("hold", "minimum-age")
    );
    assert!(looked.message.contains("administrator"), "{looked:?}");
    device.stop().await;

    // Where its publisher says when it was published, that counts.
    let manifest = |days: i64| {
        let age = jiff::SignedDuration::from_hours(24 * days);
        let at = jiff::Timestamp::now().checked_sub(age).unwrap();
        json!({ "version": "1.1.0", "publishedAt": at.to_string(), "critical": true })
    };
    let dir = tempfile::tempdir().unwrap();
    let config = laid.about(&json!({ "manifest": format!("{}latest.json", host.url) }));
    host.say(&manifest(2));
    let device = open(dir.path(), &host, &config, &[]);
    let looked = device.look().await.unwrap();
    assert_eq!(looked.reason, "minimum-age", "{looked:?}");
    host.say(&manifest(4));
    let looked = device.look().await.unwrap();
    assert_eq!(looked.decision, "stage", "{looked:?}");
    device.stop().await;
}

#[tokio::test]
async fn a_policy_s_pin_comes_before_the_configuration_s_channel() {
    let Some(laid) = Laid::new() else { return };
    laid.say(r#"{"pin":"1.1.0","minimumAge":"300d"}"#);
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    host.publish(&["1.1.0", "1.2.0"]);
    let device = open(dir.path(), &host, &laid.about(&json!({})), &[]);
    assert_eq!(device.local().managed(), None);
    let staged = device.check().await.unwrap().staged.unwrap();
    assert_eq!(staged.version.unwrap().as_str(), "1.1.0");
    device.stop().await;
    let settings = device.local().settings("config.json");
    let pin = settings.iter().find(|it| it.name == "pin").unwrap();
    assert_eq!(
        (pin.value.as_str(), pin.from.as_str()),
        ("1.1.0", laid.file().to_str().unwrap())
    );
}

#[tokio::test]
async fn a_policy_that_others_could_have_written_is_ignored_aloud() {
    let Some(laid) = Laid::new() else { return };
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    let config = laid.about(&json!({}));
    let reads = || Local::open(options(dir.path(), &host, &config, &[]));
    let ignored = |why: &str| {
        let local = reads();
        assert_eq!(local.managed(), None, "{why}");
        let told = local.problems().join("\n");
        assert!(
            told.contains("is ignored") && told.contains(why),
            "{why}: {told}"
        );
    };
    assert!(reads().problems().iter().all(|it| !it.contains("policy")));
    laid.say(r#"{"updates":"managed"}"#);
    assert!(reads().managed().is_some());
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for wrong in [0o664, 0o646, 0o666] {
        mode(&laid.file(), wrong);
        ignored("can be written by others");
    }
    mode(&laid.file(), 0o600);
    for wrong in [0o775, 0o757, 0o1777] {
        mode(&laid.folder, wrong);
        ignored("can be written by others");
    }
    mode(&laid.folder, 0o755);
    chown(laid.file(), Some(1), None).unwrap();
    ignored("is not owned by root");
    chown(laid.file(), Some(0), None).unwrap();
    chown(&laid.folder, Some(1), None).unwrap();
    ignored("is not owned by root");
    chown(&laid.folder, Some(0), None).unwrap();
    assert!(reads().managed().is_some());
    let elsewhere = laid.folder.join("other.json");
    fs::rename(laid.file(), &elsewhere).unwrap();
    symlink(&elsewhere, laid.file()).unwrap();
    ignored("is a link");
    fs::remove_file(laid.file()).unwrap();
    fs::create_dir(laid.file()).unwrap();
    ignored("is not a file");
}

#[tokio::test]
async fn another_configuration_for_the_same_data_is_no_way_around_it() {
    let Some(laid) = Laid::new() else { return };
    laid.say(r#"{"updates":"off"}"#);
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    let managed = |data: PathBuf| {
        let other = json!({ "identifier": "org.example.other" });
        let mut options = options(dir.path(), &host, &other, &[]);
        options.data_dir = data;
        Local::open(options).managed().map(|it| it.source)
    };
    let data = dir.path().join(&laid.identifier);
    let source = Some(laid.file().display().to_string());
    assert_eq!(managed(data.clone()), source);
    assert_eq!(managed(data.join("apps/clock")), source);
    let link = dir.path().join("link");
    symlink(&data, &link).unwrap();
    assert_eq!(managed(link), source);
    assert_eq!(managed(dir.path().join("elsewhere")), None);
}

#[tokio::test]
async fn a_policy_that_cannot_be_understood_lets_nobody_change_anything() {
    let Some(laid) = Laid::new() else { return };
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start().await;
    let config = laid.about(&json!({}));
    let large = format!("{{\"updates\":\"user\"{}}}", " ".repeat(70_000));
    for text in ["", "{", r#"{"updates":"user","pins":[]}"#, &large] {
        laid.say(text);
        let device = open(dir.path(), &host, &config, &[]);
        let told = device.local().problems().join("\n");
        assert!(told.contains("cannot be understood"), "{told}");
        assert_eq!(device.status().borrow().updates, Updates::Managed);
        refuses_people(&device).await;
        device.stop().await;
    }
}
