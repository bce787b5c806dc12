//! The store's lock: one file, locked by the operating system, so that a dead owner never blocks.

use std::fs::{File, OpenOptions};
use std::io;

use crate::StoreError;
use crate::layout::Layout;

/// The store, locked for one transition: load, change, persist. Let go when dropped.
///
/// It is never held across network, unpacking or a child.
#[derive(Debug)]
pub(crate) struct StoreLock {
    /// None on a disk that cannot be written: nobody else can change anything there either.
    _file: Option<File>,
}

impl StoreLock {
    /// Waits for the lock. On a read-only disk this succeeds, and the write that follows fails.
    pub(crate) fn take(layout: &Layout) -> Result<Self, StoreError> {
        let path = layout.lock();
        let failed = |error| StoreError::io("lock the store with", &path, error);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if cannot_write(&error) => match File::open(&path) {
                Ok(file) => file,
                Err(_) => return Ok(Self { _file: None }),
            },
            Err(error) => return Err(failed(error)),
        };
        file.lock().map_err(failed)?;
        Ok(Self { _file: Some(file) })
    }
}

/// Whether an error says that the place cannot be written, whoever asks.
pub(crate) fn cannot_write(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_second_owner_waits_for_the_first() {
        let scratch = tempfile::tempdir().unwrap();
        let layout = Layout::open(scratch.path()).unwrap();
        let first = StoreLock::take(&layout).unwrap();
        let (tell, heard) = mpsc::channel();
        let second = thread::spawn({
            let (layout, tell) = (layout.clone(), tell.clone());
            move || {
                let _lock = StoreLock::take(&layout).unwrap();
                tell.send("second").unwrap();
            }
        });
        tell.send("first").unwrap();
        drop(first);
        second.join().unwrap();
        assert_eq!(heard.recv().unwrap(), "first");
        assert_eq!(heard.recv().unwrap(), "second");
    }

    #[test]
    fn what_a_dead_owner_left_behind_does_not_block() {
        let scratch = tempfile::tempdir().unwrap();
        let layout = Layout::open(scratch.path()).unwrap();
        std::fs::write(layout.lock(), "4711").unwrap();
        StoreLock::take(&layout).unwrap();
    }
}
