//! One check, one stage: what is asked for, and what follows from the decision.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rollout::{Candidate, Integrity, Terms, Version};
use runtime_store::StagePlan;

use crate::bytes::{Origin, Signed};
use crate::decide::{Picked, expired};
use crate::error::UpdateError;
use crate::follow::Word;
use crate::http::shown;
use crate::releases::By;
use crate::stage::{blocking, report};
use crate::status::{CheckReport, Outcome, StageReport, UpdateEvent};
use crate::tarball;
use crate::updater::Inner;

impl Inner {
    pub(crate) async fn begin_work(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, UpdateError> {
        let guard = self.stager.unless_stopped(self.work.lock()).await?;
        self.warned.store(false, Ordering::Relaxed);
        Ok(guard)
    }

    pub(crate) async fn check(&self, by: By) -> Result<CheckReport, UpdateError> {
        let _work = self.begin_work().await?;
        let (mut report, picked) = match self.decided(by).await {
            Ok(decided) => decided,
            Err(error) => return self.remember_check(by, None, Err(error)).await,
        };
        let Some(picked) = picked else {
            return self.remember_check(by, None, Ok(report)).await;
        };
        let decided = report.clone();
        let staged = self.stage(&picked, by == By::Timer).await;
        if let Err(error) = &staged
            && error.is_about_verified_content()
        {
            let refusal = self.refusal(&picked.candidate, &error.to_string());
            self.save(move |releases| releases.refused = Some(refusal))
                .await;
        }
        let result = staged.map(|staged| {
            report.at = self.now();
            report.staged = Some(staged);
            report
        });
        self.remember_check(by, Some(&decided), result).await
    }

    pub(crate) async fn look(&self, by: By) -> Result<CheckReport, UpdateError> {
        let _work = self.begin_work().await?;
        let looked = self.decided(by).await.map(|(report, _)| report);
        self.remember_check(by, None, looked).await
    }

    /// Stages the version that a person or a fleet names.
    pub(crate) async fn stage_version(
        &self,
        version: &Version,
        older: bool,
    ) -> Result<StageReport, UpdateError> {
        let _work = self.begin_work().await?;
        self.refuse_older(version, older).await?;
        let asking = async {
            let word = self.hear().await?;
            if word
                .terms
                .as_ref()
                .is_some_and(|it| it.manifest.recalls(version))
            {
                return Ok(None);
            }
            self.refuse_expired(&word, version)?;
            self.ask_named(&word, version).await.map(Some)
        };
        match self.stager.unless_stopped(asking).await?? {
            Some((candidate, from)) => {
                let picked = Picked {
                    candidate,
                    from,
                    older,
                };
                self.stage(&picked, false).await
            }
            None => Ok(recalled(version)),
        }
    }

    /// Stages a tarball on this machine: where what is followed is signed, only one whose very bytes
    /// are.
    pub(crate) async fn stage_file(
        &self,
        file: PathBuf,
        integrity: Option<Integrity>,
        older: bool,
    ) -> Result<StageReport, UpdateError> {
        let _work = self.begin_work().await?;
        let package = self.source.package().clone();
        let (path, limits) = (file.clone(), self.settings.limits);
        let described =
            blocking(move || tarball::describe(&package, &path, integrity.as_ref(), &limits));
        let candidate = described.await??;
        self.refuse_older(&candidate.version, older).await?;
        let recalls = |terms: &Terms| terms.manifest.recalls(&candidate.version);
        if self.followed.site().is_none() {
            if self.kept_terms().await.as_ref().is_some_and(recalls) {
                return Ok(recalled(&candidate.version));
            }
        } else {
            let asking = self.vouched_for(&candidate);
            if !self.stager.unless_stopped(asking).await?? {
                return Ok(recalled(&candidate.version));
            }
        }
        let picked = Picked {
            candidate,
            from: Origin::File(file),
            older,
        };
        self.stage(&picked, false).await
    }

    /// Whether the repository lets these very bytes be staged; `false` where it recalled them, an
    /// error where it never signed them.
    async fn vouched_for(&self, candidate: &Candidate) -> Result<bool, UpdateError> {
        let version = &candidate.version;
        let word = self.hear().await?;
        if word
            .terms
            .as_ref()
            .is_some_and(|it| it.manifest.recalls(version))
        {
            return Ok(false);
        }
        self.refuse_expired(&word, version)?;
        let (signed, _) = self.ask(word.repository.as_ref(), version).await?;
        if signed.integrity == candidate.integrity {
            return Ok(true);
        }
        let what = format!(
            "{} with the sha512 {}",
            candidate.tarball, candidate.integrity
        );
        Err(match self.followed.site() {
            Some(site) => site.not_signed(what),
            None => UpdateError::Internal("nobody signs here".into()),
        })
    }

    /// As for a check, but asked anew: a person who names a version wants it as it is now.
    async fn ask_named(
        &self,
        word: &Word,
        version: &Version,
    ) -> Result<(Candidate, Origin), UpdateError> {
        if self.followed.site().is_some() {
            return self.ask(word.repository.as_ref(), version).await;
        }
        Ok((self.source.version(version).await?, Origin::Source))
    }

    fn refuse_expired(&self, word: &Word, version: &Version) -> Result<(), UpdateError> {
        match expired(word) {
            Some(since) => Err(self.expired_since(since, version)),
            None => Ok(()),
        }
    }

    pub(crate) async fn stage(
        &self,
        picked: &Picked,
        gated: bool,
    ) -> Result<StageReport, UpdateError> {
        let Picked {
            candidate,
            from,
            older,
        } = picked;
        let mut limits = self.settings.limits;
        if let Origin::Signed(Signed { packed_size, .. }) = from {
            // More than was signed is never read; more than is allowed here is told below.
            limits.packed_bytes = limits.packed_bytes.min(*packed_size);
            let unpacked = candidate.unpacked_size.unwrap_or(u64::MAX);
            limits.total_bytes = limits.total_bytes.min(unpacked);
        }
        let source = match url::Url::parse(&candidate.tarball) {
            Ok(url) if !matches!(from, Origin::File(_)) => shown(&url),
            _ => candidate.tarball.clone(),
        };
        let plan = StagePlan {
            entry: self.settings.entry.clone(),
            carry: self.settings.carry.clone(),
            limits,
            source,
            now: self.now(),
            older: *older,
            gated,
        };
        let report = self.stager.run(candidate, from, &plan).await?;
        if report.outcome == Outcome::Staged {
            // Nobody listening is fine: the status says it too.
            let _ = self.events.send(UpdateEvent::Staged {
                version: candidate.version.clone(),
            });
        }
        Ok(report)
    }

    /// What waits was asked for by a person now, whoever had it staged.
    pub(crate) async fn asked_for(&self, version: Option<&Version>) {
        let Some(version) = version.cloned() else {
            return;
        };
        let store = self.stager.store.clone();
        let noted = blocking(move || store.asked_for(&version)).await;
        if let Ok(Err(error)) = noted {
            tracing::warn!(%error, "what waits may go on waiting for its turn");
        }
    }

    /// By name, only an ordered roll back leads to an older version.
    pub(crate) async fn refuse_older(
        &self,
        wanted: &Version,
        older: bool,
    ) -> Result<(), UpdateError> {
        if older {
            return Ok(());
        }
        let known = self.running.borrow().clone();
        let running = if let Some(running) = known {
            running
        } else {
            // What the next launch would run, where nothing runs that we know of.
            let (store, shell) = (self.stager.store.clone(), Arc::clone(&self.stager.shell));
            let now = self.now();
            blocking(move || store.resolve(&shell, now)).await?.version
        };
        if running.is_newer_than(wanted) {
            return Err(UpdateError::OlderThanRunning {
                wanted: Box::new(wanted.clone()),
                running: Box::new(running),
            });
        }
        Ok(())
    }
}

fn recalled(version: &Version) -> StageReport {
    report(
        Outcome::Held,
        version,
        "recalled",
        "was recalled by its publisher",
    )
}
