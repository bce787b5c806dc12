//! The clock, for those who call the store. Nothing that decides reads it.

use jiff::Timestamp;

/// This moment in whole seconds: what every file of the store holds.
///
/// With the feature `test-clock` it is off by the whole seconds in the file that the variable
/// `REFIT_TEST_CLOCK` names.
pub fn now() -> Timestamp {
    let exact = Timestamp::now();
    let whole = Timestamp::from_second(exact.as_second()).unwrap_or(exact);
    #[cfg(feature = "test-clock")]
    let whole = moved::moved(whole, std::env::var_os("REFIT_TEST_CLOCK").as_deref());
    whole
}

/// A clock that tests move.
#[cfg(feature = "test-clock")]
mod moved {
    use std::ffi::OsStr;
    use std::sync::Once;

    use jiff::{SignedDuration, Timestamp};

    static WARNED: Once = Once::new();

    /// The file is read at every call; one that is missing or holds no whole number moves nothing.
    pub(super) fn moved(now: Timestamp, file: Option<&OsStr>) -> Timestamp {
        WARNED.call_once(|| {
            tracing::warn!(
                "THIS BUILD IS FOR TESTS ONLY: its clock can be moved by a file (feature `test-clock`)"
            );
        });
        let seconds = file
            .and_then(|file| std::fs::read_to_string(file).ok())
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        now.saturating_add(SignedDuration::from_secs(seconds))
            .unwrap_or(now)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_clock_goes_by_what_the_file_says_now() {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("clock");
            let at = |second| Timestamp::from_second(second).unwrap();
            let told = |text: &str| {
                std::fs::write(&file, text).unwrap();
                moved(at(1_000_000), Some(file.as_os_str()))
            };
            assert_eq!(moved(at(1_000_000), Some(file.as_os_str())), at(1_000_000));
            assert_eq!(moved(at(1_000_000), None), at(1_000_000));
            assert_eq!(told(" 3600\n"), at(1_003_600));
            assert_eq!(told("-60"), at(999_940));
            assert_eq!(told("soon"), at(1_000_000));
            assert_eq!(told("1.5"), at(1_000_000));
            assert_eq!(told(&i64::MAX.to_string()), Timestamp::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_moment_is_written_without_fractions() {
        assert!(!super::now().to_string().contains('.'));
    }
}
