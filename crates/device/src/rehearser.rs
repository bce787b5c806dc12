//! Tries a version out of sight, for the updater, before anybody hears of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollout::Version;
use rollout::rehearsal::{Limits, Smoke};
use runtime_store::{HistoryEvent, Shell, Store};
use supervisor::{BoxFuture, RehearsalFailure, RehearsalSpec, rehearse, rehearse_bundled};
use tokio::sync::watch;
use updater::{Rehearsal, RehearsalFault, RehearsalOutcome};

use crate::config::Rehearse;
use crate::local::Local;
use crate::{history, notes, past, spec};

/// Where throw-away folders are made.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join("rehearsals")
}

/// How this device rehearses.
#[derive(Debug)]
pub(crate) struct Rehearser {
    spec: RehearsalSpec,
    shell: Arc<Shell>,
}

impl Rehearser {
    /// None where the configuration wants none.
    pub(crate) fn of(local: &Local) -> Option<Self> {
        let how = local.config().rehearse.as_ref()?;
        Some(Self {
            spec: spec(local, how),
            shell: Arc::new(local.shell().clone()),
        })
    }
}

pub(crate) fn spec(local: &Local, how: &Rehearse) -> RehearsalSpec {
    RehearsalSpec {
        spec: spec::spec(local),
        folder: folder(local.data_dir()),
        copy: how.copy.clone(),
        env: how.env.clone(),
        limits: Limits {
            requests: how.requests,
            p50: how.p50,
            p95: how.p95,
        },
        within: RehearsalSpec::WITHIN,
    }
}

impl updater::Rehearser for Rehearser {
    fn skip(&self) -> Option<String> {
        supervisor::spare_resources()
    }

    fn run<'a>(
        &'a self,
        what: Rehearsal<'a>,
        mut stop: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<Smoke, RehearsalFault>> {
        let stopped = async move {
            if stop.wait_for(|stop| *stop).await.is_err() {
                // Nobody is left who could stop it.
                std::future::pending::<()>().await;
            }
        };
        Box::pin(async move {
            let outcome = match what {
                Rehearsal::Candidate(placed) => {
                    rehearse(&self.spec, placed.launch(), stopped).await
                }
                Rehearsal::Bundled => rehearse_bundled(&self.spec, &self.shell, stopped).await,
            };
            outcome.map_err(|failure| match failure {
                RehearsalFailure::Machine(why) => RehearsalFault::Machine(why),
                RehearsalFailure::Runtime(why) => RehearsalFault::Version(why),
                RehearsalFailure::Stopped => RehearsalFault::Stopped,
            })
        })
    }
}

/// Writes down how a rehearsal ended. Blocks.
pub(crate) fn note(store: &Store, version: &Version, outcome: RehearsalOutcome) {
    let (event, reason) = match outcome {
        RehearsalOutcome::Passed(smoke) => (HistoryEvent::Rehearsed, smoke.to_string()),
        RehearsalOutcome::Skipped(why) => (HistoryEvent::RehearsalSkipped, why),
        RehearsalOutcome::Failed(why) => (
            HistoryEvent::RehearsalFailed,
            past::failed(notes::RehearsalOutcome::Failed, &why),
        ),
        RehearsalOutcome::Bad(why) => (
            HistoryEvent::RehearsalFailed,
            past::failed(notes::RehearsalOutcome::Bad, &why),
        ),
        RehearsalOutcome::Inconclusive(why) => (
            HistoryEvent::RehearsalFailed,
            past::failed(notes::RehearsalOutcome::Inconclusive, &why),
        ),
    };
    history::write(Some(store), event, version, None, Some(&reason));
}
