//! The store's lock: one file, locked by the operating system, so that a dead owner never blocks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::StoreError;
use crate::layout::Layout;

/// How long an owner may take. Transitions take milliseconds; one that takes longer was stopped in
/// the middle or waits for a disk that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// The store, locked for one transition: load, change, persist. Let go when dropped.
///
/// It is never held across network, unpacking or a child.
#[derive(Debug)]
pub(crate) struct StoreLock {
    /// None on a disk that cannot be written: nobody else can change anything there either.
    _file: Option<File>,
}

impl StoreLock {
    /// Waits for the lock, but not for ever: a stopped owner must not keep anything from starting.
    /// On a read-only disk this succeeds, and the write that follows fails.
    pub(crate) fn take(layout: &Layout) -> Result<Self, StoreError> {
        Self::take_within(layout, PATIENCE)
    }

    fn take_within(layout: &Layout, patience: Duration) -> Result<Self, StoreError> {
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
        // The system has no lock call that gives up, so it is tried again and again.
        let begun = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => {
                    return Err(StoreError::LockHeld { path });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(pause),
            }
            pause = (pause * 2).min(PAUSE);
        }
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
    fn an_owner_that_does_not_let_go_is_not_waited_for_for_ever() {
        let scratch = tempfile::tempdir().unwrap();
        let layout = Layout::open(scratch.path()).unwrap();
        let stopped = StoreLock::take(&layout).unwrap();
        let patience = Duration::from_millis(5);
        let error = StoreLock::take_within(&layout, patience).unwrap_err();
        assert!(matches!(&error, StoreError::LockHeld { path } if *path == layout.lock()));
        assert!(error.to_string().contains("try again"), "{error}");
        drop(stopped);
        StoreLock::take_within(&layout, Duration::ZERO).unwrap();
    }

    #[test]
    fn what_a_dead_owner_left_behind_does_not_block() {
        let scratch = tempfile::tempdir().unwrap();
        let layout = Layout::open(scratch.path()).unwrap();
        std::fs::write(layout.lock(), "4711").unwrap();
        StoreLock::take(&layout).unwrap();
    }
}
