//! One version on its way from a source to the pointer.
//!
//! ```text
//! network or file ─► bounded channel ─► blocking thread: hash → gunzip → unpack ─► verify ─► commit, or place ─► rehearse ─► point
//! ```
//!
//! Invariants: the channel holds a few pieces and nothing holds the whole; an end that nobody
//! announced is an error and never the end of the file; until unpacking is done `stop` drops the
//! partial, from then on the stage finishes, whoever still waits for it.

use std::sync::Arc;
use std::time::Duration;

use rollout::{BadReason, Candidate};
use runtime_store::{BeginStage, Partial, Placed, Shell, StageError, StagePlan, Staged, Store};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

use crate::bytes::{Origin, open_copy};
use crate::download::Download;
use crate::error::{RegistryError, UpdateError};
use crate::feed::{Feed, Piece, Pieces};
use crate::http::shown;
use crate::mirror::Mirror;
use crate::rate::time_for;
use crate::rehearse::Rehearser;
use crate::source::Source;
use crate::status::{Outcome, Phase, Progress, StageReport, UpdateEvent, UpdaterStatus};
use crate::updater::Clock;

/// Pieces under way between network and unpacker. A piece is what one read brought, at most
/// some tens of KiB.
const PIECES: usize = 8;
/// Somebody near is waited for no longer than this, whatever they have: whoever keeps a stage waiting keeps orders waiting.
const NEARBY: Duration = Duration::from_mins(10);
/// How often progress is told at most.
const TELL: Duration = Duration::from_millis(100);

/// Everything a stage needs beside the candidate.
#[derive(Debug, Clone)]
pub(crate) struct Stager {
    pub(crate) store: Store,
    pub(crate) shell: Arc<Shell>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) status: watch::Sender<UpdaterStatus>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) tries: usize,
    pub(crate) pause: Duration,
    pub(crate) rehearser: Option<Arc<dyn Rehearser>>,
    pub(crate) mirror: Option<Arc<dyn Mirror>>,
    pub(crate) events: broadcast::Sender<UpdateEvent>,
    pub(crate) clock: Clock,
}

/// What the blocking thread came to.
enum Done {
    Staged(Staged),
    /// Whole, and to be rehearsed before it is pointed at.
    Placed(Box<Placed>),
    Failed(StageError),
    Stopped,
}

impl Stager {
    /// Stages `candidate`; what comes of it is told in the report, and the pointer moved only where
    /// that says `staged`.
    pub(crate) async fn run(
        &self,
        candidate: &Candidate,
        from: &Origin,
        plan: &StagePlan,
    ) -> Result<StageReport, UpdateError> {
        if let Some(near) = self.nearby(candidate, from, plan).await {
            return near;
        }
        let from = from.begun(&*self.source, plan.limits.packed_bytes);
        let mut result = self.tries(candidate, &from, plan).await;
        if let (Origin::Signed(signed), Err(error)) = (&from, &result)
            && let Some(copy) = signed.instead(error)
        {
            tracing::warn!(%error, copy = shown(&copy), "the site's own copy is taken");
            result = self.tries(candidate, &Origin::Copy(copy), plan).await;
        }
        self.status
            .send_if_modified(|status| status.progress.take().is_some());
        result
    }

    /// Stages what somebody near has; none where that is nothing, or nothing that is believed.
    async fn nearby(
        &self,
        candidate: &Candidate,
        from: &Origin,
        plan: &StagePlan,
    ) -> Option<Result<StageReport, UpdateError>> {
        let mirror = self.mirror.as_ref()?;
        if matches!(from, Origin::File(_)) {
            return None;
        }
        let near = Origin::Near(Arc::clone(mirror));
        let done = self.once(candidate, &near, plan).await;
        self.status
            .send_if_modified(|status| status.progress.take().is_some());
        match done {
            Err(error @ (UpdateError::Mirror(_) | UpdateError::Stage { .. })) => {
                tracing::info!(%error, "the source is asked for the bytes");
                None
            }
            done => Some(done),
        }
    }

    async fn tries(
        &self,
        candidate: &Candidate,
        from: &Origin,
        plan: &StagePlan,
    ) -> Result<StageReport, UpdateError> {
        let mut pause = self.pause;
        for tried in 1.. {
            let error = match self.once(candidate, from, plan).await {
                Err(UpdateError::Registry(error)) if error.is_cut_off() => error,
                other => return other,
            };
            // Questions are tried again where they are asked; a body cut off begins anew.
            if tried >= self.tries {
                return Err(error.into());
            }
            tracing::info!(%error, "the download is tried again");
            self.unless_stopped(tokio::time::sleep(pause)).await?;
            pause *= 2;
        }
        Err(UpdateError::Stopped)
    }

