//! The handle: checks, stages, and the loop that checks by itself.
//!
//! Invariants: one check at a time, whoever asked for it, and one stage at a time; whoever asks
//! during a check gets that check's answer; nothing that happens in a check ends the loop.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jiff::Timestamp;
use rollout::{Candidate, Decision, Facts, Integrity, Version};
use runtime_store::{Limits, Shell, StagePlan, Store};
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::error::UpdateError;
use crate::http::shown;
use crate::registry::{CachedPackument, Registry};
use crate::releases::{By, ErrorReport, LastCheck, Refused, Releases};
use crate::schedule;
use crate::source::{Latest, Source};
use crate::stage::{Origin, Stager, blocking};
use crate::status::{CheckReport, Outcome, StageReport, UpdateEvent, UpdaterStatus};
use crate::tarball;

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
pub struct Updater(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    source: Arc<dyn Source>,
    stager: Stager,
    running: watch::Receiver<Option<Version>>,
    status: watch::Sender<UpdaterStatus>,
    events: broadcast::Sender<UpdateEvent>,
    stop: watch::Sender<bool>,
    /// The check that runs now, for others to join.
    flight: Mutex<Option<Flight>>,
    /// Held by whoever checks or stages.
    work: tokio::sync::Mutex<()>,
    /// `releases.json` is read, changed and written by one at a time.
    file: Arc<Mutex<()>>,
    timer: Mutex<Option<JoinHandle<()>>>,
}

