//! The device: what a plugin or a command line starts, asks and stops.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rollout::Version;
use runtime_store::{Asked, HistoryEntry, HistoryEvent, RollBack, RolledBack, Store};
use supervisor::Supervisor;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use updater::{
    By, CheckReport, Outcome as StageOutcome, StageReport, Updater, UpdaterStatus, Wanted,
};

use crate::board::Board;
use crate::history;
use crate::local::Local;
use crate::status::{FellBack, Phase, Status};
use crate::wiring;
use crate::{Applied, AppliedOutcome, Problem};

/// A handle on one device; clones share it.
#[derive(Debug, Clone)]
pub struct Device(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) local: Arc<Local>,
    pub(crate) board: Board,
    pub(crate) events: broadcast::Sender<DeviceEvent>,
    /// Made when it is first needed; why there is none is told to whoever asks for a check.
    updater: OnceLock<Result<Updater, Problem>>,
    pub(crate) running: watch::Sender<Option<Version>>,
    supervisor: Mutex<Option<Supervisor>>,
    pub(crate) tasks: Mutex<Vec<JoinHandle<()>>>,
    /// One note of history at a time: see [`history::write_once`].
    pub(crate) notes: tokio::sync::Mutex<()>,
    /// One order at a time: an apply must not meet a roll back half-way.
    orders: tokio::sync::Mutex<()>,
}

/// News that pages hear of by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEvent {
    /// A version waits for a restart.
    UpdateStaged {
        /// That version.
        version: Version,
    },
    /// A version failed or was rolled back from; `version` runs now.
    RolledBack {
        /// What runs now.
        version: Version,
        /// Why, in words.
        reason: String,
    },
}

impl Device {
    /// Puts the parts together. Nothing runs and nothing is asked before [`Device::start`], or
    /// before a person's own command. Must be called within a tokio runtime.
    pub fn open(local: Local) -> Self {
        let local = Arc::new(local);
        let running = watch::Sender::new(None);
        Self(Arc::new(Inner {
            board: Board::new(Arc::clone(&local)),
            events: broadcast::channel(64).0,
            updater: OnceLock::new(),
            running,
            supervisor: Mutex::new(None),
            tasks: Mutex::new(Vec::new()),
            notes: tokio::sync::Mutex::new(()),
            orders: tokio::sync::Mutex::new(()),
            local,
        }))
    }

    /// Sweeps up what an earlier run left, launches the runtime, and starts the check loop where
    /// updates are on. Returns at once; the status tells how it goes.
    pub async fn start(&self) {
        wiring::start(self).await;
    }

