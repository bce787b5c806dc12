//! One upgrade: pull once, try in the first workspace, then bring it to the others.

use std::fmt::Write as _;
use std::sync::PoisonError;

use tokio::sync::watch;

use super::{UpgradeOutcome, Upgraded, WorkspaceUpgrade};
use crate::status::StagedVersion;
use crate::{AppliedOutcome, Device, Problem, StageOutcome, WorkspaceState, WorkspaceStatus};

impl Device {
    /// An upgrade on its way is joined: both hear the same.
    pub(super) async fn upgrade_or_join(&self) -> Result<Upgraded, Problem> {
        let mut answer = {
            let slot = &self.0.crew.upgrading;
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let on_its_way = slot.as_ref().filter(|it| it.borrow().is_none());
            if let Some(on_its_way) = on_its_way {
                on_its_way.clone()
            } else {
                let (sender, receiver) = watch::channel(None);
                *slot = Some(receiver.clone());
                let device = self.clone();
                // Of its own: whoever asked may go away meanwhile.
                tokio::spawn(async move {
                    let done = device.upgrade_once().await;
                    sender.send_replace(Some(done));
                });
                receiver
            }
        };
        let stopped = || {
            Problem::new(
                "internal",
                "the upgrade ended by itself",
                "See the app's log, then try again.",
            )
        };
        match answer.wait_for(Option::is_some).await {
            Ok(done) => done.clone().unwrap_or_else(|| Err(stopped())),
            Err(_) => Err(stopped()),
        }
    }

    async fn upgrade_once(&self) -> Result<Upgraded, Problem> {
        self.may_change()?;
        let before = self.workspaces().await;
        let checked = self.check().await;
        self.refresh().await;
        let Some(waiting) = self.0.board.waiting() else {
            return Ok(nothing_waits(&before, &checked?));
        };
        if let Some(blocked) = waiting.blocked.as_ref().filter(|it| !it.passes_a_person()) {
            let reason = blocked.message.clone();
            return Ok(nothing(&before, UpgradeOutcome::Held, reason));
        }
        if self.supervisor().is_none() {
            return Ok(Upgraded {
                to: Some(waiting.version.clone()),
                ..nothing(&before, UpgradeOutcome::Staged, staged(&waiting))
            });
        }
        let applied = self.apply().await?;
        if applied.outcome == AppliedOutcome::Nothing {
            return Ok(nothing(&before, UpgradeOutcome::UpToDate, applied.reason));
        }
        self.settled().await;
        Ok(told(&before, &self.workspaces().await, &waiting))
    }
}

fn staged(waiting: &StagedVersion) -> String {
    format!(
        "Version {} is staged. No app is running here; its next start tries it.",
        waiting.version
    )
}

/// What leads, as far as a list of statuses tells.
pub(crate) fn leads(all: &[WorkspaceStatus]) -> Option<&WorkspaceStatus> {
    all.iter().find(|it| it.version.is_some())
}

fn nothing(before: &[WorkspaceStatus], outcome: UpgradeOutcome, reason: String) -> Upgraded {
    let runs = leads(before).and_then(|it| it.version.clone());
    Upgraded {
        outcome,
        from: runs.clone(),
        to: runs,
        reason,
        workspaces: Vec::new(),
    }
}

fn nothing_waits(before: &[WorkspaceStatus], checked: &crate::CheckReport) -> Upgraded {
    let staged = checked.staged.as_ref();
    let held = checked.decision == "hold"
        || staged.is_some_and(|report| {
            matches!(
                report.outcome,
                StageOutcome::Held | StageOutcome::BadVersion | StageOutcome::Incompatible
            )
        });
    let outcome = if held {
        UpgradeOutcome::Held
    } else {
        UpgradeOutcome::UpToDate
    };
    let message = staged.map_or(&checked.message, |report| &report.message);
    nothing(before, outcome, message.clone())
}

