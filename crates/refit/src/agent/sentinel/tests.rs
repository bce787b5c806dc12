use proptest::prelude::*;

use super::*;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn label(text: &str) -> Label {
    Label {
        version: version(text),
        ..label::own()
    }
}

fn replacement() -> Replacement {
    Replacement {
        version: version("2.0.0"),
        sha256: "new".to_owned(),
        from: version("1.0.0"),
        from_sha256: hex::encode(<sha2::Sha256 as sha2::Digest>::digest("old binary")),
        at: NOW,
        ordered: false,
    }
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A binary 2.0.0 in the place of 1.0.0, which is kept.
struct Scene {
    dir: tempfile::TempDir,
    place: Place,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(dir.path().join("refit"));
        std::fs::write(place.exe(), "new binary").unwrap();
        Self { dir, place }
    }

    fn replaced() -> Self {
        let scene = Self::new();
        std::fs::write(scene.place.old(), "old binary").unwrap();
        announce(&scene.place, replacement()).unwrap();
        scene
    }

    fn start(&self, own: &str) -> Begun {
        begin(&self.place, &label(own), NOW)
    }

    fn started(&self, own: &str) -> Started {
        match self.start(own) {
            Begun::Started(started) => started,
            other @ Begun::WentBack { .. } => panic!("{other:?}"),
        }
    }

    fn exe(&self) -> String {
        std::fs::read_to_string(self.place.exe()).unwrap()
    }

    fn aside(&self) -> usize {
        let names = std::fs::read_dir(self.dir.path()).unwrap();
        let is_aside = |name: &str| name.contains(".invalid-");
        names
            .filter(|it| is_aside(it.as_ref().unwrap().file_name().to_str().unwrap()))
            .count()
    }
}

#[test]
fn three_starts_without_a_healthy_time_put_the_old_binary_back() {
    let scene = Scene::replaced();
    for start in 1..=STARTS {
        let started = scene.started("2.0.0");
        assert_eq!((started.starts, started.told.len()), (start, 0));
        assert_eq!(started.trial, Some(replacement()));
        assert_eq!(scene.exe(), "new binary");
    }
    let Begun::WentBack { from, to, told } = scene.start("2.0.0") else {
        panic!("it did not go back");
    };
    assert_eq!((from.as_str(), to.as_str()), ("2.0.0", "1.0.0"));
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(scene.exe(), "old binary");
    let quarantined = quarantine::quarantined(&scene.place).unwrap();
    assert_eq!(quarantined.len(), 1);
    assert_eq!(
        (
            quarantined[0].version.as_str(),
            quarantined[0].sha256.as_str()
        ),
        ("2.0.0", "new")
    );

    // The one that came back says so, once, and has nothing to go back to itself.
    let started = scene.started("1.0.0");
    assert_eq!((started.starts, &started.trial), (1, &None));
    assert!(started.told[0].contains("is quarantined"), "{started:?}");
    assert!(scene.started("1.0.0").told.is_empty());
    assert_eq!(quarantine::quarantined(&scene.place).unwrap(), quarantined);
    // Its fleet is to be told for as long as nobody says that it was, whatever cuts a start short.
    assert!(quarantined[0].untold);
    quarantine::told(&scene.place, &version("2.0.0")).unwrap();
    scene.started("1.0.0");
    assert!(!quarantine::quarantined(&scene.place).unwrap()[0].untold);
}

#[test]
fn a_healthy_time_ends_the_trial() {
    let scene = Scene::replaced();
    scene.started("2.0.0");
    healthy(&scene.place, &version("2.0.0")).unwrap();
    assert!(!scene.place.old().exists());
    for _ in 0..5 {
        assert_eq!(scene.started("2.0.0").trial, None);
    }
    assert_eq!(scene.exe(), "new binary");
}

#[test]
fn the_old_program_cannot_end_the_trial_of_what_waits_for_its_first_start() {
    let scene = Scene::replaced();
    healthy(&scene.place, &version("1.0.0")).unwrap();
    assert_eq!(scene.started("2.0.0").trial, Some(replacement()));
    assert!(scene.place.old().exists());
}

