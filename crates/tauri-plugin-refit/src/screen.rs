//! What the main window shows: the app's start page, or the page of one running workspace.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use device::Status;
use jiff::SignedDuration;
use serde::Serialize;
use tauri::Url;

use crate::caller::Origin;
use crate::goal::{Goal, Serving, goal};

/// The runtime and the workspace that are always there.
pub(crate) const MAIN: &str = "main";

/// A workspace of a runtime, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The runtime's name; `main` for the one that has no other.
    pub app: String,
    /// The workspace's name; `main` is always there.
    pub workspace: String,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            app: MAIN.to_owned(),
            workspace: MAIN.to_owned(),
        }
    }
}

/// Which page the main window was sent to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A page of the app's own.
    #[default]
    Start,
    /// The page of one launch in one workspace.
    Runtime { place: Place, serving: Serving },
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
    /// Nothing runs there: back to the start page, which says why.
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

/// Compares what is shown with what should be: `goal` of the workspace that was chosen.
pub(crate) fn next(shown: &Shown, chosen: &Place, goal: Goal) -> (Step, Shown) {
    let elsewhere = matches!(shown, Shown::Runtime { place, .. } if place != chosen);
    let to = match goal {
        Goal::Page(to) => to,
        Goal::Nothing if *shown != Shown::Start => return (Step::Back, Shown::Start),
        // Another workspace's page must not pass for this one's until it is up.
        Goal::Wait if elsewhere => return (Step::Back, Shown::Start),
        Goal::Nothing | Goal::Wait => return (Step::Stay, shown.clone()),
    };
    let step = match shown {
        Shown::Runtime { place, serving } if place == chosen => {
            if *serving == to {
                return (Step::Stay, shown.clone());
            }
            let same_origin = Origin::of(&serving.url) == Origin::of(&to.url);
            let lasted = to.since.duration_since(serving.since) >= SOON;
            if same_origin && lasted {
                Step::Reload
            } else {
                Step::Open(to.url.clone())
            }
        }
        _ => Step::Open(to.url.clone()),
    };
    let shown = Shown::Runtime {
        place: chosen.clone(),
        serving: to,
    };
    (step, shown)
}

/// Whether the main window, or a frame in it, may open a URL.
///
/// From the runtime's page there is no way to the app's own pages, nor to another workspace's: the
/// plugin alone leads there. Documents without an address of their own belong to the page that makes
/// them.
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
        Shown::Runtime { serving, .. } => Origin::of(&serving.url) == Some(origin),
    }
}

/// The main window's state, shared by hooks, commands and the relay.
#[derive(Debug, Default)]
pub(crate) struct Screen(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What a person wants to see.
    chosen: Place,
    shown: Shown,
    /// The page that the window opened with, once it has loaded.
    start: Option<Url>,
}

impl Screen {
    /// A window has just been made: it opens its own start page.
    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        state.shown = Shown::Start;
        state.start = None;
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

    /// A person wants to see this workspace.
    pub(crate) fn choose(&self, place: Place) {
        self.lock().chosen = place;
    }

    /// The workspace that a person wants to see.
    pub(crate) fn chosen(&self) -> Place {
        self.lock().chosen.clone()
    }

    /// What to do now, where `app` is what this status is about. Nothing while another runtime is
    /// shown, and nothing before the start page has loaded, so that the window never opens two pages
    /// at once.
    pub(crate) fn advance(&self, app: &str, status: &Status) -> (Step, Option<Url>) {
        let mut state = self.lock();
        if state.start.is_none() || state.chosen.app != app {
            return (Step::Stay, None);
        }
        let mut to = goal(status, &state.chosen.workspace);
        if to.is_none() {
            // It was removed.
            MAIN.clone_into(&mut state.chosen.workspace);
            to = goal(status, MAIN);
        }
        let (step, shown) = next(&state.shown, &state.chosen, to.unwrap_or(Goal::Wait));
        state.shown = shown;
        (step, state.start.clone())
    }

    pub(crate) fn may_open(&self, url: &Url, shell: &[Origin]) -> bool {
        may_open(url, &self.lock().shown, shell)
    }

    /// The origin that the window was sent to, while that is a runtime's, and that runtime's name.
    pub(crate) fn runtime(&self) -> Option<(Origin, String)> {
        match &self.lock().shown {
            Shown::Start => None,
            Shown::Runtime { place, serving } => {
                Origin::of(&serving.url).map(|origin| (origin, place.app.clone()))
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
