//! Somebody near who may have the same bytes: asked first, and believed in nothing.

use std::fmt;
use std::io;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use rollout::Candidate;

/// Bytes as they come.
pub type MirrorBytes = BoxStream<'static, io::Result<Bytes>>;

/// Somebody who may have the bytes of a version besides its source. Whatever comes from there is held against the
/// integrity that the source, or the signed repository, named; where it is something else, or less, the
/// source is asked.
pub trait Mirror: fmt::Debug + Send + Sync {
    /// The bytes that it has under this integrity; none where it has none, or cannot be asked now.
    fn open<'a>(&'a self, candidate: &'a Candidate) -> BoxFuture<'a, Option<MirrorBytes>>;
}
