//! The boot sentinel: counts starts before anything else happens, and goes back to the binary before.
//!
//! ```text
//! begin ─► read the count ─► decide ─► Start    count it, durably, and go on
//!                              ├─────► GoBack   quarantine, <exe>.old over <exe>, restart
//!                              └─────► Settle   another binary runs than the one that was put in place
//! healthy ─► forget the count, then the way back
//! ```
//!
//! The count lies beside the binary and is found without an argument or a setting, so that neither can
//! keep it from being counted. Nothing that is wrong with it is a reason not to start.

use jiff::Timestamp;
use rollout::Version;
use serde::{Deserialize, Serialize};

use super::files::{self, FileError, Found, cut};
use super::label::{self, Label};
use super::place::Place;
use super::quarantine::{self, Quarantined};

/// So many starts without a healthy time are the end of a replacement.
pub(crate) const STARTS: u32 = 3;

const SCHEMA: u32 = 1;

/// How the binary started lately. Unknown fields are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Boot {
    pub(super) schema: u32,
    /// Starts since it last was healthy.
    pub(crate) starts: u32,
    /// The replacement that is not yet known to be good.
    pub(crate) replacement: Option<Replacement>,
}

/// A binary that took another's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replacement {
    /// What was put in place.
    pub(crate) version: Version,
    /// Its sha256, in hexadecimal.
    pub(crate) sha256: String,
    /// What was there before.
    pub(crate) from: Version,
    /// Its sha256, in hexadecimal.
    pub(crate) from_sha256: String,
    /// When, by this machine's clock.
    pub(crate) at: Timestamp,
    /// Whether a fleet ordered it: then the one before had a connection to its broker, and this one must too
    /// before it is kept.
    #[serde(default)]
    pub(crate) ordered: bool,
}

/// What a start is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Count it, and go on.
    Start,
    /// The replacement had its starts: the binary before it is to run again.
    GoBack,
    /// What was put in place is not what runs: it was taken back, or the power failed before the swap.
    Settle {
        /// Whether it had its starts.
        failed: bool,
    },
}

/// What this start is to do, where `own` is the version that starts.
pub(crate) fn decide(boot: &Boot, own: &Version) -> Decision {
    let failed = boot.starts >= STARTS;
    match &boot.replacement {
        Some(it) if it.version != *own => Decision::Settle { failed },
        Some(_) if failed => Decision::GoBack,
        Some(_) | None => Decision::Start,
    }
}

/// A start that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Go on.
    Started(Started),
    /// The binary before is in place again: end, so that it is started.
    WentBack {
        /// What was in place.
        from: Version,
        /// What is now.
        to: Version,
        /// What there is to tell.
        told: Vec<String>,
    },
}

/// A start that goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Started {
    /// The how manieth since it last was healthy; 0 where that could not be counted.
    pub(crate) starts: u32,
    /// The replacement that this start tries.
    pub(crate) trial: Option<Replacement>,
    /// What was taken back before this start.
    pub(crate) went_back: Option<Version>,
    /// What there is to tell a person, and the fleet.
    pub(crate) told: Vec<String>,
}

/// Looks at this start, counts it, and goes back where it is time to. To be called before anything else.
pub(crate) fn begin(place: &Place, own: &Label, now: Timestamp) -> Begun {
    let (mut told, mut went_back) = (Vec::new(), None);
    let (mut boot, whole) = match files::read::<Boot>(&place.boot(), SCHEMA) {
        Found::Nothing => (Boot::default(), true),
        Found::Whole(boot) => (boot, true),
        Found::Unreadable(why) => (recovered(place, own, now, &why, &mut told), false),
    };
    match decide(&boot, &own.version) {
        Decision::Start => {}
        Decision::GoBack => match go_back(place, &boot, now, &mut told) {
            Ok(Some((from, to))) => return Begun::WentBack { from, to, told },
            Ok(None) => {}
            Err(error) => told.push(format!(
                "this version had {} starts without a healthy time, and the one before could not be put \
                 back: {error}",
                boot.starts
            )),
        },
        Decision::Settle { failed } => {
            settle(place, &boot, failed, now, &mut told);
            went_back = boot.replacement.take().filter(|_| failed).map(|it| it.version);
            boot.starts = 0;
        }
    }
    boot.schema = SCHEMA;
    boot.starts = boot.starts.saturating_add(1);
    if boot.replacement.is_none() {
        if boot.starts > STARTS {
            told.push(format!(
                "this is start {} without a healthy time; there is no binary to go back to",
                boot.starts
            ));
        }
        // Of a swap that the power cut short. Where the count was damaged, it may be all there is.
        if whole {
            let _ = files::remove(&place.old());
        }
    }
    let counted = files::write(&place.boot(), &boot);
    cut::here();
    if let Err(error) = &counted {
        told.push(format!("this start could not be counted: {error}"));
    }
    Begun::Started(Started {
        starts: if counted.is_ok() { boot.starts } else { 0 },
        trial: boot.replacement,
        went_back,
        told,
    })
}

