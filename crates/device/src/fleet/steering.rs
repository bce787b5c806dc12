//! Puts a fleet's agent beside the device.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use fleet::State;
use fleet::agent::{Agent, Near, Pace, Prepared, Reporter, Spec, Steered};
use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::Name;
use runtime_store::NotBefore;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::mirror::Nearby;
use super::note::FleetNote;
use super::runtime::Runtime;
use super::{swap, tell};
use crate::Problem;
use crate::config::Fleet;
use crate::device::Device;
use crate::local::Local;

/// What a device knows of being steered.
#[derive(Debug)]
pub(crate) struct Steering {
    /// The version that is ordered, where one is.
    ordered: watch::Sender<Option<Version>>,
    /// Whether one is: whoever only looks meanwhile is told so.
    is_steered: watch::Sender<bool>,
    /// Until the device stops: what it steers holds the device.
    agent: Mutex<Option<Agent>>,
    /// The headless agent's own binary, where this is one.
    own_binary: OnceLock<Arc<dyn Steered>>,
    /// The fleet's releases.
    pub(crate) near: Nearby,
    /// What launches that nobody asked for are not to try yet.
    pub(crate) not_before: NotBefore,
    /// When a swap was first wanted, of which version.
    pub(super) wanted: Mutex<Option<(Version, Timestamp)>>,
}

impl Default for Steering {
    fn default() -> Self {
        Self {
            ordered: watch::Sender::new(None),
            is_steered: watch::Sender::new(false),
            agent: Mutex::default(),
            own_binary: OnceLock::new(),
            near: Nearby::default(),
            not_before: NotBefore::default(),
            wanted: Mutex::default(),
        }
    }
}

impl Steering {
    /// Whether a version is ordered, now and from now on.
    pub(crate) fn is_steered(&self) -> watch::Receiver<bool> {
        self.is_steered.subscribe()
    }

    /// Follows nothing any more. What was to be told is told after the next start.
    pub(crate) fn stop(&self) {
        let agent = self
            .agent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(agent);
    }

    /// Whether this very version is ordered: then the fleet says when it is swapped in, within the window.
    pub(crate) fn orders(&self, version: &Version) -> bool {
        self.ordered.borrow().as_ref() == Some(version)
    }
}

impl Device {
    /// Has the headless agent's own binary steered too. To be called before [`Device::start`].
    pub fn steer_own_binary(&self, binary: Arc<dyn Steered>) {
        let _ = self.0.steering.own_binary.set(binary);
    }

    /// What the fleet has published, over the agent's connection; none where no fleet is followed.
    pub fn fleet_near(&self) -> Option<Near> {
        let agent = self.0.steering.agent.lock();
        let agent = agent.unwrap_or_else(PoisonError::into_inner);
        agent.as_ref().map(Agent::near)
    }

    /// Tells the fleet something that this crate does not see; nobody where there is none.
    pub fn fleet_reporter(&self) -> Option<Arc<Reporter>> {
        let agent = self.0.steering.agent.lock();
        let agent = agent.unwrap_or_else(PoisonError::into_inner);
        agent.as_ref().map(Agent::reporter)
    }
}

/// After so long what could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// The fleet that this device is in; a development build opens no connection.
fn followed(local: &Local) -> Option<Fleet> {
    let config = local.config().fleet.clone()?;
    (!local.options.development).then_some(config)
}

/// Opens what orders and reports are kept in. None where this device is in no fleet, follows none, or cannot open it now.
pub(crate) async fn prepare(device: &Device) -> Option<Prepared> {
    let local = Arc::clone(&device.0.local);
    let config = followed(&local)?;
    match prepared(local, config).await {
        Ok((prepared, held)) => {
            device.0.steering.not_before.set(held);
            Some(prepared)
        }
        Err(problem) => {
            let text = format!("{}. {}", problem.message, problem.hint);
            tracing::error!("{text}");
            device.0.board.update(|facts| facts.problems.push(text));
            // What was ordered is not known: nothing goes by the channel alone until it is.
            device.0.steering.is_steered.send_replace(true);
            None
        }
    }
}

/// Follows, until the device stops: at once what was prepared, else as soon as it can be opened.
pub(crate) fn start(device: &Device, prepared: Option<Prepared>) -> Vec<JoinHandle<()>> {
    match prepared {
        Some(prepared) => begin(device, prepared),
        None if followed(&device.0.local).is_some() => {
            vec![tokio::spawn(try_again(device.clone()))]
        }
        None => Vec::new(),
    }
}

