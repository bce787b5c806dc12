//! A workspace beside the store's first one runs exactly what that one runs.

use jiff::Timestamp;

use crate::bad::BadList;
use crate::choose::{Choice, Facts, Named, PassedOver, Source, WhyNot, bundled, stored_passes};
use crate::launch::Launch;
use crate::lease::{Lease, Use};
use crate::lock::StoreLock;
use crate::pointer::VersionId;
use crate::shell::{Asked, Shell};
use crate::{Store, StoreError, stored};

impl Store {
    /// A launch of exactly this stored version, or of the bundled one: no other is chosen in its
    /// place. It is no trial: it takes no attempt, and nothing that it does condemns anything.
    /// What would stop any launch of it stops this one too; that a trial must not begin yet does
    /// not, since the first workspace has begun it.
    pub fn follow_launch(
        &self,
        shell: &Shell,
        what: Option<&VersionId>,
        now: Timestamp,
    ) -> Result<Launch, WhyNot> {
        let launch = uuid::Uuid::new_v4().to_string();
        let (choice, lease) = match what {
            None => (bundled_as_it_is(shell), None),
            Some(id) => self.followed(&launch, shell, id, now)?,
        };
        Ok(Launch {
            id: launch,
            choice,
            lease,
            taken: None,
            failures: Vec::new(),
        })
    }

    fn followed(
        &self,
        launch: &str,
        shell: &Shell,
        id: &VersionId,
        now: Timestamp,
    ) -> Result<(Choice, Option<Lease>), WhyNot> {
        // Looks at whole trees, so it is done before the lock.
        let damage: Vec<_> = self.damage_to_launch(id).into_iter().collect();
        let unreadable = |error: StoreError| WhyNot::CannotRead(error.to_string());
        let layout = self.layout();
        let lock = StoreLock::take(layout).map_err(unreadable)?;
        let (bad, _) = BadList::read(layout).map_err(unreadable)?;
        let bad: Vec<_> = bad.entries().cloned().collect();
        let facts = Facts {
            shell,
            asked: Asked::ByPerson,
            named: &Named::Nothing,
            bad: &bad,
            ruling: &self.ruling(shell, now),
            failures: &[],
            damage: &damage,
            bundled_unmet: None,
            cannot_write: None,
        };
        let pointer = self.pointer_now().map_err(unreadable)?;
        let named = pointer.as_ref().is_some_and(|it| it.id() == *id);
        let source = if named {
            Source::Pointer
        } else {
            Source::Previous
        };
        let choice = stored_passes(&facts, id, &stored::look(layout, id), source, None)?;
        let on_trial = pointer.is_some_and(|it| {
            named && it.trial.is_some() || it.replaced.is_some_and(|it| it.id() == *id)
        });
        let lease = Lease::take(&lock, layout, launch, id, Use::Launch, now);
        match lease {
            Ok(lease) => Ok((choice, Some(lease))),
            // Condemned, its folder would be removed while it runs.
            Err(error) if on_trial => Err(WhyNot::CannotWrite(error.to_string())),
            Err(error) => {
                tracing::warn!(%error, "a confirmed version runs without a lease");
                Ok((choice, None))
            }
        }
    }
}

fn bundled_as_it_is(shell: &Shell) -> Choice {
    let mut choice = bundled(shell);
    choice
        .passed_over
        .extend(shell.bundled_unmet().map(|unmet| PassedOver {
            version: Some(shell.bundled.version.clone()),
            source: Source::Bundled,
            why: WhyNot::Contract(unmet),
        }));
    choice
}

#[cfg(test)]
mod tests;
