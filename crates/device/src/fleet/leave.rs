//! Whether a fleet may do something here now, whatever of this device it steers.

use std::sync::Arc;

use jiff::Timestamp;
use rollout::applying::{self, Mode, Step};
use rollout::fleet::Refused;

use crate::applying::serving;
use crate::config::Apply;
use crate::device::Device;

impl Device {
    /// Whether orders are followed here at all: a person, a switch of the environment and the administrator may say that
    /// nothing changes by itself.
    ///
    /// # Errors
    /// Who says so.
    pub fn may_be_steered(&self) -> Result<(), Refused> {
        let local = &self.0.local;
        if !local.switches.updates.is_passive() {
            return Err(Refused {
                reason: "updates-off".to_owned(),
                detail: "updates are off on this device".to_owned(),
            });
        }
        local.admin.may_apply().map_err(|problem| Refused {
            reason: problem.kind,
            detail: problem.message,
        })
    }

    /// Why the runtime is not to be interrupted for the fleet now, where something has waited for it since `since`. The
    /// runtime is asked whether it is busy; where nothing runs, nothing is interrupted.
    pub async fn keeps_the_fleet_waiting(&self, since: Timestamp) -> Option<Refused> {
        let status = Arc::clone(&self.status().borrow());
        let serving = serving(&status)?;
        let lease = self.ask_whether_busy(&serving).await;
        let ceiling = self.0.local.config().ceiling;
        let now = runtime_store::now();
        why(applying::decide(
            self.fleets_mode(),
            since,
            lease,
            now,
            ceiling,
        ))
    }

    /// How the fleet's versions are applied: nobody sits in front of a headless agent, so nobody is asked there.
    fn fleets_mode(&self) -> Mode {
        let local = &self.0.local;
        match local.config().apply {
            Apply::Idle => Mode::Idle,
            Apply::Now => Mode::Now,
            Apply::Prompt | Apply::NextLaunch if local.options.headless => Mode::Now,
            Apply::Prompt => Mode::Prompt,
            Apply::NextLaunch => Mode::NextLaunch,
        }
    }
}

/// Why it is waited; none where it is not.
fn why(step: Step) -> Option<Refused> {
    let (reason, detail) = match step {
        Step::Apply => return None,
        Step::Ask => ("person", "a person is asked to restart".to_owned()),
        Step::NextLaunch => (
            "next-launch",
            "the next start of the app runs it".to_owned(),
        ),
        Step::Wait { until } => (
            "busy",
            format!("the runtime is busy; it is waited for until {until}"),
        ),
    };
    Some(Refused {
        reason: reason.to_owned(),
        detail,
    })
}
