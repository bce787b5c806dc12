//! What of the workspaces everybody who holds the device may reach.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use supervisor::{State, Supervisor};
use tokio::sync::{mpsc, oneshot, watch};

use super::{MAIN, Upgraded, Workspace, check, file, place};
use crate::launches::Launches;
use crate::{Device, Problem, ScheduleStatus, WorkspaceState, WorkspaceStatus};

/// Orders that wait.
const ORDERS: usize = 16;

/// What came of an upgrade; none while it is on its way.
pub(crate) type Upgrading = watch::Receiver<Option<Result<Upgraded, Problem>>>;

/// The workspaces of a device.
#[derive(Debug)]
pub(crate) struct Crew {
    /// To the conductor; none before the device was started.
    orders: OnceLock<mpsc::Sender<Order>>,
    /// Everyone but `main`; none once they were stopped for good.
    hands: Mutex<Option<BTreeMap<String, Supervisor>>>,
    /// When what runs anywhere was started, `main` among it.
    pub(crate) launches: Launches,
    /// An upgrade on its way, for whoever joins it.
    pub(crate) upgrading: Mutex<Option<Upgrading>>,
}

/// What the conductor is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Start one that is in the file now.
    Add(Workspace, Reply),
    /// Stop one that is in the file no more.
    Remove(String, Reply),
    Restart(String, Reply),
    /// Restart the leader, whoever that is, into what the pointer names.
    Lead(oneshot::Sender<Result<(), Problem>>),
    /// Answer when every workspace was told to run what the leader runs.
    Settle(oneshot::Sender<()>),
}

pub(crate) type Reply = oneshot::Sender<Result<WorkspaceStatus, Problem>>;

impl Default for Crew {
    fn default() -> Self {
        Self {
            orders: OnceLock::new(),
            hands: Mutex::new(Some(BTreeMap::new())),
            launches: Launches::default(),
            upgrading: Mutex::new(None),
        }
    }
}

impl Crew {
    /// The conductor's end of the orders; the first caller gets it.
    pub(crate) fn conducted(&self) -> Option<mpsc::Receiver<Order>> {
        let (sender, receiver) = mpsc::channel(ORDERS);
        self.orders.set(sender).ok().map(|()| receiver)
    }

    /// Makes a supervisor, unless all were stopped for good.
    pub(crate) fn hire(&self, name: &str, make: impl FnOnce() -> Supervisor) -> Option<Supervisor> {
        let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        let hand = make_in(hands.as_mut()?, name, make);
        self.launches.follow(&hand);
        Some(hand)
    }

    /// Whether anything runs besides `main`, or is on its way up or down.
    pub(crate) fn is_at_work(&self) -> bool {
        let hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        let at_rest = |hand: &Supervisor| {
            matches!(&*hand.state().borrow(), State::Failed(_) | State::Stopped)
        };
        hands
            .as_ref()
            .is_some_and(|hands| !hands.values().all(at_rest))
    }

    pub(crate) fn dismiss(&self, name: &str) {
        let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hands) = hands.as_mut() {
            hands.remove(name);
        }
    }

    /// Stops everyone but `main`, for good and all at once.
    pub(crate) async fn stop(&self) {
        let hands = {
            let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
            hands.take().unwrap_or_default()
        };
        let mut stops = tokio::task::JoinSet::new();
        for hand in hands.into_values() {
            stops.spawn(async move { hand.stop().await });
        }
        stops.join_all().await;
    }

    /// Gives the conductor an order and waits for what comes of it; none where nobody conducts.
    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.orders.get()?.send(order(reply)).await.ok()?;
        answer.await.ok()
    }
}

fn make_in(
    hands: &mut BTreeMap<String, Supervisor>,
    name: &str,
    make: impl FnOnce() -> Supervisor,
) -> Supervisor {
    let hand = make();
    hands.insert(name.to_owned(), hand.clone());
    hand
}

/// After the end nobody tells of workspaces any more: none is left running.
pub(crate) fn note_the_end(device: &Device) {
    device.0.board.update(|facts| {
        for one in &mut facts.workspaces {
            one.state = WorkspaceState::Stopped;
            (one.version, one.url) = (None, None);
            (one.launch_id, one.since) = (None, None);
        }
    });
}

/// A workspace that nobody has started.
pub(crate) fn at_rest(workspace: &Workspace, folder: std::path::PathBuf) -> WorkspaceStatus {
    WorkspaceStatus {
        name: workspace.name.clone(),
        folder,
        state: WorkspaceState::Stopped,
        version: None,
        url: None,
        launch_id: None,
        since: None,
        detail: None,
        schedules: workspace.schedules.iter().map(schedule).collect(),
    }
}

fn schedule(schedule: &super::Schedule) -> ScheduleStatus {
    ScheduleStatus {
        every: schedule.every_text(),
        path: schedule.path.clone(),
        last_at: None,
        last_ok: None,
    }
}

