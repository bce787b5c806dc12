//! Versions of the agent that never came to a healthy minute here, and are not taken again.

use jiff::Timestamp;
use rollout::Version;
use serde::{Deserialize, Serialize};

use super::files::{self, FileError, Found};
use super::place::Place;

const SCHEMA: u32 = 1;

/// One of them. Published again with another content, a version is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Quarantined {
    /// Its version.
    pub(crate) version: Version,
    /// The sha256 of the binary, in hexadecimal.
    pub(crate) sha256: String,
    /// When that was found, by this machine's clock.
    pub(crate) at: Timestamp,
    /// How often it was started without a healthy minute.
    pub(crate) starts: u32,
    /// Whether its fleet is still to be told that it was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) untold: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    schema: u32,
    quarantined: Vec<Quarantined>,
}

/// A list that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("could not read which versions of the agent are quarantined, in {path}: {why}")]
pub(crate) struct Unreadable {
    path: String,
    why: String,
}

/// All of them, the newest last.
///
/// # Errors
/// Where the list is there and cannot be understood: then nothing may be taken.
pub(crate) fn quarantined(place: &Place) -> Result<Vec<Quarantined>, Unreadable> {
    let path = place.quarantine();
    match files::read::<List>(&path, SCHEMA) {
        Found::Nothing => Ok(Vec::new()),
        Found::Whole(list) => Ok(list.quarantined),
        Found::Unreadable(why) => Err(Unreadable {
            path: path.display().to_string(),
            why,
        }),
    }
}

/// Adds one, which may be on the list. What cannot be understood of it is set aside; returned is what there
/// is to tell of that.
pub(super) fn add(
    place: &Place,
    one: Quarantined,
    now: Timestamp,
) -> Result<Option<String>, FileError> {
    let path = place.quarantine();
    let mut told = None;
    let mut list = match files::read::<List>(&path, SCHEMA) {
        Found::Nothing => List::default(),
        Found::Whole(list) => list,
        Found::Unreadable(why) => {
            let aside = files::set_aside(&path, now)?;
            told = Some(format!(
                "the list of quarantined versions could not be read ({why}) and is {} now",
                aside.display()
            ));
            List::default()
        }
    };
    let same = |it: &Quarantined| it.version == one.version && it.sha256 == one.sha256;
    if list.quarantined.iter().any(same) {
        return Ok(told);
    }
    list.schema = SCHEMA;
    list.quarantined.push(one);
    files::write(&path, &list)?;
    Ok(told)
}

/// The fleet's outbox has it that this version was taken back. To be called after that only: twice told is once
/// told, never told is lost.
///
/// # Errors
/// Where the list cannot be read or written.
pub(crate) fn told(place: &Place, version: &Version) -> Result<(), ListError> {
    let mut list = quarantined(place)?;
    for it in list.iter_mut().filter(|it| it.version == *version) {
        it.untold = false;
    }
    let list = List {
        schema: SCHEMA,
        quarantined: list,
    };
    Ok(files::write(&place.quarantine(), &list)?)
}

/// Forgives every content of a version. False where it is not on the list.
///
/// # Errors
/// Where the list cannot be read or written.
pub(crate) fn forgive(place: &Place, version: &Version) -> Result<bool, ListError> {
    let before = quarantined(place)?;
    let left: Vec<_> = before
        .iter()
        .filter(|it| it.version != *version)
        .cloned()
        .collect();
    if left.len() == before.len() {
        return Ok(false);
    }
    let list = List {
        schema: SCHEMA,
        quarantined: left,
    };
    files::write(&place.quarantine(), &list)?;
    Ok(true)
}

/// Why the list could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// The list cannot be understood.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(version: &str, sha256: &str) -> Quarantined {
        Quarantined {
            version: version.parse().unwrap(),
            sha256: sha256.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            starts: 3,
            untold: true,
        }
    }

    #[test]
    fn what_is_listed_stays_until_it_is_forgiven() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(dir.path().join("refit"));
        let now = Timestamp::UNIX_EPOCH;
        assert!(quarantined(&place).unwrap().is_empty());
        for it in [
            one("1.0.0", "a"),
            one("1.0.0", "b"),
            one("1.0.0", "a"),
            one("2.0.0", "c"),
        ] {
            assert_eq!(add(&place, it, now).unwrap(), None);
        }
        assert_eq!(quarantined(&place).unwrap().len(), 3);
        assert!(!forgive(&place, &"3.0.0".parse().unwrap()).unwrap());
        assert!(forgive(&place, &"1.0.0".parse().unwrap()).unwrap());
        assert_eq!(quarantined(&place).unwrap(), [one("2.0.0", "c")]);
    }

    #[test]
    fn what_was_told_is_marked_and_what_an_earlier_agent_listed_was_told() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(dir.path().join("refit"));
        for it in [one("1.0.0", "a"), one("2.0.0", "b")] {
            add(&place, it, Timestamp::UNIX_EPOCH).unwrap();
        }
        told(&place, &"1.0.0".parse().unwrap()).unwrap();
        let untold: Vec<_> = quarantined(&place).unwrap();
        assert_eq!(
            untold.iter().map(|it| it.untold).collect::<Vec<_>>(),
            [false, true]
        );
        let text = r#"{"schema":1,"quarantined":[{"version":"1.0.0","sha256":"a","at":"1970-01-01T00:00:00Z","starts":3}]}"#;
        std::fs::write(place.quarantine(), text).unwrap();
        assert!(!quarantined(&place).unwrap()[0].untold);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_an_error_and_never_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(dir.path().join("refit"));
        for text in ["{", "{\"schema\":2,\"quarantined\":[]}"] {
            std::fs::write(place.quarantine(), text).unwrap();
            let error = quarantined(&place).unwrap_err().to_string();
            assert!(error.contains("refit.quarantine.json"), "{error}");
            let told = add(&place, one("1.0.0", "a"), Timestamp::UNIX_EPOCH).unwrap();
            assert!(told.unwrap().contains("invalid-0"));
            assert_eq!(quarantined(&place).unwrap().len(), 1);
        }
    }
}