/// A disk that was full or read only may be so no longer.
async fn try_again(device: Device) {
    loop {
        tokio::time::sleep(AGAIN).await;
        let local = Arc::clone(&device.0.local);
        let Some(config) = followed(&local) else {
            return;
        };
        if let Ok((prepared, held)) = prepared(local, config).await {
            tracing::info!("the fleet is followed now");
            device.0.steering.not_before.set(held);
            device
                .0
                .board
                .update(|facts| facts.problems.retain(|it| !it.starts_with(NOT_FOLLOWED)));
            let mut tasks = begin(&device, prepared);
            let all = device.0.tasks.lock();
            all.unwrap_or_else(PoisonError::into_inner)
                .append(&mut tasks);
            return;
        }
    }
}

/// What a problem with it begins with.
const NOT_FOLLOWED: &str = "the fleet is not followed";

type Held = Option<(Version, Timestamp)>;

async fn prepared(local: Arc<Local>, config: Fleet) -> Result<(Prepared, Held), Problem> {
    let opened = tokio::task::spawn_blocking(move || open(&local, &config)).await;
    opened.unwrap_or_else(|error| {
        Err(Problem::from_error(
            "internal",
            &error,
            "Please report this.",
        ))
    })
}

/// What is kept, and what is not to be started yet.
fn open(local: &Local, config: &Fleet) -> Result<(Prepared, Held), Problem> {
    let settings = config
        .settings()
        .map_err(|why| Problem::new("config", why, "Mend `fleet` in the configuration."))?;
    let folder = local.data_dir().join("fleet");
    let spec = Spec {
        settings,
        device: name(local, config)?,
        groups: config.groups.clone(),
        folder: folder.clone(),
        clock: Arc::new(runtime_store::now),
        pace: Pace::default(),
    };
    let opened = Prepared::open(spec).map(|prepared| {
        let next = local.resolve().version;
        let held = prepared.not_before(&next);
        (prepared, held)
    });
    opened.map_err(|error| {
        Problem::new(
            "fleet",
            format!(
                "{NOT_FOLLOWED}: {} cannot be used: {error}",
                folder.display()
            ),
            "Free some disk space and see that the folder is writable; it is tried again by itself.",
        )
    })
}

/// Who this device is in its fleet.
pub(super) fn name(local: &Local, config: &Fleet) -> Result<Name, Problem> {
    if let Some(name) = &config.device {
        return Ok(name.clone());
    }
    let none = |why: String| {
        Problem::new(
            "no-device-id",
            format!("{NOT_FOLLOWED}: this device has no id: {why}"),
            "See that the data folder is writable, or give it a name with `fleet.device`.",
        )
    };
    let store = local
        .store()
        .ok_or_else(|| none("there is no store".to_owned()))?;
    let id = store.device_id().map_err(|error| none(error.to_string()))?;
    id.id.parse().map_err(|error| none(format!("{error}")))
}

fn begin(device: &Device, prepared: Prepared) -> Vec<JoinHandle<()>> {
    let reporter = prepared.reporter();
    let runtime = Arc::new(Runtime::of(device, Arc::clone(&reporter)));
    let changes = runtime.changed();
    let binary = device.0.steering.own_binary.get().cloned();
    let going_back = runtime.going_back();
    let agent = prepared.follow(runtime, binary);
    let status = agent.status();
    device.0.steering.near.is(agent.near());
    let mut tasks = tell::start(device, &reporter, going_back);
    tasks.push(tokio::spawn(swap::wake(device.clone(), changes)));
    tasks.push(tokio::spawn(follow(device.clone(), status)));
    let slot = device.0.steering.agent.lock();
    *slot.unwrap_or_else(PoisonError::into_inner) = Some(agent);
    tasks
}

/// Shows how it stands, and lets the timer know whether it still decides.
async fn follow(device: Device, mut status: watch::Receiver<fleet::agent::Status>) {
    let config = device.0.local.config().fleet.clone();
    let Some(config) = config else { return };
    let Ok(name) = name(&device.0.local, &config) else {
        return;
    };
    loop {
        let now = status.borrow_and_update().clone();
        // Where orders are not followed, the channel is.
        let is_followed = now.runtime.state != State::Off;
        let ordered = now.runtime.target.clone().filter(|_| is_followed);
        device.0.steering.is_steered.send_if_modified(|is_steered| {
            let changed = *is_steered != ordered.is_some();
            *is_steered = ordered.is_some();
            changed
        });
        device.0.steering.ordered.send_replace(ordered);
        device.0.steering.not_before.set(now.not_before.clone());
        let note = FleetNote::of(&config.name, &name, now);
        device.0.board.update(|facts| facts.fleet = Some(note));
        if status.changed().await.is_err() {
            return;
        }
    }
}
