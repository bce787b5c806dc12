//! One check, one stage: question, answer, decision, and what follows from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rollout::{Candidate, Decision, Facts, Offer, StageReason, Version};
use runtime_store::StagePlan;

use crate::error::UpdateError;
use crate::http::shown;
use crate::journal::DecisionLine;
use crate::registry::CachedPackument;
use crate::releases::{By, Refused};
use crate::source::Latest;
use crate::stage::{Origin, blocking};
use crate::status::{CheckReport, Outcome, StageReport, UpdateEvent};
use crate::updater::Inner;

impl Inner {
    pub(crate) async fn begin_work(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, UpdateError> {
        let guard = self.stager.unless_stopped(self.work.lock()).await?;
        self.warned.store(false, Ordering::Relaxed);
        Ok(guard)
    }

    pub(crate) async fn check(&self, by: By) -> Result<CheckReport, UpdateError> {
        let _work = self.begin_work().await?;
        let (mut report, stage) = match self.decided(by).await {
            Ok(decided) => decided,
            Err(error) => return self.remember_check(by, None, Err(error)).await,
        };
        let Some(candidate) = stage else {
            return self.remember_check(by, None, Ok(report)).await;
        };
        let decided = report.clone();
        let staged = self.stage(&candidate, &Origin::Source, false).await;
        if let Err(error) = &staged
            && error.is_about_verified_content()
        {
            let refusal = self.refusal(&candidate, &error.to_string());
            self.save(move |releases| releases.refused = Some(refusal))
                .await;
        }
        let result = staged.map(|staged| {
            report.at = runtime_store::now();
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

    async fn decided(&self, by: By) -> Result<(CheckReport, Option<Candidate>), UpdateError> {
        self.stager.unless_stopped(self.decide(by)).await?
    }

    /// Question, answer, decision: at most one request where nothing changed.
    async fn decide(&self, by: By) -> Result<(CheckReport, Option<Candidate>), UpdateError> {
        let address = self.source.address().await?;
        let channel = &self.settings.channel;
        let releases = self.load().await;
        let cached = releases.cached(&address, channel);
        let (candidate, etag) = match (self.source.latest(channel, cached).await?, cached) {
            (Latest::Fresh { candidate, etag }, _) => (*candidate, etag),
            (Latest::NotModified, Some(cached)) => {
                (cached.candidate.clone(), Some(cached.etag.clone()))
            }
            (Latest::NotModified, None) => {
                return Err(UpdateError::Internal("304 to an open question".into()));
            }
        };
        let now = runtime_store::now();
        let cached = etag.map(|etag| CachedPackument {
            url: address,
            channel: channel.clone(),
            etag,
            candidate: candidate.clone(),
        });
        self.save(move |releases| {
            releases.registry = cached;
            releases.checked_at = Some(now);
        })
        .await;
        self.status
            .send_modify(|status| status.checked_at = Some(now));
        let decision = self.decision(&candidate).await?;
        let mut report = CheckReport {
            at: now,
            decision: decision.kind(),
            version: decision.version().cloned(),
            reason: decision.reason().to_owned(),
            message: decision.to_string(),
            staged: None,
        };
        let mut stage = matches!(decision, Decision::Stage(..)).then_some(candidate);
        if by == By::Timer
            && let Some(wanted) = &stage
            && let Some(refused) = &releases.refused
            && refused.is_same(&self.refusal(wanted, ""))
        {
            // A person's check tries again; a timer would fetch it for nothing every half hour.
            report.decision = "hold";
            "refused-before".clone_into(&mut report.reason);
            report.message.clone_from(&refused.message);
            stage = None;
        }
        self.log(&DecisionLine {
            at: now,
            by,
            decision: report.decision,
            version: report.version.as_ref(),
            reason: &report.reason,
            message: None,
        });
        Ok((report, stage))
    }

    async fn decision(&self, candidate: &Candidate) -> Result<Decision, UpdateError> {
        let store = self.stager.store.clone();
        let snapshot = blocking(move || store.snapshot()).await?;
        let running = self.running.borrow().clone();
        let pointer = snapshot.pointer.as_ref();
        Ok(rollout::decide(&Facts {
            offer: &Offer::Unlimited(StageReason::NoManifest),
            candidate: Some(candidate),
            bundled: &self.stager.shell.bundled.version,
            running: running.as_ref(),
            staged: pointer.map(|pointer| (&pointer.version, &pointer.integrity)),
            bad: &snapshot.bad,
            recalled: &[],
            host: &self.stager.shell.host,
        }))
    }

    fn refusal(&self, candidate: &Candidate, message: &str) -> Refused {
        Refused {
            version: candidate.version.clone(),
            integrity: candidate.integrity.clone(),
            shell: self.stager.shell.host.shell.clone(),
            bundled: self.stager.shell.bundled.version.clone(),
            entry: self.settings.entry.clone(),
            message: message.to_owned(),
        }
    }

    pub(crate) async fn stage(
        &self,
        candidate: &Candidate,
        from: &Origin,
        older: bool,
    ) -> Result<StageReport, UpdateError> {
        let source = match url::Url::parse(&candidate.tarball) {
            Ok(url) if matches!(from, Origin::Source) => shown(&url),
            _ => candidate.tarball.clone(),
        };
        let plan = StagePlan {
            entry: self.settings.entry.clone(),
            carry: self.settings.carry.clone(),
            limits: self.settings.limits,
            source,
            now: runtime_store::now(),
            older,
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
            blocking(move || store.resolve(&shell)).await?.version
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