    async fn once(
        &self,
        candidate: &Candidate,
        from: &Origin,
        plan: &StagePlan,
    ) -> Result<StageReport, UpdateError> {
        let begun = {
            let (store, shell) = (self.store.clone(), Arc::clone(&self.shell));
            let (candidate, plan) = (candidate.clone(), plan.clone());
            blocking(move || store.begin_stage(&candidate, &shell, &plan)).await?
        };
        let (size, limit) = (candidate.unpacked_size, plan.limits.total_bytes);
        let too_big = size.is_some_and(|size| size > limit);
        let begun = match begun {
            // That there is no room either is beside the point.
            Ok(BeginStage::Fetch(_)) | Err(StageError::NoRoom { .. }) if too_big => {
                let url = plan.source.clone();
                return Err(RegistryError::TooBig { url, limit }.into());
            }
            Ok(begun) => begun,
            Err(error) => return refused(candidate, &plan.source, error),
        };
        let partial = match begun {
            BeginStage::Fetch(partial) => partial,
            BeginStage::Unrehearsed(placed) => {
                return self.rehearse(candidate, placed, &plan.source).await;
            }
            BeginStage::Busy => return Err(UpdateError::Busy(candidate.version.clone())),
            other => return Ok(settled(candidate, other)),
        };
        self.tell(candidate, Phase::Downloading, 0, None);
        if let Origin::File(path) = from {
            let feed = Feed::open(path).await?;
            return self
                .pump(candidate, partial, feed, &plan.source, plan.rehearse)
                .await;
        }
        if let Origin::Near(mirror) = from {
            let most = candidate.unpacked_size.unwrap_or(plan.limits.packed_bytes);
            let until = Instant::now() + time_for(most, self.source.patience()).min(NEARBY);
            let opened = tokio::time::timeout_at(until, mirror.open(candidate));
            let opened = self.unless_stopped(opened).await?.ok().flatten();
            let bytes = opened.ok_or_else(|| UpdateError::Mirror("it has none".to_owned()))?;
            return self
                .pump(
                    candidate,
                    partial,
                    Feed::Near(bytes, until),
                    "the mirror",
                    plan.rehearse,
                )
                .await;
        }
        let open = self.open(candidate, from, plan.limits.packed_bytes);
        let download = self.unless_stopped(open).await??;
        // Another host may have been asked in place of the one that is named.
        let asked = download.asked();
        let feed = Feed::Net(Box::new(download));
        self.pump(candidate, partial, feed, &asked, plan.rehearse)
            .await
    }

    async fn open(
        &self,
        candidate: &Candidate,
        from: &Origin,
        limit: u64,
    ) -> Result<Download, RegistryError> {
        match from {
            Origin::Signed(signed) => signed.open(&*self.source, candidate, limit).await,
            Origin::Copy(url) => open_copy(&*self.source, url, limit).await,
            Origin::Source | Origin::File(_) | Origin::Near(_) => {
                self.source.open(candidate, limit).await
            }
        }
    }

    async fn pump(
        &self,
        candidate: &Candidate,
        partial: Partial,
        mut feed: Feed,
        origin: &str,
        rehearse: bool,
    ) -> Result<StageReport, UpdateError> {
        let (send, receive) = mpsc::channel(PIECES);
        let unpacking = {
            let stager = self.clone();
            let candidate = candidate.clone();
            tokio::task::spawn_blocking(move || {
                stager.unpack(&candidate, partial, receive, rehearse)
            })
        };
        let passed_on = self
            .unless_stopped(self.feed(candidate, &mut feed, &send))
            .await;
        // Without an `End` in it, a closed channel is an error to the unpacker.
        drop(send);
        let done = unpacking
            .await
            .map_err(|error| UpdateError::Internal(error.to_string()))?;
        match (done, passed_on) {
            (Done::Staged(staged), _) => Ok(report(
                Outcome::Staged,
                &staged.version,
                "verified",
                "is ready and waits for a restart",
            )),
            (Done::Placed(placed), _) => self.rehearse(candidate, *placed, origin).await,
            (_, Err(stopped)) => Err(stopped),
            // What cut the bytes off says more than what the unpacker made of it.
            (_, Ok(Err(error))) => Err(error),
            (Done::Stopped, _) => Err(UpdateError::Stopped),
            (Done::Failed(error), Ok(Ok(()))) => refused(candidate, origin, error),
        }
    }

    /// Passes pieces on until the end, an error, or an unpacker that wants no more.
    async fn feed(
        &self,
        candidate: &Candidate,
        feed: &mut Feed,
        send: &mpsc::Sender<Piece>,
    ) -> Result<(), UpdateError> {
        let mut told: Option<Instant> = None;
        let mut bytes = 0;
        while let Some(piece) = feed.piece().await? {
            bytes += piece.len() as u64;
            if told.is_none_or(|told| told.elapsed() >= TELL) {
                self.tell(candidate, Phase::Downloading, bytes, feed.total());
                told = Some(Instant::now());
            }
            if send.send(Piece::Bytes(piece)).await.is_err() {
                return Ok(());
            }
        }
        self.tell(candidate, Phase::Downloading, bytes, feed.total());
        let _ = send.send(Piece::End).await;
        Ok(())
    }

