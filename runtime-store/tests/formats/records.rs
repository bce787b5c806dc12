//! Records and leases, as they were before there were contracts and rehearsals, and as they are.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use runtime_store::{BeginStage, Rehearsed, StagePlan};

use crate::{Device, fixtures, v};

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_record_from_before_contracts_and_rehearsals_needs_nothing_and_awaits_nothing() {
    let device = Device::with_pointer("current.json");
    let records = device.store.versions().unwrap();
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!((&record.needs, &record.rehearsal), (&None, &None));
        assert!(!record.awaits_rehearsal());
    }
    assert_eq!(device.begin().choice.version, v("0.1.70"));
}

#[test]
fn a_record_under_rehearsal_is_read_with_everything_in_it_and_counts_on() {
    let mut device = Device::with_pointer("current.json");
    device.shell.offers =
        serde_json::from_value(serde_json::json!({ "contract": 2, "from": 1, "offers": ["tray"] }))
            .unwrap();
    let file = device.store.root().join("records/0.1.71.json");
    fs::copy(fixtures("schema-1").join("record-rehearsing.json"), &file).unwrap();
    let folder = device.store.root().join("versions/0.1.71");
    fs::create_dir_all(folder.join("dist")).unwrap();
    fs::write(folder.join("dist/cli.js"), "").unwrap();

    let records = device.store.versions().unwrap();
    let record = records.iter().find(|it| it.version == v("0.1.71")).unwrap();
    let needs = record.needs.as_ref().unwrap();
    assert_eq!(needs.contract, Some(2));
    assert_eq!(needs.requires, ["tray"]);
    assert!(record.awaits_rehearsal());
    let candidate = rollout::Candidate {
        package: record.package.clone(),
        version: record.version.clone(),
        integrity: record.integrity.clone(),
        engines: record.engines.clone(),
        tarball: record.source.clone(),
        unpacked_size: None,
    };
    let plan = StagePlan {
        entry: record.entry.clone(),
        rehearse: true,
        ..StagePlan::default()
    };
    let begun = device.store.begin_stage(&candidate, &device.shell, &plan);
    let Ok(BeginStage::Unrehearsed(mut placed)) = begun else {
        panic!("{begun:?}");
    };
    assert_eq!((placed.rehearsals(), placed.lost()), (2, 1));
    assert_eq!(
        placed.failures(),
        ["17 of 50 requests failed: connection reset"]
    );
    placed.begin_rehearsal().unwrap();
    let lease = json(placed.lease().path());
    assert_eq!(
        (&lease["rehearsal"], &lease["trial"]),
        (&true.into(), &false.into())
    );
    placed
        .point(Rehearsed::Passed, "2026-06-12T09:00:00Z".parse().unwrap())
        .unwrap();
    let written = json(&file);
    let rehearsal = serde_json::json!({
        "begun": 3, "ended": 2, "passed": "2026-06-12T09:00:00Z",
        "failures": ["17 of 50 requests failed: connection reset"],
        "fromALaterShell": { "power": "mains" },
    });
    assert_eq!(written["rehearsal"], rehearsal);
    assert_eq!(written["needs"]["contract"], 2);
    assert_eq!(device.begin().choice.version, v("0.1.71"));
}

#[test]
fn a_lease_of_a_launch_has_the_shape_it_always_had_and_a_follower_tries_nothing() {
    let device = Device::with_pointer("current.json");
    let launch = device.begin();
    let lease = json(launch.lease.as_ref().unwrap().path());
    let mut fields: Vec<_> = lease.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["at", "integrity", "launch", "trial", "version"]);
    assert_eq!(lease["trial"], true);
    let id = launch.choice.id().unwrap();
    let follower = device
        .store
        .follow_launch(&device.shell, Some(&id), Timestamp::UNIX_EPOCH)
        .unwrap();
    let lease = json(follower.lease.as_ref().unwrap().path());
    assert_eq!(lease["trial"], false);
    assert_eq!(lease["version"], "0.1.70");
}
