//! The one task that starts, restarts and stops the workspaces besides `main`, and tells of all.

use std::collections::VecDeque;
use std::sync::Arc;

use runtime_store::Asked;
use supervisor::{State, Supervisor};
use tokio::sync::{Notify, mpsc, oneshot};

use super::crew::{Order, Reply, unknown};
use super::member::Member;
use super::plan::{self, Known, Life, Step, Target};
use super::{MAIN, Workspace, check, crew, file, place};
use crate::{Device, Problem, WorkspaceState};

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
        conductor.members[0].employ(main);
        for other in others {
            conductor.enlist(other);
        }
        conductor
    }

    fn enlist(&mut self, workspace: Workspace) {
        let data = self.device.0.local.data_dir().to_owned();
        let member = Member::new(&data, workspace, Arc::clone(&self.news));
        self.members.push(member);
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
            if matches!(member.life(), Life::Live(_)) {
                member.led = false;
            }
            // Should another lead one day, it need not be told to run what it runs.
            if let Some(chosen) = member.chose() {
                member.told = Some(chosen);
            }
        }
        let mut all: Vec<_> = self.members.iter().map(Member::known).collect();
        if plan::is_restored(&all) {
            self.members[0].take_over();
            all[0].leads = true;
        }
        let leader = plan::leader(&all).map(|at| (at, all[at].life.clone()));
        if let Some((leader, Life::Live(target))) = leader {
            self.members[leader].told = Some(target.clone());
            for at in plan::resigning(&all) {
                self.members[at].resign(&target);
                all[at].leads = false;
            }
            for (member, known) in self.members.iter_mut().zip(&mut all) {
                // What it died of while it chose for itself, it need not be told to run.
                if known.told.is_none() && member.died_of(&target.version) {
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
                // Whoever asked looks at once.
                self.publish();
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
        let _ = reply.send(Ok(self.members[at].status()));
    }

    async fn remove(&mut self, name: &str, reply: Reply) {
        let Some(at) = self.position(name) else {
            // Listed, and left out of what runs: unanswered, it counts as at rest.
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
        let before = self.members[at].status().launch_id;
        let known = self.known();
        let leader = plan::leader(&known);
        match leader.map(|leader| (leader, known[leader].life.clone())) {
            Some((leader, Life::Live(target))) if leader != at => self.follow(at, target).await,
            // What comes of the leader is not known yet: until then, what was here before. One that
            // has run nothing yet has its turn then.
            Some((leader, _)) if leader != at => {
                if let Some(before) = self.members[at].told.clone() {
                    self.follow(at, before).await;
                }
            }
            // The leader itself, or one of those that are all dead. What comes of it is in the status.
            _ => {
                let _ = self.lead(at, Asked::Passively).await;
            }
        }
        let status = self.members[at].status();
        let serves_on = before.is_some() && status.launch_id == before;
        let _ = reply.send(match status.state {
            WorkspaceState::Running if serves_on => Err(Problem::new(
                "restart",
                format!(
                    "workspace `{name}` did not become ready once more, and serves on as it was"
                ),
                "See the log of the runtime, then try again.",
            )),
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
            self.decided(&supervisor).await;
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
        let Some(supervisor) = self.members[at].supervisor.clone() else {
            if let Some(hired) = self.hire(at, None) {
                self.decided(&hired).await;
            }
            return Ok(());
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
        let spec = place::spec_of(&self.device, workspace);
        let hired = self.device.0.crew.hire(&workspace.name, || match target {
            Some(target) => Supervisor::start_following(store, shell, spec, target.id()),
            None => Supervisor::start(store, shell, spec, Asked::Passively),
        })?;
        self.members[at].employ(hired.clone());
        Some(hired)
    }

    /// Waits until a first launch is ready, or has failed.
    async fn decided(&mut self, supervisor: &Supervisor) {
        let mut state = supervisor.state();
        self.meanwhile(async move {
            let decided = |state: &State| !matches!(state, State::Starting { .. });
            let _ = state.wait_for(decided).await;
        })
        .await;
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

    /// Publishes how all are, and tells of who died and who was upgraded since the last time.
    fn publish(&mut self) {
        let all: Vec<_> = self.members.iter().map(Member::status).collect();
        let alone = all.len() == 1;
        for (member, status) in self.members.iter_mut().zip(&all) {
            member.tell(&self.device, status, alone);
        }
        self.device.0.board.update(|facts| facts.workspaces = all);
    }
}
