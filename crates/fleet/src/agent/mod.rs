//! The device's side: hears of targets, follows them, and tells what happens.
//!
//! ```text
//! link (kept for ever) ─► watcher ─► follower ─► Steered (stage, swap) ─► what runs
//!                    │                  └─► memory on disk        │
//!                    ├─► heart: heartbeats, answers to pings      ▼
//!                    └─► sender ◄──────────────── outbox on disk ◄─ Reporter
//! ```

mod follower;
mod heart;
mod inbox;
mod link;
mod memory;
mod moment;
mod near;
mod outbox;
mod sender;
mod steered;
mod tell;
mod watcher;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::{Memory, Name, Subject};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::names::Names;
use crate::report::{Standing, State};
use crate::settings::Settings;
use follower::Follower;
use heart::Heart;
use inbox::Inbox;
use link::Link;
use memory::Kept;
use outbox::Outbox;
use watcher::{Inboxes, Watched};

pub use memory::ordered;
pub use near::Near;
pub use steered::{BoxFuture, Look, Staging, Steered, Swap};
pub use tell::{Clock, News, Reporter};

/// What an agent is made of.
pub struct Spec {
    /// Where the broker is.
    pub settings: Settings,
    /// Who this is.
    pub device: Name,
    /// In which groups.
    pub groups: Vec<Name>,
    /// Where memory and outbox are kept; it is made.
    pub folder: PathBuf,
    /// The wall clock.
    pub clock: Clock,
    /// How often it tells that it lives.
    pub pace: Pace,
}

/// How often a device tells that it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one heartbeat to the next, ± a tenth that is drawn anew each time.
    pub every: Duration,
    /// Within this after something changed.
    pub soon: Duration,
}

impl Default for Pace {
    /// 30 s, and 2 s after a change.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(30),
            soon: Duration::from_secs(2),
        }
    }
}

/// How a device stands to its fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether there is a connection to the broker.
    pub is_connected: bool,
    /// Why there is none, or why targets cannot be read, in words.
    pub trouble: Option<String>,
    /// The runtime.
    pub runtime: Standing,
    /// The agent's own binary, where it is steered.
    pub agent: Option<Standing>,
    /// Reports that wait to be sent.
    pub unsent: u64,
    /// The version of the runtime that is ordered and staged, and from when it may be started.
    pub not_before: Option<(Version, Timestamp)>,
}

/// One device in its fleet. Dropping it ends everything that it does.
#[derive(Debug)]
pub struct Agent {
    reporter: Arc<Reporter>,
    status: watch::Receiver<Status>,
    near: Near,
    _tasks: JoinSet<()>,
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spec")
            .field("settings", &self.settings)
            .field("device", &self.device)
            .field("groups", &self.groups)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// What is needed before anything is steered: the outbox, so that nothing that happens early is lost.
#[derive(Debug)]
pub struct Prepared {
    spec: Spec,
    reporter: Arc<Reporter>,
}

impl Prepared {
    /// Opens memory and outbox. Asks nobody. Blocks on the disk.
    ///
    /// # Errors
    /// A folder that cannot be made or read.
    pub fn open(spec: Spec) -> io::Result<Self> {
        let outbox = Outbox::open(&spec.folder, outbox::CAP, (spec.clock)())?;
        let reporter = Reporter::new(spec.device.clone(), Arc::clone(&spec.clock), outbox);
        Ok(Self {
            spec,
            reporter: Arc::new(reporter),
        })
    }

    /// Tells the fleet what happens here.
    pub fn reporter(&self) -> Arc<Reporter> {
        Arc::clone(&self.reporter)
    }

    /// The version of the runtime that is ordered and not to be started before this moment: its share of the window, as it
    /// was drawn before this start. Where it is what a start would run, `next`, and was not noted as staged, it is noted
    /// now. Blocks on the disk.
    pub fn not_before(&self, next: &Version) -> Option<(Version, Timestamp)> {
        let now = (self.spec.clock)();
        let kept = Kept::of(&self.spec.folder, Subject::Runtime);
        let mut memory = kept.load(now);
        let before = memory.clone();
        if memory.order().is_some_and(|order| order.version == *next) {
            memory.staged(&self.spec.device, now);
        }
        if memory != before
            && let Err(error) = kept.save(&memory)
        {
            tracing::warn!(%error, "when an order may be swapped in cannot be written down");
        }
        not_before(&memory)
    }

