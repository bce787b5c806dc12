//! The power fails at every moment of a replacement and of a way back: a process of its own each time, which
//! aborts there. Whatever is left then has to start, and to come to a good end.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use rollout::Version;

use super::files::cut::CUT;
use super::label::{self, Label};
use super::place::Place;
use super::quarantine::quarantined;
use super::replace::{Replacer, Wanted};
use super::sentinel::{self, Begun, STARTS};

/// The folder that a process of these tests works in.
const FOLDER: &str = "REFIT_TEST_FOLDER";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A file that says it is this version, for this platform; too large for one read.
pub(super) fn binary(version: &str) -> Vec<u8> {
    let mut bytes = format!("\x7fELF of {version}").into_bytes();
    bytes.resize(150_000, b'.');
    bytes.extend(label::said(version, &label::platform()));
    bytes
}

fn label(version: &str) -> Label {
    Label {
        version: version.parse().unwrap(),
        platform: label::platform(),
        development: false,
    }
}

fn wanted(version: &str) -> Wanted {
    let bytes = binary(version);
    Wanted {
        version: version.parse().unwrap(),
        sha256: hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes)),
        size: bytes.len() as u64,
    }
}

fn place(folder: &Path) -> Place {
    Place::of(folder.join("refit"))
}

fn replacer(folder: &Path, own: &str) -> Replacer {
    // These files are no programs.
    Replacer::new(place(folder), label(own), |_, _| Ok(()))
}

/// Replaces 1.0.0 by 2.0.0, however far another process came with it.
#[tokio::main(flavor = "current_thread")]
async fn replace(folder: &Path) {
    let replacer = replacer(folder, "1.0.0");
    let wanted = wanted("2.0.0");
    let staged = if let Some(staged) = replacer.staged(&wanted).await.unwrap() {
        staged
    } else {
        let bytes = binary("2.0.0");
        replacer.stage(&wanted, &*bytes).await.unwrap()
    };
    let _ = replacer.swap(staged, NOW).await.unwrap();
}

/// Starts whatever binary lies there. Returns its version, and whether it went back.
fn start(folder: &Path) -> (Version, bool) {
    let place = place(folder);
    let own = label::of_file(place.exe()).expect("a whole binary in its place");
    let whole = binary(own.version.as_str());
    assert_eq!(std::fs::read(place.exe()).unwrap(), whole);
    let begun = sentinel::begin(&place, &own, NOW);
    (own.version, matches!(begun, Begun::WentBack { .. }))
}

/// Runs one of the processes below until it ends, or until the power fails at the `at`th moment. True where it
/// came to its end.
fn runs_through(process: &str, folder: &Path, at: usize) -> bool {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("agent::cuts::{process}"), "--ignored"])
        .env(FOLDER, folder)
        .env(CUT, at.to_string())
        .output()
        .unwrap();
    if output.status.success() {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.signal().is_some(), "{said}");
    }
    false
}

#[test]
#[ignore = "a process of the tests below"]
fn replaces() {
    replace(Path::new(&std::env::var_os(FOLDER).unwrap()));
}

#[test]
#[ignore = "a process of the tests below"]
fn starts() {
    start(Path::new(&std::env::var_os(FOLDER).unwrap()));
}

#[test]
fn a_power_cut_within_a_replacement_leaves_a_binary_that_starts_and_can_be_replaced() {
    let mut moments = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        std::fs::write(place(folder).exe(), binary("1.0.0")).unwrap();
        let through = runs_through("replaces", folder, moments);
        let (version, back) = start(folder);
        assert!(!back, "at {moments}");
        if version.as_str() == "1.0.0" {
            assert!(!through);
            // Nothing is blamed for a power cut, and it comes through the next time.
            assert!(quarantined(&place(folder)).unwrap().is_empty());
            replace(folder);
            assert_eq!(start(folder).0.as_str(), "2.0.0", "at {moments}");
        }
        sentinel::healthy(&place(folder), &"2.0.0".parse().unwrap()).unwrap();
        let left = ["refit", "refit.boot.json", "refit.lock"];
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, left, "at {moments}");
        if through {
            break;
        }
        moments += 1;
    }
    assert!(moments >= 10, "the power failed at {moments} moments only");
}

#[test]
fn a_power_cut_on_the_way_back_leaves_a_binary_that_starts_and_the_bad_one_quarantined() {
    let mut moments = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        std::fs::write(place(folder).exe(), binary("1.0.0")).unwrap();
        replace(folder);
        for _ in 0..STARTS {
            assert_eq!(start(folder).0.as_str(), "2.0.0");
        }
        let through = runs_through("starts", folder, moments);
        // Two starts at most: one that goes back, where that was cut, and the one of the old binary.
        if start(folder).1 {
            assert!(!through);
            assert_eq!(start(folder).0.as_str(), "1.0.0", "at {moments}");
        }
        assert_eq!(
            std::fs::read(place(folder).exe()).unwrap(),
            binary("1.0.0"),
            "at {moments}"
        );
        let listed = quarantined(&place(folder)).unwrap();
        assert_eq!(listed.len(), 1, "at {moments}");
        assert_eq!(listed[0].sha256, wanted("2.0.0").sha256);
        if through {
            break;
        }
        moments += 1;
    }
    assert!(moments >= 4, "the power failed at {moments} moments only");
}

#[test]
fn a_power_cut_in_the_count_of_starts_neither_loses_the_trial_nor_ends_it() {
    let mut moments = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        std::fs::write(place(folder).exe(), binary("1.0.0")).unwrap();
        replace(folder);
        let through = runs_through("starts", folder, moments);
        let mut starts = 0;
        while !start(folder).1 {
            starts += 1;
            assert!(starts <= STARTS, "it never goes back, at {moments}");
        }
        assert!(
            (STARTS - 1..=STARTS).contains(&starts),
            "{starts} at {moments}"
        );
        if through {
            break;
        }
        moments += 1;
    }
    assert!(moments >= 2, "the power failed at {moments} moments only");
}
