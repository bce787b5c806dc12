//! Brings large files to disk while the next bytes are still being inflated.
//!
//! It only takes time off the sync at the end, which looks at every file whatever happened here; so
//! a busy disk may skip a flush. It may not swallow a failure: the system tells of one only once.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use cap_std::fs::File;

use super::UnpackError;

/// Smaller files are not worth a call each.
const WORTH_IT: u64 = 1 << 20;
/// A large file is flushed piece by piece.
const EVERY: u64 = 8 << 20;
/// Files waiting for the disk; each holds a file handle open.
const WAITING: usize = 8;

/// A thread that flushes what it is given; begun with the first large file, ended with its owner.
#[derive(Default)]
pub(super) struct Flusher {
    running: Option<Running>,
}

struct Running {
    files: SyncSender<(File, PathBuf)>,
    thread: JoinHandle<Result<(), UnpackError>>,
}

impl Flusher {
    /// After `added` more bytes made the file `written` bytes long.
    pub(super) fn grew(&mut self, file: &File, path: &Path, written: u64, added: u64) {
        if written / EVERY > (written - added) / EVERY {
            self.flush(file, path);
        }
    }

    /// After the last byte.
    pub(super) fn ended(&mut self, file: &File, path: &Path, length: u64) {
        if length >= WORTH_IT {
            self.flush(file, path);
        }
    }

    /// Waits for what is under way and says whether any of it failed.
    pub(super) fn finish(mut self) -> Result<(), UnpackError> {
        self.stop()
    }

    fn flush(&mut self, file: &File, path: &Path) {
        if self.running.is_none() {
            self.running = start();
        }
        if let (Some(running), Ok(file)) = (&self.running, file.try_clone()) {
            // Full: the sync at the end takes it. Closed: the thread has an error to tell.
            let _ = running.files.try_send((file, path.to_owned()));
        }
    }

    fn stop(&mut self) -> Result<(), UnpackError> {
        let Some(Running { files, thread }) = self.running.take() else {
            return Ok(());
        };
        drop(files);
        thread.join().unwrap_or(Ok(()))
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        // A folder that is about to be removed must have no file open in it.
        let _ = self.stop();
    }
}

fn start() -> Option<Running> {
    let (files, given) = sync_channel(WAITING);
    let thread = thread::Builder::new()
        .name("unpack-flush".into())
        .spawn(move || flush_all(&given))
        .ok()?;
    Some(Running { files, thread })
}

fn flush_all(given: &Receiver<(File, PathBuf)>) -> Result<(), UnpackError> {
    for (file, path) in given {
        file.sync_data()
            .map_err(|error| UnpackError::write("bring to disk", &path, error))?;
    }
    Ok(())
}
