//! Files as shells have written them, and files that nobody should have written: old samples are
//! read for ever, hostile ones are set aside and never stand in the way of a launch.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of a test may end it where they stand"
)]

mod records;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rollout::{BadReason, Host, NodeFact, Version};
use runtime_store::{Asked, Bundled, Launch, RollBack, Shell, Source, Store, WhyNot};
use tempfile::TempDir;

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder)
}

fn all(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(fixtures(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    all.sort();
    assert!(all.len() > 4, "{folder} has lost its samples");
    all
}

/// A store as a shell of schema 1 has left it, with two whole versions.
struct Device {
    _scratch: TempDir,
    store: Store,
    shell: Shell,
}

impl Device {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let bundled = scratch.path().join("bundled");
        fs::create_dir(&bundled).unwrap();
        fs::write(bundled.join("cli.js"), "").unwrap();
        let store = Store::open(&scratch.path().join("data")).unwrap();
        for version in ["0.1.69", "0.1.70"] {
            let record = format!("record-{version}.json");
            fs::copy(
                fixtures("schema-1").join(record),
                store.root().join(format!("records/{version}.json")),
            )
            .unwrap();
            let folder = store.root().join("versions").join(version);
            fs::create_dir_all(folder.join("dist")).unwrap();
            fs::write(folder.join("dist/cli.js"), version).unwrap();
            fs::write(folder.join("package.json"), "{}").unwrap();
        }
        Self {
            store,
            shell: Shell {
                bundled: Bundled {
                    entry: bundled.join("cli.js"),
                    dir: bundled,
                    version: v("0.1.68"),
                },
                host: Host {
                    node: NodeFact::Is(v("24.1.0")),
                    shell: v("1.0.0"),
                },
                attempts: 2,
                launch_trials: true,
                not_before: runtime_store::NotBefore::default(),
                experimental: false,
                built_at: jiff::Timestamp::UNIX_EPOCH,
                offers: rollout::contract::Offers::default(),
                signed_only: false,
                source: Some("https://updates.example/repo/".to_owned()),
            },
            _scratch: scratch,
        }
    }

    fn with_pointer(sample: &str) -> Self {
        let device = Self::new();
        let sample = fixtures("schema-1").join(sample);
        device.put_pointer(&fs::read(sample).unwrap());
        device
    }

    fn put_pointer(&self, sample: &[u8]) {
        let bytes = match std::str::from_utf8(sample) {
            Ok(text) => {
                let root = self.store.root().to_str().unwrap();
                text.replace("{root}", &root.replace('\\', "\\\\"))
                    .into_bytes()
            }
            Err(_) => sample.to_vec(),
        };
        fs::write(self.pointer(), bytes).unwrap();
    }

    fn pointer(&self) -> PathBuf {
        self.store.root().join("current.json")
    }

    fn begin(&self) -> Launch {
        self.store
            .begin_launch(&self.shell, Asked::Passively, &[], Timestamp::UNIX_EPOCH)
    }

    fn set_aside(&self) -> Vec<String> {
        fs::read_dir(self.store.root())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains(".invalid-"))
            .collect()
    }
}

#[test]
fn a_pointer_of_schema_1_is_read_with_everything_in_it() {
    let device = Device::with_pointer("current.json");
    let snapshot = device.store.snapshot();
    assert_eq!(snapshot.problems, Vec::<String>::new());
    let pointer = snapshot.pointer.unwrap();
    assert_eq!(pointer.version, v("0.1.70"));
    assert_eq!(pointer.staged_at.to_string(), "2026-06-12T08:00:00Z");
    assert_eq!(pointer.trial.unwrap().attempts_left, 2);
    assert_eq!(pointer.previous.unwrap().version, v("0.1.69"));
    let launch = device.begin();
    assert_eq!(launch.choice.version, v("0.1.70"));
    assert_eq!(launch.choice.source, Source::Pointer);
}

#[test]
fn what_is_written_back_has_the_shape_that_was_read() {
    let device = Device::with_pointer("current.json");
    let before: serde_json::Value =
        serde_json::from_slice(&fs::read(device.pointer()).unwrap()).unwrap();
    let launch = device.begin();
    let taken: Vec<_> = launch.taken.iter().cloned().collect();
    device.store.give_back(&taken).unwrap();
    let after = fs::read_to_string(device.pointer()).unwrap();
    let mut expected = serde_json::to_string_pretty(&before).unwrap();
    expected.push('\n');
    assert_eq!(after, expected);
}

#[test]
fn a_trial_of_a_timer_says_so_and_one_from_before_rollouts_is_not_gated() {
    let gated = |sample: &str| {
        let device = Device::with_pointer(sample);
        let trial = device.store.snapshot().pointer.unwrap().trial.unwrap();
        let launch = device.begin();
        let taken: Vec<_> = launch.taken.iter().cloned().collect();
        device.store.give_back(&taken).unwrap();
        let written = fs::read_to_string(device.pointer()).unwrap();
        assert_eq!(written.contains("\"gated\": true"), trial.gated);
        assert_eq!(written.contains("gated"), trial.gated, "{written}");
        trial.gated
    };
    assert!(gated("current-gated.json"));
    assert!(!gated("current.json"));
    assert!(!gated("current-as-designed.json"));
}

