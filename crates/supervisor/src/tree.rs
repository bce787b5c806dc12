//! Which processes belong to a launch: everything below its guard, and everything that carries its
//! launch id in its environment, wherever it was re-parented to.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::env::LAUNCH_ID;

/// What is known of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: Option<u32>,
    /// Carries the launch id that was asked for.
    pub(crate) marked: bool,
}

/// A reading of the process table; zombies are left out, for they run nothing.
///
/// With a launch id, the environments of this user's processes are read too, which costs more.
pub(crate) fn processes(launch_id: Option<&str>) -> Vec<Process> {
    let Ok(mut system) = System::new() else {
        return Vec::new();
    };
    let mut what = ProcessRefreshKind::nothing().without_tasks();
    if launch_id.is_some() {
        what = what.with_environ(UpdateKind::Always);
    }
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    let mark: Option<OsString> = launch_id.map(|id| format!("{LAUNCH_ID}={id}").into());
    system
        .processes()
        .values()
        .filter(|process| process.thread_kind().is_none())
        .filter(|process| process.status() != sysinfo::ProcessStatus::Zombie)
        .map(|process| Process {
            pid: process.pid().as_u32(),
            parent: process.parent().map(Pid::as_u32),
            marked: mark
                .as_ref()
                .is_some_and(|mark| process.environ().contains(mark)),
        })
        .collect()
}

/// Everything below the roots or marked, and below that; without the roots themselves.
pub(crate) fn members(processes: &[Process], roots: &[u32]) -> HashSet<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for process in processes {
        if let Some(parent) = process.parent {
            children.entry(parent).or_default().push(process.pid);
        }
    }
    let mut found: HashSet<u32> = roots.iter().copied().collect();
    let marked = processes.iter().filter(|process| process.marked);
    found.extend(marked.map(|process| process.pid));
    let mut open: Vec<u32> = found.iter().copied().collect();
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if found.insert(*child) {
                open.push(*child);
            }
        }
    }
    for root in roots {
        found.remove(root);
    }
    found
}

/// Ends one process at once, where it still is.
pub(crate) fn kill(pid: u32) {
    #[cfg(unix)]
    signal(pid, rustix::process::Signal::KILL);
    #[cfg(not(unix))]
    if let Ok(mut system) = System::new() {
        let pid = Pid::from_u32(pid);
        system.refresh_processes(ProcessesToUpdate::Some(&[pid]), true);
        if let Some(process) = system.process(pid) {
            process.kill();
        }
    }
}

#[cfg(unix)]
pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid.filter(|pid| !pid.is_init()) {
        // It may have ended by itself meanwhile, which is as good.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process {
            pid,
            parent: Some(parent),
            marked: false,
        }
    }

    #[test]
    fn members_are_everything_below_the_root_and_nothing_beside_it() {
        let table = [
            process(10, 1),
            process(11, 10),
            process(12, 11),
            process(13, 12),
            process(20, 1),
            process(21, 20),
        ];
        assert_eq!(members(&table, &[10]), HashSet::from([11, 12, 13]));
    }

    #[test]
    fn a_marked_process_belongs_wherever_it_hangs_with_all_below_it() {
        let mut orphan = process(30, 1);
        orphan.marked = true;
        let table = [process(10, 1), orphan, process(31, 30)];
        assert_eq!(members(&table, &[10]), HashSet::from([30, 31]));
    }

    #[test]
    fn a_table_that_was_read_while_it_changed_may_hold_a_loop() {
        let table = [process(10, 11), process(11, 10)];
        assert_eq!(members(&table, &[10]), HashSet::from([11]));
    }

    #[test]
    fn the_real_table_holds_this_process_below_its_parent() {
        let me = std::process::id();
        let table = processes(None);
        let mine = table
            .iter()
            .find(|process| process.pid == me)
            .expect("this process");
        let parent = mine.parent.expect("a parent");
        assert!(members(&table, &[parent]).contains(&me));
    }
}
