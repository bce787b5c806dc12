//! Whether there is room for what is to be staged.

use super::{Order, StageError};

/// The packed bytes that are on their way, the tree itself, and slack for everything else that
/// writes to this disk meanwhile.
const TIMES_THE_SIZE: u64 = 3;

impl Order {
    /// Refuses what would run into a full disk, where the unpacked size is known beforehand.
    pub(super) fn enough_room(&self) -> Result<(), StageError> {
        let Some(size) = self.candidate.unpacked_size else {
            return Ok(());
        };
        let path = self.layout.root();
        let needed = size.saturating_mul(TIMES_THE_SIZE);
        match free(path) {
            Some(free) if free < needed => Err(StageError::NoRoom {
                version: self.candidate.version.clone(),
                path: path.to_owned(),
                needed,
                free,
            }),
            _ => Ok(()),
        }
    }
}

/// Bytes that this user may still write; `None` where the system does not say.
#[cfg(unix)]
fn free(path: &std::path::Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_path: &std::path::Path) -> Option<u64> {
    None
}
