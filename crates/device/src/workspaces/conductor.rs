//! The one task that starts, restarts and stops the workspaces besides `main`, and tells of all.

use std::collections::VecDeque;
use std::sync::Arc;

use rollout::Version;
use runtime_store::{Asked, HistoryEvent};
use supervisor::{State, Supervisor};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::crew::{Order, Reply, unknown};
use super::plan::{self, Known, Life, Step, Target};
use super::{MAIN, Workspace, check, crew, file, place};
use crate::schedules::Calls;
use crate::{Device, DeviceEvent, Problem, WorkspaceState, WorkspaceStatus, history};

/// Called once, by [`Device::start`], when `main` is on its way.
pub(crate) async fn start(device: &Device) {
    let Some(orders) = device.0.crew.conducted() else {
        return;
    };
    let local = Arc::clone(&device.0.local);
    let read = tokio::task::spawn_blocking(move || {
        // A development build reads nothing of a person's.
        local.store()?;
        let (list, problem) = file::read(local.data_dir(), runtime_store::now());
        let (usable, mut problems) = check::sift(&list.workspaces, local.data_dir());
        problems.extend(problem);
        Some((usable, problems))
    });
    let (listed, problems) = read.await.ok().flatten().unwrap_or_default();
    for problem in &problems {
        tracing::warn!("{problem}");
    }
    device
        .0
        .board
        .update(|facts| facts.problems.extend(problems));
    let Some(supervisor) = device.supervisor() else {
        return;
    };
    let conductor = Conductor::new(device.clone(), listed, supervisor, orders);
    let task = tokio::spawn(conductor.run());
    let tasks = &device.0.tasks;
    tasks
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .push(task);
}

/// One workspace as the conductor knows it.
struct Member {
    workspace: Workspace,
    supervisor: Option<Supervisor>,
    told: Option<Target>,
    led: bool,
    /// What ran here last, dead or alive.
    ran: Option<Version>,
    /// Its death was told of.
    mourned: bool,
    calls: Calls,
    watcher: Option<JoinHandle<()>>,
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(watcher) = &self.watcher {
            watcher.abort();
        }
    }
}

struct Conductor {
    device: Device,
    /// `main` first.
    members: Vec<Member>,
    inbox: mpsc::Receiver<Order>,
    /// Orders that came while another step was on its way.
    later: VecDeque<Order>,
    settled: Vec<oneshot::Sender<()>>,
    news: Arc<Notify>,
}

impl Conductor {
    fn new(
        device: Device,
        listed: Vec<Workspace>,
        main: Supervisor,
        inbox: mpsc::Receiver<Order>,
    ) -> Self {
        let mut conductor = Self {
            device,
            members: Vec::new(),
            inbox,
            later: VecDeque::new(),
            settled: Vec::new(),
            news: Arc::default(),
        };
        let (first, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|it| it.name == MAIN);
        let first = first.into_iter().next().unwrap_or_else(|| Workspace {
            name: MAIN.to_owned(),
            ..Workspace::default()
        });
        let folder = place::main_folder(&conductor.device.0.local);
        conductor.enlist(Workspace {
            folder: Some(folder),
            ..first
        });
        conductor.employ(0, main);
        for other in others {
            conductor.enlist(other);
        }
        conductor
    }

    fn enlist(&mut self, workspace: Workspace) {
        let data = self.device.0.local.data_dir().to_owned();
        self.members.push(Member {
            calls: Calls::new(&data, &workspace, Arc::clone(&self.news)),
            workspace,
            supervisor: None,
            told: None,
            led: false,
            ran: None,
            mourned: false,
            watcher: None,
        });
    }

    /// From now on this is the workspace's supervisor.
    fn employ(&mut self, at: usize, supervisor: Supervisor) {
        let (mut state, news) = (supervisor.state(), Arc::clone(&self.news));
        let member = &mut self.members[at];
        member.calls.follow(supervisor.state());
        member.watcher = Some(tokio::spawn(async move {
            while state.changed().await.is_ok() {
                news.notify_one();
            }
        }));
        member.supervisor = Some(supervisor);
    }

    async fn run(mut self) {
        loop {
            self.publish();
            if let Some(order) = self.later.pop_front() {
                self.obey(order).await;
                continue;
            }
            let known = self.known();
            match plan::next(&known) {
                Some(Step::Follow(at, target)) => {
                    self.follow(at, target).await;
                    continue;
                }
                Some(Step::Lead(at)) => {
                    // What comes of it is in the supervisor's state.
                    let _ = self.lead(at, Asked::Passively).await;
                    continue;
                }
                None => self.settle(&known),
            }
            let order = tokio::select! {
                order = self.inbox.recv() => order,
                () = self.news.notified() => continue,
            };
            match order {
                Some(order) => self.obey(order).await,
                None => return,
            }
        }
    }

