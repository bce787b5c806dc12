//! The tarball's own bytes: counted, capped and hashed as they go by.

use std::io::{self, BufRead, Read};

use rollout::Integrity;
use sha2::{Digest as _, Sha512};

use super::UnpackError;

/// Big enough that the cost of a read does not show, small enough to stay in the cache.
const BUFFER: usize = 128 * 1024;

/// A buffered reader that has hashed every byte it ever handed out.
pub(super) struct Packed<R> {
    source: R,
    buffer: Box<[u8]>,
    unread: std::ops::Range<usize>,
    hasher: Sha512,
    count: u64,
    cap: u64,
    /// What really went wrong; the readers above this one only pass on an `io::Error`.
    fault: Option<UnpackError>,
}

impl<R: Read> Packed<R> {
    pub(super) fn new(source: R, cap: u64) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            unread: 0..0,
            hasher: Sha512::new(),
            count: 0,
            cap,
            fault: None,
        }
    }

    /// The error behind the `io::Error` that a reader above has just returned.
    pub(super) fn take_fault(&mut self) -> Option<UnpackError> {
        self.fault.take()
    }

    /// Reads what is left, so that the digest is of all there is.
    pub(super) fn finish(mut self) -> Result<(Integrity, u64), UnpackError> {
        loop {
            self.unread = 0..0;
            match self.fill_buf() {
                Ok([]) => break,
                Ok(_) => {}
                Err(error) => return Err(self.take_fault().unwrap_or(UnpackError::Read(error))),
            }
        }
        let digest = self.hasher.finalize().into();
        Ok((Integrity::from_digest(digest), self.count))
    }

    fn refill(&mut self) -> Result<usize, UnpackError> {
        loop {
            match self.source.read(&mut self.buffer) {
                Ok(read) => {
                    self.count += read as u64;
                    if self.count > self.cap {
                        return Err(UnpackError::TooLarge(self.cap));
                    }
                    self.hasher.update(&self.buffer[..read]);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(UnpackError::Read(error)),
            }
        }
    }
}

impl<R: Read> BufRead for Packed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.unread.is_empty() {
            match self.refill() {
                Ok(read) => self.unread = 0..read,
                Err(fault) => {
                    self.fault = Some(fault);
                    return Err(io::Error::other("the archive's bytes ended in a fault"));
                }
            }
        }
        Ok(&self.buffer[self.unread.clone()])
    }

    fn consume(&mut self, amount: usize) {
        self.unread.start = (self.unread.start + amount).min(self.unread.end);
    }
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let amount = bytes.len().min(into.len());
        into[..amount].copy_from_slice(&bytes[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}
