//! Applies what waits by itself, where the configuration says so, and asks the runtime meanwhile
//! whether it is busy, which a person who thinks of restarting wants to know too.

use std::path::PathBuf;
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
use crate::workspaces::MAIN;

/// Between two questions whether the runtime is busy.
const EVERY: Duration = Duration::from_secs(3);

/// For so long after it was busy, silence is no sign that it is not.
const PAUSE: Duration = Duration::from_mins(1);

/// What waits, and for which runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    version: Version,
    staged_at: Timestamp,
    /// What a restart interrupts: the other workspaces follow the first one.
    serving: Vec<Serving>,
}

/// One workspace that serves: its address, its folder, and which launch of it.
pub(crate) type Serving = (String, PathBuf, String);

/// What is there to apply, as far as time and the runtime's word have a say in it.
fn waiting(status: &Status) -> Option<Waiting> {
    let staged = status.staged.as_ref().filter(|it| it.is_offered())?;
    Some(Waiting {
        version: staged.version.clone(),
        staged_at: staged.staged_at,
        serving: serving(status)?,
    })
}

/// What a restart interrupts: nothing where the first workspace does not run.
pub(crate) fn serving(status: &Status) -> Option<Vec<Serving>> {
    let running = status.running.as_ref()?;
    let (first, others): (Vec<_>, Vec<_>) = status
        .workspaces
        .iter()
        .partition(|workspace| workspace.name == MAIN);
    let folder = first.first().map(|it| it.folder.clone());
    let main = (
        running.url.clone(),
        folder.unwrap_or_default(),
        running.launch_id.clone(),
    );
    let others = others
        .into_iter()
        .filter_map(|it| Some((it.url.clone()?, it.folder.clone(), it.launch_id.clone()?)));
    (status.phase == Phase::Running).then(|| std::iter::once(main).chain(others).collect())
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
    let lease = device.ask_whether_busy(&waiting.serving).await;
    if by_itself(local)
        // The fleet says when, within its window.
        && !device.0.steering.orders(&waiting.version)
        && !device
            .0
            .board
            .has_tried(&waiting.version, waiting.staged_at)
        && step(local, waiting, lease) == Step::Apply
    {
        device.apply_by_itself(waiting).await;
    }
}

fn step(local: &Local, waiting: &Waiting, lease: Lease) -> Step {
    let config = local.config();
    let now = runtime_store::now();
    applying::decide(mode(config), waiting.staged_at, lease, now, config.ceiling)
}

impl Device {
    /// Asks all that serve whether they are busy, and notes what they say.
    pub(crate) async fn ask_whether_busy(&self, all: &[Serving]) -> Lease {
        let launches = &self.0.crew.launches;
        let serving: Vec<_> = all
            .iter()
            .map(|(url, folder, launch_id)| busy::Serving {
                url: url.clone(),
                folder: folder.clone(),
                launched: launches.begun(launch_id),
            })
            .collect();
        let answer = busy::ask(&self.0.local, &serving).await;
        let at = runtime_store::now();
        let mut counts = Lease::Silent;
        self.0.board.update(|facts| {
            facts.lease = answer.map(|lease| Said::after(facts.lease, lease, at));
            counts = facts.lease.map_or(Lease::Silent, |said| said.lease);
        });
        counts
    }

    /// Restarts into what waits without anybody asking, at most once for each staging: what then
    /// does not come up waits for a person, or for the next start.
    async fn apply_by_itself(&self, waiting: &Waiting) {
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
        // What a start would pass over, for its host or for damage, is no reason to interrupt anybody.
        if self.next_start().await.ok().as_ref() != Some(&waiting.version) {
            return;
        }
        // Somebody may have begun to work while another order was carried out.
        let lease = self.ask_whether_busy(&waiting.serving).await;
        if step(&self.0.local, waiting, lease) != Step::Apply {
            return;
        }
        let version = &waiting.version;
        tracing::info!(%version, ?lease, "applying what waits");
        self.0.board.update(|facts| {
            facts.tried = Some((waiting.version.clone(), waiting.staged_at));
        });
        if let Err(error) = supervisor.lead(Asked::Passively).await {
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

/// What was last said, and since when it has been said without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    lease: Lease,
    since: Timestamp,
    /// When it was last heard.
    heard: Timestamp,
}

impl Said {
    /// One that was busy and cannot be understood now is busy still, for a while: its file is half
    /// written, or it has too much to do to answer.
    fn after(before: Option<Self>, lease: Lease, at: Timestamp) -> Self {
        let was_busy = before.filter(|before| matches!(before.lease, Lease::Busy { .. }));
        match (was_busy, lease) {
            (Some(before), Lease::Silent) if at < later(before.heard) => before,
            (Some(before), Lease::Busy { .. }) => Self {
                lease,
                since: before.since,
                heard: at,
            },
            _ => Self {
                lease,
                since: at,
                heard: at,
            },
        }
    }
}

fn later(heard: Timestamp) -> Timestamp {
    heard.saturating_add(PAUSE).unwrap_or(Timestamp::MAX)
}

/// The note that it is busy.
pub(crate) fn busy_note(facts: &Facts) -> Option<BusyNote> {
    let Said { lease, since, .. } = facts.lease?;
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
        // Where nothing happens by itself, a start tries nothing either.
        Apply::NextLaunch if by_itself(local) => (WaitsFor::NextLaunch, None),
        Apply::Idle | Apply::Now if by_itself(local) && !tried => (WaitsFor::Idle, Some(deadline)),
        _ => (WaitsFor::Person, None),
    };
    Some(Applying {
        mode: config.apply,
        waits_for,
        deadline,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_right_after_work_is_work_and_later_is_silence() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let busy = |tasks| Lease::Busy { tasks };
        let said = Said::after(None, busy(Some(1)), at(0));
        let said = Said::after(Some(said), busy(Some(2)), at(10));
        assert_eq!((said.since, said.heard), (at(0), at(10)));
        let still = Said::after(Some(said), Lease::Silent, at(69));
        assert_eq!(still, said);
        let silent = Said::after(Some(still), Lease::Silent, at(70));
        assert_eq!((silent.lease, silent.since), (Lease::Silent, at(70)));
        let idle = Said::after(Some(said), Lease::Idle, at(11));
        assert_eq!(idle.lease, Lease::Idle, "what it says counts at once");
    }
}
