//! What a person orders: apply, try again; see `roll_back` for going back. Each ends in a restart,
//! one at a time.

use std::sync::Arc;

use rollout::Version;
use runtime_store::{Asked, HistoryEvent};
use supervisor::{State, Supervisor};
use updater::{Outcome as StageOutcome, Wanted};

use crate::device::Device;
use crate::history;
use crate::status::{FellBack, Phase, StagedVersion};
use crate::{Applied, AppliedOutcome, Problem, workspaces};

/// Held by whoever restarts the runtime on somebody's order.
pub(crate) type Order<'a> = tokio::sync::MutexGuard<'a, ()>;

impl Device {
    /// Restarts the runtime into the version that waits; where none may be started and what runs was
    /// recalled, into what takes its place.
    pub async fn apply(&self) -> Result<Applied, Problem> {
        let order = self.0.orders.lock().await;
        self.refresh().await;
        let waiting = self.0.board.waiting();
        let blocked = match waiting {
            None => None,
            Some(waiting) if self.runs_elsewhere(&waiting.version) => None,
            Some(StagedVersion {
                blocked: Some(blocked),
                ..
            }) if !blocked.passes_a_person() || self.may_change().is_err() => Some(blocked),
            Some(waiting) => {
                // Where an administrator decides, what waits is what the policy let in.
                self.0.local.admin.may_apply()?;
                let outcome = AppliedOutcome::Applied;
                let asked = Asked::ByPerson;
                return self
                    .restart_into(order, asked, &waiting.version, outcome)
                    .await;
            }
        };
        if let Some(left) = self.leave_recalled(order).await? {
            return Ok(left);
        }
        let why = blocked.map(|blocked| blocked.message);
        Ok(self.nothing(why.as_deref().unwrap_or("No version waits for a restart.")))
    }

    /// Restarts into what the next start would run, if what runs was recalled and that is something
    /// else: nothing restarts by itself, but here a person asked.
    async fn leave_recalled(&self, order: Order<'_>) -> Result<Option<Applied>, Problem> {
        let recalled = self.status().borrow().recalled_running.clone();
        let Some(recalled) = recalled else {
            return Ok(None);
        };
        let next = self.next_start().await?;
        if next == recalled.version {
            return Ok(None);
        }
        let outcome = AppliedOutcome::Applied;
        let asked = self.relaunch();
        let mut applied = self.restart_into(order, asked, &next, outcome).await?;
        if applied.outcome == AppliedOutcome::Applied {
            applied.reason = format!(
                "Version {} was recalled by its publisher. {}",
                recalled.version, applied.reason
            );
        }
        Ok(Some(applied))
    }

    /// The version that the next start would run.
    pub(crate) async fn next_start(&self) -> Result<Version, Problem> {
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
        let Some(supervisor) = self.supervisor() else {
            return Ok(self.nothing("No runtime runs here."));
        };
        let launched = supervisor.lead(self.relaunch()).await;
        self.restarted(launched, &next, AppliedOutcome::Applied)
            .await
    }

    /// Who asks for a launch that is to change no version: where an administrator decides, nobody tries
    /// by it what has not had its turn, or what is not to be tried at all.
    fn relaunch(&self) -> Asked {
        match self.may_change() {
            Ok(()) => Asked::ByPerson,
            Err(_) => Asked::Passively,
        }
    }

    /// Restarts the first workspace into what the pointer names, or, where that one is dead, whichever
    /// leads in its place; the others follow.
    pub(crate) async fn restart_into(
        &self,
        order: Order<'_>,
        asked: Asked,
        wanted: &Version,
        outcome: AppliedOutcome,
    ) -> Result<Applied, Problem> {
        let Some(supervisor) = self.supervisor() else {
            return Ok(self.nothing("No runtime runs here; the next start applies it."));
        };
        if self.is_led_elsewhere(&supervisor) {
            // Who conducts the workspaces takes it for this.
            drop(order);
            return self.lead_elsewhere(wanted, outcome).await;
        }
        // Whoever led meanwhile: the first one chooses for itself from now on.
        let launched = supervisor.lead(asked).await;
        self.restarted(launched, wanted, outcome).await
    }

    fn is_led_elsewhere(&self, main: &Supervisor) -> bool {
        let is_dead = matches!(*main.state().borrow(), State::Failed(_));
        is_dead && workspaces::leads(&self.status().borrow().workspaces).is_some()
    }

    /// Whether whoever leads in the place of a dead first workspace runs this already.
    fn runs_elsewhere(&self, version: &Version) -> bool {
        let status = Arc::clone(&self.status().borrow());
        let runs = workspaces::leads(&status.workspaces).and_then(|it| it.version.as_ref());
        runs == Some(version)
            && self
                .supervisor()
                .is_some_and(|main| self.is_led_elsewhere(&main))
    }

    async fn lead_elsewhere(
        &self,
        wanted: &Version,
        outcome: AppliedOutcome,
    ) -> Result<Applied, Problem> {
        self.lead().await?;
        self.refresh().await;
        let runs = workspaces::leads(&self.workspaces().await).and_then(|it| it.version.clone());
        let runs = runs.ok_or_else(|| {
            Problem::new(
                "restart",
                format!("version {wanted} did not become ready, and nothing else is running"),
                "See the log of the runtime, then try again.",
            )
        })?;
        Ok(came_to(runs, wanted, outcome))
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
        Ok(came_to(launched.version, wanted, outcome))
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

/// What a restart that was to lead to `wanted` comes to where `runs` does.
fn came_to(runs: Version, wanted: &Version, outcome: AppliedOutcome) -> Applied {
    if runs == *wanted {
        return Applied {
            outcome,
            reason: format!("Version {wanted} is running."),
            version: Some(runs),
        };
    }
    Applied {
        outcome: AppliedOutcome::FellBack,
        reason: format!("Version {wanted} did not become ready; {runs} is running."),
        version: Some(runs),
    }
}
