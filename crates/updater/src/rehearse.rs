//! Between place and point: a version is started out of sight before anybody is asked about it.
//!
//! ```text
//! Placed ─► count, durably ─► run ─► passed ─► point
//!              ▲               └► failed: noted ─► twice ─► the bundled version ─► passes: condemn
//!              └──────────────────── once ┘                                   └► fails too: held
//! ```
//!
//! How a rehearsal is held is not known here; who composes the parts says that.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rollout::Candidate;
use rollout::rehearsal::{self, Next, Rehearsals, Smoke};
use runtime_store::{Placed, Rehearsed, StoreError};
use tokio::sync::watch;

use crate::error::UpdateError;
use crate::stage::{Stager, blocking, refused, report};
use crate::status::{Outcome, Phase, RehearsalOutcome, StageReport, UpdateEvent};

/// Holds rehearsals.
pub trait Rehearser: fmt::Debug + Send + Sync {
    /// Why none is held now, for a person: then a version is staged without. May block.
    fn skip(&self) -> Option<String>;

    /// Starts it out of sight and looks at it. When this is over, nothing of it runs. It ends early
    /// once `stop` is true.
    fn run<'a>(
        &'a self,
        what: Rehearsal<'a>,
        stop: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<Smoke, RehearsalFault>>;
}

/// What is rehearsed.
#[derive(Debug, Clone, Copy)]
pub enum Rehearsal<'a> {
    /// A version that is whole on disk.
    Candidate(&'a Placed),
    /// The bundled one, for comparison.
    Bundled,
}

/// Why a rehearsal was not passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalFault {
    /// What was seen of the version.
    #[error("{0}")]
    Version(String),
    /// The version has no part in it.
    #[error("{0}")]
    Machine(String),
    /// It was ended early.
    #[error("it was ended early")]
    Stopped,
}

/// How the rehearsals of one version came out.
enum Came {
    Passed(Smoke),
    /// With what was seen last.
    Bad(String),
    Inconclusive(String),
}

impl Stager {
    /// Rehearses what is in its place, where that is wanted, and points at it where it passed.
    pub(crate) async fn rehearse(
        &self,
        candidate: &Candidate,
        placed: Placed,
        origin: &str,
    ) -> Result<StageReport, UpdateError> {
        let Some(rehearser) = self.rehearser.clone() else {
            return self
                .point(candidate, placed, Rehearsed::NotAsked, origin)
                .await;
        };
        self.phase(candidate, Phase::Rehearsing);
        let asked = Arc::clone(&rehearser);
        if let Some(why) = blocking(move || asked.skip()).await? {
            tracing::warn!(version = %candidate.version, why, "staged without a rehearsal");
            self.told(candidate, RehearsalOutcome::Skipped(why.clone()));
            return self
                .point(candidate, placed, Rehearsed::Skipped(why), origin)
                .await;
        }
        let (placed, came) = self.perform(&*rehearser, candidate, placed).await?;
        let version = &candidate.version;
        match came {
            Came::Passed(smoke) => {
                tracing::info!(%version, %smoke, "passed its rehearsal");
                self.told(candidate, RehearsalOutcome::Passed(smoke));
                self.point(candidate, placed, Rehearsed::Passed, origin)
                    .await
            }
            Came::Bad(detail) => {
                let (now, why) = ((self.clock.0)(), detail.clone());
                blocking(move || placed.condemn(why, now)).await??;
                tracing::warn!(%version, detail, "failed its rehearsals, which the bundled version passes");
                self.told(candidate, RehearsalOutcome::Bad(detail));
                Ok(report(
                    Outcome::BadVersion,
                    version,
                    "rehearsal",
                    &format!("failed its rehearsal here; `refit retry {version}` forgives it"),
                ))
            }
            Came::Inconclusive(detail) => {
                tracing::warn!(%version, detail, "its rehearsal says nothing; it is held again later");
                self.told(candidate, RehearsalOutcome::Inconclusive(detail.clone()));
                let seen = detail.lines().next().unwrap_or_default();
                Ok(report(
                    Outcome::Held,
                    version,
                    "rehearsal-inconclusive",
                    &format!(
                        "could not be rehearsed here, and is tried again with the next check: {seen}"
                    ),
                ))
            }
        }
    }

