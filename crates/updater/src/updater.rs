//! The handle: checks, stages, and the loop that checks by itself.
//!
//! Invariants: one check at a time, whoever asked for it, and one stage at a time; whoever asks
//! during a check gets that check's answer; nothing that happens in a check ends the loop.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jiff::Timestamp;
use rollout::{Integrity, Version};
use runtime_store::{Limits, Shell, Store};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::error::UpdateError;
use crate::follow::Followed;
use crate::mend::Mending;
use crate::mirror::Mirror;
use crate::policy::Policy;
use crate::registry::Registry;
use crate::rehearse::Rehearser;
use crate::releases::By;
use crate::source::Source;
use crate::stage::Stager;
use crate::status::{CheckReport, Outcome, StageReport, UpdateEvent, UpdaterStatus};

/// What to follow, and when to look.
#[derive(Debug)]
pub struct UpdaterSpec {
    /// Who is asked.
    pub registry: Registry,
    /// The dist-tag that is followed.
    pub channel: String,
    /// Entry inside the package, such as `dist/cli.js`.
    pub entry: String,
    /// What is carried over from the bundled runtime.
    pub carry: Vec<String>,
    /// Limits of tarballs and trees.
    pub limits: Limits,
    /// Whether to look without being asked.
    pub passive: bool,
    /// The first check comes this long after the start.
    pub after: Duration,
    /// The next ones this far apart, ±10 % that belong to the device.
    pub every: Duration,
    /// Whose word counts.
    pub policy: Policy,
    /// Holds the rehearsal of what is staged, before a restart can launch it; none: no rehearsals.
    pub rehearser: Option<Arc<dyn Rehearser>>,
    /// Somebody near who may have the bytes too.
    pub mirror: Option<Arc<dyn Mirror>>,
    /// Whether somebody orders which version this device is to have: then the timer only looks.
    pub steered: watch::Receiver<bool>,
}

/// What to stage.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// What the channel names.
    Latest,
    /// This version, whatever the channel names.
    Version(Version),
    /// A tarball on this machine.
    Tarball {
        /// The file.
        file: PathBuf,
        /// What its bytes must have; left out, what they have.
        integrity: Option<Integrity>,
    },
}

/// Checks and stages. Cheap to clone; all clones are one updater.
#[derive(Debug, Clone)]
pub struct Updater(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) followed: Followed,
    pub(crate) stager: Stager,
    pub(crate) running: watch::Receiver<Option<Version>>,
    pub(crate) status: watch::Sender<UpdaterStatus>,
    pub(crate) events: broadcast::Sender<UpdateEvent>,
    pub(crate) stop: watch::Sender<bool>,
    /// The check that runs now, for others to join.
    pub(crate) flight: Mutex<Option<Flight>>,
    /// Held by whoever checks or stages.
    pub(crate) work: tokio::sync::Mutex<()>,
    /// Whether it was already said, of this check, that it cannot be written down.
    pub(crate) warned: AtomicBool,
    /// Whether it was already said that this device has no id.
    pub(crate) warned_of_id: AtomicBool,
    /// Whether the next line of the log tells that this device was given its id.
    pub(crate) first_launch: AtomicBool,
    /// What the last question means for the next one.
    pub(crate) pace: Mutex<Pace>,
    /// Told when that changes.
    pub(crate) paced: tokio::sync::Notify,
    pub(crate) timer: Mutex<Option<JoinHandle<()>>>,
    /// Damaged copies that are being replaced.
    pub(crate) mending: Mutex<Vec<Mending>>,
}

/// A check on its way, and who wanted it.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    by: By,
    landing: Shared<BoxFuture<'static, Result<CheckReport, UpdateError>>>,
}

/// When the timer has to look again.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Pace {
    /// When this device's turn comes, where something waits for it.
    pub(crate) turn: Option<Timestamp>,
    /// How long whoever was asked wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) channel: String,
    pub(crate) entry: String,
    pub(crate) carry: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) passive: bool,
    pub(crate) after: Duration,
    pub(crate) every: Duration,
    pub(crate) experimental: bool,
    pub(crate) built_at: Timestamp,
    pub(crate) pin: Option<Version>,
    pub(crate) minimum_age: Option<Duration>,
    pub(crate) clock: Clock,
    pub(crate) mirror: Option<Arc<dyn Mirror>>,
    pub(crate) steered: watch::Receiver<bool>,
}

