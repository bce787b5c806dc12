use std::path::PathBuf;

use rollout::{BadReason, Host, NodeFact};

use super::*;
use crate::shell::Bundled;
use crate::testing::{id, now, v};
use crate::transition;

fn shell() -> Shell {
    Shell {
        bundled: Bundled {
            dir: PathBuf::from("/app/runtime"),
            version: v("1.0.0"),
            entry: PathBuf::from("/app/runtime/cli.js"),
        },
        host: Host {
            node: NodeFact::Is(v("22.1.0")),
            shell: v("1.0.0"),
        },
        attempts: 2,
        launch_trials: true,
        not_before: crate::NotBefore::default(),
        experimental: false,
        built_at: jiff::Timestamp::UNIX_EPOCH,
        offers: rollout::contract::Offers::default(),
        signed_only: false,
        source: None,
    }
}

fn whole(version: &str) -> Entry {
    needing(version, None)
}

fn needing(version: &str, node: Option<&str>) -> Entry {
    let dir = PathBuf::from("/store/versions").join(version);
    Entry::Whole {
        entry: dir.join("cli.js"),
        dir,
        engines: Engines {
            node: node.map(str::to_owned),
            refit: None,
        },
        needs: Ok(Needs::default()),
    }
}

/// 1.2.0 on trial over the confirmed 1.1.0.
fn trial() -> Stored {
    let old = transition::confirmed(
        &id("1.1.0"),
        &PathBuf::from("/store/versions/1.1.0/cli.js"),
        now(),
        None,
        None,
    );
    let entry = PathBuf::from("/store/versions/1.2.0/cli.js");
    Stored {
        pointer: transition::staged(Some(&old), &id("1.2.0"), &entry, 2, now()),
        entry: whole("1.2.0"),
        previous: whole("1.1.0"),
        replaced: Entry::Missing,
        elsewhere: false,
    }
}

fn confirmed() -> Stored {
    let mut stored = trial();
    stored.pointer.trial = None;
    stored
}

struct Case {
    shell: Shell,
    asked: Asked,
    named: Named,
    bad: Vec<BadEntry>,
    ruling: Ruling,
    failures: Vec<Failure>,
    damage: Vec<Damage>,
    bundled_unmet: Option<Unmet>,
    cannot_write: Option<String>,
}

impl Case {
    fn of(stored: Stored) -> Self {
        Self {
            shell: shell(),
            asked: Asked::Passively,
            named: Named::Stored(Box::new(stored)),
            bad: Vec::new(),
            ruling: Ruling::default(),
            failures: Vec::new(),
            damage: Vec::new(),
            bundled_unmet: None,
            cannot_write: None,
        }
    }

    fn bad(mut self, version: &str) -> Self {
        let VersionId { version, integrity } = id(version);
        self.bad.push(BadEntry {
            version,
            integrity,
            reason: BadReason::CrashLoop,
            detail: String::new(),
            at: now(),
        });
        self
    }

    fn failed(mut self, version: &str) -> Self {
        let VersionId { version, integrity } = id(version);
        self.failures.push(Failure {
            version,
            integrity: Some(integrity),
            source: Source::Pointer,
            trial: true,
            taken: true,
            how: How::Exited,
            detail: String::new(),
        });
        self
    }

    fn bundled(mut self, version: &str) -> Self {
        self.shell.bundled.version = v(version);
        self
    }

    fn choose(&self) -> Pick {
        choose(&Facts {
            shell: &self.shell,
            asked: self.asked,
            named: &self.named,
            bad: &self.bad,
            ruling: &self.ruling,
            failures: &self.failures,
            damage: &self.damage,
            bundled_unmet: self.bundled_unmet.clone(),
            cannot_write: self.cannot_write.clone(),
        })
    }

    /// Version, source, and whether an attempt is taken.
    fn picks(&self) -> (String, Source, bool) {
        let pick = self.choose();
        (
            pick.choice.version.to_string(),
            pick.choice.source,
            pick.takes_attempt,
        )
    }

    fn whys(&self) -> Vec<WhyNot> {
        let passed_over = self.choose().choice.passed_over;
        passed_over.into_iter().map(|it| it.why).collect()
    }
}

