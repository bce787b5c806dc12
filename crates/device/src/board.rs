//! The board: where every part's news becomes one whole, numbered [`Status`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rollout::{Terms, Version};
use runtime_store::{Snapshot, VersionId};
use supervisor::State;
use tokio::sync::watch;
use updater::UpdaterStatus;

use crate::Updates;
use crate::applying::{self, Said};
use crate::fleet::FleetNote;
use crate::local::Local;
use crate::notes::{AppInfo, ContractNote, DamageState, WorkspaceStatus};
use crate::past::{self, Past};
use crate::rollout_status::{
    self, BlockedVersion, PassedOver, RecalledRunning, Rollout, RolloutFacts,
};
use crate::status::{
    BundledVersion, Failure, FellBack, Phase, Running, RunningSource, StagedVersion, Status,
    waiting,
};

/// Everything a status is made of.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) state: State,
    pub(crate) updater: UpdaterStatus,
    pub(crate) snapshot: Snapshot,
    pub(crate) fell_back: Option<FellBack>,
    pub(crate) passed_over: Option<PassedOver>,
    /// Problems of this run: no registry, no socket.
    pub(crate) problems: Vec<String>,
    /// What the runtime last said of being busy.
    pub(crate) lease: Option<Said>,
    /// What was applied by itself, and when it was staged.
    pub(crate) tried: Option<(Version, Timestamp)>,
    /// What the store's files say of the past.
    pub(crate) past: Past,
    /// Why a damaged version could not be mended in this run, by version.
    pub(crate) unmended: BTreeMap<String, String>,
    pub(crate) contract: Option<ContractNote>,
    pub(crate) workspaces: Vec<WorkspaceStatus>,
    /// How it stands in its fleet.
    pub(crate) fleet: Option<FleetNote>,
}

impl Facts {
    /// Nothing runs and nothing was asked.
    pub(crate) fn stopped(snapshot: Snapshot) -> Self {
        Self {
            state: State::Stopped,
            updater: UpdaterStatus::default(),
            snapshot,
            fell_back: None,
            passed_over: None,
            problems: Vec::new(),
            lease: None,
            tried: None,
            past: Past::default(),
            unmended: BTreeMap::new(),
            contract: None,
            workspaces: Vec::new(),
            fleet: None,
        }
    }