/// What an upgrade came to, from how all were before and are now.
fn told(
    before: &[WorkspaceStatus],
    after: &[WorkspaceStatus],
    waiting: &StagedVersion,
) -> Upgraded {
    let wanted = &waiting.version;
    let was = |name: &str| {
        let found = before.iter().find(|it| it.name == name);
        found.and_then(|it| it.version.clone())
    };
    let workspaces: Vec<_> = after
        .iter()
        .map(|now| WorkspaceUpgrade {
            name: now.name.clone(),
            from: was(&now.name),
            to: now.version.clone(),
            state: now.state,
            detail: now.detail.clone(),
        })
        .collect();
    let to = leads(after).and_then(|it| it.version.clone());
    let arrived = to.as_ref() == Some(wanted);
    let named = |which: &dyn Fn(&WorkspaceUpgrade) -> bool| {
        let names: Vec<_> = workspaces
            .iter()
            .filter(|it| which(it))
            .map(|it| format!("`{}`", it.name))
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let dead = named(&|it| it.state == WorkspaceState::Dead);
    // Where a restart swaps, what served before serves on.
    let behind = named(&|it| it.to.is_some() && it.to != to);
    let mut reason = if arrived {
        format!("Version {wanted} is running.")
    } else {
        let runs = to
            .as_ref()
            .map_or("nothing".to_owned(), ToString::to_string);
        format!("Version {wanted} did not become ready; {runs} is running.")
    };
    if let Some(names) = dead {
        let _ = write!(
            reason,
            " Dead: {names}; a restart or a later upgrade may revive it."
        );
    }
    if let Some(names) = behind {
        let _ = write!(
            reason,
            " On another version still: {names}; a restart tries again."
        );
    }
    Upgraded {
        outcome: if arrived {
            UpgradeOutcome::Upgraded
        } else {
            UpgradeOutcome::FellBack
        },
        from: leads(before).and_then(|it| it.version.clone()),
        to,
        reason,
        workspaces,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str, version: Option<&str>) -> WorkspaceStatus {
        let workspace = crate::Workspace {
            name: name.to_owned(),
            ..crate::Workspace::default()
        };
        WorkspaceStatus {
            version: version.map(|it| it.parse().unwrap()),
            state: match version {
                Some(_) => WorkspaceState::Running,
                None => WorkspaceState::Dead,
            },
            ..crate::workspaces::crew::at_rest(&workspace, std::path::PathBuf::new())
        }
    }

    fn wanted(version: &str) -> StagedVersion {
        StagedVersion {
            version: version.parse().unwrap(),
            staged_at: jiff::Timestamp::UNIX_EPOCH,
            notes: None,
            blocked: None,
        }
    }

    #[test]
    fn what_the_first_live_one_runs_says_whether_it_arrived() {
        let before = [status("main", None), status("a", Some("1.0.0"))];
        let after = [status("main", None), status("a", Some("1.1.0"))];
        let upgraded = told(&before, &after, &wanted("1.1.0"));
        assert_eq!(upgraded.outcome, UpgradeOutcome::Upgraded);
        assert_eq!(upgraded.from, Some("1.0.0".parse().unwrap()));
        assert!(upgraded.reason.contains("Dead: `main`"), "{upgraded:?}");
        let fell_back = told(&before, &before, &wanted("1.1.0"));
        assert_eq!(fell_back.outcome, UpgradeOutcome::FellBack);
        assert_eq!(fell_back.to, fell_back.from);
    }

    #[test]
    fn one_that_serves_on_is_named() {
        let before = ["main", "a", "b"].map(|name| status(name, Some("1.0.0")));
        let mut after = before.clone();
        for one in &mut after[..2] {
            one.version = Some("1.1.0".parse().unwrap());
        }
        let upgraded = told(&before, &after, &wanted("1.1.0"));
        assert!(upgraded.reason.contains("still: `b`"), "{upgraded:?}");
        assert!(!upgraded.reason.contains("Dead"), "{upgraded:?}");
    }
}