/// Notes that this program, `own`, has been up for long enough: there is no way back from it any more. A
/// replacement by another version, which waits for its first start, stays.
///
/// # Errors
/// Where that cannot be written; it stays on trial then.
pub(crate) fn healthy(place: &Place, own: &Version) -> Result<(), FileError> {
    if let Found::Whole(boot) = files::read::<Boot>(&place.boot(), SCHEMA)
        && boot.replacement.is_some_and(|it| it.version != *own)
    {
        return Ok(());
    }
    let boot = Boot {
        schema: SCHEMA,
        ..Boot::default()
    };
    files::write(&place.boot(), &boot)?;
    files::remove(&place.old())
}

/// How the binary started lately, for showing.
pub(crate) fn look(place: &Place) -> Option<Boot> {
    match files::read(&place.boot(), SCHEMA) {
        Found::Whole(boot) => Some(boot),
        Found::Nothing | Found::Unreadable(_) => None,
    }
}

/// Writes down, before the swap, what is about to take the place of what runs.
pub(super) fn announce(place: &Place, replacement: Replacement) -> Result<(), FileError> {
    let boot = Boot {
        schema: SCHEMA,
        starts: 0,
        replacement: Some(replacement),
    };
    files::write(&place.boot(), &boot)
}

/// Unsays what was announced, where the swap did not happen.
pub(super) fn take_back(place: &Place, before: Option<Boot>) {
    if let Err(error) = files::write(&place.boot(), &before.unwrap_or_default()) {
        tracing::warn!(%error, "the next start finds a replacement that did not happen");
    }
}

/// A count that cannot be read is set aside. Where a binary is kept to go back to, a replacement was under
/// way, and is again.
fn recovered(
    place: &Place,
    own: &Label,
    now: Timestamp,
    why: &str,
    told: &mut Vec<String>,
) -> Boot {
    told.push(match files::set_aside(&place.boot(), now) {
        Ok(aside) => format!(
            "the count of starts could not be read ({why}) and is {} now",
            aside.display()
        ),
        Err(error) => format!("the count of starts could not be read ({why}), and {error}"),
    });
    let replacement = label::of_file(&place.old())
        .ok()
        .filter(|old| old.version != own.version && old.platform == own.platform)
        .and_then(|old| {
            Some(Replacement {
                version: own.version.clone(),
                sha256: files::digest(place.exe()).ok()?.0,
                from: old.version,
                from_sha256: files::digest(&place.old()).ok()?.0,
                at: now,
                // Not known any more.
                ordered: false,
            })
        });
    Boot {
        replacement,
        ..Boot::default()
    }
}

/// Puts the binary before back. None where there is none that could run.
fn go_back(
    place: &Place,
    boot: &Boot,
    now: Timestamp,
    told: &mut Vec<String>,
) -> Result<Option<(Version, Version)>, FileError> {
    let Some(it) = &boot.replacement else {
        return Ok(None);
    };
    let (found, _) = files::digest(&place.old())?;
    if found != it.from_sha256 {
        told.push(format!(
            "{} is not the binary that was kept there; this version goes on",
            place.old().display()
        ));
        return Ok(None);
    }
    // Before the swap: the one that comes back must not take it again.
    condemn(place, it, boot.starts, now, told);
    cut::here();
    files::put_in_place(&place.old(), place.exe())?;
    cut::here();
    Ok(Some((it.version.clone(), it.from.clone())))
}

/// What became of a replacement that is not what runs.
fn settle(place: &Place, boot: &Boot, failed: bool, now: Timestamp, told: &mut Vec<String>) {
    let Some(it) = &boot.replacement else { return };
    if failed {
        told.push(format!(
            "version {} never came to a healthy time here, and is quarantined",
            it.version
        ));
        // Once more: the disk may have been full then.
        condemn(place, it, boot.starts, now, told);
    } else {
        told.push(format!(
            "version {} did not take this one's place: it was interrupted",
            it.version
        ));
    }
}

fn condemn(place: &Place, it: &Replacement, starts: u32, now: Timestamp, told: &mut Vec<String>) {
    let one = Quarantined {
        version: it.version.clone(),
        sha256: it.sha256.clone(),
        at: now,
        starts,
        untold: true,
    };
    match quarantine::add(place, one, now) {
        Ok(news) => told.extend(news),
        Err(error) => told.push(format!(
            "version {} is not quarantined: {error}",
            it.version
        )),
    }
}

#[cfg(test)]
mod tests;
