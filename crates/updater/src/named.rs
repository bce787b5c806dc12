//! Staging what a person or a fleet names: a version, or a tarball on this machine.
//!
//! Invariants: nobody's turn counts here; a recalled version is for nobody all the same, and where
//! what is followed is signed, so is everything that is named.

use std::path::PathBuf;
use std::sync::Arc;

use rollout::{Candidate, Integrity, Version};

use crate::bytes::Origin;
use crate::decide::{Picked, expired};
use crate::error::UpdateError;
use crate::follow::Word;
use crate::releases::{By, ErrorReport};
use crate::stage::{blocking, report};
use crate::status::{Outcome, StageReport};
use crate::tarball;
use crate::updater::Inner;

impl Inner {
    /// Stages `version`. `older` is an ordered roll back.
    pub(crate) async fn stage_version(
        &self,
        version: &Version,
        older: bool,
    ) -> Result<StageReport, UpdateError> {
        let _work = self.begin_work().await?;
        self.refuse_older(version, older).await?;
        let word = self.stager.unless_stopped(self.hear(By::Person)).await??;
        if recalls(&word, version) {
            return Ok(recalled(version));
        }
        self.refuse_expired(&word, version)?;
        if let Some(held) = self.too_young(&word, version, older).await {
            return Ok(held);
        }
        let asking = self.ask_named(&word, version);
        let (candidate, from) = self.stager.unless_stopped(asking).await??;
        self.stage_named(&word, candidate, from, older).await
    }

    /// Stages the tarball in `file`: where what is followed is signed, only one whose very bytes are.
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
        let word = if self.followed.site().is_some() {
            self.stager.unless_stopped(self.hear(By::Person)).await??
        } else {
            // What lies on this machine needs nobody's answer.
            self.heard_before().await
        };
        if recalls(&word, &candidate.version) {
            return Ok(recalled(&candidate.version));
        }
        if let Some(held) = self.too_young(&word, &candidate.version, older).await {
            return Ok(held);
        }
        let vouching = self.vouched_for(&word, &candidate);
        self.stager.unless_stopped(vouching).await??;
        let from = Origin::File(file);
        self.stage_named(&word, candidate, from, older).await
    }

    /// What the repository that is followed signed of `version`.
    pub(crate) async fn described(&self, version: &Version) -> Result<Integrity, UpdateError> {
        let package = self.source.package();
        let Some(site) = self.followed.site() else {
            return Err(UpdateError::NotSigned {
                what: format!("version {version} of {package}"),
                site: "nobody".to_owned(),
            });
        };
        let now = self.corrected(None, self.now());
        let asking = site.described(package, version, now);
        let description = self.stager.unless_stopped(asking).await??;
        Ok(description.integrity)
    }

    async fn stage_named(
        &self,
        word: &Word,
        candidate: Candidate,
        from: Origin,
        older: bool,
    ) -> Result<StageReport, UpdateError> {
        let picked = Picked {
            candidate,
            from,
            older,
        };
        let mut report = self.stage(&picked, false).await?;
        report.trouble = word.trouble.as_ref().map(ErrorReport::from);
        Ok(report)
    }

    /// Whether the repository, where one is followed, names these very bytes.
    async fn vouched_for(&self, word: &Word, candidate: &Candidate) -> Result<(), UpdateError> {
        let Some(site) = self.followed.site() else {
            return Ok(());
        };
        self.refuse_expired(word, &candidate.version)?;
        let (signed, _) = self.ask(word, &candidate.version).await?;
        if signed.integrity == candidate.integrity {
            return Ok(());
        }
        Err(site.not_signed(format!(
            "{} with the sha512 {}",
            candidate.tarball, candidate.integrity
        )))
    }

    /// As for a check, but asked anew: a person who names a version wants it as it is now.
    async fn ask_named(
        &self,
        word: &Word,
        version: &Version,
    ) -> Result<(Candidate, Origin), UpdateError> {
        if self.followed.site().is_some() {
            return self.ask(word, version).await;
        }
        Ok((self.source.version(version).await?, Origin::Source))
    }

    fn refuse_expired(&self, word: &Word, version: &Version) -> Result<(), UpdateError> {
        match expired(word) {
            Some(since) => Err(self.expired_since(since, version)),
            None => Ok(()),
        }
    }

    /// Only an ordered roll back leads to an older version.
    async fn refuse_older(&self, wanted: &Version, older: bool) -> Result<(), UpdateError> {
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

fn recalls(word: &Word, version: &Version) -> bool {
    let terms = word.terms.as_ref();
    terms.is_some_and(|terms| terms.manifest.recalls(version))
}

fn recalled(version: &Version) -> StageReport {
    report(
        Outcome::Held,
        version,
        "recalled",
        "was recalled by its publisher",
    )
}
