//! Applies what waits by itself, where the configuration says so, and asks the runtime meanwhile
//! whether it is busy, which a person who thinks of restarting wants to know too.

use std::time::Duration;

use jiff::Timestamp;
use rollout::Version;
use rollout::applying::{self, Lease, Mode, Step};
use runtime_store::Asked;

use crate::board::Facts;
use crate::busy;
use crate::config::{Apply, Config};
use crate::device::Device;
use crate::local::Local;
use crate::notes::{Applying, BusyNote, WaitsFor};
use crate::status::{Phase, StagedVersion, Status};

/// Between two questions whether the runtime is busy.
const EVERY: Duration = Duration::from_secs(3);

/// What waits, and for which runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    version: Version,
    staged_at: Timestamp,
    url: String,
}

/// What is there to apply, as far as time and the runtime's word have a say in it.
fn waiting(status: &Status) -> Option<Waiting> {
    let staged = status.staged.as_ref().filter(|it| it.is_offered())?;
    let running = status.running.as_ref()?;
    (status.phase == Phase::Running).then(|| Waiting {
        version: staged.version.clone(),
        staged_at: staged.staged_at,
        url: running.url.clone(),
    })
}

/// Follows what waits for as long as the device lives.
pub(crate) async fn follow(device: Device) {
    let mut status = device.status();
    loop {
        let now = waiting(&status.borrow_and_update());
        if let Some(waiting) = &now {
            look(&device, waiting).await;
        } else {
            device.0.board.update(|facts| facts.lease = None);
        }
        let changed = status.wait_for(|status| waiting(status) != now);
        if let Ok(Err(_)) = tokio::time::timeout(EVERY, changed).await {
            return;
        }
    }
}

async fn look(device: &Device, waiting: &Waiting) {
    let local = &device.0.local;
    let launched = device.0.board.launched();
    let answer = busy::ask(local, &waiting.url, launched).await;
    let at = runtime_store::now();
    device.0.board.update(|facts| {
        facts.lease = answer.map(|lease| Said::after(facts.lease, lease, at));
    });
    if !by_itself(local)
        || device
            .0
            .board
            .has_tried(&waiting.version, waiting.staged_at)
    {
        return;
    }
    let config = local.config();
    let lease = answer.unwrap_or(Lease::Silent);
    let step = applying::decide(mode(config), waiting.staged_at, lease, at, config.ceiling);
    if step == Step::Apply {
        device.apply_by_itself(waiting, lease).await;
    }
}

impl Device {
    /// Restarts into what waits without anybody asking, at most once for each staging: what then
    /// does not come up waits for a person, or for the next start.
    async fn apply_by_itself(&self, waiting: &Waiting, lease: Lease) {
        let Some(supervisor) = self.supervisor() else {
            return;
        };
        let _order = self.0.orders.lock().await;
        self.refresh().await;
        // A person, the publisher or the administrator may have had another word meanwhile.
        let is_off = self.0.local.admin.may_apply().is_err();
        if is_off || self::waiting(&self.status().borrow()).as_ref() != Some(waiting) {
            return;
        }
        let version = &waiting.version;
        tracing::info!(%version, ?lease, "applying what waits");
        self.0.board.update(|facts| {
            facts.tried = Some((waiting.version.clone(), waiting.staged_at));
        });
        if let Err(error) = supervisor.restart(Asked::Passively).await {
            tracing::warn!(%version, %error, "what waited was not applied");
        }
        self.refresh().await;
    }
}

/// Whether anything is applied on this device without anybody asking.
fn by_itself(local: &Local) -> bool {
    local.switches.updates.is_passive()
}

fn mode(config: &Config) -> Mode {
    match config.apply {
        Apply::Prompt => Mode::Prompt,
        Apply::Idle => Mode::Idle,
        Apply::NextLaunch => Mode::NextLaunch,
        Apply::Now => Mode::Now,
    }
}

/// What the runtime last said, and since when it has said so without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    lease: Lease,
    since: Timestamp,
}

impl Said {
    fn after(before: Option<Self>, lease: Lease, at: Timestamp) -> Self {
        let goes_on = before.filter(|before| {
            matches!(
                (before.lease, lease),
                (Lease::Busy { .. }, Lease::Busy { .. })
            )
        });
        Self {
            lease,
            since: goes_on.map_or(at, |before| before.since),
        }
    }
}

/// The note that it is busy.
pub(crate) fn busy_note(facts: &Facts) -> Option<BusyNote> {
    let Said { lease, since } = facts.lease?;
    match lease {
        Lease::Busy { tasks } => Some(BusyNote { tasks, since }),
        Lease::Idle | Lease::Silent => None,
    }
}

/// What the apply of `staged` waits for.
pub(crate) fn note(
    facts: &Facts,
    staged: Option<&StagedVersion>,
    local: &Local,
) -> Option<Applying> {
    let staged = staged?;
    let config = local.config();
    let tried = facts.has_tried(&staged.version, staged.staged_at);
    let deadline = applying::deadline(staged.staged_at, config.ceiling);
    let (waits_for, deadline) = match config.apply {
        _ if !staged.is_offered() => (WaitsFor::Turn, None),
        Apply::NextLaunch => (WaitsFor::NextLaunch, None),
        Apply::Idle | Apply::Now if by_itself(local) && !tried => (WaitsFor::Idle, Some(deadline)),
        Apply::Prompt | Apply::Idle | Apply::Now => (WaitsFor::Person, None),
    };
    Some(Applying {
        mode: config.apply,
        waits_for,
        deadline,
    })
}
