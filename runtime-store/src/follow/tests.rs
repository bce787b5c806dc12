use std::fs;

use rollout::contract::Offers;

use super::*;
use crate::failure::How;
use crate::testing::{Bench, failure, id, now};
use crate::{AfterCrash, Soak};

impl Bench {
    fn follow(&self, version: &str) -> Result<Launch, WhyNot> {
        self.store
            .follow_launch(&self.shell, Some(&id(version)), now())
    }
}

#[test]
fn a_follower_runs_exactly_what_it_is_told_as_no_trial() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let leader = bench.begin();
    bench.ready(&leader, &[]).unwrap();
    let before = bench.pointer();
    let follower = bench.follow("1.2.0").unwrap();
    assert_eq!(follower.choice.version, leader.choice.version);
    assert_eq!(follower.choice.entry, leader.choice.entry);
    assert_eq!((&follower.choice.trial, &follower.taken), (&None, &None));
    assert!(follower.lease.is_some());
    assert_ne!(follower.id, leader.id);
    assert_eq!(
        bench.follow("1.1.0").unwrap().choice.source,
        Source::Previous
    );
    assert_eq!(bench.pointer(), before, "no attempt, no verdict");
}

#[test]
fn nothing_that_a_follower_does_condemns() {
    let bench = Bench::new();
    bench.stage("1.2.0");
    let leader = bench.begin();
    bench.ready(&leader, &[]).unwrap();
    let before = bench.pointer();
    let follower = bench.follow("1.2.0").unwrap();
    for _ in 0..4 {
        let after = bench.store.crashed(&follower, now()).unwrap();
        assert_eq!(after, AfterCrash::Restart { crashes: 0 });
    }
    let failed = [failure(&follower, How::CrashLoop)];
    let next = bench
        .store
        .follow_launch(&bench.shell, None, now())
        .unwrap();
    assert_eq!(bench.ready(&next, &failed).unwrap(), []);
    let day = std::time::Duration::from_hours(24);
    let soak = bench.store.soaked(&follower, day, day, now()).unwrap();
    assert_eq!(soak, Soak::NotOnTrial);
    assert_eq!(bench.pointer(), before);
    assert_eq!(bench.bad(), []);
}

#[test]
fn a_follower_is_in_nobodys_way_and_holds_its_version() {
    let bench = Bench::new();
    bench.stage("1.2.0");
    let follower = bench.follow("1.2.0").unwrap();
    let leader = bench.begin();
    assert_eq!(leader.choice.version, follower.choice.version);
    assert!(leader.taken.is_some(), "it is not tried elsewhere");
    let failed = [Bench::fail(leader, How::Exited)];
    let next = bench.begin_after(&failed);
    assert_eq!(bench.ready(&next, &failed).unwrap().len(), 1);
    assert!(follower.choice.entry.is_file(), "removed while it runs");
    bench.store.gc().unwrap();
    assert!(follower.choice.entry.is_file(), "removed while it runs");
    assert_eq!(bench.follow("1.2.0").unwrap_err(), WhyNot::Bad);
    drop(follower);
    bench.store.gc().unwrap();
    assert!(!bench.is_stored("1.2.0"));
}

#[test]
fn what_no_launch_may_run_no_follower_runs_and_nothing_else_in_its_place() {
    let bench = Bench::new();
    assert_eq!(bench.follow("1.1.0").unwrap_err(), WhyNot::MissingEntry);
    bench.confirm("1.1.0");
    assert_eq!(
        bench.follow("0.9.0").unwrap_err(),
        WhyNot::NotNewerThanBundled
    );
    bench.recall("1.2.0", &["1.1.0"]);
    assert_eq!(bench.follow("1.1.0").unwrap_err(), WhyNot::Recalled);
    bench.recall("1.2.0", &[]);
    fs::remove_file(bench.entry("1.1.0")).unwrap();
    let why = bench.follow("1.1.0").unwrap_err();
    assert!(
        matches!(why, WhyNot::MissingEntry | WhyNot::Damaged(_)),
        "{why:?}"
    );
    assert!(
        bench.store.snapshot().pointer.is_some(),
        "it clears nothing"
    );
}

#[test]
fn a_follower_is_held_against_the_contract() {
    let mut bench = Bench::new();
    bench.confirm("1.1.0");
    bench.amend_record("1.1.0", |record| {
        record.needs = Some(rollout::contract::Needs {
            contract: Some(2),
            requires: vec!["tray".into()],
        });
    });
    assert!(matches!(bench.follow("1.1.0"), Err(WhyNot::Contract(_))));
    bench.shell.offers = Offers {
        contract: 2,
        from: 1,
        offers: ["tray".to_owned()].into(),
    };
    assert!(bench.follow("1.1.0").is_ok());
}

#[test]
fn a_trial_needs_its_lease_and_a_confirmed_version_does_not() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.block_folder("leases");
    // Whether leases can be read at all decides before.
    let follower = bench.follow("1.1.0").unwrap();
    assert!(follower.lease.is_none());
    bench.stage("1.2.0");
    let why = bench.follow("1.2.0").unwrap_err();
    assert!(matches!(why, WhyNot::CannotWrite(_)), "{why:?}");
}
