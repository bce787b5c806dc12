//! Generates a permission for every command.

const COMMANDS: &[&str] = &[
    "status",
    "check",
    "apply",
    "retry",
    "rollback",
    "history",
    "logs",
    "apps",
    "app_check",
    "app_upgrade",
    "workspaces",
    "workspace_add",
    "workspace_remove",
    "workspace_restart",
    "workspace_show",
];

fn main() {
    tauri_plugin::Builder::new(COMMANDS).build();
}
