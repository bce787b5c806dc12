//! The life of a repository in a bucket, looked at as devices would after every single write.

mod devices;
mod story;

use jiff::{SignedDuration, Timestamp};
use object_store::Attribute;

use self::devices::Devices;
use self::story::{Publisher, STEPS, Step};
use crate::keys::Role;
use crate::site::testing::Recording;

/// Runs a future that does no waiting of its own.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn after_every_single_write_each_device_finds_something_whole() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in STEPS {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        let devices = Devices::with_root_of(&publisher);
        let writes = bucket.writes();
        assert!(writes.len() > 30, "{}", writes.len());
        let mut newest = None;
        for write in &writes {
            let seen = devices.look(&write.site(), &write.name).await;
            // What a signed device is led to never goes back.
            assert!(seen.timestamp >= newest, "after {}", write.name);
            newest = seen.timestamp;
        }
        let last = devices.look(&bucket.site(), "the end").await;
        assert_eq!(last.plain.as_deref(), Some("1.1.0"));
        assert_eq!(last.signed.as_deref(), Some("1.1.0"));
    });
}

#[test]
fn stopped_after_any_write_it_is_whole_and_doing_it_again_finishes_it() {
    run(async {
        let mut bucket = Recording::new();
        let publisher = Publisher::new();
        for step in STEPS {
            let mut writes = 0;
            loop {
                let fork = bucket.fork(writes);
                let copy = publisher.copy();
                let stopped = copy.take(step, &fork.site()).await.is_err();
                let devices = Devices::with_root_of(&copy);
                devices
                    .look(&fork.site(), &format!("{step:?} stopped after {writes}"))
                    .await;
                fork.mend();
                if stopped {
                    copy.take(step, &fork.site()).await.unwrap();
                }
                // `init` gives the shell its root only once it is done.
                let after = Devices::with_root_of(&copy)
                    .look(&fork.site(), &format!("{step:?} again after {writes}"))
                    .await;
                if !stopped {
                    assert_eq!(story::expected(step), after.plain_and_signed());
                    publisher.become_of(copy);
                    bucket = fork;
                    break;
                }
                assert_eq!(
                    story::expected(step),
                    after.plain_and_signed(),
                    "{step:?} {writes}"
                );
                writes += 1;
            }
        }
    });
}

#[test]
fn a_lost_key_is_replaced_and_only_the_newest_root_without_its_timestamp_is_refused() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init, Step::Describe, Step::Start] {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
            std::fs::remove_file(publisher.keys_path().join(format!("{role}.pem"))).unwrap();
            let with_it = publisher.take(Step::Rotate(role), &bucket.site()).await;
            assert!(with_it.unwrap_err().hint.unwrap().contains("--lost"));
            let before = bucket.writes().len();
            let mut refused = 0;
            for left in 0.. {
                let fork = bucket.fork(left);
                let copy = publisher.copy();
                if copy.take(Step::Lost(role), &fork.site()).await.is_ok() {
                    break;
                }
                let devices = Devices::with_root_of(&copy).may_refuse();
                let seen = devices.look(&fork.site(), "stopped").await;
                refused += usize::from(seen.timestamp.is_none());
                fork.mend();
                copy.take(Step::Lost(role), &fork.site()).await.unwrap();
                let devices = Devices::with_root_of(&copy);
                let seen = devices.look(&fork.site(), "again").await;
                assert_eq!(seen.signed.as_deref(), Some("1.0.0"));
                copy.take(Step::Refresh, &fork.site()).await.unwrap();
            }
            assert_eq!(refused, 1, "{role}");
            publisher
                .take(Step::Lost(role), &bucket.site())
                .await
                .unwrap();
            assert!(bucket.writes().len() > before);
        }
        let root = publisher.keys_path().join("root.pem");
        std::fs::remove_file(root).unwrap();
        let failure = publisher.take(Step::Lost(Role::Root), &bucket.site()).await;
        assert_eq!(failure.unwrap_err().kind, "keys");
    });
}

#[test]
fn caches_may_keep_what_never_changes_and_nothing_else() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in STEPS {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        let mut written = std::collections::BTreeMap::<String, u32>::new();
        for write in bucket.writes() {
            let is = |attribute, value: &str| {
                assert_eq!(
                    write.attributes.get(&attribute).map(AsRef::as_ref),
                    Some(value),
                    "{}",
                    write.name
                );
            };
            let changes = ["index.json", "timestamp.json"]
                .iter()
                .any(|end| write.name.ends_with(end))
                || write.name == "latest.json";
            if changes {
                is(Attribute::CacheControl, "no-cache");
            } else {
                is(
                    Attribute::CacheControl,
                    "public, max-age=31536000, immutable",
                );
                let times = written.entry(write.name.clone()).or_default();
                *times += 1;
                // A target that comes back has the content it had.
                assert!(
                    *times == 1 || write.name.contains("/targets/"),
                    "{}",
                    write.name
                );
            }
            let kind = if write.name.contains("/-/") {
                "application/gzip"
            } else {
                "application/json"
            };
            is(Attribute::ContentType, kind);
        }
    });
}

#[test]
fn of_two_publishers_at_once_one_is_told_and_nothing_is_lost() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init, Step::Start] {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        let one = publisher.desk(&bucket.site()).await;
        let other = publisher.desk(&bucket.site()).await;
        let now = story::now();
        one.publish_manifest(story::manifest("1.0.0", "one"), now)
            .await
            .unwrap();
        let before = bucket.writes().len();
        let failure = other
            .publish_manifest(story::manifest("1.0.0", "other"), now)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, "meanwhile");
        // What the second wrote, if anything, nothing leads to.
        for write in &bucket.writes()[before..] {
            assert!(!write.name.ends_with("latest.json") || write.name.contains("targets/"));
            assert!(!write.name.ends_with("timestamp.json"));
        }
        let mut third = publisher.desk(&bucket.site()).await;
        let found = third.manifest("latest.json").await.unwrap().unwrap();
        assert!(String::from_utf8(found).unwrap().contains("one"));
        // And whoever was told may try again.
        third
            .publish_manifest(story::manifest("1.0.0", "other"), now)
            .await
            .unwrap();
        Devices::with_root_of(&publisher)
            .look(&bucket.site(), "both")
            .await;
    });
}

