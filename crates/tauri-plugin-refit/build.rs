//! Generates a permission for every command.

const COMMANDS: &[&str] = &[
    "status", "check", "apply", "retry", "rollback", "history", "logs",
];

fn main() {
    tauri_plugin::Builder::new(COMMANDS).build();
}
