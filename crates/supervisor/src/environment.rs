//! Is the machine at fault? A runtime that dies where nothing can be written proves nothing about
//! its version.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// A runtime that could not even write this much had no room to start in.
const ROOM: usize = 64 * 1024;

/// Why nothing can be written below `data`, for a person; none when it can.
pub(crate) fn no_room(data: &Path) -> Option<String> {
    let error = try_write(data).err()?;
    words(error.kind()).map(|words| format!("{words} ({})", data.display()))
}

fn try_write(data: &Path) -> io::Result<()> {
    fs::create_dir_all(data)?;
    let mut file = tempfile::Builder::new()
        .prefix(".room-")
        .tempfile_in(data)?;
    file.write_all(&vec![1; ROOM])?;
    // Some file systems find out about a full disk only now.
    file.as_file().sync_data()
}

/// Only what says "no room" counts; anything else is no proof that the machine is at fault.
fn words(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::StorageFull => Some("there is no space left on the disk"),
        ErrorKind::QuotaExceeded => Some("the disk quota is used up"),
        ErrorKind::ReadOnlyFilesystem => Some("the disk cannot be written to"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_room_is_not_at_fault_and_is_left_empty() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(no_room(folder.path()), None);
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 0);
    }

    #[test]
    fn a_full_disk_a_used_up_quota_and_a_read_only_disk_are_at_fault() {
        for errno in [28, if cfg!(target_os = "linux") { 122 } else { 69 }, 30] {
            let kind = io::Error::from_raw_os_error(errno).kind();
            if cfg!(unix) {
                assert!(words(kind).is_some(), "errno {errno} is {kind}");
            }
        }
        assert_eq!(words(ErrorKind::PermissionDenied), None);
    }
}