    /// The status, now and with every change.
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
        self.0.board.subscribe()
    }

    /// News by name.
    pub fn events(&self) -> broadcast::Receiver<DeviceEvent> {
        self.0.events.subscribe()
    }

    /// The settings, folders and facts it was opened with.
    pub fn local(&self) -> &Local {
        &self.0.local
    }

    /// A person's check: looks now, or joins the check on its way, and stages what it finds.
    pub async fn check(&self) -> Result<CheckReport, Problem> {
        let report = self.updater(false)?.check(By::Person).await;
        let report = report.map_err(|error| Problem::from(&error));
        let staged = report
            .as_ref()
            .ok()
            .and_then(|report| report.staged.as_ref());
        self.note_staged(staged).await;
        self.refresh().await;
        report
    }

    /// A person's look: decides, and stages nothing.
    pub async fn look(&self) -> Result<CheckReport, Problem> {
        self.updater(false)?
            .look(By::Person)
            .await
            .map_err(|error| Problem::from(&error))
    }

    /// A person's stage of one version, of the newest, or of a file.
    pub async fn stage(&self, wanted: Wanted) -> Result<StageReport, Problem> {
        let report = self.updater(false)?.stage(wanted, false).await;
        let report = report.map_err(|error| Problem::from(&error));
        self.note_staged(report.as_ref().ok()).await;
        self.refresh().await;
        report
    }

    /// The progress of what is being staged.
    pub fn progress(&self) -> Option<watch::Receiver<UpdaterStatus>> {
        self.updater(false).ok().map(Updater::status)
    }

    async fn note_staged(&self, report: Option<&StageReport>) {
        if let Some(StageReport {
            outcome: StageOutcome::Staged,
            version: Some(version),
            ..
        }) = report
        {
            history::write_once(self, HistoryEvent::Staged, version).await;
        }
    }

    /// Restarts the runtime into the version that waits.
    pub async fn apply(&self) -> Result<Applied, Problem> {
        let _order = self.0.orders.lock().await;
        self.refresh().await;
        let Some(waiting) = self.0.board.waiting() else {
            return Ok(self.nothing("No version waits for a restart."));
        };
        self.restart_into(&waiting, AppliedOutcome::Applied).await
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
        if self.0.board.waiting().as_ref() == Some(&version) {
            return self.apply().await;
        }
        let forgotten = version.clone();
        let forgiven = self
            .on_store(move |store| store.forgive(&forgotten))
            .await?;
        if !forgiven.map_err(|error| Problem::from_error("store", &error, TRY_AGAIN))? {
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
        let local = Arc::clone(&self.0.local);
        let choice = tokio::task::spawn_blocking(move || local.resolve()).await;
        let choice = choice
            .map_err(|error| Problem::from_error("internal", &error, "Please report this."))?;
        self.restart_into(&choice.version, AppliedOutcome::Applied)
            .await
    }

    /// A person's roll back: to `to`, which may have to be fetched, or to the version before.
    pub async fn roll_back(&self, to: Option<Version>) -> Result<Applied, Problem> {
        let _order = self.0.orders.lock().await;
        let mut order = to.clone().map_or(RollBack::Person, RollBack::PersonTo);
        let mut rolled = self.roll_back_pointer(order.clone()).await?;
        if let RolledBack::NotStored(version) = rolled {
            let wanted = Wanted::Version(version.clone());
            let staged = self.updater(false)?.stage(wanted, true).await;
            let report = staged.map_err(|error| Problem::from(&error))?;
            if !matches!(
                report.outcome,
                StageOutcome::Staged | StageOutcome::AlreadyStaged
            ) {
                return Err(Problem::new(
                    "not-staged",
                    format!("version {version} could not be staged: {}", report.message),
                    "Choose another version, or roll back without naming one.",
                ));
            }
            order = RollBack::PersonTo(version);
            rolled = self.roll_back_pointer(order).await?;
        }
        let (from, version) = match rolled {
            RolledBack::To { from, to, .. } => (from, to),
            RolledBack::Nothing => {
                return Ok(self.nothing("The bundled version runs; there is nothing before it."));
            }
            RolledBack::NotStored(version) => {
                return Err(Problem::new(
                    "not-stored",
                    format!("version {version} was staged and is gone again"),
                    TRY_AGAIN,
                ));
            }
        };
        let store = self.0.local.store();
        history::write(
            store,
            HistoryEvent::RolledBack,
            &version,
            from.as_ref(),
            None,
        );
        self.refresh().await;
        if self.supervisor().is_none() {
            return Ok(Applied {
                outcome: AppliedOutcome::RolledBack,
                reason: format!("The next launch runs version {version}."),
                version: Some(version),
            });
        }
        let applied = self
            .restart_into(&version, AppliedOutcome::RolledBack)
            .await?;
        self.tell(DeviceEvent::RolledBack {
            version,
            reason: "You went back to this version.".to_owned(),
        });
        Ok(applied)
    }

    /// What happened on this device, oldest first.
    pub async fn history(&self) -> Vec<HistoryEntry> {
        self.on_store(Store::history).await.unwrap_or_default()
    }

    /// Stops timers, downloads and the runtime with all its descendants; gives back an attempt
    /// whose verdict is still out.
    pub async fn stop(&self) {
        if let Some(Ok(updater)) = self.0.updater.get() {
            updater.stop().await;
        }
        let supervisor = self.supervisor();
        if let Some(supervisor) = supervisor {
            supervisor.stop().await;
        }
        let tasks =
            std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
        }
    }

    /// Reads pointer and bad list again and publishes what follows.
    pub(crate) async fn refresh(&self) {
        if let Ok(snapshot) = self.on_store(Store::snapshot).await {
            self.0.board.update(|facts| facts.snapshot = snapshot);
        }
    }

    pub(crate) fn supervisor(&self) -> Option<Supervisor> {
        self.0
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_supervisor(&self, supervisor: Supervisor) {
        *self
            .0
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(supervisor);
    }

    pub(crate) fn tell(&self, event: DeviceEvent) {
        // Nobody listening is no error.
        let _ = self.0.events.send(event);
    }

    /// The updater; `passive` counts for the first caller only: whether it also looks by itself.
    pub(crate) fn updater(&self, passive: bool) -> Result<&Updater, Problem> {
        let inner = &self.0;
        inner
            .updater
            .get_or_init(|| wiring::updater(&inner.local, inner.running.subscribe(), passive))
            .as_ref()
            .map_err(Clone::clone)
    }

    async fn roll_back_pointer(&self, order: RollBack) -> Result<RolledBack, Problem> {
        let local = Arc::clone(&self.0.local);
        self.on_store(move |store| store.roll_back(local.shell(), order, runtime_store::now()))
            .await?
            .map_err(|error| Problem::from_error("store", &error, TRY_AGAIN))
    }

    async fn restart_into(
        &self,
        wanted: &Version,
        outcome: AppliedOutcome,
    ) -> Result<Applied, Problem> {
        let Some(supervisor) = self.supervisor() else {
            return Ok(self.nothing("No runtime runs here; the next start applies it."));
        };
        let launched = supervisor.restart(Asked::ByPerson).await;
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

    fn nothing(&self, reason: &str) -> Applied {
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

    /// Runs `work` on the store, off the async threads.
    pub(crate) async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(store) = self.0.local.store().cloned() else {
            return Err(Problem::new(
                "no-store",
                "this device has no store: it is a development build, or its folder cannot be made",
                "Use a build that is not for development, and look at the problems in the status.",
            ));
        };
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .map_err(|error| Problem::from_error("internal", &error, "Please report this."))
    }
}

const TRY_AGAIN: &str = "See that the disk is writable and not full, then try again.";
