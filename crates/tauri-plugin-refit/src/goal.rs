//! What there is to show of one workspace.

use device::{Phase, Status, WorkspaceState};
use jiff::Timestamp;
use tauri::Url;

use crate::screen::MAIN;

/// One launch that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) url: Url,
    /// Another one after each restart and each swap.
    pub(crate) launch: String,
    pub(crate) since: Timestamp,
}

/// What there is to show of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Its page.
    Page(Serving),
    /// Nothing yet: it is on its way.
    Wait,
    /// Nothing: it failed, or was stopped by somebody.
    Nothing,
}

/// What there is to show of this workspace; none if there is no such workspace.
///
/// A status that lists no workspaces is that of one instance, which is `main`.
pub(crate) fn goal(status: &Status, workspace: &str) -> Option<Goal> {
    let listed = status.workspaces.iter().find(|it| it.name == workspace);
    let Some(listed) = listed else {
        return (workspace == MAIN).then(|| of_main(status));
    };
    let goal = match (listed.state, &listed.url) {
        (WorkspaceState::Running, Some(url)) => Url::parse(url).map_or(Goal::Wait, |url| {
            Goal::Page(Serving {
                url,
                launch: listed.launch_id.clone().unwrap_or_default(),
                since: listed.since.unwrap_or_default(),
            })
        }),
        (WorkspaceState::Dead, _) => Goal::Nothing,
        (WorkspaceState::Stopped, _) if status.phase == Phase::Failed || workspace != MAIN => {
            Goal::Nothing
        }
        _ => Goal::Wait,
    };
    Some(goal)
}

fn of_main(status: &Status) -> Goal {
    match (&status.running, status.phase) {
        (Some(running), _) => Url::parse(&running.url).map_or(Goal::Wait, |url| {
            Goal::Page(Serving {
                url,
                launch: running.launch_id.clone(),
                since: running.since,
            })
        }),
        (None, Phase::Failed) => Goal::Nothing,
        (None, _) => Goal::Wait,
    }
}

#[cfg(test)]
mod tests;
