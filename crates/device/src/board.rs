//! The board: where every part's news becomes one whole, numbered [`Status`].

use std::sync::{Arc, Mutex, PoisonError};

use rollout::Version;
use runtime_store::Snapshot;
use supervisor::State;
use tokio::sync::watch;
use updater::UpdaterStatus;

use crate::local::Local;
use crate::status::{
    BundledVersion, Failure, FellBack, Phase, Running, RunningSource, Status, waiting,
};

/// Everything a status is made of.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) state: State,
    pub(crate) updater: UpdaterStatus,
    pub(crate) snapshot: Snapshot,
    pub(crate) fell_back: Option<FellBack>,
    /// Problems of this run: no registry, no socket.
    pub(crate) problems: Vec<String>,
}

/// Publishes statuses. A status that says nothing new is not published.
#[derive(Debug)]
pub(crate) struct Board {
    sender: watch::Sender<Arc<Status>>,
    facts: Mutex<Facts>,
    local: Arc<Local>,
}

impl Board {
    pub(crate) fn new(local: Arc<Local>) -> Self {
        let facts = Facts {
            state: State::Stopped,
            updater: UpdaterStatus::default(),
            snapshot: Snapshot::default(),
            fell_back: None,
            problems: Vec::new(),
        };
        let first = Arc::new(compose(&facts, &local, 0));
        Self {
            sender: watch::Sender::new(first),
            facts: Mutex::new(facts),
            local,
        }
    }

    /// The version that a restart would try, even one that has just failed.
    pub(crate) fn waiting(&self) -> Option<Version> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running(&facts.state, &self.local, &facts.snapshot);
        let Snapshot { pointer, bad, .. } = &facts.snapshot;
        let waiting = waiting(
            pointer.as_ref(),
            running.as_ref(),
            &self.local.bundled.version,
            bad,
        );
        waiting.map(|waiting| waiting.version)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Status>> {
        self.sender.subscribe()
    }

    /// Takes news in and publishes what follows from it.
    pub(crate) fn update(&self, news: impl FnOnce(&mut Facts)) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        news(&mut facts);
        self.sender.send_if_modified(|current| {
            let mut next = compose(&facts, &self.local, current.seq);
            if next == **current {
                return false;
            }
            next.seq += 1;
            *current = Arc::new(next);
            true
        });
    }
}

fn compose(facts: &Facts, local: &Local, seq: u64) -> Status {
    let Facts {
        state,
        updater,
        snapshot,
        fell_back,
        problems,
    } = facts;
    let running = running(state, local, snapshot);
    let waiting = waiting(
        snapshot.pointer.as_ref(),
        running.as_ref(),
        &local.bundled.version,
        &snapshot.bad,
    );
    // One that has failed since it was staged is told of as such, with "Try again", not as news.
    let staged = waiting.filter(|waiting| {
        !fell_back.as_ref().is_some_and(|fallback| {
            fallback.from == waiting.version && fallback.at >= waiting.staged_at
        })
    });
    Status {
        seq,
        updates: local.switches.updates,
        phase: match (&local.refusal, state) {
            (Some(_), _) | (_, State::Failed(_)) => Phase::Failed,
            (_, State::Starting { .. }) => Phase::Starting,
            (_, State::Running { .. }) => Phase::Running,
            (_, State::Restarting { .. }) => Phase::Restarting,
            (_, State::Stopped) => Phase::Stopped,
        },
        starting: match state {
            State::Starting { version, .. } => Some(version.clone()),
            _ => None,
        },
        running,
        staged,
        previous: previous(snapshot),
        bundled: BundledVersion::clone(&local.bundled),
        bad: snapshot.bad.iter().cloned().map(Into::into).collect(),
        last_check: updater.last_check.clone(),
        next_check_at: updater.next_check_at,
        progress: updater.progress.clone(),
        fell_back: fell_back.clone(),
        failure: failure(state, local),
        problems: local
            .problems
            .iter()
            .chain(&snapshot.problems)
            .chain(problems)
            .cloned()
            .collect(),
    }
}

fn running(state: &State, local: &Local, snapshot: &Snapshot) -> Option<Running> {
    let State::Running(supervisor::Running {
        version,
        integrity,
        source,
        url,
        since,
        ..
    }) = state
    else {
        return None;
    };
    let on_trial = snapshot.pointer.as_ref().is_some_and(|pointer| {
        pointer.version == *version
            && Some(&pointer.integrity) == integrity.as_ref()
            && pointer.trial.is_some()
    });
    Some(Running {
        version: version.clone(),
        source: match &local.switches.runtime {
            Some(_) => RunningSource::Development,
            None => RunningSource::from(*source),
        },
        url: url.clone(),
        since: *since,
        trial: on_trial,
        integrity: integrity.clone(),
    })
}

fn previous(snapshot: &Snapshot) -> Option<Version> {
    Some(
        snapshot
            .pointer
            .as_ref()?
            .previous
            .as_ref()?
            .version
            .clone(),
    )
}

fn failure(state: &State, local: &Local) -> Option<Failure> {
    if let Some(refusal) = &local.refusal {
        return Some(refusal.clone());
    }
    let State::Failed(report) = state else {
        return None;
    };
    Some(Failure {
        message: report.message.clone(),
        hint: report.hint.clone(),
        detail: report.detail.clone(),
    })
}
