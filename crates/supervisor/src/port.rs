//! The loopback port of a workspace: the one it had, while that is free, since web storage belongs
//! to an origin and so to a port.
//!
//! The port file holds one port a line, the favourite first. A favourite that somebody else holds
//! is only stepped around: it is taken again as soon as it is free, and the stand-in is remembered
//! too, so that a favourite lost for good costs the page's storage once and not at every start.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// Ports remembered per workspace.
const REMEMBERED: usize = 4;
/// Most attempts at getting a port from the system that no neighbour remembers.
const DRAWS: usize = 64;
/// Port files are tiny; anything longer in their folder is something else.
const MOST_BYTES: u64 = 64;

/// Why there is no port.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortError {
    #[error("no loopback port is free ({0}); close programs that hold many connections")]
    None(io::Error),
    #[error("choosing a port was interrupted; try again")]
    Interrupted,
}

/// A free port for the workspace that `file` belongs to, other than `avoid`, and remembers it.
/// A file that cannot be read or written costs the memory, not the launch.
pub(crate) fn choose(file: &Path, avoid: Option<u16>) -> Result<u16, PortError> {
    // Held until the choice is written, so that two workspaces that start at once see each other's.
    let _lock = lock_folder(file);
    let mut ports = read(file);
    let known = ports
        .iter()
        .copied()
        .find(|port| Some(*port) != avoid && is_free(*port));
    if let Some(port) = known {
        return Ok(port);
    }
    let mut taken = neighbours(file);
    taken.extend(avoid);
    taken.extend(&ports);
    let port = draw(&taken).map_err(PortError::None)?;
    ports.truncate(REMEMBERED - 1);
    ports.push(port);
    if let Err(error) = write(file, &ports) {
        tracing::warn!(file = %file.display(), %error, "the port could not be remembered");
    }
    Ok(port)
}

/// A free port that neither the workspace of `file` nor a neighbour remembers; nobody remembers it.
pub(crate) fn fresh(file: &Path, avoid: Option<u16>) -> Result<u16, PortError> {
    let mut taken = neighbours(file);
    taken.extend(read(file));
    taken.extend(avoid);
    draw(&taken).map_err(PortError::None)
}

/// Whether somebody listens where a runtime would have to.
pub(crate) fn is_taken(port: u16) -> bool {
    matches!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)), Err(error) if error.kind() == ErrorKind::AddrInUse)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn draw(taken: &HashSet<u16>) -> io::Result<u16> {
    // All are held until one is accepted, so that no port is drawn twice.
    let mut drawn = Vec::new();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if !taken.contains(&port) || drawn.len() >= DRAWS {
            return Ok(port);
        }
        drawn.push(listener);
    }
}

fn read(file: &Path) -> Vec<u16> {
    let small = fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() <= MOST_BYTES);
    if !small {
        return Vec::new();
    }
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map_while(|line| line.trim().parse().ok())
        .filter(|port| *port != 0)
        .take(REMEMBERED)
        .collect()
}

/// What the other port files of the folder remember.
fn neighbours(file: &Path) -> HashSet<u16> {
    let Some(folder) = file.parent() else {
        return HashSet::new();
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return HashSet::new();
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path != file)
        .flat_map(|path| read(&path))
        .collect()
}

fn write(file: &Path, ports: &[u16]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".port-")
        .tempfile_in(folder)?;
    for port in ports {
        writeln!(temporary, "{port}")?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(file).map_err(|error| error.error)?;
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

fn lock_folder(file: &Path) -> Option<fs::File> {
    let folder = file.parent()?;
    fs::create_dir_all(folder).ok()?;
    let lock = fs::File::create(folder.join(".ports.lock")).ok()?;
    lock.lock().ok()?;
    Some(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(port: u16) -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("bind")
    }

    #[test]
    fn a_workspace_keeps_its_port_while_it_is_free() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("deep/one");
        let port = choose(&file, None).expect("port");
        assert_eq!(choose(&file, None).expect("port"), port);
    }

    #[test]
    fn a_port_that_a_stranger_holds_is_stepped_around_and_taken_again_later() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("one");
        let favourite = choose(&file, None).expect("port");
        let stranger = hold(favourite);
        assert!(is_taken(favourite));
        let stand_in = choose(&file, None).expect("port");
        assert_ne!(stand_in, favourite);
        assert_eq!(choose(&file, None).expect("port"), stand_in, "kept too");
        drop(stranger);
        assert!(!is_taken(favourite));
        assert_eq!(choose(&file, None).expect("port"), favourite);
    }

    #[test]
    fn a_port_to_avoid_is_not_chosen_though_it_is_free() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("one");
        let port = choose(&file, None).expect("port");
        assert_ne!(choose(&file, Some(port)).expect("port"), port);
    }

    #[test]
    fn a_port_behind_a_front_is_not_remembered_and_not_the_fronts() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("one");
        let front = choose(&file, None).expect("port");
        let instance = fresh(&file, None).expect("port");
        assert_ne!(instance, front);
        assert_eq!(read(&file), [front]);
    }

    #[test]
    fn two_workspaces_that_start_at_once_never_share_a_port() {
        let folder = tempfile::tempdir().expect("folder");
        let ports: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|n| {
                    let file = folder.path().join(format!("workspace-{n}"));
                    scope.spawn(move || choose(&file, None).expect("port"))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("thread"))
                .collect()
        });
        let different: HashSet<_> = ports.iter().collect();
        assert_eq!(different.len(), ports.len(), "{ports:?}");
    }

    #[test]
    fn a_neighbours_remembered_port_is_not_drawn() {
        let folder = tempfile::tempdir().expect("folder");
        let neighbour = folder.path().join("neighbour");
        let mine = folder.path().join("mine");
        let free = draw(&HashSet::new()).expect("port");
        write(&neighbour, &[free]).expect("write");
        assert_eq!(neighbours(&mine), HashSet::from([free]));
        assert!(neighbours(&neighbour).is_empty());
    }

    #[test]
    fn a_port_file_that_is_none_is_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("one");
        for garbage in ["", "0", "-1", "70000", "\u{feff}41000", &"9".repeat(4_000)] {
            fs::write(&file, garbage).expect("write");
            let port = choose(&file, None).expect("port");
            assert_eq!(read(&file), [port], "after {garbage:?}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_still_yields_a_port() {
        let folder = tempfile::tempdir().expect("folder");
        let blocked = folder.path().join("file");
        fs::write(&blocked, "").expect("write");
        assert!(choose(&blocked.join("port"), None).is_ok());
    }
}