    /// Whether this very staging was applied by itself before.
    pub(crate) fn has_tried(&self, version: &Version, staged_at: Timestamp) -> bool {
        let tried = self.tried.as_ref();
        tried.is_some_and(|tried| (&tried.0, tried.1) == (version, staged_at))
    }
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
        let facts = Facts::stopped(Snapshot::default());
        let first = Arc::new(compose(&facts, &local, 0));
        Self {
            sender: watch::Sender::new(first),
            facts: Mutex::new(facts),
            local,
        }
    }

    /// The version that a restart would try, even one that has just failed.
    pub(crate) fn waiting(&self) -> Option<StagedVersion> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running(&facts.state, &self.local, &facts.snapshot);
        staged(&facts, running.as_ref(), &self.local)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Status>> {
        self.sender.subscribe()
    }

    /// Whether damage in a version is known that nobody has mended yet.
    pub(crate) fn knows_damage(&self, version: &Version) -> bool {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notes = facts.past.damage.iter();
        notes.any(|note| note.version == *version && note.state != DamageState::Mended)
    }

    /// Whether this very staging was applied by itself before.
    pub(crate) fn has_tried(&self, version: &Version, staged_at: Timestamp) -> bool {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.has_tried(version, staged_at)
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

pub(crate) fn compose(facts: &Facts, local: &Local, seq: u64) -> Status {
    let Facts {
        state,
        updater,
        snapshot,
        fell_back,
        passed_over,
        problems,
        ..
    } = facts;
    let running = running(state, local, snapshot);
    // One that has failed since it was staged is told of as such, with "Try again", not as news.
    let staged = staged(facts, running.as_ref(), local).filter(|waiting| {
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
        rollout: rollout(facts, local),
        applying: applying::note(facts, staged.as_ref(), local),
        // Of a runtime that nothing is to replace nobody asks; what it said before is old.
        busy: staged.as_ref().and_then(|_| applying::busy_note(facts)),
        recalled_running: recalled(snapshot, running.as_ref(), staged.as_ref()),
        running,
        staged,
        previous: previous(snapshot),
        bundled: BundledVersion::clone(&local.bundled),
        bad: snapshot.bad.iter().cloned().map(Into::into).collect(),
        last_check: updater.last_check.clone(),
        next_check_at: updater.next_check_at,
        progress: updater.progress.clone(),
        passed_over: passed_over.clone(),
        fell_back: fell_back.clone(),
        failure: failure(state, local),
        problems: local
            .problems
            .iter()
            .chain(&snapshot.problems)
            .chain(problems)
            .cloned()
            .collect(),
        rehearsals: facts.past.rehearsals.clone(),
        damage: past::with_unmended(facts.past.damage.clone(), &facts.unmended),
        contract: facts.contract.clone(),
        snapshots: facts.past.snapshots.clone(),
        managed: local.managed(),
        workspaces: facts.workspaces.clone(),
        fleet: facts.fleet.clone(),
        app: AppInfo {
            name: local.app.clone(),
            package: local.config().package.to_string(),
        },
    }
}

/// What waits for a restart, with what its publisher says of it.
fn staged(facts: &Facts, running: Option<&Running>, local: &Local) -> Option<StagedVersion> {
    let snapshot = &facts.snapshot;
    let Snapshot { pointer, bad, .. } = snapshot;
    let waiting = waiting(pointer.as_ref(), running, &local.bundled.version, bad)?;
    let blocked = snapshot.blocked(local.shell(), runtime_store::now());
    Some(StagedVersion {
        notes: rollout_status::notes(snapshot.terms.as_ref(), &waiting.version),
        blocked: blocked
            .map(|why| BlockedVersion::of(&waiting.version, &why))
            .or_else(|| needs_another(facts, &waiting.version)),
        ..waiting
    })
}

/// What the last launch passed over because it needs another host would not run after a restart either.
fn needs_another(facts: &Facts, version: &Version) -> Option<BlockedVersion> {
    let note = facts.contract.as_ref();
    let note = note.filter(|note| note.version == *version)?;
    Some(BlockedVersion {
        reason: "contract".to_owned(),
        message: note.message.clone(),
    })
}

fn rollout(facts: &Facts, local: &Local) -> Option<Rollout> {
    let Facts {
        updater, snapshot, ..
    } = facts;
    if local.switches.updates == Updates::DevelopmentBuild {
        return None;
    }
    let check = updater.last_check.as_ref();
    let unheard = || updater.terms.as_ref().and_then(|it| it.trouble.clone());
    let kept = || Some(check?.trouble.as_ref()?.message.clone());
    Some(Rollout::of(&RolloutFacts {
        config: local.config(),
        experimental: local.switches.experimental,
        terms: snapshot.terms.as_ref(),
        device: snapshot.device.as_deref(),
        last_check: check,
        trouble: local.no_trust().or_else(unheard).or_else(kept),
        now: corrected(snapshot.terms.as_ref(), local),
    }))
}

fn corrected(terms: Option<&Terms>, local: &Local) -> Timestamp {
    Terms::corrected(terms, runtime_store::now(), local.shell().built_at)
}

fn recalled(
    snapshot: &Snapshot,
    running: Option<&Running>,
    staged: Option<&StagedVersion>,
) -> Option<RecalledRunning> {
    let running = running.filter(|running| {
        running.source != RunningSource::Development && snapshot.recalls(&running.version)
    })?;
    let leaves =
        running.source != RunningSource::Bundled || staged.is_some_and(StagedVersion::is_offered);
    Some(RecalledRunning::of(&running.version, leaves))
}

fn running(state: &State, local: &Local, snapshot: &Snapshot) -> Option<Running> {
    let State::Running(supervisor::Running {
        version,
        integrity,
        source,
        url,
        since,
        launch_id,
        ..
    }) = state
    else {
        return None;
    };
    let is_it =
        |it: &VersionId| it.version == *version && Some(&it.integrity) == integrity.as_ref();
    // One that still soaks soaks on where another was staged over it.
    let on_trial = snapshot.pointer.as_ref().is_some_and(|pointer| {
        let replaced = pointer.replaced.as_ref();
        (pointer.trial.is_some() && is_it(&pointer.id()))
            || replaced.is_some_and(|replaced| is_it(&replaced.id()))
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
        launch_id: launch_id.clone(),
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
