//! One store, and readings of it that change nothing.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rollout::{BadEntry, Terms};

use crate::bad::BadList;
use crate::begin::Looked;
use crate::check::Health;
use crate::choose::{self, Choice, Facts, Named, PassedOver, Source, Stored, WhyNot};
use crate::files::{self, Found, aside_of};
use crate::heard::Heard;
use crate::layout::{Layout, names};
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::pointer::{Pointer, Trial};
use crate::shell::{Asked, Shell};
use crate::{StoreError, stored};

/// One store: `<data>/runtime-store`. Cheap to clone; holds no lock and no open file between calls.
#[derive(Debug, Clone)]
pub struct Store {
    layout: Arc<Layout>,
    memory: Heard,
}

/// A reading of what decides on the next launch.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The pointer, where there is a valid one.
    pub pointer: Option<Pointer>,
    /// The bad list, oldest first.
    pub bad: Vec<BadEntry>,
    /// What the publisher last said, where a manifest is followed.
    pub terms: Option<Terms>,
    /// The device's id, where it has one.
    pub device: Option<String>,
    /// What could not be read, in words, each naming its file.
    pub problems: Vec<String>,
}

impl Store {
    /// Opens (and makes where missing) the store below `data`, resolved to its real path once.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            layout: Arc::new(Layout::open(data)?),
            memory: Heard::default(),
        })
    }

    /// `<data>/runtime-store`.
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Where per-version logs and similar shell files may live: `<data>`, at its real path.
    pub fn data_dir(&self) -> &Path {
        self.layout.data()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn memory(&self) -> &Heard {
        &self.memory
    }

    /// As [`Store::snapshot`], with no terms but those of whom `shell` believes.
    pub fn snapshot_for(&self, shell: &Shell) -> Snapshot {
        Snapshot {
            terms: self.terms_for(shell),
            ..self.snapshot()
        }
    }

    /// A reading of pointer, bad list, terms and device id that changes nothing.
    pub fn snapshot(&self) -> Snapshot {
        let mut problems = Vec::new();
        let path = self.layout.pointer();
        let pointer = match Pointer::load(&self.layout) {
            Ok(Found::Valid(pointer)) => Some(pointer),
            Ok(Found::Missing) => None,
            Ok(Found::Invalid(why)) => {
                problems.push(files::not_readable(&path, &why));
                None
            }
            Ok(Found::Newer(schema, _)) => {
                problems.push(files::newer(&path, schema));
                None
            }
            Err(error) => {
                problems.push(error.to_string());
                None
            }
        };
        let bad = match BadList::read(&self.layout) {
            Ok((list, problem)) => {
                problems.extend(problem);
                list.entries().cloned().collect()
            }
            Err(error) => {
                problems.push(error.to_string());
                Vec::new()
            }
        };
        problems.extend(self.set_aside());
        Snapshot {
            pointer,
            bad,
            terms: self.terms(),
            device: self.known_device_id(),
            problems,
        }
    }

    /// What `begin_launch` would choose at `now`, by the clock, if nobody asked for it; changes
    /// nothing.
    pub fn resolve(&self, shell: &Shell, now: Timestamp) -> Choice {
        self.look_and_choose(shell, now)
            .unwrap_or_else(|error| bundled_after(shell, &error))
    }

    fn look_and_choose(&self, shell: &Shell, now: Timestamp) -> Result<Choice, StoreError> {
        let mut looked = Looked::default();
        loop {
            let named = look(&self.layout, None);
            let (bad, _) = BadList::read(&self.layout)?;
            let bad: Vec<_> = bad.entries().cloned().collect();
            let choice = choose::choose(&Facts {
                shell,
                asked: Asked::Passively,
                named: &named,
                bad: &bad,
                ruling: &self.ruling(shell, now),
                failures: &[],
                damage: &looked.damage,
                bundled_unmet: shell.bundled_unmet(),
                cannot_write: None,
            })
            .choice;
            match looked.wants(&named, &choice) {
                Some(id) => {
                    let damage = match self.glance(&id) {
                        Health::Damaged(_) if self.only_theirs(&id).unwrap_or(false) => None,
                        Health::Damaged(damage) => Some(damage),
                        Health::Whole(_) | Health::Unknown => None,
                    };
                    looked.found(id, damage);
                }
                None => return Ok(choice),
            }
        }
    }

    /// What earlier launches set aside and nobody has taken away yet.
    fn set_aside(&self) -> Vec<String> {
        let Ok(names) = names(self.layout.root()) else {
            return Vec::new();
        };
        names
            .iter()
            .filter_map(|name| {
                let of = aside_of(name)?;
                let aside = self.layout.root().join(name);
                Some(format!(
                    "`{of}` could not be read and was set aside as `{}`. Delete that file once you have looked at it",
                    aside.display()
                ))
            })
            .collect()
    }
}

/// Looks at the pointer and at what it leads to. `lock` is what the caller holds already.
pub(crate) fn look(layout: &Layout, lock: Option<&StoreLock>) -> Named {
    let pointer = match Pointer::load(layout) {
        Ok(Found::Missing) => return Named::Nothing,
        Ok(Found::Invalid(why)) => return Named::Invalid(why),
        Ok(Found::Newer(..)) => return Named::NewerSchema,
        Ok(Found::Valid(pointer)) => pointer,
        Err(error) => return Named::CannotRead(error.to_string()),
    };
    let elsewhere = match tried_elsewhere(layout, lock, &pointer) {
        Ok(elsewhere) => elsewhere,
        Err(error) => return Named::CannotRead(error.to_string()),
    };
    Named::Stored(Box::new(Stored {
        entry: stored::look(layout, &pointer.id()),
        previous: pointer
            .previous
            .as_ref()
            .map_or(choose::Entry::Missing, |previous| {
                stored::look(layout, &previous.id())
            }),
        replaced: pointer
            .replaced
            .as_ref()
            .map_or(choose::Entry::Missing, |replaced| {
                stored::look(layout, &replaced.id())
            }),
        elsewhere,
        pointer,
    }))
}

fn tried_elsewhere(
    layout: &Layout,
    lock: Option<&StoreLock>,
    pointer: &Pointer,
) -> Result<bool, StoreError> {
    if !pointer.trial.as_ref().is_some_and(Trial::is_undecided) {
        return Ok(false);
    }
    let in_use = if let Some(lock) = lock {
        InUse::look(lock, layout)?
    } else {
        InUse::look(&StoreLock::take(layout)?, layout)?
    };
    Ok(in_use.tries(&pointer.id()))
}

/// Bundled, because choosing itself went wrong.
pub(crate) fn bundled_after(shell: &Shell, error: &StoreError) -> Choice {
    tracing::warn!(%error, "the bundled runtime is chosen, because the store cannot say what to run");
    let mut choice = choose::bundled(shell);
    choice.passed_over.push(PassedOver {
        version: None,
        source: Source::Pointer,
        why: WhyNot::CannotRead(error.to_string()),
    });
    choice
}
