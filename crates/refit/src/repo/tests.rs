//! The life of a repository in a bucket, looked at as devices would after every single write.

mod devices;
mod story;

use jiff::{SignedDuration, Timestamp};
use object_store::Attribute;

use self::devices::Devices;
use self::story::{Publisher, STEPS, Step};
use crate::keys::Role;
use crate::site::testing::{Disk, Fragile, Recording};

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

/// Takes steps, each stopped after every number of writes and then taken again. After each stop devices
/// find something whole, and after each step what `expected` says.
async fn stop_everywhere<T: Fragile>(
    mut place: T,
    steps: &[Step],
    expected: fn(Step) -> (Option<String>, Option<String>),
) {
    let publisher = Publisher::new();
    for step in steps.iter().copied() {
        for writes in 0..100 {
            let fork = place.fork(writes);
            let copy = publisher.copy();
            let stopped = copy.take(step, &fork.site()).await.is_err();
            let devices = Devices::with_root_of(&copy);
            devices
                .look(&fork.site(), &format!("{step:?} stopped after {writes}"))
                .await;
            fork.mend();
            if stopped {
                let again = copy.take(step, &fork.site()).await;
                again.unwrap_or_else(|failure| panic!("{step:?} {writes}: {failure}"));
            }
            // `init` gives the shell its root only once it is done.
            let after = Devices::with_root_of(&copy)
                .look(&fork.site(), &format!("{step:?} again after {writes}"))
                .await;
            let found = after.plain_and_signed();
            assert_eq!(expected(step), found, "{step:?} {writes}");
            if !stopped {
                publisher.become_of(copy);
                place = fork;
                break;
            }
        }
    }
}

#[test]
fn stopped_after_any_write_it_is_whole_and_doing_it_again_finishes_it() {
    run(stop_everywhere(Recording::new(), &STEPS, story::expected));
}

#[test]
fn so_it_is_in_a_folder() {
    run(stop_everywhere(Disk::new(), &STEPS, story::expected));
}

#[test]
fn a_rollout_that_was_stopped_is_finished_by_ordering_it_again() {
    run(async {
        stop_everywhere(Recording::new(), &story::ROLLOUT, story::rolled_out).await;
        stop_everywhere(Disk::new(), &story::ROLLOUT, story::rolled_out).await;
    });
}

