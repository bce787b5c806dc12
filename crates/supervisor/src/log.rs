//! The output of a runtime: drained always, kept in a capped file per version, its last lines at
//! hand for a failure's detail, and searched for the line that tells readiness.
//!
//! The child is never made to wait for the disk: what the writer cannot take in time is dropped
//! and counted.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollout::Version;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// One file's cap; with its predecessor, a version keeps twice that.
const FILE_CAP: u64 = 1024 * 1024;
/// Versions whose logs are kept.
const VERSIONS_KEPT: usize = 10;
/// Kept for a failure's detail.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: usize = 4 * 1024;
/// Longer lines are cut into pieces of this size.
const LINE_BYTES: usize = 8 * 1024;
/// Chunks that may wait for the disk.
const QUEUE: usize = 256;

/// The log of one spawn.
#[derive(Debug)]
pub(crate) struct Log {
    tail: Arc<Mutex<Tail>>,
    seen: watch::Receiver<bool>,
    drain: JoinHandle<()>,
}

impl Log {
    /// Drains `output` until its end. `heading` opens this spawn's part of the file.
    pub(crate) fn start(
        output: impl AsyncRead + Unpin + Send + 'static,
        file: PathBuf,
        heading: String,
        wanted: Option<String>,
    ) -> Self {
        let tail = Arc::new(Mutex::new(Tail::default()));
        let (found, seen) = watch::channel(false);
        let (chunks, inbox) = mpsc::channel(QUEUE);
        tokio::task::spawn_blocking(move || write(&file, &heading, inbox));
        let drain = tokio::spawn(drain(output, chunks, Arc::clone(&tail), wanted, found));
        Self { tail, seen, drain }
    }

    /// Turns true once the wanted line was printed.
    pub(crate) fn seen(&self) -> watch::Receiver<bool> {
        self.seen.clone()
    }

    /// The last lines, once the output has ended or `patience` has run out.
    pub(crate) async fn tail(&mut self, patience: Duration) -> String {
        let _ = tokio::time::timeout(patience, &mut self.drain).await;
        self.tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .text()
    }
}

/// Where the log of a version is.
pub(crate) fn file_of(logs: &Path, version: &Version) -> PathBuf {
    logs.join(format!("{version}.log"))
}

async fn drain(
    mut output: impl AsyncRead + Unpin,
    chunks: mpsc::Sender<Vec<u8>>,
    tail: Arc<Mutex<Tail>>,
    wanted: Option<String>,
    found: watch::Sender<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut dropped = 0_usize;
    loop {
        let read = match output.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        let bytes = &buffer[..read];
        {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.take(bytes, |line| {
                if wanted.as_ref().is_some_and(|wanted| line.contains(wanted)) {
                    found.send_replace(true);
                }
            });
        }
        let mut chunk = Vec::new();
        if dropped > 0 {
            chunk = format!("\n[{dropped} bytes were not logged: the disk was too slow]\n").into();
        }
        chunk.extend_from_slice(bytes);
        match chunks.try_send(chunk) {
            Ok(()) => dropped = 0,
            Err(_) => dropped += read,
        }
    }
}

/// The last lines, and the one that is not finished yet.
#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
    open: Vec<u8>,
}

impl Tail {
    /// Takes output in; `seen` hears every line, also one that is not finished yet.
    fn take(&mut self, mut bytes: &[u8], mut seen: impl FnMut(&str)) {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let room = LINE_BYTES - self.open.len();
            let (piece, ends) = match end {
                Some(end) if end <= room => (&bytes[..end], true),
                _ if bytes.len() >= room => (&bytes[..room], true),
                _ => (bytes, false),
            };
            self.open.extend_from_slice(piece);
            let newline = usize::from(end == Some(piece.len()));
            bytes = &bytes[piece.len() + newline..];
            seen(&String::from_utf8_lossy(&self.open));
            if ends {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        let line = String::from_utf8_lossy(&self.open)
            .trim_end_matches('\r')
            .to_owned();
        self.open.clear();
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > TAIL_LINES || (self.bytes > TAIL_BYTES && self.lines.len() > 1) {
            if let Some(line) = self.lines.pop_front() {
                self.bytes -= line.len();
            }
        }
    }

    fn text(&self) -> String {
        let mut lines: Vec<String> = self.lines.iter().cloned().collect();
        if !self.open.is_empty() {
            lines.push(String::from_utf8_lossy(&self.open).into_owned());
        }
        lines.join("\n").trim().to_owned()
    }
}

fn write(path: &Path, heading: &str, mut inbox: mpsc::Receiver<Vec<u8>>) {
    let mut file = match CappedFile::open(path, FILE_CAP) {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "output of the runtime is not logged");
            None
        }
    };
    let mut next = Some(heading.as_bytes().to_vec());
    // Goes on without a file, so that the queue never fills for want of a reader.
    while let Some(chunk) = next {
        if let Some(open) = &mut file
            && let Err(error) = open.write(&chunk)
        {
            tracing::warn!(file = %path.display(), %error, "output of the runtime is no longer logged");
            file = None;
        }
        next = inbox.blocking_recv();
    }
}

/// A file that, when full, becomes its own predecessor (`.old`) and starts again.
#[derive(Debug)]
struct CappedFile {
    path: PathBuf,
    file: File,
    length: u64,
    cap: u64,
}

impl CappedFile {
    fn open(path: &Path, cap: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            prune(folder, path);
        }
        let file = File::options().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            length,
            cap,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        if self.length > 0 && self.length + length > self.cap {
            fs::rename(&self.path, predecessor(&self.path))?;
            self.file = File::options().create(true).append(true).open(&self.path)?;
            self.length = 0;
        }
        self.file.write_all(bytes)?;
        self.length += length;
        Ok(())
    }
}

fn predecessor(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    name.into()
}

/// Removes the logs of all but the newest versions; best effort. `keep` is about to be written.
fn prune(folder: &Path, keep: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut logs: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|found| found == "log"))
        .filter(|entry| entry.path() != keep)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    logs.sort();
    let surplus = logs.len().saturating_sub(VERSIONS_KEPT - 1);
    for (_, path) in logs.into_iter().take(surplus) {
        let _ = fs::remove_file(predecessor(&path));
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests;