#[test]
fn without_a_replacement_quick_starts_change_nothing_and_are_told() {
    let scene = Scene::new();
    for start in 1..=6 {
        let started = scene.started("2.0.0");
        assert_eq!((started.starts, &started.trial), (start, &None));
        assert_eq!(started.told.len(), usize::from(start > STARTS), "{start}");
    }
    assert_eq!(scene.exe(), "new binary");
    healthy(&scene.place, &version("2.0.0")).unwrap();
    assert_eq!(scene.started("2.0.0").starts, 1);
}

#[test]
fn a_swap_that_the_power_cut_short_is_no_failure_of_the_version() {
    let scene = Scene::replaced();
    // The old binary is still in its place.
    let started = scene.started("1.0.0");
    assert!(started.told[0].contains("interrupted"), "{started:?}");
    assert_eq!(started.trial, None);
    assert!(!scene.place.old().exists());
    assert!(quarantine::quarantined(&scene.place).unwrap().is_empty());
}

#[test]
fn a_count_that_cannot_be_read_is_set_aside_and_never_a_reason_not_to_start() {
    for text in ["", "{", "[]", "{\"schema\":9,\"starts\":0}", "\0\0\0\0"] {
        let scene = Scene::new();
        std::fs::write(scene.place.boot(), text).unwrap();
        let started = scene.started("2.0.0");
        assert_eq!((started.starts, scene.aside()), (1, 1), "{text}");
        assert!(started.told[0].contains("could not be read"), "{started:?}");
    }
}

#[test]
fn a_torn_count_does_not_lose_the_way_back() {
    let scene = Scene::replaced();
    let old = crate::agent::cuts::binary("1.0.0");
    std::fs::write(scene.place.old(), &old).unwrap();
    std::fs::write(scene.place.boot(), "{").unwrap();
    for start in 1..=STARTS {
        let started = scene.started("2.0.0");
        assert_eq!(started.starts, start);
        assert_eq!(started.trial.unwrap().from, version("1.0.0"));
    }
    assert!(matches!(scene.start("2.0.0"), Begun::WentBack { .. }));
    assert_eq!(std::fs::read(scene.place.exe()).unwrap(), old);
}

#[test]
fn what_is_not_the_binary_that_was_kept_is_not_put_back() {
    for kept in [None, Some("something else")] {
        let scene = Scene::replaced();
        match kept {
            None => std::fs::remove_file(scene.place.old()).unwrap(),
            Some(text) => std::fs::write(scene.place.old(), text).unwrap(),
        }
        for _ in 0..STARTS {
            scene.started("2.0.0");
        }
        let started = scene.started("2.0.0");
        assert_eq!(started.told.len(), 1, "{started:?}");
        assert_eq!(scene.exe(), "new binary");
        assert!(quarantine::quarantined(&scene.place).unwrap().is_empty());
    }
}

#[test]
fn where_nothing_can_be_written_it_starts_all_the_same_and_says_so() {
    let place = Place::of("/proc/refit".into());
    let Begun::Started(started) = begin(&place, &label("1.0.0"), NOW) else {
        panic!("it did not start");
    };
    assert_eq!(started.starts, 0);
    assert!(started.told[0].contains("could not be counted"));
}

proptest! {
    /// Only a replacement by this very version, and only after its starts, goes back.
    #[test]
    fn nothing_else_goes_back(starts in 0_u32..10, replaced: bool, same: bool) {
        let boot = Boot { schema: 1, starts, replacement: replaced.then(replacement) };
        let own = version(if same { "2.0.0" } else { "1.0.0" });
        let expected = match (replaced, same) {
            (true, false) => Decision::Settle { failed: starts >= STARTS },
            (true, true) if starts >= STARTS => Decision::GoBack,
            _ => Decision::Start,
        };
        prop_assert_eq!(decide(&boot, &own), expected);
    }
}
