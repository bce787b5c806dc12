//! What the publisher's last terms say of what is stored, at a time that the clock alone does not
//! set.

use jiff::Timestamp;
use rollout::{BadEntry, Blocked, Launcher, Terms, Version, Waiting};
use serde::Deserialize as _;
use serde_json::Value;

use crate::choose::{Entry, PassedOver, Source};
use crate::files::{self, Found};
use crate::layout::Layout;
use crate::pointer::{Pointer, Trial};
use crate::shell::Shell;
use crate::small::RELEASES_SCHEMA;
use crate::store::Snapshot;
use crate::{Store, device_id, stored};

/// The terms, and by whom and when they are judged. Without terms everything passes, unless only
/// what is signed may.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ruling {
    /// Those that count for this shell.
    terms: Option<Terms>,
    device: Option<String>,
    /// Corrected.
    now: Timestamp,
    signed_only: bool,
}

impl Ruling {
    pub(crate) fn of(
        terms: Option<Terms>,
        device: Option<String>,
        shell: &Shell,
        clock: Timestamp,
    ) -> Self {
        let terms = terms.filter(|terms| shell.counts(terms));
        Self {
            now: Terms::corrected(terms.as_ref(), clock, shell.built_at),
            terms,
            device,
            signed_only: shell.signed_only,
        }
    }

    /// Whether `version` must no longer run.
    pub(crate) fn recalls(&self, version: &Version) -> bool {
        recalls(self.terms.as_ref(), version)
    }

    /// Whether no launch at all starts what `pointer` names: it is recalled, or not signed.
    pub(crate) fn passes_over(&self, pointer: &Pointer) -> bool {
        self.recalls(&pointer.version) || self.signed_only && pointer.is_unsigned()
    }

    /// The corrected time.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether the version that `pointer` has on trial may be launched for the first time.
    pub(crate) fn judge(
        &self,
        pointer: &Pointer,
        trial: &Trial,
        by_person: bool,
        experimental: bool,
    ) -> Result<(), Blocked> {
        if self.signed_only && !trial.signed {
            return Err(Blocked::NotSigned);
        }
        let Some(terms) = &self.terms else {
            return if self.signed_only {
                Err(Blocked::Unheard)
            } else {
                Ok(())
            };
        };
        let waiting = Waiting {
            version: &pointer.version,
            staged_at: pointer.staged_at,
            gated: trial.gated,
        };
        terms.judge(
            &waiting,
            &Launcher {
                device: self.device.as_deref(),
                now: self.now,
                by_person,
                experimental,
            },
        )
    }
}

impl Store {
    /// Reads what is on disk; changes nothing and takes no lock.
    pub(crate) fn ruling(&self, shell: &Shell, clock: Timestamp) -> Ruling {
        let device = device_id::known(self.layout());
        Ruling::of(self.terms_for(shell), device, shell, clock)
    }

    /// The pointer to a `previous` that nothing stands against but what may end (a recall, damage, a
    /// contract that this app does not meet), to take the place of `pointer`, which goes.
    pub(crate) fn kept_previous(
        &self,
        pointer: &Pointer,
        bad: &[BadEntry],
        passed_over: &[PassedOver],
    ) -> Option<Pointer> {
        let id = pointer.previous.as_ref()?.id();
        let listed = bad
            .iter()
            .any(|bad| bad.is_about(&id.version, &id.integrity));
        let may_end = passed_over.iter().any(|passed| {
            passed.source == Source::Previous
                && passed.version.as_ref() == Some(&id.version)
                && passed.why.may_end()
        });
        if listed || !(may_end || recalls(self.terms().as_ref(), &id.version)) {
            return None;
        }
        match stored::look(self.layout(), &id) {
            Entry::Whole { entry, .. } => self.confirmed_pointer(&id, &entry, Some(pointer)).ok(),
            Entry::Missing | Entry::NewerSchema | Entry::CannotRead(_) => None,
        }
    }
}

impl Snapshot {
    /// Whether the publisher says that `version` must no longer run.
    pub fn recalls(&self, version: &Version) -> bool {
        recalls(self.terms.as_ref(), version)
    }

    /// Why a launch that nobody asks for would pass over the pointer's version now, as far as the
    /// publisher's terms go: none where they let it pass, or there is no pointer. `now` is the
    /// clock's time.
    pub fn blocked(&self, shell: &Shell, now: Timestamp) -> Option<Blocked> {
        let pointer = self.pointer.as_ref()?;
        if self.recalls(&pointer.version) {
            return Some(Blocked::Recalled);
        }
        let trial = pointer.trial.as_ref().filter(|it| it.is_undecided())?;
        Ruling::of(self.terms.clone(), self.device.clone(), shell, now)
            .judge(pointer, trial, false, shell.experimental)
            .err()
    }
}

pub(crate) fn recalls(terms: Option<&Terms>, version: &Version) -> bool {
    terms.is_some_and(|terms| terms.manifest.recalls(version))
}

/// The terms in `releases.json`. They stand for themselves, so they are read also where a newer
/// shell wrote the rest.
pub(crate) fn on_disk(layout: &Layout) -> Option<Terms> {
    let path = layout.releases();
    let why = match files::read_schema::<Value>(&path, RELEASES_SCHEMA) {
        Ok(Found::Missing) => return None,
        Ok(Found::Valid(releases) | Found::Newer(_, releases)) => {
            let manifest = releases.get("manifest").filter(|it| !it.is_null())?;
            match Terms::deserialize(manifest) {
                Ok(terms) => return Some(terms),
                Err(error) => format!("its `manifest`: {error}"),
            }
        }
        Ok(Found::Invalid(why)) => why,
        Err(error) => error.to_string(),
    };
    tracing::warn!(path = %path.display(), why, "what the publisher last said cannot be read");
    None
}

#[cfg(test)]
mod tests;
