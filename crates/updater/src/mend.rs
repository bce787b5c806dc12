//! Fetching a stored version once more, because its copy on disk is damaged, and one look for a
//! version that can take the place of one that cannot be launched.
//!
//! Neither waits for whatever else is being checked or staged: a launch may be waiting for it.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use rollout::Candidate;
use runtime_store::VersionId;

use crate::bytes::Origin;
use crate::decide::Picked;
use crate::error::{RegistryError, UpdateError};
use crate::releases::By;
use crate::status::{Outcome, StageReport};
use crate::updater::{Inner, Updater, in_short, lock};

/// A copy that is being replaced, for others to join.
#[derive(Debug, Clone)]
pub(crate) struct Mending {
    id: VersionId,
    landing: Shared<BoxFuture<'static, Result<(), UpdateError>>>,
}

impl Mending {
    pub(crate) fn landing(self) -> Shared<BoxFuture<'static, Result<(), UpdateError>>> {
        self.landing
    }
}

impl Updater {
    /// Fetches the very content of `id` again and puts it in the place of the stored copy as a
    /// whole; what the pointer says stays. Whoever asks while that is done waits for it and gets its
    /// answer, and it goes on when nobody waits any more.
    ///
    /// # Errors
    /// That it is not to be had: nobody can be asked, or what they have by that name is something
    /// else; or that the copy is in use.
    pub async fn mend(&self, id: &VersionId) -> Result<(), UpdateError> {
        let landing = {
            let mut mending = lock(&self.0.mending);
            let joined = mending.iter().find(|mending| mending.id == *id);
            if let Some(mending) = joined {
                mending.landing.clone()
            } else {
                let begun = self.begin_mending(id);
                mending.push(begun.clone());
                begun.landing
            }
        };
        landing.await
    }

    /// Looks once, now, whatever the timer or a host's wish to be left alone say, and stages what a
    /// timer would stage: this device's turn, recalls, signatures and the bad list count as ever.
    /// During a check this waits for that one and gives its answer.
    ///
    /// # Errors
    /// Why nobody could be asked, or why what was found is not staged.
    pub async fn forced_look(&self) -> Result<StageReport, UpdateError> {
        self.check(By::Timer).await.map(in_short)
    }

    fn begin_mending(&self, id: &VersionId) -> Mending {
        struct Landed(Updater, VersionId);
        impl Drop for Landed {
            fn drop(&mut self) {
                lock(&self.0.0.mending).retain(|mending| mending.id != self.1);
            }
        }
        let landed = Landed(self.clone(), id.clone());
        let task = tokio::spawn(async move {
            let mended = Box::pin(landed.0.0.mend(&landed.1)).await;
            if let Err(error) = &mended {
                tracing::warn!(version = %landed.1.version, %error, "a damaged copy could not be replaced");
            }
            mended
        });
        let landing = async move {
            task.await
                .unwrap_or_else(|error| Err(UpdateError::Internal(error.to_string())))
        };
        Mending {
            id: id.clone(),
            landing: landing.boxed().shared(),
        }
    }
}

impl Inner {
    async fn mend(&self, id: &VersionId) -> Result<(), UpdateError> {
        let (candidate, from) = self.stager.unless_stopped(self.same(id)).await??;
        tracing::info!(version = %id.version, "its damaged copy is fetched again");
        let picked = Picked {
            candidate,
            from,
            older: true,
        };
        let report = self.stage_copy(&picked).await?;
        match report.outcome {
            Outcome::Staged | Outcome::AlreadyStaged => Ok(()),
            _ => Err(UpdateError::NotMended {
                version: Box::new(id.version.clone()),
                why: report.message,
            }),
        }
    }

    /// Where exactly this content is to be had.
    async fn same(&self, id: &VersionId) -> Result<(Candidate, Origin), UpdateError> {
        let (candidate, from) = if self.followed.site().is_some() {
            let word = self.hear(By::Timer).await?;
            self.ask(&word, &id.version).await?
        } else {
            (self.source.version(&id.version).await?, Origin::Source)
        };
        if candidate.integrity == id.integrity {
            return Ok((candidate, from));
        }
        Err(RegistryError::WrongBytes {
            url: candidate.tarball,
            package: candidate.package,
            version: id.version.clone(),
        }
        .into())
    }
}
