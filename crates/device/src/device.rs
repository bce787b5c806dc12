//! The device: what a plugin or a command line starts, asks and stops.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rollout::Version;
use runtime_store::{HistoryEntry, HistoryEvent, Store};
use supervisor::Supervisor;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use updater::{
    By, CheckReport, Outcome as StageOutcome, StageReport, UpdateEvent, Updater, UpdaterStatus,
    Wanted,
};

use crate::Problem;
use crate::board::Board;
use crate::fleet::Steering;
use crate::history;
use crate::local::Local;
use crate::past::Past;
use crate::status::Status;
use crate::workspaces::{self, Crew};
use crate::{rehearser, updating, wiring};

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
    life: tokio::sync::Mutex<Life>,
    /// What the updater tells, for whoever writes down first how rehearsals ended.
    rehearsals: OnceLock<tokio::sync::Mutex<broadcast::Receiver<UpdateEvent>>>,
    /// One note of history at a time: see [`history::write_once`].
    pub(crate) notes: tokio::sync::Mutex<()>,
    /// The workspaces besides `main`.
    pub(crate) crew: Crew,
    /// One order at a time: an apply must not meet a roll back half-way.
    pub(crate) orders: tokio::sync::Mutex<()>,
    /// The fleet that orders versions here.
    pub(crate) steering: Steering,
}

/// A device is started once and stopped once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    New,
    Started,
    Stopped,
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
    /// A workspace runs a newer version than before.
    Upgraded {
        /// Its name.
        workspace: String,
        /// What ran there before.
        from: Option<Version>,
        /// What runs there now.
        to: Version,
    },
    /// A workspace does not run any more; the others go on.
    WorkspaceDead {
        /// Its name.
        name: String,
        /// Why, in words.
        detail: String,
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
            life: tokio::sync::Mutex::new(Life::New),
            rehearsals: OnceLock::new(),
            notes: tokio::sync::Mutex::new(()),
            crew: Crew::default(),
            orders: tokio::sync::Mutex::new(()),
            steering: Steering::default(),
            local,
        }))
    }

    /// Sweeps up what an earlier run left, launches the runtime, and starts the check loop where
    /// updates are on. Returns at once; the status tells how it goes.
    pub async fn start(&self) {
        let mut life = self.0.life.lock().await;
        if *life == Life::New && self.0.local.refusal.is_none() {
            *life = Life::Started;
            wiring::start(self).await;
        }
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

    /// Whether a person may stage, go back and try again: not where an administrator decides, and that
    /// is asked anew each time. Everything that a person orders asks here, whichever way it comes.
    ///
    /// # Errors
    ///
    /// A problem of the kind `managed` that names the policy.
    pub fn may_change(&self) -> Result<(), Problem> {
        self.0.local.admin.may_change()
    }

    /// A person's check: looks now, or joins the check on its way, and stages what it finds. Where an
    /// administrator decides it only looks.
    pub async fn check(&self) -> Result<CheckReport, Problem> {
        if self.may_change().is_err() {
            return self.look().await;
        }
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

    /// A person's look: decides, and stages nothing. Where an administrator decides, it tells what the
    /// timer would do: nobody is let past this device's turn there.
    pub async fn look(&self) -> Result<CheckReport, Problem> {
        let by = if self.may_change().is_ok() {
            By::Person
        } else {
            By::Timer
        };
        self.updater(false)?
            .look(by)
            .await
            .map_err(|error| Problem::from(&error))
    }

    /// A person's stage of one version, of the newest, or of a file.
    pub async fn stage(&self, wanted: Wanted) -> Result<StageReport, Problem> {
        self.may_change()?;
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

    /// Writes down how rehearsals ended since it was last done: the part that follows the news does
    /// it, and the command that caused them, where nothing follows.
    pub(crate) async fn note_rehearsals(&self) {
        let Some(heard) = self.0.rehearsals.get() else {
            return;
        };
        let mut heard = heard.lock().await;
        loop {
            let (version, outcome) = match heard.try_recv() {
                Ok(UpdateEvent::Rehearsed { version, outcome }) => (version, outcome),
                Ok(_) | Err(TryRecvError::Lagged(_)) => continue,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            };
            let written = self.on_store(move |store| rehearser::note(store, &version, outcome));
            if let Err(problem) = written.await {
                tracing::warn!(%problem, "history is not written");
            }
        }
    }

    async fn note_staged(&self, report: Option<&StageReport>) {
        self.note_rehearsals().await;
        if let Some(StageReport {
            outcome: StageOutcome::Staged,
            version: Some(version),
            ..
        }) = report
        {
            history::write_once(self, HistoryEvent::Staged, version).await;
        }
    }

    /// What happened on this device, oldest first.
    pub async fn history(&self) -> Vec<HistoryEntry> {
        self.on_store(Store::history).await.unwrap_or_default()
    }

    /// Stops timers, downloads and the runtime with all its descendants; gives back an attempt
    /// whose verdict is still out.
    pub async fn stop(&self) {
        // A start on its way is waited for: what it launches must be stopped too.
        let mut life = self.0.life.lock().await;
        *life = Life::Stopped;
        self.0.steering.stop();
        let supervisor = self.supervisor();
        let runtime = async {
            if let Some(supervisor) = supervisor {
                supervisor.stop().await;
            }
        };
        let updates = async {
            if let Some(Ok(updater)) = self.0.updater.get() {
                updater.stop().await;
            }
        };
        tokio::join!(runtime, updates, self.0.crew.stop());
        let tasks =
            std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
        }
        workspaces::note_the_end(self);
    }

    /// Pointer, bad list, and the terms of whom this device follows.
    pub(crate) async fn snapshot(&self) -> Result<runtime_store::Snapshot, Problem> {
        let local = Arc::clone(&self.0.local);
        self.on_store(move |store| store.snapshot_for(local.shell()))
            .await
    }

    /// Reads the store again, pointer, bad list and past, and publishes what follows.
    pub(crate) async fn refresh(&self) {
        let local = Arc::clone(&self.0.local);
        let read = self.on_store(move |store| {
            let snapshot = store.snapshot_for(local.shell());
            (snapshot, Past::read(&local, store))
        });
        if let Ok((snapshot, past)) = read.await {
            self.0.board.update(|facts| {
                facts.snapshot = snapshot;
                facts.past = past;
            });
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

    /// The updater, where this device looks for versions by itself, else why it does not.
    pub(crate) fn looks_by_itself(&self) -> Result<&Updater, String> {
        let local = &self.0.local;
        let off = || "updates are off on this device".to_owned();
        if !local.switches.updates.is_passive() || local.admin.may_apply().is_err() {
            return Err(off());
        }
        self.updater(true).map_err(|problem| problem.message)
    }

    /// The updater; `passive` counts for the first caller only: whether it also looks by itself.
    pub(crate) fn updater(&self, passive: bool) -> Result<&Updater, Problem> {
        let inner = &self.0;
        inner
            .updater
            .get_or_init(|| {
                let running = inner.running.subscribe();
                let updater = updating::updater(&inner.local, running, passive, &inner.steering)?;
                // The first news are those of this very updater, so nobody was here before.
                let _ = inner
                    .rehearsals
                    .set(tokio::sync::Mutex::new(updater.events()));
                Ok(updater)
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Runs `work` on the store, off the async threads.
    pub(crate) async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(store) = self.0.local.store().cloned() else {
            return Err(updating::no_store(&self.0.local));
        };
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .map_err(|error| Problem::from_error("internal", &error, "Please report this."))
    }
}