fn picked(version: &str, source: Source, takes_attempt: bool) -> (String, Source, bool) {
    (version.to_owned(), source, takes_attempt)
}

#[test]
fn without_a_pointer_bundled_runs() {
    let mut case = Case::of(trial());
    case.named = Named::Nothing;
    assert_eq!(case.picks(), picked("1.0.0", Source::Bundled, false));
    assert_eq!(case.whys(), []);
}

#[test]
fn the_pointer_comes_first_and_a_trial_takes_an_attempt() {
    assert_eq!(
        Case::of(trial()).picks(),
        picked("1.2.0", Source::Pointer, true)
    );
    assert_eq!(Case::of(trial()).whys(), []);
}

#[test]
fn a_confirmed_pointer_takes_no_attempt() {
    assert_eq!(
        Case::of(confirmed()).picks(),
        picked("1.2.0", Source::Pointer, false)
    );
}

#[test]
fn a_trial_that_was_ready_once_takes_no_attempt_and_needs_none() {
    let mut stored = trial();
    let trial = stored.pointer.trial.as_mut().unwrap();
    trial.ready_at = Some(now());
    trial.attempts_left = 0;
    assert_eq!(
        Case::of(stored).picks(),
        picked("1.2.0", Source::Pointer, false)
    );
}

#[test]
fn what_is_not_newer_than_bundled_is_passed_over_and_cleared() {
    for bundled in ["1.2.0", "1.3.0"] {
        let case = Case::of(trial()).bundled(bundled);
        assert_eq!(case.picks(), picked(bundled, Source::Bundled, false));
        assert_eq!(
            case.whys(),
            [WhyNot::NotNewerThanBundled, WhyNot::NotNewerThanBundled]
        );
        assert_eq!(case.choose().clear, Some(Clear::Remove));
    }
}

#[test]
fn a_bad_pointer_is_cleared_to_previous() {
    let case = Case::of(trial()).bad("1.2.0");
    assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
    assert_eq!(case.whys(), [WhyNot::Bad]);
    assert_eq!(case.choose().clear, Some(Clear::ToPrevious));
}

#[test]
fn a_bad_entry_about_other_content_does_not_count() {
    let mut case = Case::of(trial()).bad("1.2.0");
    case.bad[0].integrity = id("9.9.9").integrity;
    assert_eq!(case.picks(), picked("1.2.0", Source::Pointer, true));
}

#[test]
fn a_pointer_to_a_missing_entry_is_cleared() {
    let mut stored = trial();
    stored.entry = Entry::Missing;
    let case = Case::of(stored.clone());
    assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
    assert_eq!(case.choose().clear, Some(Clear::ToPrevious));

    stored.previous = Entry::Missing;
    let case = Case::of(stored);
    assert_eq!(case.picks(), picked("1.0.0", Source::Bundled, false));
    assert_eq!(case.whys(), [WhyNot::MissingEntry, WhyNot::MissingEntry]);
    assert_eq!(case.choose().clear, Some(Clear::Remove));
}

#[test]
fn a_pointer_unsuitable_just_for_this_shell_is_skipped_and_not_cleared() {
    let mut stored = trial();
    stored.entry = needing("1.2.0", Some(">=24"));
    let case = Case::of(stored);
    assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
    assert_eq!(case.choose().clear, None);
    assert!(matches!(case.whys()[..], [WhyNot::Incompatible(_)]));
}

#[test]
fn what_cannot_be_told_is_passed_over_and_not_cleared() {
    let mut stored = trial();
    stored.entry = Entry::CannotRead("no".to_owned());
    let case = Case::of(stored);
    assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
    assert_eq!(case.choose().clear, None);
}

#[test]
fn each_choice_is_tried_at_most_once_in_a_launch_and_bundled_last() {
    let case = Case::of(trial()).failed("1.2.0");
    assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
    let case = case.failed("1.1.0");
    assert_eq!(case.picks(), picked("1.0.0", Source::Bundled, false));
    assert_eq!(
        case.whys(),
        [WhyNot::FailedInThisLaunch, WhyNot::FailedInThisLaunch]
    );
    assert_eq!(case.choose().clear, None, "failing once clears nothing");
}

