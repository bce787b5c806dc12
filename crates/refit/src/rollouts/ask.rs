//! A person's consent.

use std::io::{self, BufRead, IsTerminal as _};

use crate::failure::Failure;
use crate::output::{ask, say};

/// How consent is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// `--yes`.
    Given,
    /// There is a person at a terminal.
    Asked,
    /// Nobody is there to be asked.
    Nobody,
}

impl Consent {
    /// With `--json` nobody is asked: a program reads.
    pub(crate) fn of(yes: bool, json: bool) -> Self {
        if yes {
            Self::Given
        } else if !json && io::stdin().is_terminal() && io::stderr().is_terminal() {
            Self::Asked
        } else {
            Self::Nobody
        }
    }

    /// Whether it is to be done. `preview` says what; it is for people.
    pub(crate) fn get(self, preview: Option<&str>, question: &str) -> Result<bool, Failure> {
        if let Some(preview) = preview {
            say(preview);
        }
        match self {
            Self::Given => Ok(true),
            Self::Asked => {
                ask(&format!("{question} [y/N] "));
                Ok(is_yes(io::stdin().lock()))
            }
            Self::Nobody => Err(Failure::usage(
                "This changes what devices get, and there is no terminal to ask on",
                "Say --yes to do it without being asked.",
            )),
        }
    }
}

/// Only a plain yes is one.
fn is_yes(mut from: impl BufRead) -> bool {
    let mut line = String::new();
    from.read_line(&mut line).is_ok()
        && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for yes in ["y\n", "Y", " yes \n", "YES\nn\n"] {
            assert!(is_yes(yes.as_bytes()), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yess\n", "ok\n", "\ny\n"] {
            assert!(!is_yes(no.as_bytes()), "{no:?}");
        }
        assert!(!is_yes(&b"\xff\xfe"[..]));
    }

    #[test]
    fn a_program_is_not_asked() {
        assert_eq!(Consent::of(true, true), Consent::Given);
        assert_eq!(Consent::of(false, true), Consent::Nobody);
        let refused = Consent::Nobody.get(None, "?").unwrap_err();
        assert!(refused.usage && refused.hint.unwrap().contains("--yes"));
        assert!(Consent::Given.get(None, "?").unwrap());
    }
}