#[test]
fn a_signed_trial_says_so_and_one_from_before_is_not_launched_by_who_believes_signed_ones_only() {
    let signed = |sample: &str| {
        let mut device = Device::with_pointer(sample);
        device.shell.signed_only = true;
        let text = fs::read_to_string(fixtures("schema-1").join("releases-with-terms.json"));
        fs::write(device.store.root().join("releases.json"), text.unwrap()).unwrap();
        let now = "2026-06-12T20:00:00Z".parse().unwrap();
        let launch = device
            .store
            .begin_launch(&device.shell, Asked::Passively, &[], now);
        let written = fs::read_to_string(device.pointer()).unwrap();
        let trial = device.store.snapshot().pointer.unwrap().trial.unwrap();
        assert_eq!(written.contains("\"signed\": true"), trial.signed);
        assert_eq!(written.contains("signed"), trial.signed, "{written}");
        (trial.signed, launch.choice.version.to_string())
    };
    assert_eq!(signed("current-signed.json"), (true, "0.1.70".to_owned()));
    for sample in ["current-gated.json", "current.json"] {
        assert_eq!(signed(sample), (false, "0.1.69".to_owned()), "{sample}");
    }
}

#[test]
fn terms_of_schema_1_are_read_with_everything_in_them_and_judge() {
    let device = Device::with_pointer("current-gated.json");
    let releases = device.store.root().join("releases.json");
    let sample = |name: &str| fs::copy(fixtures("schema-1").join(name), &releases).unwrap();

    sample("releases-before-manifests.json");
    assert_eq!(device.store.terms(), None);
    assert_eq!(device.begin().choice.version, v("0.1.70"));

    sample("releases-with-terms.json");
    let terms = device.store.terms().unwrap();
    assert_eq!(terms.manifest.stable, Some(v("0.1.69")));
    assert_eq!(terms.manifest.recalled, [v("0.1.66")]);
    assert!(terms.signed);
    assert_eq!(terms.source, "https://updates.example/repo/");
    let floor = terms.floor.unwrap();
    assert_eq!(floor.to_string(), "2026-06-12T08:00:01Z");
    // Staged when it was published, by a device without an id: it has to wait half a day.
    let at = |text: &str| {
        let now = text.parse().unwrap();
        let launch = device
            .store
            .begin_launch(&device.shell, Asked::Passively, &[], now);
        launch.choice.version.to_string()
    };
    assert_eq!(at("2026-06-12T19:59:59Z"), "0.1.69");
    assert_eq!(at("1970-01-01T00:00:00Z"), "0.1.69");
    assert_eq!(at("2026-06-12T20:00:00Z"), "0.1.70");
    assert_eq!(at("2026-07-12T08:00:00Z"), "0.1.69", "expired");
}

#[test]
fn fields_that_are_left_out_or_unknown_do_not_make_a_pointer_invalid() {
    for sample in [
        "current-as-designed.json",
        "current-confirmed.json",
        "current-replaced.json",
    ] {
        let device = Device::with_pointer(sample);
        assert_eq!(device.begin().choice.version, v("0.1.70"), "{sample}");
        assert_eq!(device.set_aside(), Vec::<String>::new(), "{sample}");
    }
    let device = Device::with_pointer("current-as-designed.json");
    drop(device.begin());
    let text = fs::read_to_string(device.pointer()).unwrap();
    assert!(text.contains("fromALaterShell"), "{text}");
}

#[test]
fn a_byte_order_mark_in_front_of_a_pointer_is_overlooked() {
    let device = Device::with_pointer("current.json");
    let text = fs::read(device.pointer()).unwrap();
    fs::write(device.pointer(), [b"\xEF\xBB\xBF", &text[..]].concat()).unwrap();
    assert_eq!(device.begin().choice.version, v("0.1.70"));
}

#[test]
fn a_hostile_pointer_is_set_aside_whole_and_bundled_runs() {
    for (name, sample) in all("hostile-pointers") {
        let device = Device::new();
        device.put_pointer(&sample);
        let bytes = fs::read(device.pointer()).unwrap();

        // Reading alone changes nothing.
        assert_eq!(
            device
                .store
                .resolve(&device.shell, Timestamp::UNIX_EPOCH)
                .source,
            Source::Bundled,
            "{name}"
        );
        let problems = device.store.snapshot().problems;
        assert!(problems[0].contains("current.json"), "{name}: {problems:?}");
        assert_eq!(fs::read(device.pointer()).unwrap(), bytes, "{name}");

        let launch = device.begin();
        assert_eq!(launch.choice.source, Source::Bundled, "{name}");
        assert!(
            matches!(launch.choice.passed_over[0].why, WhyNot::InvalidPointer(_)),
            "{name}: {launch:?}"
        );
        assert!(!device.pointer().exists(), "{name}");
        let aside = device.set_aside();
        assert_eq!(aside, ["current.json.invalid-19700101T000000Z"], "{name}");
        let kept = fs::read(device.store.root().join(&aside[0])).unwrap();
        assert_eq!(kept, bytes, "{name} was changed");
    }
}