#[test]
fn while_another_launch_tries_it_this_one_takes_no_attempt_and_clears_nothing() {
    let mut stored = trial();
    stored.elsewhere = true;
    let case = Case::of(stored.clone());
    assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
    assert_eq!(case.whys(), [WhyNot::OnTrialElsewhere]);
    assert_eq!(case.choose().clear, None);

    let useless = Case::of(stored).bad("1.2.0");
    assert_eq!(
        useless.choose().clear,
        None,
        "cleared under another's trial"
    );
}

#[test]
fn no_attempts_left_at_this_point_is_a_failure_without_a_verdict() {
    let mut stored = trial();
    stored.pointer.trial.as_mut().unwrap().attempts_left = 0;
    let case = Case::of(stored);
    assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
    assert_eq!(case.whys(), [WhyNot::NoVerdict]);
    let pick = case.choose();
    assert_eq!(
        pick.clear, None,
        "condemning does that, once 1.1.0 is ready"
    );
    let failure = pick.failure.unwrap();
    assert_eq!(failure.how, How::NoVerdict);
    assert!(failure.is_about(&v("1.2.0"), &id("1.2.0").integrity) && failure.trial);
}

#[test]
fn with_updates_off_a_passive_launch_passes_over_trials_but_not_over_confirmed_versions() {
    let mut soaking = trial();
    soaking.pointer.trial.as_mut().unwrap().ready_at = Some(now());
    for stored in [trial(), soaking] {
        let mut case = Case::of(stored);
        case.shell.launch_trials = false;
        assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
        assert_eq!(case.whys(), [WhyNot::TrialsOff]);
        case.asked = Asked::ByPerson;
        assert_eq!(case.picks().0, "1.2.0", "a person's commands work");
    }
    let mut case = Case::of(confirmed());
    case.shell.launch_trials = false;
    assert_eq!(case.picks(), picked("1.2.0", Source::Pointer, false));
}

#[test]
fn a_trial_whose_attempt_cannot_be_written_is_not_launched() {
    let mut case = Case::of(trial());
    case.cannot_write = Some("disk full".to_owned());
    assert_eq!(case.picks(), picked("1.1.0", Source::Previous, false));
    assert_eq!(case.whys(), [WhyNot::CannotWrite("disk full".to_owned())]);
    case.named = Named::Stored(Box::new(confirmed()));
    assert_eq!(case.picks(), picked("1.2.0", Source::Pointer, false));
}

#[test]
fn what_is_no_pointer_means_bundled_and_says_why() {
    for (named, why) in [
        (
            Named::Invalid("x".to_owned()),
            WhyNot::InvalidPointer("x".to_owned()),
        ),
        (Named::NewerSchema, WhyNot::NewerSchema),
        (
            Named::CannotRead("x".to_owned()),
            WhyNot::CannotRead("x".to_owned()),
        ),
    ] {
        let mut case = Case::of(trial());
        case.named = named;
        assert_eq!(case.picks(), picked("1.0.0", Source::Bundled, false));
        assert_eq!(case.whys(), [why]);
        assert_eq!(case.choose().clear, None);
    }
}

#[test]
fn a_choice_names_folder_and_entry() {
    let choice = Case::of(trial()).choose().choice;
    assert_eq!(choice.dir, PathBuf::from("/store/versions/1.2.0"));
    assert_eq!(choice.entry, PathBuf::from("/store/versions/1.2.0/cli.js"));
    assert_eq!(choice.integrity, Some(id("1.2.0").integrity));
    let bundled = Case::of(trial()).bundled("2.0.0").choose().choice;
    assert_eq!(bundled.entry, PathBuf::from("/app/runtime/cli.js"));
    assert_eq!(bundled.integrity, None);
}

fn needs(contract: u32) -> Needs {
    Needs {
        contract: Some(contract),
        requires: Vec::new(),
    }
}

fn demand(entry: &mut Entry, demanded: Result<Needs, Unmet>) {
    if let Entry::Whole { needs, .. } = entry {
        *needs = demanded;
    }
}

