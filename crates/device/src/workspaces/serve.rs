//! What the command line asks of a running shell about workspaces.

use crate::{Answer, Device, Problem, Request};

/// Answers everything about workspaces and upgrades.
pub(crate) async fn answer(device: &Device, request: Request) -> Result<Answer, Problem> {
    match request {
        Request::Workspaces => Ok(Answer::Workspaces(device.workspaces().await)),
        Request::AddWorkspace { workspace } => device
            .workspace_create(workspace)
            .await
            .map(Answer::Workspace),
        Request::RemoveWorkspace { name } => {
            device.workspace_remove(&name).await.map(Answer::Workspace)
        }
        Request::RestartWorkspace { name } => {
            device.workspace_restart(&name).await.map(Answer::Workspace)
        }
        Request::Upgrade => device
            .upgrade()
            .await
            .map(|upgraded| Answer::Upgraded(Box::new(upgraded))),
        Request::Status | Request::Apply | Request::RollBack { .. } | Request::Changed => {
            Err(Problem::new(
                "internal",
                "this is not about workspaces",
                "Please report this.",
            ))
        }
    }
}