#[test]
fn the_working_directory_has_no_say_in_what_a_pointer_means() {
    // The sample with a relative entry is invalid although the file is there, seen from the version.
    let device = Device::new();
    let sample = fs::read(fixtures("hostile-pointers").join("relative-entry.json")).unwrap();
    device.put_pointer(&sample);
    assert_eq!(device.begin().choice.source, Source::Bundled);
}

#[cfg(unix)]
#[test]
fn an_entry_that_is_reached_through_a_link_is_no_entry() {
    let device = Device::with_pointer("current-confirmed.json");
    let dist = device.store.root().join("versions/0.1.70/dist");
    let elsewhere = device.store.data_dir().join("elsewhere");
    fs::rename(&dist, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &dist).unwrap();
    let launch = device.begin();
    assert_eq!(launch.choice.source, Source::Bundled);
    assert!(matches!(
        launch.choice.passed_over[0].why,
        WhyNot::InvalidPointer(_)
    ));
    let entry = dist.join("cli.js");
    assert_eq!(device.store.version_of_entry(&entry), None);
}

#[test]
fn a_bad_list_of_schema_1_is_read_in_order() {
    let device = Device::with_pointer("current.json");
    let list = device.store.root().join("bad-versions.json");
    fs::copy(fixtures("schema-1").join("bad-versions.json"), &list).unwrap();
    let bad = device.store.snapshot().bad;
    let read: Vec<_> = bad
        .iter()
        .map(|bad| (bad.version.as_str(), &bad.reason))
        .collect();
    assert_eq!(
        read,
        [
            ("0.1.71", &BadReason::ExitedBeforeReady),
            ("0.1.72", &BadReason::RolledBack)
        ]
    );
    assert_eq!(bad[0].detail, "exited with code 1 before it was ready");
}

#[test]
fn entries_of_the_bad_list_that_cannot_be_read_are_reported_and_kept() {
    let device = Device::with_pointer("current.json");
    let list = device.store.root().join("bad-versions.json");
    fs::copy(
        fixtures("schema-1").join("bad-versions-odd-entries.json"),
        &list,
    )
    .unwrap();
    let snapshot = device.store.snapshot();
    assert_eq!(snapshot.bad.len(), 1);
    assert_eq!(
        snapshot.bad[0].reason,
        BadReason::Other("a-later-reason".to_owned())
    );
    assert!(snapshot.problems[0].contains("2 entries"), "{snapshot:?}");
    device
        .store
        .roll_back(&device.shell, RollBack::Person, Timestamp::UNIX_EPOCH)
        .unwrap();
    let text = fs::read_to_string(&list).unwrap();
    for kept in [
        "fromALaterShell",
        "not a version",
        "17",
        "\"device\"",
        "0.1.70",
    ] {
        assert!(text.contains(kept), "{kept} is gone from {text}");
    }
}

#[test]
fn a_hostile_bad_list_is_set_aside_and_blocks_no_launch() {
    for (name, sample) in all("hostile-bad-lists") {
        let device = Device::with_pointer("current.json");
        let list = device.store.root().join("bad-versions.json");
        fs::write(&list, sample).unwrap();
        let problems = device.store.snapshot().problems;
        assert!(problems[0].contains("bad-versions.json"), "{name}");
        assert_eq!(device.begin().choice.version, v("0.1.70"), "{name}");
        assert_eq!(
            device.set_aside(),
            ["bad-versions.json.invalid-19700101T000000Z"],
            "{name}"
        );
    }
}

#[test]
fn a_newer_shells_bad_list_counts_as_far_as_it_can_be_read_and_is_left_alone() {
    let device = Device::with_pointer("current.json");
    let list = device.store.root().join("bad-versions.json");
    let integrity = device.store.snapshot().pointer.unwrap().integrity;
    let text = serde_json::json!({ "schema": 2, "bad": [
        { "version": "0.1.70", "integrity": integrity, "reason": "crash-loop", "at": "2026-06-12T08:00:00Z" },
    ]})
    .to_string();
    fs::write(&list, &text).unwrap();
    assert_eq!(device.begin().choice.version, v("0.1.69"));
    let error = device.store.forgive(&v("0.1.70")).unwrap_err().to_string();
    assert!(error.contains("newer shell"), "{error}");
    assert_eq!(fs::read_to_string(&list).unwrap(), text);
}