    async fn point(
        &self,
        candidate: &Candidate,
        placed: Placed,
        how: Rehearsed,
        origin: &str,
    ) -> Result<StageReport, UpdateError> {
        self.phase(candidate, Phase::Staging);
        let now = (self.clock.0)();
        match blocking(move || placed.point(how, now)).await? {
            Ok(staged) => Ok(report(
                Outcome::Staged,
                &staged.version,
                "verified",
                "is ready and waits for a restart",
            )),
            Err(error) => refused(candidate, origin, error),
        }
    }

    /// As often as it takes, and no more.
    async fn perform(
        &self,
        rehearser: &dyn Rehearser,
        candidate: &Candidate,
        mut placed: Placed,
    ) -> Result<(Placed, Came), UpdateError> {
        let (mut outcomes, mut bundled, mut passed) = (Vec::new(), None, None);
        // Those of other days; the ones that are begun here come to an end.
        let lost = placed.lost();
        let seen = placed.failures().last();
        let mut seen = seen.cloned().unwrap_or_else(|| NO_END.to_owned());
        loop {
            if *self.stop.borrow() {
                return Err(UpdateError::Stopped);
            }
            let known = Rehearsals {
                lost,
                outcomes: &outcomes,
                bundled,
            };
            match rehearsal::next(&known) {
                Next::Rehearse => {
                    placed = begun(placed).await?;
                    let what = Rehearsal::Candidate(&placed);
                    match rehearser.run(what, self.stop.clone()).await {
                        Ok(smoke) => {
                            passed = Some(smoke);
                            outcomes.push(true);
                        }
                        Err(RehearsalFault::Version(detail)) => {
                            tracing::warn!(version = %candidate.version, detail, "failed a rehearsal");
                            self.told(candidate, RehearsalOutcome::Failed(detail.clone()));
                            placed = ended(placed, Some(detail.clone())).await?;
                            outcomes.push(false);
                            seen = detail;
                        }
                        Err(RehearsalFault::Machine(detail)) => {
                            placed = ended(placed, None).await?;
                            return Ok((placed, Came::Inconclusive(detail)));
                        }
                        Err(RehearsalFault::Stopped) => {
                            ended(placed, None).await?;
                            return Err(UpdateError::Stopped);
                        }
                    }
                }
                Next::RehearseBundled => {
                    let run = rehearser.run(Rehearsal::Bundled, self.stop.clone());
                    bundled = match run.await {
                        Ok(_) => Some(true),
                        Err(RehearsalFault::Stopped) => return Err(UpdateError::Stopped),
                        Err(RehearsalFault::Version(detail) | RehearsalFault::Machine(detail)) => {
                            tracing::warn!(detail, "the bundled version fails the same rehearsal");
                            Some(false)
                        }
                    };
                }
                Next::Point => return Ok((placed, Came::Passed(passed.unwrap_or_default()))),
                Next::Condemn => return Ok((placed, Came::Bad(seen))),
                Next::Inconclusive => {
                    let seen = format!("the bundled version fails the same rehearsal; {seen}");
                    return Ok((placed, Came::Inconclusive(seen)));
                }
            }
        }
    }

    fn told(&self, candidate: &Candidate, outcome: RehearsalOutcome) {
        // Nobody listening is fine: the record says it too.
        let _ = self.events.send(UpdateEvent::Rehearsed {
            version: candidate.version.clone(),
            outcome,
        });
    }
}

/// What is said of a version whose rehearsals never came to an end.
const NO_END: &str = "its rehearsals ended without a result";

/// Counts one before its process exists.
async fn begun(mut placed: Placed) -> Result<Placed, UpdateError> {
    let begun = move || {
        placed.begin_rehearsal()?;
        Ok::<_, StoreError>(placed)
    };
    Ok(blocking(begun).await??)
}

/// It came to an end: with a failure of the version, or with nothing to hold against it.
async fn ended(mut placed: Placed, failure: Option<String>) -> Result<Placed, UpdateError> {
    let ended = move || {
        match failure {
            Some(detail) => placed.note_failure(detail)?,
            None => placed.end_rehearsal()?,
        }
        Ok::<_, StoreError>(placed)
    };
    Ok(blocking(ended).await??)
}
