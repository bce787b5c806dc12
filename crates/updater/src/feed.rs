//! A tarball's bytes, from wherever they come to the thread that unpacks them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::download::Download;
use crate::error::UpdateError;
use crate::mirror::MirrorBytes;
use crate::tarball::unreadable;

/// The most bytes of a file in one piece.
const FILE_PIECE: usize = 64 << 10;

pub(crate) enum Piece {
    Bytes(Bytes),
    /// Everything announced has come.
    End,
}

pub(crate) enum Feed {
    Net(Box<Download>),
    File {
        file: tokio::fs::File,
        path: PathBuf,
        total: Option<u64>,
    },
    /// Bytes of somebody near, and until when they are waited for.
    Near(MirrorBytes, Instant),
}

impl Feed {
    pub(crate) async fn open(path: &Path) -> Result<Self, UpdateError> {
        let file = tokio::fs::File::open(path).await;
        let file = file.map_err(|error| unreadable(path, error.to_string()))?;
        let total = file.metadata().await.ok().map(|data| data.len());
        let path = path.to_owned();
        Ok(Self::File { file, path, total })
    }

    pub(crate) fn total(&self) -> Option<u64> {
        match self {
            Self::Net(download) => download.total(),
            Self::File { total, .. } => *total,
            Self::Near(..) => None,
        }
    }

    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, UpdateError> {
        match self {
            Self::Net(download) => Ok(download.piece().await?),
            Self::Near(bytes, until) => match timeout_at(*until, bytes.next()).await {
                Err(_) => Err(UpdateError::Mirror("it takes too long".to_owned())),
                Ok(Some(piece)) => piece
                    .map(Some)
                    .map_err(|error| UpdateError::Mirror(error.to_string())),
                Ok(None) => Ok(None),
            },
            Self::File { file, path, .. } => {
                let mut piece = bytes::BytesMut::with_capacity(FILE_PIECE);
                let read = file.read_buf(&mut piece).await;
                let read = read.map_err(|error| unreadable(path, error.to_string()))?;
                Ok((read > 0).then(|| piece.freeze()))
            }
        }
    }
}

/// The channel as the unpacker reads it.
pub(crate) struct Pieces {
    receive: mpsc::Receiver<Piece>,
    piece: Bytes,
    ended: bool,
}

impl Pieces {
    pub(crate) fn new(receive: mpsc::Receiver<Piece>) -> Self {
        Self {
            receive,
            piece: Bytes::new(),
            ended: false,
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.receive.blocking_recv() {
                Some(Piece::Bytes(piece)) => self.piece = piece,
                Some(Piece::End) => self.ended = true,
                None => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the bytes stopped coming",
                    ));
                }
            }
        }
        let n = into.len().min(self.piece.len());
        into[..n].copy_from_slice(&self.piece.split_to(n));
        Ok(n)
    }
}
