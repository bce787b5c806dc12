//! The process table, as `/proc` has it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// One living process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent's.
    pub parent: i32,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its program, where we may know.
    pub program: Option<PathBuf>,
}

/// Every process that is not a zombie.
pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

fn read(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let args = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let args = String::from_utf8_lossy(&args);
    (state != "Z" && state != "X").then(|| Process {
        pid,
        parent,
        args: args.split_terminator('\0').map(str::to_owned).collect(),
        program: fs::read_link(format!("/proc/{pid}/exe")).ok(),
    })
}

/// Everything below `pid`, itself left out.
pub fn below(pid: i32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// Every process that names this text in its arguments: a scene's folder is in those of all its own.
pub fn naming(text: &str) -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let named = |process: &Process| process.args.iter().any(|arg| arg.contains(text));
    all()
        .into_iter()
        .filter(|process| process.pid != own && named(process))
        .collect()
}

/// SIGKILL.
pub fn kill(pid: i32) -> Result<()> {
    signal(pid, Signal::KILL)
}

/// Sends a signal.
pub fn signal(pid: i32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(pid).context("no process has that id")?;
    kill_process(pid, signal).with_context(|| format!("cannot signal process {pid:?}"))
}
