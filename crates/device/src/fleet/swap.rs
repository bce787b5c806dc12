//! The fleet's restarts: by itself where nobody sits in front of it or the settings say so, and never into work.

use std::sync::{Arc, PoisonError};

use fleet::agent::Swap;
use jiff::Timestamp;
use rollout::Version;
use runtime_store::Asked;
use tokio::sync::watch;

use crate::AppliedOutcome;
use crate::device::Device;
use crate::status::{Phase, Status};

impl Device {
    /// Restarts into `version`, which the next start runs, where that may happen by itself now.
    pub(super) async fn swap_for_fleet(&self, version: &Version) -> Swap {
        let local = &self.0.local;
        let order = self.0.orders.lock().await;
        self.refresh().await;
        // A person, the publisher or the administrator may have had another word meanwhile.
        if local.admin.may_apply().is_err()
            || self.next_start().await.ok().as_ref() != Some(version)
        {
            return Swap::Tried;
        }
        if let Some(why) = self
            .keeps_the_fleet_waiting(self.wanted_since(version))
            .await
        {
            return Swap::Waits(why);
        }
        tracing::info!(%version, "restarting into what the fleet ordered");
        let outcome = AppliedOutcome::Applied;
        if let Err(problem) = self
            .restart_into(order, Asked::Passively, version, outcome)
            .await
        {
            tracing::warn!(%version, %problem, "what the fleet ordered did not come up");
        }
        Swap::Tried
    }

    /// Since when it has been wanted to restart into this version.
    fn wanted_since(&self, version: &Version) -> Timestamp {
        let steering = &self.0.steering;
        let mut wanted = steering
            .wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*wanted {
            Some((known, since)) if known == version => *since,
            _ => {
                let now = runtime_store::now();
                *wanted = Some((version.clone(), now));
                now
            }
        }
    }
}

/// What, of all that a status says, an agent has to look at again.
fn about(status: &Status) -> (Phase, Option<Version>, Option<Version>, usize) {
    (
        status.phase,
        status.running.as_ref().map(|it| it.version.clone()),
        status.staged.as_ref().map(|it| it.version.clone()),
        status.bad.len(),
    )
}

/// Wakes the agent where something changed that it decides by.
pub(super) async fn wake(device: Device, changes: Arc<watch::Sender<u64>>) {
    let mut status = device.status();
    loop {
        let now = about(&status.borrow_and_update());
        changes.send_modify(|count| *count += 1);
        if status
            .wait_for(|status| about(status) != now)
            .await
            .is_err()
        {
            return;
        }
    }
}
