//! What a person orders: apply, try again; see `roll_back` for going back. Each ends in a restart,
//! one at a time.

use std::sync::Arc;

use rollout::Version;
use runtime_store::{Asked, HistoryEvent};
use updater::{Outcome as StageOutcome, Wanted};

use crate::device::Device;
use crate::history;
use crate::status::{FellBack, Phase, StagedVersion};
use crate::{Applied, AppliedOutcome, Problem};

impl Device {
    /// Restarts the runtime into the version that waits; where none may be started and what runs was
    /// recalled, into what takes its place.
    pub async fn apply(&self) -> Result<Applied, Problem> {
        let _order = self.0.orders.lock().await;
        self.refresh().await;
        let waiting = self.0.board.waiting();
        let blocked = match waiting {
            None => None,
            Some(StagedVersion {
                blocked: Some(blocked),
                ..
            }) if !blocked.passes_a_person() || self.may_change().is_err() => Some(blocked),
            Some(waiting) => {
                // Where an administrator decides, what waits is what the policy let in.
                self.0.local.admin.may_apply()?;
                return self
                    .restart_into(&waiting.version, AppliedOutcome::Applied)
                    .await;
            }
        };
        if let Some(left) = self.leave_recalled().await? {
            return Ok(left);
        }
        let why = blocked.map(|blocked| blocked.message);
        Ok(self.nothing(why.as_deref().unwrap_or("No version waits for a restart.")))
    }

    /// Restarts into what the next start would run, if what runs was recalled and that is something
    /// else: nothing restarts by itself, but here a person asked.
    async fn leave_recalled(&self) -> Result<Option<Applied>, Problem> {
        let recalled = self.status().borrow().recalled_running.clone();
        let Some(recalled) = recalled else {
            return Ok(None);
        };
        let next = self.next_start().await?;
        if next == recalled.version {
            return Ok(None);
        }
        let mut applied = self.restart_into(&next, AppliedOutcome::Applied).await?;
        if applied.outcome == AppliedOutcome::Applied {
            applied.reason = format!(
                "Version {} was recalled by its publisher. {}",
                recalled.version, applied.reason
            );
        }
        Ok(Some(applied))
    }

    /// The version that the next start would run.
    async fn next_start(&self) -> Result<Version, Problem> {
        let local = Arc::clone(&self.0.local);
        let choice = tokio::task::spawn_blocking(move || local.resolve()).await;
        choice
            .map(|choice| choice.version)
            .map_err(|error| Problem::from_error("internal", &error, "Please report this."))
    }

    /// Tries a version again that failed here: forgives it and fetches it, so that it waits for a
    /// restart; one that is still staged is started at once. `None` is the one that failed last, and,
    /// where nothing runs at all, one more launch of whatever comes first.
    pub async fn retry(&self, version: Option<Version>) -> Result<Applied, Problem> {
        self.refresh().await;
        let status = self.status().borrow().clone();
        if version.is_none() && status.phase == Phase::Failed {
            return self.start_again().await;
        }
        self.may_change()?;
        let Some(version) = version
            .or_else(|| {
                status
                    .fell_back
                    .as_ref()
                    .map(|fallback| fallback.from.clone())
            })
            .or_else(|| status.bad.last().map(|bad| bad.version.clone()))
        else {
            return Ok(self.nothing("No version failed here."));
        };
        if self.0.board.waiting().map(|it| it.version).as_ref() == Some(&version) {
            return self.apply().await;
        }
        let forgotten = version.clone();
        let forgiven = self
            .on_store(move |store| store.forgive(&forgotten))
            .await?;
        if !forgiven.map_err(|error| Problem::from(&error))? {
            return Ok(self.nothing(&format!("Version {version} is not on the bad list.")));
        }
        history::write(
            self.0.local.store(),
            HistoryEvent::Forgiven,
            &version,
            None,
            None,
        );
        let staged = self.stage(Wanted::Version(version.clone())).await?;
        // It waits like any other now: what happened before is forgiven.
        self.0.board.update(|facts| {
            let about = |told: &FellBack| told.from == version;
            if facts.fell_back.as_ref().is_some_and(about) {
                facts.fell_back = None;
            }
        });
        let outcome = match staged.outcome {
            StageOutcome::Staged | StageOutcome::AlreadyStaged => AppliedOutcome::Staged,
            _ => AppliedOutcome::Nothing,
        };
        Ok(Applied {
            outcome,
            version: staged.version,
            reason: staged.message,
        })
    }

    /// Launches once more after a launch in which every choice failed: the machine was at fault,
    /// and may be so no longer.
    async fn start_again(&self) -> Result<Applied, Problem> {
        let _order = self.0.orders.lock().await;
        let next = self.next_start().await?;
        self.restart_into(&next, AppliedOutcome::Applied).await
    }

    pub(crate) async fn restart_into(
        &self,
        wanted: &Version,
        outcome: AppliedOutcome,
    ) -> Result<Applied, Problem> {
        let Some(supervisor) = self.supervisor() else {
            return Ok(self.nothing("No runtime runs here; the next start applies it."));
        };
        let launched = supervisor.restart(Asked::ByPerson).await;
        self.restarted(launched, wanted, outcome).await
    }

    /// What a restart that was to lead to `wanted` has led to.
    pub(crate) async fn restarted(
        &self,
        launched: Result<supervisor::Outcome, supervisor::SupervisorError>,
        wanted: &Version,
        outcome: AppliedOutcome,
    ) -> Result<Applied, Problem> {
        self.refresh().await;
        let launched = launched.map_err(|error| {
            Problem::from_error(
                "restart",
                &error,
                "See the log of the runtime, then try again.",
            )
        })?;
        if launched.version == *wanted {
            let reason = format!("Version {wanted} is running.");
            return Ok(Applied {
                outcome,
                version: Some(launched.version),
                reason,
            });
        }
        let reason = format!(
            "Version {wanted} did not become ready; {} is running.",
            launched.version
        );
        Ok(Applied {
            outcome: AppliedOutcome::FellBack,
            version: Some(launched.version),
            reason,
        })
    }

    pub(crate) fn nothing(&self, reason: &str) -> Applied {
        let version = self
            .status()
            .borrow()
            .running
            .as_ref()
            .map(|it| it.version.clone());
        Applied {
            outcome: AppliedOutcome::Nothing,
            version,
            reason: reason.to_owned(),
        }
    }
}