/// The wall clock; another one in tests.
#[derive(Clone)]
pub(crate) struct Clock(pub(crate) Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(runtime_store::now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", (self.0)())
    }
}

impl Updater {
    /// Starts the loop, where `spec` wants one. To be called inside a tokio runtime. `running` is
    /// the version that runs now, for as long as one does.
    pub fn start(
        spec: UpdaterSpec,
        store: Store,
        shell: Arc<Shell>,
        running: watch::Receiver<Option<Version>>,
    ) -> Self {
        Self::start_by(Clock::default(), spec, store, shell, running)
    }

    /// By another clock than the machine's.
    pub(crate) fn start_by(
        clock: Clock,
        spec: UpdaterSpec,
        store: Store,
        shell: Arc<Shell>,
        running: watch::Receiver<Option<Version>>,
    ) -> Self {
        let timeouts = *spec.registry.timeouts();
        let settings = Settings {
            channel: spec.channel,
            entry: spec.entry,
            carry: spec.carry,
            limits: spec.limits,
            passive: spec.passive,
            after: spec.after,
            every: spec.every,
            experimental: spec.policy.experimental,
            built_at: spec.policy.built_at,
            pin: spec.policy.pin,
            minimum_age: spec.policy.minimum_age,
            clock,
            mirror: spec.mirror,
            steered: spec.steered,
        };
        let followed = Followed::new(spec.policy.follow, &settings.channel, &spec.registry);
        let tries = (timeouts.tries, timeouts.pause);
        let rehearser = spec.rehearser;
        Self::with_source(
            settings,
            Arc::new(spec.registry),
            followed,
            tries,
            rehearser,
            store,
            shell,
            running,
        )
    }

    #[expect(clippy::too_many_arguments, reason = "what a start is made of, once")]
    pub(crate) fn with_source(
        settings: Settings,
        source: Arc<dyn Source>,
        followed: Followed,
        (tries, pause): (usize, Duration),
        rehearser: Option<Arc<dyn Rehearser>>,
        store: Store,
        shell: Arc<Shell>,
        running: watch::Receiver<Option<Version>>,
    ) -> Self {
        let (status, _) = watch::channel(UpdaterStatus::default());
        let (stop, stopped) = watch::channel(false);
        let events = broadcast::channel(32).0;
        let passive = settings.passive;
        let stager = Stager {
            store,
            shell,
            source: Arc::clone(&source),
            status: status.clone(),
            stop: stopped,
            tries,
            pause,
            rehearser,
            mirror: settings.mirror.clone(),
            events: events.clone(),
            clock: settings.clock.clone(),
        };
        let updater = Self(Arc::new(Inner {
            settings,
            source,
            followed,
            stager,
            running,
            status,
            events,
            stop,
            flight: Mutex::new(None),
            work: tokio::sync::Mutex::new(()),
            warned: AtomicBool::new(false),
            warned_of_id: AtomicBool::new(false),
            first_launch: AtomicBool::new(false),
            pace: Mutex::default(),
            paced: tokio::sync::Notify::new(),
            timer: Mutex::new(None),
            mending: Mutex::default(),
        }));
        let started = updater.clone();
        let timer = tokio::spawn(async move {
            started.0.remember().await;
            if passive {
                started.run_timer().await;
            }
        });
        *lock(&updater.0.timer) = Some(timer);
        updater
    }