#[test]
fn a_contract_that_is_not_met_is_passed_over_and_nothing_is_lost() {
    for demanded in [
        Ok(needs(2)),
        Err(Unmet::Malformed {
            detail: "no list".to_owned(),
        }),
    ] {
        for stored in [trial(), confirmed()] {
            let mut stored = stored;
            demand(&mut stored.entry, demanded.clone());
            let mut case = Case::of(stored);
            assert_eq!(case.picks(), ("1.1.0".to_owned(), Source::Previous, false));
            let pick = case.choose();
            let why = &pick.choice.passed_over[0].why;
            assert!(matches!(why, WhyNot::Contract(_)), "{why:?}");
            assert_eq!((pick.clear, pick.failure), (None, None));
            if demanded.is_ok() {
                case.shell.offers.contract = 2;
                assert_eq!(case.picks().1, Source::Pointer);
            }
        }
    }
}

#[test]
fn a_damaged_version_is_passed_over_and_nothing_is_lost() {
    let damage = |version: &str| Damage::new(&id(version), "`cli.js` is missing".to_owned());
    let mut missing = confirmed();
    missing.entry = Entry::Missing;
    for stored in [trial(), confirmed(), missing] {
        let mut case = Case::of(stored);
        case.damage = vec![damage("1.2.0")];
        let pick = case.choose();
        assert_eq!(pick.choice.version, v("1.1.0"));
        assert_eq!(
            pick.choice.passed_over[0].why,
            WhyNot::Damaged("`cli.js` is missing".to_owned())
        );
        assert_eq!((pick.clear, pick.failure), (None, None));
        case.damage.push(damage("1.1.0"));
        let pick = case.choose();
        assert_eq!(pick.choice.source, Source::Bundled);
        assert_eq!((pick.clear, pick.failure), (None, None));
    }
}

#[test]
fn a_recalled_version_is_recalled_first_and_a_damaged_one_before_its_contract() {
    let mut stored = trial();
    demand(&mut stored.entry, Ok(needs(9)));
    let mut case = Case::of(stored);
    case.damage = vec![Damage::new(&id("1.2.0"), "wiped".to_owned())];
    let why = |case: &Case| case.choose().choice.passed_over[0].why.clone();
    assert_eq!(why(&case), WhyNot::Damaged("wiped".to_owned()));
    let case = case.bad("1.2.0");
    assert_eq!(why(&case), WhyNot::Bad);
}

#[test]
fn that_the_bundled_contract_is_not_met_is_told_only_where_it_runs() {
    let unmet = Unmet::TooNew {
        needs: 2,
        offered: 1,
    };
    let mut case = Case::of(trial());
    case.bundled_unmet = Some(unmet.clone());
    assert_eq!(case.choose().choice.passed_over, []);
    let case = case.bundled("2.0.0");
    let passed_over = case.choose().choice.passed_over;
    let last = passed_over.last().unwrap();
    assert_eq!(last.source, Source::Bundled);
    assert_eq!(last.version, Some(v("2.0.0")));
    assert_eq!(last.why, WhyNot::Contract(unmet));
}

#[test]
fn a_useless_pointer_gives_way_to_a_previous_that_may_run_again() {
    let mut stored = confirmed();
    demand(&mut stored.previous, Ok(needs(9)));
    let pick = Case::of(stored).bad("1.2.0").choose();
    assert_eq!(pick.choice.source, Source::Bundled);
    assert_eq!(pick.clear, Some(Clear::ToPrevious));
    let mut case = Case::of(confirmed()).bad("1.2.0");
    case.damage = vec![Damage::new(&id("1.1.0"), "changed".to_owned())];
    assert_eq!(case.choose().clear, Some(Clear::ToPrevious));
    let mut wiped = confirmed();
    wiped.previous = Entry::Missing;
    let mut case = Case::of(wiped).bad("1.2.0");
    case.damage = vec![Damage::new(&id("1.1.0"), "wiped".to_owned())];
    assert_eq!(case.choose().clear, Some(Clear::Remove));
}
