//! What was added to a version and takes nothing from it: a cache that the runtime itself keeps beside
//! its code.
//!
//! It is damage as any other, but nothing has to be fetched to put it right, and where the version is
//! running, it is what runs there.

use super::{Depth, Health, examine_all, is_stored, standing};
use crate::damage::{self, Damage, Finding, What};
use crate::durable::{self, Discarded};
use crate::layout::Layout;
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::pointer::VersionId;
use crate::tree_manifest::Pace;
use crate::{Store, StoreError};

impl Store {
    /// Takes away what was added to `id`, where that is all that is wrong with it and nobody uses it;
    /// says whether it is what was staged then. Blocks, and needs no network.
    ///
    /// # Errors
    /// What could not be looked at or moved.
    pub fn tidy(&self, id: &VersionId) -> Result<bool, StoreError> {
        self.tidy_where(id, |in_use| !in_use.holds(&id.version))
    }

    /// As [`Store::tidy`], for the one who rehearses it.
    pub(crate) fn tidy_rehearsed(&self, id: &VersionId) -> Result<bool, StoreError> {
        self.tidy_where(id, |in_use| !in_use.runs(id))
    }

    fn tidy_where(
        &self,
        id: &VersionId,
        may: impl FnOnce(&InUse) -> bool,
    ) -> Result<bool, StoreError> {
        let layout = self.layout();
        let root = layout.version(&id.version);
        let before = standing(&root);
        let Some(added) = additions(layout, id)? else {
            return Ok(false);
        };
        let mut discarded = Vec::new();
        {
            let lock = StoreLock::take(layout)?;
            let same = standing(&root) == before && is_stored(layout, id)?;
            if !same || !may(&InUse::look(&lock, layout)?) {
                return Ok(false);
            }
            for path in outermost(&added) {
                discarded.extend(durable::discard(layout, &root.join(path))?);
            }
        }
        discarded.into_iter().for_each(Discarded::delete);
        // Reads all of it where a full check found more than can be seen: that is written down then.
        let whole = if Finding::load(layout, id).is_some() {
            matches!(self.full_check(id, Pace::Full)?, Health::Whole(_))
        } else {
            self.quick_check(id).is_ok()
        };
        if whole {
            tracing::warn!(version = %id.version, ?added, "what did not belong there was taken away; a runtime should write elsewhere");
        }
        Ok(whole)
    }

    /// What keeps a launch from running `id`. What was only added while other launches of it run is
    /// theirs, most likely, and keeps none from joining them.
    pub(crate) fn damage_to_launch(&self, id: &VersionId) -> Option<Damage> {
        let damage = self.quick_check(id).err()?;
        match self.only_theirs(id) {
            Ok(true) => {
                tracing::warn!(%damage, "it runs elsewhere as it is, and is launched once more");
                None
            }
            Ok(false) => Some(damage),
            Err(error) => {
                tracing::debug!(%error, "cannot tell what was added");
                Some(damage)
            }
        }
    }

    /// Whether `id` runs and all that is wrong with it is what was added.
    pub(crate) fn only_theirs(&self, id: &VersionId) -> Result<bool, StoreError> {
        let layout = self.layout();
        let runs = {
            let lock = StoreLock::take(layout)?;
            InUse::look(&lock, layout)?.runs(id)
        };
        let added = runs.then(|| additions(layout, id)).transpose()?.flatten();
        // Of a listing that was cut off nobody knows what is missing.
        Ok(added.is_some_and(|added| added.len() < damage::MOST_ADDED))
    }
}

/// The paths that were added to `id`, where nothing else is wrong with it.
fn additions(layout: &Layout, id: &VersionId) -> Result<Option<Vec<String>>, StoreError> {
    // A full check may have found what names, sizes and times do not show.
    let depth = match Finding::load(layout, id) {
        Some(_) => Depth::Full(Pace::Full),
        None => Depth::Quick,
    };
    let Some(differences) = examine_all(layout, id, depth)? else {
        return Ok(None);
    };
    let all = differences.iter().all(|it| it.what == What::Added);
    let paths = differences.into_iter().map(|it| it.path);
    Ok(all
        .then(|| paths.collect::<Vec<_>>())
        .filter(|it| !it.is_empty()))
}

/// Those that lie in no other.
fn outermost(paths: &[String]) -> impl Iterator<Item = &String> {
    let inside = |path: &str| {
        path.match_indices('/')
            .any(|(end, _)| paths.iter().any(|other| *other == path[..end]))
    };
    paths.iter().filter(move |path| !inside(path))
}