#[test]
fn a_refresh_between_looking_and_publishing_is_not_undone() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init, Step::Describe, Step::Start] {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        let desk = publisher.desk(&bucket.site()).await;
        publisher.take(Step::Refresh, &bucket.site()).await.unwrap();
        let before = bucket
            .site()
            .get("repo/metadata/timestamp.json")
            .await
            .unwrap();
        let failure = desk
            .publish_manifest(story::manifest("1.0.0", "late"), story::now())
            .await
            .unwrap_err();
        assert_eq!(failure.kind, "meanwhile");
        let after = bucket
            .site()
            .get("repo/metadata/timestamp.json")
            .await
            .unwrap();
        assert_eq!(after.bytes, before.bytes);
        // The files that were left do not stand in the way.
        publisher.take(Step::Second, &bucket.site()).await.unwrap();
        Devices::with_root_of(&publisher)
            .look(&bucket.site(), "later")
            .await;
    });
}

#[test]
fn a_root_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init] {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        // Another machine, which knows the first root only.
        let other = publisher.copy();
        publisher
            .take(Step::Rotate(Role::Root), &bucket.site())
            .await
            .unwrap();
        bucket.hide("2.root.json");
        let before = bucket.writes().len();
        let failure = other.take(Step::Refresh, &bucket.site()).await.unwrap_err();
        assert!(
            failure.message.contains("the connection broke"),
            "{failure}"
        );
        assert_eq!(bucket.writes().len(), before);
    });
}

#[test]
fn publishers_of_a_plain_site_are_told_apart_too() {
    run(async {
        let bucket = Recording::new();
        let mut one = super::Desk::open(bucket.site(), None).await.unwrap();
        let mut other = super::Desk::open(bucket.site(), None).await.unwrap();
        assert_eq!(one.manifest("latest.json").await.unwrap(), None);
        assert_eq!(other.manifest("latest.json").await.unwrap(), None);
        let now = story::now();
        one.publish_manifest(story::manifest("1.0.0", "one"), now)
            .await
            .unwrap();
        let failure = other
            .publish_manifest(story::manifest("1.0.0", "other"), now)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, "meanwhile");
        let found = one.manifest("latest.json").await.unwrap().unwrap();
        assert!(String::from_utf8(found).unwrap().contains("one"));
    });
}

#[test]
fn an_old_state_shown_to_the_publisher_is_not_signed_anew() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init, Step::Start] {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        let old = bucket.fork(usize::MAX);
        publisher.take(Step::Refresh, &bucket.site()).await.unwrap();
        let failure = publisher
            .take(Step::Refresh, &old.site())
            .await
            .unwrap_err();
        assert_eq!(failure.kind, "repository");
        assert!(failure.message.contains("timestamp"), "{failure}");
        assert_eq!(old.writes().len(), 0);
    });
}

#[test]
fn another_repository_is_not_gone_on_with() {
    run(async {
        let (mine, theirs) = (Publisher::new(), Publisher::new());
        let bucket = Recording::new();
        for step in [Step::First, Step::Init] {
            theirs.take(step, &bucket.site()).await.unwrap();
        }
        let before = bucket.writes().len();
        for step in [
            Step::Init,
            Step::Refresh,
            Step::Second,
            Step::Rotate(Role::Root),
        ] {
            let failure = mine.take(step, &bucket.site()).await.unwrap_err();
            assert!(
                matches!(failure.kind.as_str(), "keys" | "repository"),
                "{failure}"
            );
        }
        assert_eq!(bucket.writes().len(), before);
    });
}

#[test]
fn only_what_is_due_is_signed_again_and_only_its_keys_are_needed() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init] {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        publisher.hide("root");
        publisher.hide("targets");
        publisher.hide("snapshot");
        let names = |before: usize| -> Vec<String> {
            bucket.writes()[before..]
                .iter()
                .map(|write| write.name.trim_start_matches("repo/metadata/").to_owned())
                .collect()
        };
        let days = |days: i64| story::now() + SignedDuration::from_hours(24 * days);
        let before = bucket.writes().len();
        publisher.refresh(&bucket.site(), days(3)).await.unwrap();
        assert_eq!(names(before), ["timestamp.json"]);

        let failure = publisher
            .refresh(&bucket.site(), days(21))
            .await
            .unwrap_err();
        assert!(failure.message.contains("snapshot.pem"), "{failure}");
        publisher.show("snapshot");
        let before = bucket.writes().len();
        publisher.refresh(&bucket.site(), days(21)).await.unwrap();
        assert_eq!(names(before), ["2.snapshot.json", "timestamp.json"]);

        publisher.show("targets");
        let before = bucket.writes().len();
        let done = publisher.refresh(&bucket.site(), days(80)).await.unwrap();
        assert_eq!(
            names(before),
            ["2.targets.json", "3.snapshot.json", "timestamp.json"]
        );
        assert!(!done.root_is_due);
        let done = publisher.refresh(&bucket.site(), days(300)).await.unwrap();
        assert!(done.root_is_due);
        let expires: Timestamp = done.root;
        assert_eq!(expires, story::whole(days(365)));
    });
}
