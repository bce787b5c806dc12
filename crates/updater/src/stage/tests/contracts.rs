//! Versions that ask for more than this app offers, or brings along.

use super::*;
use crate::CheckReport;

#[tokio::test]
async fn what_asks_for_more_than_this_app_offers_is_fetched_once_by_the_timer_and_again_for_other_offers()
 {
    let mut device = Device::new();
    let asking = |refit: Value| {
        let manifest = json!({ "name": "demo", "version": "1.1.0", "refit": refit });
        let manifest = manifest.to_string();
        tarball(&[("package.json", &manifest), ("cli.js", "// starts")])
    };
    let (server, answers) = offering("1.1.0", &asking(json!({ "contract": 2 }))).await;
    let fetched = || {
        let is_tarball = |line: &String| line.contains(".tgz");
        server.lines().into_iter().filter(is_tarball).count()
    };
    let held = |report: CheckReport| {
        assert_eq!((report.decision, &*report.reason), ("hold", "contract"));
        assert!(report.message.contains("contract"), "{}", report.message);
    };
    held(
        device
            .updater(&server.origin)
            .check(By::Timer)
            .await
            .unwrap(),
    );
    assert_eq!(fetched(), 1);
    // Of another process, later: it is on disk.
    let updater = device.updater(&server.origin);
    held(updater.check(By::Timer).await.unwrap());
    let report = updater.forced_look().await.unwrap();
    assert_eq!(report.outcome, Outcome::Incompatible);
    assert_eq!(fetched(), 1, "a timer fetched it again");
    let error = updater.check(By::Person).await.unwrap_err();
    assert_eq!((error.kind(), fetched()), ("contract", 2));
    held(updater.check(By::Timer).await.unwrap());
    assert_eq!(fetched(), 2);
    // Other content under the same version is another matter, and so is an app that offers more.
    let other = asking(json!({ "contract": 2, "requires": ["tray"] }));
    *answers.lock().unwrap() = (
        listing(&server, &[("1.1.0", &other)]),
        Reply::new(200, other),
    );
    held(updater.check(By::Timer).await.unwrap());
    held(updater.check(By::Timer).await.unwrap());
    assert_eq!(fetched(), 3);
    let mut shell = (*device.shell).clone();
    shell.offers.contract = 2;
    shell.offers.offers.insert("tray".into());
    device.shell = Arc::new(shell);
    let updater = device.updater(&server.origin);
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
    assert_eq!(fetched(), 4);
}

#[tokio::test]
async fn a_publisher_heals_what_asks_for_too_much_by_going_back_to_an_older_version() {
    let mut device = Device::new();
    let manifest = json!({ "name": "demo", "version": "1.2.0", "refit": { "contract": 2 } });
    let (asks, older) = (
        tarball(&[("package.json", &manifest.to_string()), ("cli.js", "")]),
        version("demo", "1.1.0"),
    );
    let (server, answers) = offering("1.2.0", &asks).await;
    let small = Arc::clone(&device.shell);
    let mut large = (*small).clone();
    large.offers.contract = 2;
    device.shell = Arc::new(large);
    let updater = device.updater(&server.origin);
    updater.check(By::Timer).await.unwrap();
    device.shell = small;
    let updater = device.updater(&server.origin);
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!((report.decision, &*report.reason), ("hold", "contract"));
    let report = updater.forced_look().await.unwrap();
    assert_eq!(report.outcome, Outcome::Incompatible);
    let before = [("1.1.0", &*older)];
    *answers.lock().unwrap() = (listing(&server, &before), Reply::new(200, older.clone()));
    let report = updater.forced_look().await.unwrap();
    assert_eq!(report.outcome, Outcome::Staged, "{}", report.message);
    let choice = device.store.resolve(&device.shell, runtime_store::now());
    assert_eq!(choice.version.as_str(), "1.1.0");
}

#[tokio::test]
async fn what_needs_a_dependency_that_the_installer_has_not_is_fetched_once_by_the_timer() {
    let device = Device::new();
    let needs = json!({ "node-pty": "*" });
    let manifest = json!({ "name": "demo", "version": "1.1.0", "dependencies": needs });
    let files = [("package.json", &*manifest.to_string()), ("cli.js", "")];
    let (server, _) = offering("1.1.0", &tarball(&files)).await;
    let mut spec = Device::spec(
        &server.origin,
        Policy::registry(jiff::Timestamp::UNIX_EPOCH),
        None,
    );
    spec.carry = vec!["node_modules/node-pty".into()];
    let updater = device.start(spec);
    updater.check(By::Timer).await.unwrap_err();
    let asked = server.seen().len();
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(report.reason, "refused-before");
    assert!(report.message.contains("node-pty"), "{}", report.message);
    assert_eq!(server.seen().len(), asked + 1, "it was fetched again");
}