    fn known(&mut self) -> Vec<Known> {
        for member in &mut self.members {
            if matches!(life(member.supervisor.as_ref()), Life::Live(_)) {
                member.led = false;
            }
        }
        let known = |member: &Member| Known {
            life: life(member.supervisor.as_ref()),
            told: member.told.clone(),
            led: member.led,
        };
        let mut all: Vec<_> = self.members.iter().map(known).collect();
        let leader = plan::leader(&all).map(|at| (at, all[at].life.clone()));
        if let Some((leader, Life::Live(target))) = leader {
            // Should another lead one day, this one need not be told to run what it runs.
            self.members[leader].told = Some(target.clone());
            for (member, known) in self.members.iter_mut().zip(&mut all) {
                // What it died of while it chose for itself, it need not be told to run.
                if known.told.is_none() && died_of(member.supervisor.as_ref(), &target.version) {
                    member.told = Some(target.clone());
                    known.told = Some(target.clone());
                }
            }
        }
        all
    }

    /// Nothing is left to do: whoever waits for that hears of it. One that is still on its way up is
    /// waited for.
    fn settle(&mut self, known: &[Known]) {
        let leads = plan::leader(known).map(|at| &known[at].life);
        if leads != Some(&Life::Moving) {
            for waiting in self.settled.drain(..) {
                let _ = waiting.send(());
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Add(workspace, reply) => self.add(workspace, reply).await,
            Order::Remove(name, reply) => self.remove(&name, reply).await,
            Order::Restart(name, reply) => self.restart(&name, reply).await,
            Order::Lead(reply) => {
                let known = self.known();
                let led = match plan::leader(&known).or((!known.is_empty()).then_some(0)) {
                    Some(at) => self.lead(at, Asked::ByPerson).await,
                    None => Ok(()),
                };
                let _ = reply.send(led);
            }
            Order::Settle(reply) => self.settled.push(reply),
        }
    }

    async fn add(&mut self, workspace: Workspace, reply: Reply) {
        self.enlist(workspace);
        let at = self.members.len() - 1;
        let known = self.known();
        if let Some(Life::Live(target)) = plan::leader(&known).map(|at| known[at].life.clone()) {
            self.follow(at, target).await;
        }
        let _ = reply.send(Ok(self.status(at)));
    }

    async fn remove(&mut self, name: &str, reply: Reply) {
        let Some(at) = self.position(name) else {
            // Listed, and left out of what runs.
            let _ = reply.send(Err(unknown(name)));
            return;
        };
        let mut member = self.members.remove(at);
        let folder = member.workspace.folder.clone().unwrap_or_default();
        member.calls.stop();
        if let Some(supervisor) = member.supervisor.take() {
            self.meanwhile(async move { supervisor.stop().await }).await;
        }
        self.device.0.crew.dismiss(name);
        let port = self.device.0.local.data_dir().join("ports").join(name);
        if let Err(error) = tokio::fs::remove_file(&port).await {
            tracing::debug!(port = %port.display(), %error, "no port is forgotten");
        }
        member.calls.forget().await;
        let _ = reply.send(Ok(crew::at_rest(&member.workspace, folder)));
    }

    async fn restart(&mut self, name: &str, reply: Reply) {
        let Some(at) = self.position(name) else {
            let _ = reply.send(Err(unknown(name)));
            return;
        };
        let known = self.known();
        let leader = plan::leader(&known);
        match leader.map(|leader| (leader, known[leader].life.clone())) {
            Some((leader, Life::Live(target))) if leader != at => self.follow(at, target).await,
            // The leader itself, or one of those that are all dead. What comes of it is in the status.
            _ => {
                let _ = self.lead(at, Asked::Passively).await;
            }
        }
        let status = self.status(at);
        let _ = reply.send(match status.state {
            WorkspaceState::Running | WorkspaceState::Starting | WorkspaceState::Restarting => {
                Ok(status)
            }
            WorkspaceState::Dead | WorkspaceState::Stopped => Err(Problem::new(
                "restart",
                format!(
                    "workspace `{name}` did not become ready: {}",
                    status.detail.unwrap_or_default()
                ),
                "See the log of the runtime, then try again.",
            )),
        });
    }

    /// One workspace runs exactly this from now on, or is dead.
    async fn follow(&mut self, at: usize, target: Target) {
        self.members[at].told = Some(target.clone());
        let Some(supervisor) = self.members[at].supervisor.clone() else {
            let Some(supervisor) = self.hire(at, Some(&target)) else {
                return;
            };
            let mut state = supervisor.state();
            self.meanwhile(async move {
                let decided = |state: &State| !matches!(state, State::Starting { .. });
                let _ = state.wait_for(decided).await;
            })
            .await;
            return;
        };
        let id = target.id();
        self.meanwhile(async move {
            // What comes of it is in the supervisor's state.
            let _ = supervisor.follow(id).await;
        })
        .await;
    }

    /// One workspace chooses for itself, with the usual fallback.
    async fn lead(&mut self, at: usize, asked: Asked) -> Result<(), Problem> {
        self.members[at].led = true;
        let supervisor = match self.members[at].supervisor.clone() {
            Some(supervisor) => supervisor,
            None => match self.hire(at, None) {
                Some(supervisor) => supervisor,
                None => return Ok(()),
            },
        };
        let device = self.device.clone();
        let led = self
            .meanwhile(async move {
                // An apply must not meet this half-way.
                let _order = device.0.orders.lock().await;
                supervisor.lead(asked).await
            })
            .await;
        self.device.refresh().await;
        led.map(|_| ()).map_err(|error| {
            Problem::from_error(
                "restart",
                &error,
                "See the log of the runtime, then try again.",
            )
        })
    }

    /// Makes the supervisor of one that never ran; nothing once all were stopped for good.
    fn hire(&mut self, at: usize, target: Option<&Target>) -> Option<Supervisor> {
        let local = &self.device.0.local;
        let workspace = &self.members[at].workspace;
        let (store, shell) = (local.store().cloned(), Arc::new(local.shell().clone()));
        let spec = place::spec_of(local, workspace);
        let hired = self.device.0.crew.hire(&workspace.name, || match target {
            Some(target) => Supervisor::start_following(store, shell, spec, target.id()),
            None => Supervisor::start(store, shell, spec, Asked::Passively),
        })?;
        self.employ(at, hired.clone());
        Some(hired)
    }

    /// Waits for something and goes on telling of what happens; what is ordered meanwhile comes
    /// after it.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            self.publish();
            tokio::select! {
                done = &mut work => return done,
                () = self.news.notified() => {}
                Some(order) = self.inbox.recv() => self.later.push_back(order),
            }
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|it| it.workspace.name == name)
    }

    fn status(&self, at: usize) -> WorkspaceStatus {
        let member = &self.members[at];
        let state = member.supervisor.as_ref().map(|it| it.state());
        let state = state.as_ref().map(|state| state.borrow().clone());
        let folder = member.workspace.folder.clone().unwrap_or_default();
        let mut status = crew::at_rest(&member.workspace, folder);
        status.schedules = member.calls.status();
        match state {
            // Its turn comes.
            None => status.state = WorkspaceState::Starting,
            Some(State::Starting { .. }) => status.state = WorkspaceState::Starting,
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

    /// Publishes how all are, and tells of who died and who was upgraded since the last time.
    fn publish(&mut self) {
        let all: Vec<_> = (0..self.members.len()).map(|at| self.status(at)).collect();
        let alone = all.len() == 1;
        for (member, status) in self.members.iter_mut().zip(&all) {
            if let Some(version) = &status.version {
                member.mourned = false;
                let before = member.ran.replace(version.clone());
                if let Some(from) = before.filter(|from| version.is_newer_than(from)) {
                    upgraded(&self.device, &status.name, &from, version);
                }
            }
            let dead = status.state == WorkspaceState::Dead;
            if dead && !std::mem::replace(&mut member.mourned, true) && !alone {
                died(&self.device, status, member.ran.as_ref());
            }
        }
        self.device.0.board.update(|facts| facts.workspaces = all);
    }
}

fn life(supervisor: Option<&Supervisor>) -> Life {
    let Some(supervisor) = supervisor else {
        return Life::Unborn;
    };
    match &*supervisor.state().borrow() {
        State::Running(running) => Life::Live(Target::of(running)),
        State::Starting { .. } | State::Restarting { .. } => Life::Moving,
        State::Failed(_) => Life::Dead,
        // All are stopped together, or it is removed.
        State::Stopped => Life::Moving,
    }
}

/// Whether it tried this version, and is dead.
fn died_of(supervisor: Option<&Supervisor>, version: &Version) -> bool {
    let tried = |state: &State| match state {
        State::Failed(report) => report.tried.iter().any(|it| it.version == *version),
        _ => false,
    };
    supervisor.is_some_and(|it| tried(&it.state().borrow()))
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
