//! Takes the digests of files while the next bytes are still being inflated.
//!
//! What is hashed is copied, so that inflating does not wait; only a few pieces are ever on their
//! way.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use sha2::{Digest as _, Sha256};

use crate::tree_manifest::{Digest, Digests};

/// Smaller files are hashed at once: handing them over would take longer.
const WORTH_IT: u64 = 64 << 10;
/// Pieces waiting to be hashed; each is as large as a read.
const WAITING: usize = 4;

/// Digests of one file after the other; a thread is begun with the first large file.
#[derive(Default)]
pub(super) struct Hashing {
    own: Digests,
    running: Option<Running>,
}

pub(super) struct Running {
    pieces: SyncSender<Piece>,
    /// Buffers to be used again.
    empty: Receiver<Vec<u8>>,
    thread: JoinHandle<Digests>,
}

enum Piece {
    Content(Vec<u8>),
    /// The file of this name is at its end.
    End(String),
}

/// A file that is being hashed.
pub(super) enum Current<'a> {
    Here(Sha256, &'a mut Digests),
    There(&'a Running),
}

impl Hashing {
    /// Begins with a file of `size` bytes.
    pub(super) fn begin(&mut self, size: u64) -> Current<'_> {
        if size >= WORTH_IT && self.running.is_none() {
            self.running = start();
        }
        match &self.running {
            Some(running) if size >= WORTH_IT => Current::There(running),
            _ => Current::Here(Sha256::new(), &mut self.own),
        }
    }

    /// Waits for what is on its way.
    pub(super) fn finish(self) -> Digests {
        let mut digests = self.own;
        if let Some(Running { pieces, thread, .. }) = self.running {
            drop(pieces);
            let there = thread.join();
            digests.extend(there.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        digests
    }
}

impl Current<'_> {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Here(hasher, _) => hasher.update(bytes),
            Self::There(running) => {
                let mut piece = running.empty.try_recv().unwrap_or_default();
                piece.clear();
                piece.extend_from_slice(bytes);
                // Closed only if the thread panicked, which is told at the end.
                let _ = running.pieces.send(Piece::Content(piece));
            }
        }
    }

    /// After its last byte. `path` is relative, with forward slashes.
    pub(super) fn end(self, path: String) {
        match self {
            Self::Here(hasher, digests) => {
                digests.insert(path, Digest::of(hasher));
            }
            Self::There(running) => {
                let _ = running.pieces.send(Piece::End(path));
            }
        }
    }
}

fn start() -> Option<Running> {
    let (pieces, given) = sync_channel(WAITING);
    let (used, empty) = channel();
    let thread = thread::Builder::new()
        .name("unpack-hash".into())
        .spawn(move || hash_all(&given, &used))
        .ok()?;
    Some(Running {
        pieces,
        empty,
        thread,
    })
}

fn hash_all(given: &Receiver<Piece>, used: &Sender<Vec<u8>>) -> Digests {
    let mut digests = Digests::new();
    let mut hasher = Sha256::new();
    for piece in given {
        match piece {
            Piece::Content(bytes) => {
                hasher.update(&bytes);
                // Whoever unpacked may have given up.
                let _ = used.send(bytes);
            }
            Piece::End(path) => {
                let whole = std::mem::take(&mut hasher);
                digests.insert(path, Digest::of(whole));
            }
        }
    }
    digests
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Small and large files in any order, in pieces of any size.
        #[test]
        fn every_file_has_its_own_digest(
            files in prop::collection::vec((0_usize..200_000, 1_usize..70_000), 0..8),
        ) {
            let mut hashing = Hashing::default();
            let mut expected = Digests::new();
            for (number, (size, piece)) in files.into_iter().enumerate() {
                let content: Vec<u8> = (0..=255).cycle().skip(number).take(size).collect();
                let mut current = hashing.begin(size as u64);
                content.chunks(piece).for_each(|bytes| current.update(bytes));
                current.end(format!("f/{number}"));
                let mut whole = Sha256::new();
                whole.update(&content);
                expected.insert(format!("f/{number}"), Digest::of(whole));
            }
            prop_assert_eq!(hashing.finish(), expected);
        }
    }
}