    fn unpack(
        &self,
        candidate: &Candidate,
        partial: Partial,
        receive: mpsc::Receiver<Piece>,
        rehearse: bool,
    ) -> Done {
        let reader = Pieces::new(receive);
        let unpacked = match partial.unpack(reader) {
            Ok(unpacked) => unpacked,
            Err(error) => return Done::Failed(error),
        };
        if *self.stop.borrow() {
            return Done::Stopped;
        }
        self.phase(candidate, Phase::Verifying);
        let committed = unpacked.verify().and_then(|whole| {
            self.phase(candidate, Phase::Staging);
            if rehearse {
                return Ok(Done::Placed(Box::new(whole.place()?)));
            }
            Ok(Done::Staged(whole.commit()?))
        });
        match committed {
            Ok(done) => done,
            Err(error) => Done::Failed(error),
        }
    }

    fn tell(&self, candidate: &Candidate, phase: Phase, bytes: u64, total: Option<u64>) {
        self.status.send_modify(|status| {
            status.progress = Some(Progress {
                version: candidate.version.clone(),
                phase,
                bytes,
                total,
            });
        });
    }

    pub(crate) fn phase(&self, candidate: &Candidate, phase: Phase) {
        let progress = self.status.borrow().progress.clone();
        let (bytes, total) =
            progress.map_or((0, None), |progress| (progress.bytes, progress.total));
        self.tell(candidate, phase, bytes, total);
    }

    /// `work`, unless `stop` comes first.
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, UpdateError> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => Err(UpdateError::Stopped),
            done = work => Ok(done),
        }
    }
}

/// What only the archive itself or another process showed: some of it is an outcome, not an error.
pub(crate) fn refused(
    candidate: &Candidate,
    origin: &str,
    error: StageError,
) -> Result<StageReport, UpdateError> {
    let version = &candidate.version;
    match error {
        StageError::BecameBad { .. } => Ok(report(
            Outcome::BadVersion,
            version,
            "bad-version",
            &format!("failed here meanwhile; `refit retry {version}` forgives it"),
        )),
        StageError::Overtaken { by, .. } => Ok(report(
            Outcome::UpToDate,
            version,
            "overtaken",
            &format!("was overtaken by {by}, which waits for a restart"),
        )),
        StageError::Recalled { .. } => Ok(report(
            Outcome::Held,
            version,
            "recalled",
            "was recalled by its publisher",
        )),
        error => Err(UpdateError::Stage {
            version: Box::new(version.clone()),
            origin: origin.to_owned(),
            error: Arc::new(error),
        }),
    }
}

/// Outcomes that need no bytes.
fn settled(candidate: &Candidate, begun: BeginStage) -> StageReport {
    let version = &candidate.version;
    match begun {
        BeginStage::AlreadyStaged => report(
            Outcome::AlreadyStaged,
            version,
            "already-staged",
            "is staged already",
        ),
        BeginStage::TakenUp(staged) => report(
            Outcome::Staged,
            &staged.version,
            "taken-up",
            "was still whole on disk and waits for a restart",
        ),
        BeginStage::Bad(entry) => {
            let why = match entry.reason {
                BadReason::RolledBack => "is not staged: you rolled back from it",
                _ => "failed here before",
            };
            report(
                Outcome::BadVersion,
                version,
                &entry.reason.to_string(),
                &format!("{why}; `refit retry {version}` forgives it"),
            )
        }
        BeginStage::Incompatible(unsuitable) => report(
            Outcome::Incompatible,
            version,
            "incompatible",
            &unsuitable.to_string(),
        ),
        BeginStage::NotNewer { than } => report(
            Outcome::UpToDate,
            version,
            "not-newer",
            &format!("is not newer than {than}"),
        ),
        BeginStage::Contract(unmet) => report(
            Outcome::Incompatible,
            version,
            unmet.code(),
            &unmet.to_string(),
        ),
        // The caller takes these apart before.
        BeginStage::Busy | BeginStage::Fetch(_) | BeginStage::Unrehearsed(_) => {
            report(Outcome::Held, version, "busy", "is being staged")
        }
    }
}

pub(crate) fn report(
    outcome: Outcome,
    version: &rollout::Version,
    reason: &str,
    words: &str,
) -> StageReport {
    StageReport {
        outcome,
        version: Some(version.clone()),
        reason: reason.to_owned(),
        message: format!("Version {version} {words}"),
        trouble: None,
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, UpdateError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| UpdateError::Internal(error.to_string()))
}

#[cfg(test)]
mod tests;