    /// Asks the channel, decides, and stages what is to be staged. During a check this waits for
    /// that one and gives its answer; a person, who waits for no turn, asks again where that one
    /// found that it is not this device's.
    pub async fn check(&self, by: By) -> Result<CheckReport, UpdateError> {
        loop {
            let flight = {
                let mut slot = lock(&self.0.flight);
                match slot.as_ref() {
                    Some(flight) => flight.clone(),
                    None => slot.insert(self.take_off(by)).clone(),
                }
            };
            let report = flight.landing.await?;
            let joined = by == By::Person && flight.by == By::Timer;
            if joined && report.is_gated() {
                continue;
            }
            if by == By::Person && report.waits(joined) {
                self.0.asked_for(report.version.as_ref()).await;
            }
            return Ok(report);
        }
    }

    /// Asks the channel and decides, and stages nothing.
    pub async fn look(&self, by: By) -> Result<CheckReport, UpdateError> {
        Box::pin(self.0.look(by)).await
    }

    /// Stages what a person or a fleet names. `older` is an ordered roll back: without it a version
    /// older than the running one is refused.
    pub async fn stage(&self, wanted: Wanted, older: bool) -> Result<StageReport, UpdateError> {
        let inner = &self.0;
        match wanted {
            Wanted::Latest => self.check(By::Person).await.map(in_short),
            Wanted::Version(version) => Box::pin(inner.stage_version(&version, older)).await,
            Wanted::Tarball { file, integrity } => {
                Box::pin(inner.stage_file(file, integrity, older)).await
            }
        }
    }

    /// The sha512 that is signed for `version`: as it is kept here, or else as the host has it now.
    /// For orders by name where what is followed is signed.
    ///
    /// # Errors
    ///
    /// [`UpdateError::NotSigned`] where the repository does not name it, or none is followed at all;
    /// [`UpdateError::Trust`] where it is not kept and the host cannot be asked or is not believed.
    pub async fn described(&self, version: &Version) -> Result<Integrity, UpdateError> {
        Box::pin(self.0.described(version)).await
    }

    /// The present state and every later one.
    pub fn status(&self) -> watch::Receiver<UpdaterStatus> {
        self.0.status.subscribe()
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<UpdateEvent> {
        self.0.events.subscribe()
    }

    /// Reads again what is written down about checks: another process may have made one.
    pub async fn recall(&self) {
        self.0.remember().await;
    }

    /// Ends the loop and whatever is on its way. A stage past unpacking finishes first, an earlier
    /// one is dropped, and a rehearsal ends in order, with nothing of it left. Nothing can be asked
    /// afterwards.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let timer = lock(&self.0.timer).take();
        if let Some(timer) = timer {
            // It ends by itself; that it panicked before is nothing a stop could mend.
            let _ = timer.await;
        }
        let flight = lock(&self.0.flight).clone();
        if let Some(flight) = flight {
            let _ = flight.landing.await;
        }
        let mending = lock(&self.0.mending).clone();
        for mending in mending {
            let _ = mending.landing().await;
        }
        drop(self.0.work.lock().await);
    }

    /// A check in a task of its own: it goes on when whoever asked no longer waits.
    fn take_off(&self, by: By) -> Flight {
        struct Landed(Updater);
        impl Drop for Landed {
            fn drop(&mut self) {
                *lock(&self.0.0.flight) = None;
            }
        }
        let landed = Landed(self.clone());
        let task = tokio::spawn(async move { Box::pin(landed.0.0.check(by)).await });
        let landing = async move {
            task.await
                .unwrap_or_else(|error| Err(UpdateError::Internal(error.to_string())))
        };
        Flight {
            by,
            landing: landing.boxed().shared(),
        }
    }
}

/// A check's answer as the answer to a wish to stage.
pub(crate) fn in_short(check: CheckReport) -> StageReport {
    if let Some(staged) = check.staged {
        return staged;
    }
    let outcome = match (check.decision, check.reason.as_str()) {
        ("hold", "bad-version") => Outcome::BadVersion,
        ("hold", "incompatible" | "contract") => Outcome::Incompatible,
        ("hold", _) => Outcome::Held,
        (_, "already-staged") => Outcome::AlreadyStaged,
        _ => Outcome::UpToDate,
    };
    StageReport {
        outcome,
        version: check.version,
        reason: check.reason,
        message: check.message,
        trouble: check.trouble,
    }
}

/// A panic elsewhere leaves nothing half done in what these locks guard.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
