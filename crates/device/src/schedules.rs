//! Timed calls of a workspace to its runtime: they follow the live instance, stop with it, and are
//! taken up again with the next one.

mod memory;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rollout::timetable;
use supervisor::{Running, State};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::workspaces::{Schedule, Workspace};
use crate::{ScheduleStatus, loopback};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_mins(1);
/// A machine that slept is noticed within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The timed calls of one workspace.
#[derive(Debug)]
pub(crate) struct Calls {
    board: Arc<Board>,
    task: Option<JoinHandle<()>>,
}

/// What came of the calls.
#[derive(Debug)]
struct Board {
    /// Who asks.
    workspace: String,
    schedules: Vec<Schedule>,
    last: Mutex<Vec<Option<Last>>>,
    memory: PathBuf,
    news: Arc<Notify>,
}

/// A call that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    at: Timestamp,
    /// None while the answer is out, and of calls of an earlier run.
    ok: Option<bool>,
}

impl Calls {
    /// Nothing is called before [`Calls::follow`]. `news` is told of every call.
    pub(crate) fn new(data: &Path, workspace: &Workspace, news: Arc<Notify>) -> Self {
        let schedules = workspace.schedules.clone();
        let memory = memory::path(data, &workspace.name);
        let last = memory::read(&memory, &schedules)
            .into_iter()
            .map(|at| at.map(|at| Last { at, ok: None }))
            .collect();
        Self {
            board: Arc::new(Board {
                workspace: workspace.name.clone(),
                schedules,
                last: Mutex::new(last),
                memory,
                news,
            }),
            task: None,
        }
    }

    /// From now on this instance is called, whenever it runs.
    pub(crate) fn follow(&mut self, state: watch::Receiver<State>) {
        self.stop();
        if !self.board.schedules.is_empty() {
            self.task = Some(tokio::spawn(follow(Arc::clone(&self.board), state)));
        }
    }

    /// No more calls.
    pub(crate) fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// Forgets when the last calls were.
    pub(crate) async fn forget(&self) {
        // Not there where nothing was called.
        let _ = tokio::fs::remove_file(&self.board.memory).await;
    }

    pub(crate) fn status(&self) -> Vec<ScheduleStatus> {
        let last = self
            .board
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let both = self.board.schedules.iter().zip(&*last);
        both.map(|(schedule, last)| ScheduleStatus {
            every: schedule.every_text(),
            path: schedule.path.clone(),
            last_at: last.map(|last| last.at),
            last_ok: last.and_then(|last| last.ok),
        })
        .collect()
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn follow(board: Arc<Board>, mut state: watch::Receiver<State>) {
    loop {
        let running = match &*state.borrow_and_update() {
            State::Running(running) => Some(running.clone()),
            _ => None,
        };
        // Dropped, and so stopped, with this instance.
        let mut calls = JoinSet::new();
        if let Some(running) = &running {
            for at in 0..board.schedules.len() {
                calls.spawn(call_in_time(Arc::clone(&board), at, running.clone()));
            }
        }
        let launch = running.map(|running| running.launch_id);
        let another = |state: &State| match state {
            State::Running(now) => Some(&now.launch_id) != launch.as_ref(),
            _ => launch.is_some(),
        };
        if state.wait_for(another).await.is_err() {
            return;
        }
    }
}

/// One at a time to a path: a slow answer puts the next call off.
async fn call_in_time(board: Arc<Board>, at: usize, running: Running) {
    let Schedule { every, path } = &board.schedules[at];
    loop {
        let now = runtime_store::now();
        let due = timetable::due(*every, board.last_at(at), running.since, now);
        let wait = Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO);
        if !wait.is_zero() {
            tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
            continue;
        }
        board.note(at, Last { at: now, ok: None });
        board.remember().await;
        let answered = loopback::get(&running.url, path, ANSWER).await;
        let ok = matches!(answered, Ok((status, _)) if status < 400);
        match &answered {
            Ok((status, _)) if !ok => {
                tracing::warn!(
                    workspace = board.workspace,
                    path,
                    status,
                    "a timed call was refused"
                );
            }
            Err(error) => {
                tracing::warn!(
                    workspace = board.workspace,
                    path,
                    error,
                    "a timed call failed"
                );
            }
            Ok(_) => {}
        }
        let ok = Some(ok);
        board.note(at, Last { at: now, ok });
    }
}

impl Board {
    fn last_at(&self, at: usize) -> Option<Timestamp> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)[at].map(|last| last.at)
    }

    fn note(&self, at: usize, last: Last) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(last);
        self.news.notify_one();
    }

    /// Best effort: what is forgotten costs one pause.
    async fn remember(self: &Arc<Self>) {
        let board = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || {
            let last = board.last.lock().unwrap_or_else(PoisonError::into_inner);
            let at: Vec<_> = last.iter().map(|last| last.map(|last| last.at)).collect();
            memory::write(&board.memory, &board.schedules, &at)
        })
        .await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "when timed calls were made is not remembered");
        }
    }
}