impl crate::Local {
    /// Every workspace, `main` first, from its file alone: as they are while no app is running.
    /// Changes nothing.
    pub fn workspaces(&self) -> Vec<WorkspaceStatus> {
        let (list, problem) = file::look(self.data_dir());
        if let Some(problem) = problem {
            tracing::warn!("{problem}");
        }
        let (usable, _) = check::sift(&list.workspaces, self.data_dir());
        let nothing = Workspace {
            name: MAIN.to_owned(),
            ..Workspace::default()
        };
        let main = usable.iter().find(|it| it.name == MAIN).unwrap_or(&nothing);
        let others = usable.iter().filter(|it| it.name != MAIN);
        std::iter::once(at_rest(main, place::main_folder(self)))
            .chain(others.map(|it| at_rest(it, it.folder.clone().unwrap_or_default())))
            .collect()
    }
}

impl Device {
    pub(super) async fn workspace_statuses(&self) -> Vec<WorkspaceStatus> {
        let known = self.status().borrow().workspaces.clone();
        if !known.is_empty() {
            return known;
        }
        let local = std::sync::Arc::clone(&self.0.local);
        tokio::task::spawn_blocking(move || local.workspaces())
            .await
            .unwrap_or_default()
    }

    pub(super) async fn create_workspace(
        &self,
        wanted: Workspace,
    ) -> Result<WorkspaceStatus, Problem> {
        let added = self.on_file(move |data| add(data, wanted)).await?;
        let rest = at_rest(&added, added.folder.clone().unwrap_or_default());
        let started = self.0.crew.order(|reply| Order::Add(added, reply)).await;
        started.unwrap_or(Ok(rest))
    }

    pub(super) async fn remove_workspace(&self, name: &str) -> Result<WorkspaceStatus, Problem> {
        if name == MAIN {
            return Err(Problem::new(
                "workspace",
                "`main` is always there",
                "Close the app to stop it.",
            ));
        }
        let gone = name.to_owned();
        let removed = self.on_file(move |data| remove(data, &gone)).await?;
        let rest = at_rest(&removed, removed.folder.clone().unwrap_or_default());
        let name = name.to_owned();
        let stopped = self.0.crew.order(|reply| Order::Remove(name, reply)).await;
        stopped.unwrap_or(Ok(rest))
    }

    pub(super) async fn restart_workspace(&self, name: &str) -> Result<WorkspaceStatus, Problem> {
        let name = name.to_owned();
        let restarted = self.0.crew.order(|reply| Order::Restart(name, reply)).await;
        restarted.unwrap_or_else(|| {
            Err(Problem::new(
                "not-running",
                "no app is running here; its next start starts every workspace",
                "Start the app.",
            ))
        })
    }

    /// Restarts whoever leads into what the pointer names; an error where nobody does.
    pub(crate) async fn lead(&self) -> Result<(), Problem> {
        self.0.crew.order(Order::Lead).await.unwrap_or(Ok(()))
    }

    /// Waits until every workspace was told to run what the leader runs.
    pub(super) async fn settled(&self) {
        self.0.crew.order(Order::Settle).await;
    }

    /// Works on `workspaces.json`, off the async threads.
    async fn on_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&std::path::Path) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if self.0.local.store().is_none() {
            return Err(crate::updating::no_store(&self.0.local));
        }
        let data = self.0.local.data_dir().to_owned();
        tokio::task::spawn_blocking(move || work(&data))
            .await
            .map_err(|error| Problem::from_error("internal", &error, "Please report this."))?
    }
}

/// Writes a new workspace down, with its folder, which is made where it is missing.
fn add(data: &std::path::Path, mut wanted: Workspace) -> Result<Workspace, Problem> {
    let refused = |why: String| {
        Problem::new(
            "workspace",
            why,
            "Choose another name or folder; `refit workspaces list` shows what there is.",
        )
    };
    // Before it becomes part of a path.
    if let Some(why) = check::name_problem(&wanted.name) {
        return Err(refused(why));
    }
    let folder = wanted
        .folder
        .take()
        .unwrap_or_else(|| place::default_folder(data, &wanted.name));
    if wanted.name != MAIN {
        wanted.folder = Some(check::real(&folder));
    }
    file::change(data, runtime_store::now(), |list| {
        if let Some(why) = check::problem(&wanted, &list.workspaces, data) {
            return Err(refused(why));
        }
        if wanted.name == MAIN {
            return Err(refused("there is a workspace `main` already".to_owned()));
        }
        std::fs::create_dir_all(&folder).map_err(|error| {
            Problem::new(
                "file",
                format!("the folder {} cannot be made: {error}", folder.display()),
                "Choose a folder that can be written.",
            )
        })?;
        list.workspaces.push(wanted.clone());
        Ok(())
    })?;
    Ok(wanted)
}

fn remove(data: &std::path::Path, name: &str) -> Result<Workspace, Problem> {
    file::change(data, runtime_store::now(), |list| {
        let at = list.workspaces.iter().position(|it| it.name == name);
        at.map(|at| list.workspaces.remove(at))
            .ok_or_else(|| unknown(name))
    })
}

pub(crate) fn unknown(name: &str) -> Problem {
    Problem::new(
        "no-such-workspace",
        format!("there is no workspace `{name}`"),
        "`refit workspaces list` shows what there is.",
    )
}