#[test]
fn a_refresh_finishes_what_was_stopped_also_where_there_never_was_a_plain_manifest() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init, Step::Describe] {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        let mut started = None;
        for left in 0..30 {
            let fork = bucket.fork(left);
            let result = publisher.copy().take(Step::Begin, &fork.site()).await;
            if result.is_err_and(|failure| failure.message.contains("is live")) {
                started = Some(fork);
            }
        }
        let started = started.unwrap();
        started.mend();
        assert!(
            started
                .site()
                .get("latest.json")
                .await
                .unwrap()
                .bytes
                .is_none()
        );
        let done = publisher
            .refresh(&started.site(), story::now())
            .await
            .unwrap();
        assert_eq!(done.mended, ["latest.json"]);
        let seen = Devices::with_root_of(&publisher)
            .look(&started.site(), "refreshed")
            .await;
        assert_eq!(seen.plain.as_deref(), Some("1.0.0"));
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

#[test]
fn of_two_publishers_of_one_version_in_a_folder_the_later_one_changes_nothing() {
    run(async {
        let folder = Disk::new();
        let publisher = Publisher::new();
        publisher.take(Step::First, &folder.site()).await.unwrap();
        // Looks first, and asks a person.
        let slow = super::Desk::open(folder.site(), None).await.unwrap();
        let draft = publisher.shelved(&slow, "1.1.0", b"other").await.unwrap();
        publisher.add(&folder.site(), "1.1.0", b"").await.unwrap();
        let failure = slow.write(draft, story::now()).await.unwrap_err();
        assert_eq!(failure.kind, "meanwhile");
        Devices::with_root_of(&publisher)
            .look(&folder.site(), "both")
            .await;
    });
}

#[test]
fn a_tarball_that_is_lost_or_another_is_put_back_by_publishing_it_again() {
    run(async {
        let folder = Disk::new();
        let publisher = Publisher::new();
        publisher.take(Step::First, &folder.site()).await.unwrap();
        let path = folder.path().join("@acme/demo/-/demo-1.0.0.tgz");
        for spoil in [
            |path: &std::path::Path| std::fs::remove_file(path).unwrap(),
            |path: &std::path::Path| std::fs::write(path, "other").unwrap(),
        ] {
            spoil(&path);
            publisher.take(Step::First, &folder.site()).await.unwrap();
            Devices::with_root_of(&publisher)
                .look(&folder.site(), "put back")
                .await;
        }
    });
}

#[test]
fn targets_that_the_host_lost_are_made_again_or_told() {
    run(async {
        let folder = Disk::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init, Step::Describe, Step::Start] {
            publisher.take(step, &folder.site()).await.unwrap();
        }
        let spoil = |end: &str, content: Option<&str>| {
            for entry in std::fs::read_dir(folder.path().join("repo/targets")).unwrap() {
                let path = entry.unwrap().path();
                if path.to_str().unwrap().ends_with(end) {
                    match content {
                        Some(content) => std::fs::write(path, content).unwrap(),
                        None => std::fs::remove_file(path).unwrap(),
                    }
                }
            }
        };
        for content in [None, Some(r#"{"version":"9.9.9"}"#)] {
            // Out of the plain manifest; and the publisher is not locked out meanwhile.
            spoil(".latest.json", content);
            let mut desk = publisher.desk(&folder.site()).await;
            assert!(desk.manifest("latest.json").await.unwrap().is_some());
            let done = publisher
                .refresh(&folder.site(), story::now())
                .await
                .unwrap();
            assert_eq!(done.mended.len(), 1, "{done:?}");
            assert!(done.lost.is_empty());
            // By the same tarball.
            spoil("demo-1.0.0.json", content);
            let done = publisher
                .refresh(&folder.site(), story::now())
                .await
                .unwrap();
            assert_eq!(done.lost, ["@acme+demo-1.0.0.json"]);
            publisher
                .take(Step::Describe, &folder.site())
                .await
                .unwrap();
            Devices::with_root_of(&publisher)
                .look(&folder.site(), "made again")
                .await;
        }
        // What the host made up is never copied to where devices without a root read it.
        spoil(".latest.json", Some(r#"{"version":"9.9.9"}"#));
        let plain = folder.path().join("latest.json");
        std::fs::write(&plain, r#"{"version":"8.8.8"}"#).unwrap();
        let done = publisher
            .refresh(&folder.site(), story::now())
            .await
            .unwrap();
        assert_eq!(done.lost, ["latest.json"]);
        let there = std::fs::read_to_string(&plain).unwrap();
        assert!(there.contains("8.8.8"), "{there}");
    });
}

#[test]
fn a_clock_that_is_behind_signs_nothing_unless_it_is_said_to_be_right() {
    run(async {
        let bucket = Recording::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init, Step::Start] {
            publisher.take(step, &bucket.site()).await.unwrap();
        }
        let before = bucket.writes().len();
        let early = story::now() - SignedDuration::from_hours(24 * 365);
        let failure = publisher.refresh(&bucket.site(), early).await.unwrap_err();
        assert_eq!(failure.kind, "clock");
        let desk = publisher.desk(&bucket.site()).await;
        assert_eq!(desk.check_clock(early).unwrap_err().kind, "clock");
        let change = story::manifest("1.0.0", "early");
        let failure = desk.publish_manifest(change, early).await.unwrap_err();
        assert_eq!(failure.kind, "clock");
        assert_eq!(bucket.writes().len(), before);
        publisher
            .refresh_anyway(&bucket.site(), early)
            .await
            .unwrap();
        publisher.refresh(&bucket.site(), early).await.unwrap();
    });
}

#[test]
fn whoever_holds_the_desk_is_not_overtaken_and_takes_no_second_lock() {
    run(async {
        let folder = Disk::new();
        let publisher = Publisher::new();
        for step in [Step::First, Step::Init, Step::Describe] {
            publisher.take(step, &folder.site()).await.unwrap();
        }
        let keys = publisher.keys_path();
        let desk = super::Desk::hold(folder.site(), Some(&keys)).await.unwrap();
        let lock = std::fs::File::open(folder.path().join(".refit-publish.lock")).unwrap();
        assert!(lock.try_lock().is_err(), "it is held from the first look");
        desk.publish_manifest(story::manifest("1.0.0", "held"), story::now())
            .await
            .unwrap();
        assert!(lock.try_lock().is_err(), "and to the last write");
        drop(desk);
        lock.try_lock().unwrap();
    });
}
