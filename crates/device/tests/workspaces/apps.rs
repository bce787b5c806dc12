//! Two runtimes in one shell.

use device::{Apps, UpgradeOutcome};
use serde_json::json;

use crate::scene::{Scene, bundle, everywhere};

#[tokio::test(flavor = "multi_thread")]
async fn two_runtimes_have_their_own_pointers_and_bad_lists() {
    let scene = Scene::new().await;
    bundle(&scene.path().join("bundled/apps/notes"), "3.0.0");
    let mut notes = scene.config();
    notes["package"] = json!("notes");
    notes["cwd"] = json!(scene.folder("notes"));
    let mut config = scene.config();
    config["apps"] = json!({ "notes": notes });
    scene.publish(&["1.0.0", "1.1.0"]);
    scene.publish_as("notes", &["3.0.0", "3.1.0"]);
    scene.fails("notes", "3.1.0");

    let apps = Apps::open(scene.options(config));
    apps.start().await;
    let notes = apps.get("notes").unwrap();
    assert!(apps.get("nothing").is_none());
    let names: Vec<_> = apps.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["main", "notes"]);
    everywhere(apps.main(), "1.0.0").await;
    everywhere(notes, "3.0.0").await;

    let upgraded = apps.main().upgrade().await.unwrap();
    assert_eq!(upgraded.outcome, UpgradeOutcome::Upgraded, "{upgraded:?}");
    let fell_back = notes.upgrade().await.unwrap();
    assert_eq!(fell_back.outcome, UpgradeOutcome::FellBack, "{fell_back:?}");

    let main = everywhere(apps.main(), "1.1.0").await;
    let other = everywhere(notes, "3.0.0").await;
    assert_eq!(
        (main.app.name.as_str(), main.app.package.as_str()),
        ("main", "demo")
    );
    assert_eq!(
        (other.app.name.as_str(), other.app.package.as_str()),
        ("notes", "notes")
    );
    assert_eq!(main.bad, []);
    assert_eq!(other.bad[0].version.as_str(), "3.1.0");
    let pointer = |below: &str| scene.data().join(below).join("runtime-store/current.json");
    assert!(pointer("").exists());
    assert!(!pointer("apps/notes").exists());
    assert_ne!(
        main.running.as_ref().unwrap().url,
        other.running.as_ref().unwrap().url
    );
    apps.stop().await;
}
