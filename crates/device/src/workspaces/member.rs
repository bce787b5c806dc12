//! One workspace as the conductor knows it: how it is, and what there is to tell of it.

use std::path::Path;
use std::sync::Arc;

use rollout::Version;
use runtime_store::HistoryEvent;
use supervisor::{State, Supervisor};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::plan::{Known, Life, Target};
use super::{MAIN, Workspace, crew};
use crate::schedules::Calls;
use crate::{Device, DeviceEvent, WorkspaceState, WorkspaceStatus, history};

pub(super) struct Member {
    pub(super) workspace: Workspace,
    /// None before its turn comes.
    pub(super) supervisor: Option<Supervisor>,
    /// What it was last told to run, or ran while it led.
    pub(super) told: Option<Target>,
    /// It has chosen for itself since the leader died, and died of it.
    pub(super) led: bool,
    pub(super) calls: Calls,
    /// What ran here last, dead or alive.
    ran: Option<Version>,
    /// Its death was told of.
    mourned: bool,
    watcher: Option<JoinHandle<()>>,
    news: Arc<Notify>,
}

impl Member {
    /// `news` is told of everything that changes here.
    pub(super) fn new(data: &Path, workspace: Workspace, news: Arc<Notify>) -> Self {
        Self {
            calls: Calls::new(data, &workspace, Arc::clone(&news)),
            workspace,
            supervisor: None,
            told: None,
            led: false,
            ran: None,
            mourned: false,
            watcher: None,
            news,
        }
    }

    /// From now on this is the workspace's supervisor.
    pub(super) fn employ(&mut self, supervisor: Supervisor) {
        let (mut state, news) = (supervisor.state(), Arc::clone(&self.news));
        self.calls.follow(supervisor.state());
        self.watcher = Some(tokio::spawn(async move {
            while state.changed().await.is_ok() {
                news.notify_one();
            }
        }));
        self.supervisor = Some(supervisor);
    }

    fn state(&self) -> Option<State> {
        let supervisor = self.supervisor.as_ref()?;
        Some(supervisor.state().borrow().clone())
    }

    pub(super) fn life(&self) -> Life {
        match self.state() {
            None => Life::Unborn,
            Some(State::Running(running)) => Life::Live(Target::of(&running)),
            Some(State::Failed(_)) => Life::Dead,
            // What is stopped is stopped together with all, or removed: nobody takes its place.
            Some(State::Starting { .. } | State::Restarting { .. } | State::Stopped) => {
                Life::Moving
            }
        }
    }

    pub(super) fn known(&self) -> Known {
        Known {
            life: self.life(),
            told: self.told.clone(),
            leads: self.leads(),
            on_trial: matches!(self.state(), Some(State::Running(it)) if it.trial),
            led: self.led,
        }
    }

    fn leads(&self) -> bool {
        self.supervisor.as_ref().is_some_and(Supervisor::leads)
    }

    /// What it chose for itself, and runs.
    pub(super) fn chose(&self) -> Option<Target> {
        match self.life() {
            Life::Live(target) if self.leads() => Some(target),
            _ => None,
        }
    }

    /// It leads from now on, and runs on.
    pub(super) fn take_over(&self) {
        if let Some(supervisor) = &self.supervisor {
            supervisor.take_over();
        }
    }

    /// Another leads from now on, and runs the same.
    pub(super) fn resign(&mut self, runs: &Target) {
        self.told = Some(runs.clone());
        if let Some(supervisor) = &self.supervisor {
            supervisor.resign(runs.id());
        }
    }

    /// Whether it tried this version, and is dead.
    pub(super) fn died_of(&self, version: &Version) -> bool {
        match self.state() {
            Some(State::Failed(report)) => report.tried.iter().any(|it| it.version == *version),
            _ => false,
        }
    }

    pub(super) fn status(&self) -> WorkspaceStatus {
        let folder = self.workspace.folder.clone().unwrap_or_default();
        let mut status = crew::at_rest(&self.workspace, folder);
        status.schedules = self.calls.status();
        match self.state() {
            // Its turn comes.
            None | Some(State::Starting { .. }) => status.state = WorkspaceState::Starting,
            Some(State::Running(running)) => {
                status.state = WorkspaceState::Running;
                status.version = Some(running.version);
                status.url = Some(running.url);
                status.launch_id = Some(running.launch_id);
                status.since = Some(running.since);
            }
            Some(State::Restarting { .. }) => status.state = WorkspaceState::Restarting,
            Some(State::Failed(report)) => {
                status.state = WorkspaceState::Dead;
                status.detail = Some(report.message);
            }
            Some(State::Stopped) => status.state = WorkspaceState::Stopped,
        }
        status
    }

    /// Tells of its death or its upgrade, once each. Of a death in a shell with no other workspace
    /// the status says enough.
    pub(super) fn tell(&mut self, device: &Device, status: &WorkspaceStatus, alone: bool) {
        if let Some(version) = &status.version {
            self.mourned = false;
            let before = self.ran.replace(version.clone());
            if let Some(from) = before.filter(|from| version.is_newer_than(from)) {
                upgraded(device, &status.name, &from, version);
            }
        }
        let dead = status.state == WorkspaceState::Dead;
        if dead && !std::mem::replace(&mut self.mourned, true) && !alone {
            died(device, status, self.ran.as_ref());
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(watcher) = &self.watcher {
            watcher.abort();
        }
    }
}

fn upgraded(device: &Device, workspace: &str, from: &Version, to: &Version) {
    tracing::info!(workspace, %from, %to, "upgraded");
    // Of `main` the history says `applied`.
    if workspace != MAIN {
        let store = device.0.local.store();
        let event = HistoryEvent::Upgraded;
        history::write(store, event, to, Some(from), Some(workspace));
    }
    device.tell(DeviceEvent::Upgraded {
        workspace: workspace.to_owned(),
        from: Some(from.clone()),
        to: to.clone(),
    });
}

fn died(device: &Device, status: &WorkspaceStatus, ran: Option<&Version>) {
    let detail = status.detail.clone().unwrap_or_default();
    tracing::error!(workspace = status.name, %detail, "a workspace is dead");
    let bundled = &device.0.local.shell().bundled.version;
    history::write(
        device.0.local.store(),
        HistoryEvent::WorkspaceDead,
        ran.unwrap_or(bundled),
        None,
        Some(&status.name),
    );
    device.tell(DeviceEvent::WorkspaceDead {
        name: status.name.clone(),
        detail,
    });
}
