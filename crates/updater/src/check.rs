//! One check, one stage: what is asked for, and what follows from the decision.

use std::sync::atomic::Ordering;

use rollout::Version;
use runtime_store::StagePlan;

use crate::bytes::{Origin, Signed};
use crate::decide::Picked;
use crate::error::UpdateError;
use crate::http::shown;
use crate::releases::By;
use crate::stage::blocking;
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
            let refusal = self.refusal(&picked.candidate, Some(error));
            self.save(move |releases| releases.refused = Some(refusal))
                .await;
            if by == By::Timer && error.is_contract() {
                // Nobody asked, and nothing failed: it is for another app than this one.
                report.decision = "hold";
                error.kind().clone_into(&mut report.reason);
                report.message = error.to_string();
                report.at = self.now();
                self.tell(by, &report);
                return self.remember_check(by, None, Ok(report)).await;
            }
        }
        let result = staged.map(|mut staged| {
            staged.trouble.clone_from(&report.trouble);
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

    pub(crate) async fn stage(
        &self,
        picked: &Picked,
        gated: bool,
    ) -> Result<StageReport, UpdateError> {
        let mut plan = self.plan(picked);
        plan.gated = gated;
        plan.rehearse = self.stager.rehearser.is_some();
        let Picked {
            candidate, from, ..
        } = picked;
        let report = self.stager.run(candidate, from, &plan).await?;
        if report.outcome == Outcome::Staged {
            // Nobody listening is fine: the status says it too.
            let _ = self.events.send(UpdateEvent::Staged {
                version: candidate.version.clone(),
            });
        }
        Ok(report)
    }

    /// Replaces the stored copy of what was picked: it was tried before, and waits for nobody.
    pub(crate) async fn stage_copy(&self, picked: &Picked) -> Result<StageReport, UpdateError> {
        let mut plan = self.plan(picked);
        plan.mend = true;
        self.stager
            .run(&picked.candidate, &picked.from, &plan)
            .await
    }

    fn plan(&self, picked: &Picked) -> StagePlan {
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
        StagePlan {
            entry: self.settings.entry.clone(),
            carry: self.settings.carry.clone(),
            limits,
            source,
            now: self.now(),
            older: *older,
            gated: false,
            signed: matches!(from, Origin::Signed(_)),
            rehearse: false,
            mend: false,
        }
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
}
