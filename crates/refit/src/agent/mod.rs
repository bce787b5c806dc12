//! The headless agent as a service: its own version, its own replacement, and its way back.
//!
//! ```text
//! label ─────► what a binary says it is, compiled into each and read out of any
//! sentinel ──► counts starts before anything else; three without a healthy time go back      (quarantine)
//! binary ────► the same as a fleet steers it
//! watchdog ─► ends a binary on trial that hangs, so that the next start is counted
//! replace ───► fetch, verify, keep the old, announce, swap                                   (starts)
//! service ───► units for systemd, launchd and Windows
//! ```
//!
//! # Invariants
//!
//! * At every moment, whatever fails, there is a whole binary under the executable's name.
//! * A swap is announced to the sentinel before it happens, so that no start of a new binary is uncounted.
//! * What never came to a healthy time is not taken again before a person forgives it.
//! * Nothing of this happens in a development build.

mod binary;
mod files;
pub(crate) mod label;
mod place;
mod published;
mod quarantine;
mod replace;
pub(crate) mod sentinel;
pub(crate) mod service;
mod starts;
pub(crate) mod watchdog;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::OnceLock;

pub(crate) use binary::Binary;
pub(crate) use place::Place;
pub(crate) use published::{release_of, releases_of};
pub(crate) use quarantine::{forgive, quarantined, told};
pub(crate) use replace::{Replacer, Staged, Stopped, Swapped, Trouble, Wanted};

use crate::output::say;
use sentinel::{Begun, Started};

/// How the agent ends when it wants to be started anew: after it was replaced, or went back. Every unit of
/// ours restarts what ends by itself, and takes this for no failure.
pub(crate) const RESTART: u8 = 85;

/// Where this process was asked to be the agent, has its start counted. Returned is how it is to end at once,
/// because the binary before is in place again.
pub(crate) fn begin_if_asked() -> Option<ExitCode> {
    if !is_asked(std::env::args_os()) {
        return None;
    }
    match begun() {
        Begun::Started(_) => None,
        Begun::WentBack { .. } => Some(ExitCode::from(RESTART)),
    }
}

/// This start of the agent, counted once in a process and told on stderr. A development build counts nothing,
/// and neither does what does not know where it lies: there is nothing to go back to.
pub(crate) fn begun() -> &'static Begun {
    static BEGUN: OnceLock<Begun> = OnceLock::new();
    BEGUN.get_or_init(|| {
        let own = label::own();
        let begun = match Place::own() {
            Ok(place) if place.development(&own).is_none() => {
                sentinel::begin(&place, &own, runtime_store::now())
            }
            Ok(_) => Begun::Started(Started::default()),
            Err(error) => Begun::Started(Started {
                told: vec![format!("this start could not be counted: {error}")],
                ..Started::default()
            }),
        };
        let (Begun::Started(Started { told, .. }) | Begun::WentBack { told, .. }) = &begun;
        for words in told {
            say(&format!("Agent: {words}"));
        }
        if let Begun::WentBack { from, to, .. } = &begun {
            say(&format!(
                "Agent: version {from} had {} starts without a healthy time; version {to} is back in its place",
                sentinel::STARTS
            ));
        }
        let is_on_trial = matches!(&begun, Begun::Started(started) if started.trial.is_some());
        if is_on_trial && let Err(error) = watchdog::arm() {
            say(&format!(
                "Agent: nothing watches whether this version hangs: {error}"
            ));
        }
        begun
    })
}

/// Whether these arguments, of which nothing was looked at yet, are those that the service is started with.
fn is_asked(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let is_agent = arguments.nth(1).is_some_and(|first| first == "agent");
    // An order about the agent, or a question, is no start of it.
    is_agent
        && arguments.next().is_none_or(|next| {
            let text = next.to_string_lossy();
            text.starts_with('-') && !matches!(&*text, "-h" | "--help" | "-V" | "--version")
        })
}

#[cfg(test)]
mod cuts;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_service_itself_counts_as_a_start() {
        let asked = |line: &str| is_asked(line.split(' ').map(OsString::from));
        for line in [
            "refit agent",
            "refit agent --config x",
            "refit agent --json",
        ] {
            assert!(asked(line), "{line}");
        }
        for line in [
            "refit",
            "refit run",
            "refit run agent",
            "refit agent install --user",
            "refit agent --help",
            "refit agent status",
            "refit --version",
        ] {
            assert!(!asked(line), "{line}");
        }
    }
}
