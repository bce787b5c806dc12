//! What this process last heard of the publisher, for when it cannot be written down.

use std::sync::{Arc, Mutex, PoisonError};

use rollout::Terms;
use serde_json::Value;

use crate::files::{self, Found};
use crate::layout::Layout;
use crate::shell::Shell;
use crate::small::RELEASES_SCHEMA;
use crate::{Store, ruling};

/// The last terms that this process heard. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Option<Terms>>>);

impl Heard {
    /// The terms to judge by: what is on disk or what was heard here, whichever was verified later,
    /// as far as `counts` lets it.
    pub(crate) fn terms(&self, layout: &Layout, counts: impl Fn(&Terms) -> bool) -> Option<Terms> {
        let heard = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let heard = heard.filter(&counts);
        match (heard, ruling::on_disk(layout).filter(&counts)) {
            (Some(heard), Some(kept)) if kept.verified_at > heard.verified_at => Some(kept),
            (Some(heard), _) => Some(heard),
            (None, kept) => kept,
        }
    }

    /// As [`Heard::terms`], of whom `shell` believes.
    pub(crate) fn counting(&self, layout: &Layout, shell: &Shell) -> Option<Terms> {
        self.terms(layout, |terms| shell.counts(terms))
    }
}

impl Store {
    /// What this process has just heard, or that there is nothing to hear any more. Launches go by
    /// it also where it cannot be written down; another process's later word comes before it.
    pub fn heard(&self, terms: Option<Terms>) {
        *self
            .memory()
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = terms;
    }

    /// The last verified manifest, as `releases.json` keeps it or this process heard it. Changes
    /// nothing: what is not terms reads as none, and stays where it is.
    pub fn terms(&self) -> Option<Terms> {
        self.memory().terms(self.layout(), |_| true)
    }

    /// Whether what `shell` hears is kept: terms of whom it believes are there, in a file that it may
    /// write. A newer shell's file says what was heard when that shell last ran.
    pub fn keeps_terms(&self, shell: &Shell) -> bool {
        let path = self.layout().releases();
        let newer = matches!(
            files::read_schema::<Value>(&path, RELEASES_SCHEMA),
            Ok(Found::Newer(..))
        );
        !newer && self.terms_for(shell).is_some()
    }

    /// As [`Store::terms`], if they are of whom `shell` believes.
    pub fn terms_for(&self, shell: &Shell) -> Option<Terms> {
        self.memory().counting(self.layout(), shell)
    }
}

impl Shell {
    /// Whether these are the terms of whom this shell believes.
    pub fn counts(&self, terms: &Terms) -> bool {
        self.source.as_ref() == Some(&terms.source) && (terms.signed || !self.signed_only)
    }
}

#[cfg(test)]
mod tests;
