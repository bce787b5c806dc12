//! What the main window shows: the app's start page, or the running runtime's page.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use device::{Phase, Status};
use jiff::{SignedDuration, Timestamp};
use tauri::Url;

use crate::caller::Origin;

/// Which page the main window was sent to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A page of the app's own.
    #[default]
    Start,
    /// The page of one launch of the runtime, which has been ready since then.
    Runtime { url: Url, since: Timestamp },
}

/// A launch that was over sooner than this may have been ended by the very page that was open.
const SOON: SignedDuration = SignedDuration::from_secs(10);

/// What the main window must do to show what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// It shows it.
    Stay,
    /// Open this page of the runtime.
    Open(Url),
    /// The same origin serves another launch: load the page that is open once more.
    Reload,
    /// Nothing runs any more: back to the start page, which says why.
    Back,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stay => f.write_str("stay"),
            Self::Open(url) => write!(f, "open {url}"),
            Self::Reload => f.write_str("reload"),
            Self::Back => f.write_str("back to the start page"),
        }
    }
}

/// Compares what is shown with what the status says should be.
pub(crate) fn next(shown: &Shown, status: &Status) -> (Step, Shown) {
    let stay = || (Step::Stay, shown.clone());
    let Some(running) = &status.running else {
        return match (status.phase, shown) {
            (Phase::Failed, Shown::Runtime { .. }) => (Step::Back, Shown::Start),
            _ => stay(),
        };
    };
    let Ok(url) = Url::parse(&running.url) else {
        return stay();
    };
    let since = running.since;
    let step = match shown {
        Shown::Runtime {
            url: from,
            since: seen,
        } if *seen == since && *from == url => {
            return stay();
        }
        Shown::Runtime {
            url: from,
            since: seen,
        } if Origin::of(from) == Origin::of(&url) && since.duration_since(*seen) >= SOON => {
            Step::Reload
        }
        _ => Step::Open(url.clone()),
    };
    (step, Shown::Runtime { url, since })
}

/// Whether the main window, or a frame in it, may open a URL.
///
/// From the runtime's page there is no way to the app's own pages: the plugin alone leads there.
/// Documents without an address of their own belong to the page that makes them.
pub(crate) fn may_open(url: &Url, shown: &Shown, shell: &[Origin]) -> bool {
    let inner;
    let url = match url.scheme() {
        "about" => return matches!(url.path(), "blank" | "srcdoc"),
        "blob" => match Url::parse(url.path()) {
            Ok(parsed) => {
                inner = parsed;
                &inner
            }
            Err(_) => return false,
        },
        _ => url,
    };
    let Some(origin) = Origin::of(url) else {
        return false;
    };
    match shown {
        Shown::Start => shell.contains(&origin),
        Shown::Runtime { url, .. } => Origin::of(url) == Some(origin),
    }
}

/// The main window's state, shared by hooks, commands and the relay.
#[derive(Debug, Default)]
pub(crate) struct Screen(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    shown: Shown,
    /// The page that the window opened with, once it has loaded.
    start: Option<Url>,
}

impl Screen {
    /// A window has just been made: it opens its own start page.
    pub(crate) fn reset(&self) {
        *self.lock() = State::default();
    }

    /// A page has loaded. True when it is the window's first, so that it may be sent on.
    pub(crate) fn loaded(&self, url: &Url, shell: &[Origin]) -> bool {
        let mut state = self.lock();
        let is_own = Origin::of(url).is_some_and(|origin| shell.contains(&origin));
        let first = is_own && state.start.is_none();
        if first {
            state.start = Some(url.clone());
        }
        first
    }

    /// What to do now. Before the start page has loaded: nothing, so that the window never opens
    /// two pages at once.
    pub(crate) fn advance(&self, status: &Status) -> (Step, Option<Url>) {
        let mut state = self.lock();
        if state.start.is_none() {
            return (Step::Stay, None);
        }
        let (step, shown) = next(&state.shown, status);
        state.shown = shown;
        (step, state.start.clone())
    }

    pub(crate) fn may_open(&self, url: &Url, shell: &[Origin]) -> bool {
        may_open(url, &self.lock().shown, shell)
    }

    /// The origin that the window was sent to, while that is the runtime's.
    pub(crate) fn runtime(&self) -> Option<Origin> {
        match &self.lock().shown {
            Shown::Start => None,
            Shown::Runtime { url, .. } => Origin::of(url),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