type Flight = Shared<BoxFuture<'static, Result<CheckReport, UpdateError>>>;

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) channel: String,
    pub(crate) entry: String,
    pub(crate) carry: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) passive: bool,
    pub(crate) after: Duration,
    pub(crate) every: Duration,
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
        let timeouts = *spec.registry.timeouts();
        let settings = Settings {
            channel: spec.channel,
            entry: spec.entry,
            carry: spec.carry,
            limits: spec.limits,
            passive: spec.passive,
            after: spec.after,
            every: spec.every,
        };
        let tries = (timeouts.tries, timeouts.pause);
        Self::with_source(
            settings,
            Arc::new(spec.registry),
            tries,
            store,
            shell,
            running,
        )
    }

    pub(crate) fn with_source(
        settings: Settings,
        source: Arc<dyn Source>,
        (tries, pause): (usize, Duration),
        store: Store,
        shell: Arc<Shell>,
        running: watch::Receiver<Option<Version>>,
    ) -> Self {
        let (status, _) = watch::channel(UpdaterStatus::default());
        let (stop, stopped) = watch::channel(false);
        let passive = settings.passive;
        let stager = Stager {
            store,
            shell,
            source: Arc::clone(&source),
            status: status.clone(),
            stop: stopped,
            tries,
            pause,
        };
        let updater = Self(Arc::new(Inner {
            settings,
            source,
            stager,
            running,
            status,
            events: broadcast::channel(32).0,
            stop,
            flight: Mutex::new(None),
            work: tokio::sync::Mutex::new(()),
            file: Arc::default(),
            timer: Mutex::new(None),
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
    /// that one and gives its answer.
    pub async fn check(&self, by: By) -> Result<CheckReport, UpdateError> {
        let flight = {
            let mut slot = lock(&self.0.flight);
            match slot.as_ref() {
                Some(flight) => flight.clone(),
                None => slot.insert(self.take_off(by)).clone(),
            }
        };
        flight.await
    }

    /// Asks the channel and decides, and stages nothing.
    pub async fn look(&self, by: By) -> Result<CheckReport, UpdateError> {
        self.0.look(by).await
    }

    /// Stages what a person or a fleet names. `older` is an ordered roll back: without it a version
    /// older than the running one is refused.
    pub async fn stage(&self, wanted: Wanted, older: bool) -> Result<StageReport, UpdateError> {
        let inner = &self.0;
        match wanted {
            Wanted::Latest => self.check(By::Person).await.map(in_short),
            Wanted::Version(version) => {
                let _work = inner.begin_work().await?;
                inner.refuse_older(&version, older).await?;
                let asked = inner
                    .stager
                    .unless_stopped(inner.source.version(&version))
                    .await?;
                inner.stage(&asked?, &Origin::Source, older).await
            }
            Wanted::Tarball { file, integrity } => {
                let _work = inner.begin_work().await?;
                let package = inner.source.package().clone();
                let (path, limits) = (file.clone(), inner.settings.limits);
                let candidate = blocking(move || {
                    tarball::describe(&package, &path, integrity.as_ref(), &limits)
                });
                let candidate = candidate.await??;
                inner.refuse_older(&candidate.version, older).await?;
                inner.stage(&candidate, &Origin::File(file), older).await
            }
        }
    }

    /// The present state and every later one.
    pub fn status(&self) -> watch::Receiver<UpdaterStatus> {
        self.0.status.subscribe()
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<UpdateEvent> {
        self.0.events.subscribe()
    }

    /// Ends the loop and whatever is on its way. A stage past unpacking finishes first, an earlier
    /// one is dropped. Nothing can be asked afterwards.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let timer = lock(&self.0.timer).take();
        if let Some(timer) = timer {
            // It ends by itself; that it panicked before is nothing a stop could mend.
            let _ = timer.await;
        }
        let flight = lock(&self.0.flight).clone();
        if let Some(flight) = flight {
            let _ = flight.await;
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
        let task = tokio::spawn(async move { landed.0.0.check(by).await });
        async move {
            task.await
                .unwrap_or_else(|error| Err(UpdateError::Internal(error.to_string())))
        }
        .boxed()
        .shared()
    }

    async fn run_timer(&self) {
        let inner = &self.0;
        let store = inner.stager.store.clone();
        // Without an id of its own a device still checks, in the rhythm of all that have none.
        let device = blocking(move || store.device_id().map(|device| device.id)).await;
        let jitter = schedule::jitter(&device.ok().and_then(Result::ok).unwrap_or_default());
        let not_before = inner.load().await.not_before;
        let mut wait = schedule::first(inner.settings.after, not_before, Timestamp::now());
        loop {
            let next = schedule::later(Timestamp::now(), wait);
            inner
                .status
                .send_modify(|status| status.next_check_at = Some(next));
            inner
                .save(move |releases| releases.next_check_at = Some(next))
                .await;
            let sleep = tokio::time::sleep(wait);
            if inner.stager.unless_stopped(sleep).await.is_err() {
                break;
            }
            let retry_after = match self.check(By::Timer).await {
                Ok(_) => None,
                Err(error) => {
                    tracing::info!(kind = error.kind(), %error, "the check came to nothing");
                    error.retry_after()
                }
            };
            wait = schedule::next(inner.settings.every, jitter, retry_after);
        }
        inner
            .status
            .send_modify(|status| status.next_check_at = None);
    }
}

impl Inner {
    async fn begin_work(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, UpdateError> {
        let guard = self.stager.unless_stopped(self.work.lock()).await?;
        Ok(guard)
    }

    async fn check(&self, by: By) -> Result<CheckReport, UpdateError> {
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
            report.at = Timestamp::now();
            report.staged = Some(staged);
            report
        });
        self.remember_check(by, Some(&decided), result).await
    }

    async fn look(&self, by: By) -> Result<CheckReport, UpdateError> {
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
        let now = Timestamp::now();
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
            report.reason = "refused-before".to_owned();
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
            latest: Some(candidate),
            bundled: &self.stager.shell.bundled.version,
            running: running.as_ref(),
            staged: pointer.map(|pointer| (&pointer.version, &pointer.integrity)),
            bad: &snapshot.bad,
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

    async fn stage(
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
            now: Timestamp::now(),
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
    async fn refuse_older(&self, wanted: &Version, older: bool) -> Result<(), UpdateError> {
        if older {
            return Ok(());
        }
        let running = self.running.borrow().clone();
        let running = match running {
            Some(running) => running,
            // What the next launch would run, where nothing runs that we know of.
            None => {
                let (store, shell) = (self.stager.store.clone(), Arc::clone(&self.stager.shell));
                blocking(move || store.resolve(&shell)).await?.version
            }
        };
        if running.is_newer_than(wanted) {
            return Err(UpdateError::OlderThanRunning {
                wanted: Box::new(wanted.clone()),
                running: Box::new(running),
            });
        }
        Ok(())
    }

    /// What an earlier run left for the status to show.
    async fn remember(&self) {
        let releases = self.load().await;
        self.status.send_modify(|status| {
            status.last_check = status.last_check.take().or(releases.last_check);
            status.checked_at = status.checked_at.or(releases.checked_at);
        });
    }

    /// Writes down what became of a check and tells it; `decided` is what staging failed after.
    async fn remember_check(
        &self,
        by: By,
        decided: Option<&CheckReport>,
        result: Result<CheckReport, UpdateError>,
    ) -> Result<CheckReport, UpdateError> {
        if matches!(result, Err(UpdateError::Stopped)) {
            return result;
        }
        let last = last_check(by, decided, &result);
        if let Err(error) = &result {
            self.log(&DecisionLine {
                at: last.at,
                by,
                decision: "error",
                version: last.version.as_ref(),
                reason: error.kind(),
                message: Some(&last.message),
            });
        }
        let wish = result.as_ref().err().and_then(UpdateError::retry_after);
        let not_before = wish.map(|wait| schedule::later(last.at, wait));
        let saved = last.clone();
        self.save(move |releases| {
            releases.last_check = Some(saved);
            releases.not_before = not_before;
        })
        .await;
        self.status
            .send_modify(|status| status.last_check = Some(last.clone()));
        // Nobody listening is fine: the status says it too.
        let _ = self.events.send(UpdateEvent::Checked(last));
        result
    }

    fn log(&self, line: &DecisionLine<'_>) {
        self.stager.store.log_decision(line);
    }

    async fn load(&self) -> Releases {
        let (store, file) = (self.stager.store.clone(), Arc::clone(&self.file));
        let loaded = blocking(move || {
            let _one = lock(&file);
            store.load_releases::<Releases>()
        })
        .await;
        let loaded = loaded.ok().flatten().unwrap_or_default();
        if loaded.is_ours() {
            loaded
        } else {
            Releases::default()
        }
    }

    /// Best effort: a device whose disk is full still checks.
    async fn save(&self, change: impl FnOnce(&mut Releases) + Send + 'static) {
        let (store, file) = (self.stager.store.clone(), Arc::clone(&self.file));
        let saved = blocking(move || {
            let _one = lock(&file);
            let mut releases: Releases = store.load_releases().unwrap_or_default();
            if !releases.is_ours() {
                return Ok(());
            }
            let before = releases.clone();
            change(&mut releases);
            if releases == before {
                return Ok(());
            }
            store.save_releases(&releases)
        })
        .await;
        match saved {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last check could not be written down"),
            Err(error) => tracing::warn!(%error, "the last check could not be written down"),
        }
    }
}

/// A line of `rollout.log`.
#[derive(Serialize)]
struct DecisionLine<'a> {
    at: Timestamp,
    by: By,
    decision: &'a str,
    version: Option<&'a Version>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

fn last_check(
    by: By,
    decided: Option<&CheckReport>,
    result: &Result<CheckReport, UpdateError>,
) -> LastCheck {
    match result {
        Ok(report) => LastCheck {
            at: report.at,
            by,
            decision: Some(report.decision.to_owned()),
            version: report.version.clone(),
            reason: report.reason.clone(),
            message: match &report.staged {
                Some(staged) => staged.message.clone(),
                None => report.message.clone(),
            },
            error: None,
        },
        Err(error) => LastCheck {
            at: Timestamp::now(),
            by,
            decision: decided.map(|decided| decided.decision.to_owned()),
            version: decided.and_then(|decided| decided.version.clone()),
            reason: error.kind().to_owned(),
            message: error.to_string(),
            error: Some(ErrorReport::from(error)),
        },
    }
}

/// A check's answer as the answer to a wish to stage.
fn in_short(check: CheckReport) -> StageReport {
    if let Some(staged) = check.staged {
        return staged;
    }
    let outcome = match (check.decision, check.reason.as_str()) {
        ("hold", "bad-version") => Outcome::BadVersion,
        ("hold", "incompatible") => Outcome::Incompatible,
        ("hold", _) => Outcome::Held,
        (_, "already-staged") => Outcome::AlreadyStaged,
        _ => Outcome::UpToDate,
    };
    StageReport {
        outcome,
        version: check.version,
        reason: check.reason,
        message: check.message,
    }
}

/// A panic elsewhere leaves nothing half done in what these locks guard.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