    /// Starts to follow, within a tokio runtime: the first is the runtime, the second, where there is one, the
    /// agent's own binary.
    pub fn follow(self, runtime: Arc<dyn Steered>, agent: Option<Arc<dyn Steered>>) -> Agent {
        let Self { spec, reporter } = self;
        let names = Names::of(&spec.settings.fleet);
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        let (link_sender, link) = watch::channel(Link::default());
        tasks.spawn(link::keep(
            spec.settings.clone(),
            spec.device.clone(),
            link_sender,
        ));

        let all: Vec<_> = std::iter::once(runtime).chain(agent).collect();
        let (mut standings, mut helds) = (Vec::new(), Vec::new());
        let mut inboxes = Vec::new();
        let subjects: Vec<_> = all.iter().map(|it| it.subject()).collect();
        for steered in all {
            let standing = watch::Sender::new(nothing_yet());
            standings.push(standing.subscribe());
            let kept = Kept::of(&spec.folder, steered.subject());
            let memory = kept.load((spec.clock)());
            let held = watch::Sender::new(not_before(&memory));
            helds.push(held.subscribe());
            let inbox = Arc::new(Inbox::default());
            inboxes.push((steered.subject(), Arc::clone(&inbox)));
            let follower = Follower::new(
                spec.device.clone(),
                spec.groups.clone(),
                steered,
                Arc::clone(&reporter),
                Arc::clone(&spec.clock),
                (standing, held),
                kept,
                memory,
            );
            tasks.spawn(follower.follow(inbox));
        }
        let unread = watch::Sender::new(None);
        let trouble = unread.subscribe();
        let watched = Watched {
            names: names.clone(),
            device: spec.device.clone(),
            groups: spec.groups.clone(),
            subjects,
        };
        tasks.spawn(watcher::watch(
            watched,
            link.clone(),
            Inboxes(inboxes),
            unread,
        ));
        tasks.spawn(sender::send(
            names.clone(),
            spec.device.clone(),
            Arc::clone(&reporter),
            link.clone(),
        ));
        let runtime = standings[0].clone();
        let agent = standings.get(1).cloned();
        let heart = Heart {
            names,
            device: spec.device,
            groups: spec.groups,
            runtime: runtime.clone(),
            agent: agent.clone(),
            reporter: Arc::clone(&reporter),
            clock: spec.clock,
            began,
            every: spec.pace.every,
            soon: spec.pace.soon,
        };
        tasks.spawn(heart.beat(link.clone()));
        let near = Near::new(&spec.settings.fleet, link.clone());
        let whole = Whole {
            link,
            trouble,
            runtime,
            agent,
            unsent: reporter.waiting(),
            held: helds[0].clone(),
        };
        let status = watch::Sender::new(whole.now());
        let seen = status.subscribe();
        tasks.spawn(whole.follow(status));
        Agent {
            reporter,
            near,
            status: seen,
            _tasks: tasks,
        }
    }
}

impl Agent {
    /// How it stands, now and with every change.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Tells the fleet what happens here.
    pub fn reporter(&self) -> Arc<Reporter> {
        Arc::clone(&self.reporter)
    }

    /// What is published, over this connection.
    pub fn near(&self) -> Near {
        self.near.clone()
    }
}

/// From when the runtime that is ordered may be started; none where nothing is, or that is not followed.
fn not_before(memory: &Memory) -> Option<(Version, Timestamp)> {
    let order = memory.order().filter(|order| order.refused.is_none())?;
    Some((order.version.clone(), order.swap_at?))
}

fn nothing_yet() -> Standing {
    Standing {
        version: None,
        state: State::Idle,
        target: None,
        generation: None,
        scope: None,
        reason: String::new(),
        detail: String::new(),
        bad: Vec::new(),
    }
}

/// What the status is made of.
struct Whole {
    link: watch::Receiver<Link>,
    trouble: watch::Receiver<watcher::Trouble>,
    runtime: watch::Receiver<Standing>,
    agent: Option<watch::Receiver<Standing>>,
    unsent: watch::Receiver<u64>,
    held: watch::Receiver<Option<(Version, Timestamp)>>,
}

impl Whole {
    fn now(&self) -> Status {
        let link = self.link.borrow();
        Status {
            is_connected: link.is_up,
            trouble: link
                .trouble
                .clone()
                .or_else(|| self.trouble.borrow().clone()),
            runtime: self.runtime.borrow().clone(),
            agent: self.agent.as_ref().map(|agent| agent.borrow().clone()),
            unsent: *self.unsent.borrow(),
            not_before: self.held.borrow().clone(),
        }
    }

    async fn follow(mut self, status: watch::Sender<Status>) {
        loop {
            let agent = async {
                match &mut self.agent {
                    Some(agent) => agent.changed().await,
                    None => std::future::pending().await,
                }
            };
            let changed = tokio::select! {
                changed = self.link.changed() => changed,
                changed = self.trouble.changed() => changed,
                changed = self.runtime.changed() => changed,
                changed = self.unsent.changed() => changed,
                changed = self.held.changed() => changed,
                changed = agent => changed,
            };
            if changed.is_err() {
                return;
            }
            let now = self.now();
            status.send_if_modified(|before| {
                let changed = *before != now;
                *before = now;
                changed
            });
        }
    }
}
