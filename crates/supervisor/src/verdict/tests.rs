use super::*;

const EXIT: End = End::Exited {
    code: Some(1),
    signal: None,
};

fn by_signal(signal: i32) -> End {
    End::Exited {
        code: None,
        signal: Some(signal),
    }
}

fn stranger(moved: bool) -> Scene {
    Scene {
        stranger: true,
        moved,
        no_room: None,
    }
}

fn failure(version: &str, source: Source, how: How) -> Failure {
    Failure {
        version: version.parse().expect("version"),
        integrity: None,
        source,
        trial: false,
        taken: false,
        how,
        detail: format!("{version} said why\nsecond line"),
    }
}

#[test]
fn an_exit_is_an_exit_whatever_its_code() {
    for code in [0, 1, 127, 255] {
        let end = End::Exited {
            code: Some(code),
            signal: None,
        };
        assert_eq!(
            verdict(&end, &Scene::default()),
            Verdict::Failed(How::Exited)
        );
    }
}

#[test]
fn only_a_foreign_signal_and_a_lost_guard_come_from_outside() {
    assert!(by_signal(15).is_from_outside());
    assert!(End::GuardLost.is_from_outside());
    for own in [EXIT, by_signal(11), End::TimedOut] {
        assert!(!own.is_from_outside(), "{own:?}");
    }
}

#[test]
fn a_signal_of_its_own_making_is_an_exit_and_any_other_a_kill() {
    for own in [4, 6, 8, 11] {
        assert_eq!(
            verdict(&by_signal(own), &Scene::default()),
            Verdict::Failed(How::Exited),
            "signal {own}"
        );
    }
    for other in [1, 2, 3, 9, 15] {
        assert_eq!(
            verdict(&by_signal(other), &Scene::default()),
            Verdict::Failed(How::Killed),
            "signal {other}"
        );
    }
}

#[test]
fn a_lost_guard_is_a_kill_that_was_not_ours() {
    assert_eq!(
        verdict(&End::GuardLost, &Scene::default()),
        Verdict::Failed(How::Killed)
    );
}

#[test]
fn out_of_time_is_no_exit() {
    assert_eq!(
        verdict(&End::TimedOut, &Scene::default()),
        Verdict::Failed(How::TimedOut)
    );
}

#[test]
fn an_exit_while_a_stranger_holds_the_port_is_tried_once_on_another_port() {
    assert_eq!(verdict(&EXIT, &stranger(false)), Verdict::AnotherPort);
    assert_eq!(
        verdict(&EXIT, &stranger(true)),
        Verdict::Failed(How::Environment)
    );
}

#[test]
fn out_of_time_while_a_stranger_holds_the_port_is_nobodys_fault() {
    assert_eq!(
        verdict(&End::TimedOut, &stranger(false)),
        Verdict::Failed(How::Environment)
    );
}

#[test]
fn what_was_never_spawned_and_what_had_no_room_condemns_nobody() {
    let full = Scene {
        no_room: Some("there is no space left".to_owned()),
        ..Scene::default()
    };
    for end in [EXIT, by_signal(6), by_signal(9), End::TimedOut] {
        assert_eq!(verdict(&end, &full), Verdict::Failed(How::Environment));
    }
    assert_eq!(
        verdict(
            &End::NotSpawned("no such program".to_owned()),
            &Scene::default()
        ),
        Verdict::Failed(How::Environment)
    );
}

#[test]
fn the_detail_says_how_it_ended_and_ends_with_the_last_lines() {
    assert_eq!(
        detail(&EXIT, &Scene::default(), 4100, "Error: no such module"),
        "exited with code 1 before it was ready\nError: no such module"
    );
    assert_eq!(
        detail(&EXIT, &stranger(true), 4100, ""),
        "exited with code 1 before it was ready; another program holds port 4100"
    );
    assert_eq!(
        crash_detail(&by_signal(11), "oops"),
        "ended by signal 11\noops"
    );
}

#[test]
fn a_launch_is_exhausted_once_bundled_failed() {
    let pointer = failure("1.2.0", Source::Pointer, How::Exited);
    let previous = failure("1.1.0", Source::Previous, How::Exited);
    let bundled = failure("1.0.0", Source::Bundled, How::Exited);
    assert!(!exhausted(&[]));
    assert!(!exhausted(&[pointer.clone(), previous.clone()]));
    assert!(exhausted(&[pointer, previous, bundled]));
}

#[test]
fn the_report_shows_the_first_error_and_all_that_was_tried() {
    let failures = [
        failure("1.2.0", Source::Pointer, How::Exited),
        failure("1.0.0", Source::Bundled, How::TimedOut),
    ];
    let report = report(&failures);
    assert_eq!(
        report.message,
        "The runtime 1.2.0 did not start: 1.2.0 said why"
    );
    assert!(report.hint.contains("Try again"), "{}", report.hint);
    assert_eq!(report.detail, "1.2.0 said why\nsecond line");
    let tried: Vec<_> = report
        .tried
        .iter()
        .map(|tried| (tried.version.as_str(), tried.how))
        .collect();
    assert_eq!(tried, [("1.2.0", How::Exited), ("1.0.0", How::TimedOut)]);
}
