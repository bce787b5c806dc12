//! What a person reads, and how often others are asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn named(text: &str) -> Wanted {
    Wanted::Version(text.parse().unwrap())
}

#[tokio::test]
async fn a_registry_that_refuses_a_tarball_is_not_asked_more_often_than_once_per_try() {
    for status in [429, 503] {
        let device = Device::new();
        let bytes = version("demo", "1.1.0");
        let (server, answers) = offering("1.1.0", &bytes).await;
        answers.lock().unwrap().1 = Reply::new(status, "");
        let updater = device.updater(&server.origin);
        let error = updater.check(By::Timer).await.unwrap_err();
        assert_eq!(error.kind(), "registry-busy");
        assert_eq!(server.seen().len(), 1 + QUICK.tries, "{:?}", server.lines());

        answers.lock().unwrap().1 = Reply::new(200, bytes.clone()).cut(60);
        let asked = server.seen().len();
        updater.check(By::Timer).await.unwrap_err();
        assert_eq!(server.seen().len() - asked, 1 + QUICK.tries);
    }
}

#[tokio::test]
async fn an_error_names_the_address_that_was_really_asked() {
    let device = Device::new();
    let (server, answers) = offering("1.1.0", &version("demo", "1.1.0")).await;
    let listed = packument(
        "demo",
        "http://127.0.0.1:1",
        &[("1.1.0", &version("demo", "1.1.0"))],
    );
    *answers.lock().unwrap() = (
        Reply::json(&listed),
        Reply::new(200, version("demo", "1.1.1")),
    );
    let updater = device.updater(&server.origin);
    let error = updater.check(By::Timer).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("{}/demo/-/demo-1.1.0.tgz", server.origin)),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_announced_to_be_too_large_once_unpacked_is_told_so_and_never_fetched() {
    let device = Device::new();
    let (server, answers) = offering("1.1.0", &version("demo", "1.1.0")).await;
    let limit = Limits::default().total_bytes;
    for size in [limit + 1, u64::MAX / 2] {
        let mut listed = packument("demo", &server.origin, &[("1.1.0", b"bytes")]);
        listed["versions"]["1.1.0"]["dist"]["unpackedSize"] = json!(size);
        answers.lock().unwrap().0 = Reply::json(&listed);
        let error = device
            .updater(&server.origin)
            .stage(named("1.1.0"), false)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), "too-big", "{error}");
        assert!(error.to_string().contains(&limit.to_string()), "{error}");
    }
    assert_eq!(server.lines(), ["GET /demo"; 2]);
    device.state();
}

#[tokio::test]
async fn an_older_version_is_refused_for_what_only_waits_too_and_that_is_said() {
    let device = Device::new();
    device.running.send_replace(None);
    let (server, _) = offering("1.1.0", &version("demo", "1.1.0")).await;
    let updater = device.updater(&server.origin);
    updater.check(By::Person).await.unwrap();
    let error = updater.stage(named("0.9.0"), false).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("1.1.0, which runs or waits here"),
        "{error}"
    );
}

#[tokio::test]
async fn a_version_that_a_person_went_back_from_is_not_said_to_have_failed() {
    let device = Device::new();
    let (server, _) = offering("1.1.0", &version("demo", "1.1.0")).await;
    let updater = device.updater(&server.origin);
    updater.check(By::Timer).await.unwrap();
    let now = jiff::Timestamp::now();
    drop(
        device
            .store
            .begin_launch(&device.shell, Asked::Passively, &[], now),
    );
    let order = runtime_store::RollBack::Person;
    device.store.roll_back(&device.shell, order, now).unwrap();
    let report = updater.stage(named("1.1.0"), false).await.unwrap();
    assert_eq!(report.outcome, Outcome::BadVersion);
    assert!(
        report.message.contains("you rolled back from it")
            && report.message.contains("refit retry 1.1.0")
            && !report.message.contains("failed"),
        "{}",
        report.message
    );
}

#[cfg(unix)]
#[tokio::test]
async fn only_a_regular_file_is_read_as_a_tarball() {
    let device = Device::new();
    let updater = device.updater("http://127.0.0.1:1/");
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let missing = folder.path().join("missing.tgz");
    for file in [
        pipe,
        PathBuf::from("/dev/zero"),
        folder.path().to_owned(),
        missing,
    ] {
        let wanted = Wanted::Tarball {
            file: file.clone(),
            integrity: None,
        };
        let staged = tokio::time::timeout(Duration::from_secs(5), updater.stage(wanted, false));
        let error = staged
            .await
            .unwrap_or_else(|_| panic!("{} blocks", file.display()))
            .unwrap_err();
        assert_eq!(error.kind(), "file", "{error}");
        assert!(error.hint().contains("existing file"), "{}", error.hint());
        assert!(error.to_string().contains(file.to_str().unwrap()));
    }
}

/// Counts warnings.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target().starts_with("updater")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a_check_that_cannot_be_written_down_says_so_once() {
    let device = Device::new();
    // A file where the store's folder was: nothing can be written there.
    std::fs::remove_dir_all(device.store.root()).unwrap();
    std::fs::write(device.store.root(), "").unwrap();
    let (server, _) = offering("1.0.0", &version("demo", "1.0.0")).await;
    let updater = device.updater(&server.origin);
    let count = Arc::new(AtomicUsize::new(0));
    let _counting = tracing::subscriber::set_default(Warnings(Arc::clone(&count)));
    for checks in 1..=2 {
        updater.check(By::Person).await.unwrap();
        // That it has no id is said once for all.
        assert_eq!(count.load(Ordering::Relaxed), checks + 1);
    }
}
