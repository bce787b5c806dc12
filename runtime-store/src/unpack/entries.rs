//! The tar stream as entries: a name, a kind, and content that is handed on in place.
//!
//! The `tar` crate reads the fields of a header; walking from one to the next is done here, because
//! a size out of a pax record decides where the next header is, and because metadata must never be
//! read into memory at the length that an archive claims for it.

use std::io::Read;

use rollout::Integrity;
use tar::Header;

use super::inflate::Inflate;
use super::{Limits, Refusal, UnpackError};

mod pax;

use pax::Pax;

const BLOCK: usize = 512;
/// Write size for large files, and what is read ahead for small ones.
const BUFFER: usize = 512 * 1024;
/// Names end at 1,024 bytes; the rest of a pax record is times and attributes that are not kept.
const RECORD_MAX: u64 = 256 * 1024;
/// Each entry may have a pax record, a long name and a long link name before it.
const HEADERS_PER_ENTRY: u64 = 4;

/// One file or folder of the archive, before its name was judged.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    File { size: u64, executable: bool },
    Folder,
}

pub(super) struct Stream<R: Read> {
    inflate: Inflate<R>,
    buffer: Box<[u8]>,
    unread: std::ops::Range<usize>,
    headers_left: u64,
    /// What is left of the allowance for bytes that are not content: records and padding.
    overhead_left: u64,
    /// Padding behind the content that was last handed on.
    padding: u64,
}

impl<R: Read> Stream<R> {
    pub(super) fn new(inflate: Inflate<R>, limits: &Limits) -> Self {
        Self {
            inflate,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            unread: 0..0,
            headers_left: limits
                .entries
                .saturating_mul(HEADERS_PER_ENTRY)
                .saturating_add(16),
            overhead_left: limits.total_bytes.saturating_add(1 << 20),
            padding: 0,
        }
    }

    /// The next file or folder; `None` at the end of the archive. The content of the entry before
    /// must have been taken.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, UnpackError> {
        let mut long_name: Option<Vec<u8>> = None;
        let mut pax: Option<Pax> = None;
        loop {
            let Some(header) = self.header()? else {
                return if long_name.is_some() || pax.is_some() {
                    Err(UnpackError::Damaged(
                        "its last record describes nothing".into(),
                    ))
                } else {
                    self.only_zeros_are_left()?;
                    Ok(None)
                };
            };
            let own_name = header.path_bytes().into_owned();
            let refuse = |why| UnpackError::refused(&own_name, why);
            let size = header.entry_size().map_err(|_| {
                UnpackError::Damaged(format!("a size field of `{}`", text(&own_name)))
            })?;
            let kind = header.entry_type();

            if kind.is_pax_global_extensions() {
                Pax::parse(&self.record(size, &own_name)?)
                    .and_then(|pax| pax.refuse_as_global())
                    .map_err(refuse)?;
            } else if kind.is_pax_local_extensions() {
                if pax.is_some() {
                    return Err(refuse(Refusal::Contradiction(
                        "two pax records for one entry",
                    )));
                }
                pax = Some(Pax::parse(&self.record(size, &own_name)?).map_err(refuse)?);
            } else if kind.is_gnu_longname() {
                if long_name.is_some() {
                    return Err(refuse(Refusal::Contradiction(
                        "two long names for one entry",
                    )));
                }
                let mut name = self.record(size, &own_name)?;
                if name.last() == Some(&0) {
                    name.pop();
                }
                long_name = Some(name);
            } else if kind.is_gnu_longlink() {
                // Only a link needs it, and that is refused by its own name next.
                self.record(size, &own_name)?;
            } else {
                let pax = pax.unwrap_or_default();
                let name = match (long_name, pax.path) {
                    (Some(_), Some(_)) => {
                        return Err(refuse(Refusal::Contradiction(
                            "two long names for one entry",
                        )));
                    }
                    (Some(name), None) | (None, Some(name)) => name,
                    (None, None) => own_name,
                };
                let size = match pax.size {
                    Some(given) if size != 0 && size != given => {
                        return Err(UnpackError::refused(
                            &name,
                            Refusal::Contradiction("two sizes"),
                        ));
                    }
                    Some(given) => given,
                    None => size,
                };
                return kind_of(&header, &name, size, pax.sparse)
                    .map(|kind| {
                        Some(Entry {
                            kind,
                            name: name.clone(),
                        })
                    })
                    .map_err(|why| UnpackError::refused(&name, why));
            }
        }
    }

    /// Hands `size` bytes of content to `sink`, in pieces as large as they come.
    pub(super) fn content(
        &mut self,
        size: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let mut left = size;
        while left > 0 {
            if self.unread.is_empty() && !self.refill()? {
                return Err(cut_off());
            }
            let piece = self
                .unread
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let start = self.unread.start;
            sink(&self.buffer[start..start + piece])?;
            self.unread.start += piece;
            left -= piece as u64;
        }
        self.padding = padding(size);
        Ok(())
    }

    /// After the last entry: the digest and the length of all packed bytes.
    pub(super) fn finish(self) -> Result<(Integrity, u64), UnpackError> {
        match self.inflate.into_packed() {
            Some(packed) => packed.finish(),
            None => Err(cut_off()),
        }
    }

    /// The next header; `None` where a block of zeros marks the end.
    fn header(&mut self) -> Result<Option<Header>, UnpackError> {
        let padding = std::mem::take(&mut self.padding);
        self.content(padding, |_| Ok(()))?;
        self.padding = 0;
        let mut header = Header::new_old();
        self.exactly(header.as_mut_bytes())?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        self.headers_left = self
            .headers_left
            .checked_sub(1)
            .ok_or_else(|| UnpackError::Damaged("it has more records than entries".into()))?;
        let bytes = header.as_bytes();
        // The checksum field itself (148..156) counts as spaces.
        let sum: u32 = bytes[..148]
            .iter()
            .chain(&bytes[156..])
            .map(|b| u32::from(*b))
            .sum();
        match header.cksum() {
            Ok(stated) if stated == sum + 8 * 32 => Ok(Some(header)),
            _ => Err(UnpackError::Damaged(
                "a tar header has a wrong checksum".into(),
            )),
        }
    }

    /// The content of a metadata record, never more than is ever needed.
    fn record(&mut self, size: u64, name: &[u8]) -> Result<Vec<u8>, UnpackError> {
        if size > RECORD_MAX {
            return Err(UnpackError::refused(name, Refusal::RecordTooBig(size)));
        }
        self.spend(size)?;
        let mut bytes = Vec::new();
        self.content(size, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    fn only_zeros_are_left(&mut self) -> Result<(), UnpackError> {
        loop {
            if self.buffer[self.unread.clone()]
                .iter()
                .any(|byte| *byte != 0)
            {
                return Err(UnpackError::Damaged(
                    "there are bytes behind its end".into(),
                ));
            }
            self.spend(self.unread.len() as u64)?;
            if !self.refill()? {
                return Ok(());
            }
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.overhead_left = self
            .overhead_left
            .checked_sub(bytes)
            .ok_or_else(|| UnpackError::Damaged("it is mostly padding".into()))?;
        Ok(())
    }

    fn exactly(&mut self, into: &mut [u8; BLOCK]) -> Result<(), UnpackError> {
        let mut filled = 0;
        self.content(BLOCK as u64, |piece| {
            into[filled..filled + piece.len()].copy_from_slice(piece);
            filled += piece.len();
            Ok(())
        })
    }

    /// False at the end of the inflated bytes.
    fn refill(&mut self) -> Result<bool, UnpackError> {
        let filled = self.inflate.fill(&mut self.buffer)?;
        self.unread = 0..filled;
        Ok(filled > 0)
    }
}

fn kind_of(header: &Header, name: &[u8], size: u64, sparse: bool) -> Result<Kind, Refusal> {
    let kind = header.entry_type();
    if sparse || kind.is_gnu_sparse() {
        return Err(Refusal::Sparse);
    }
    match kind.as_byte() {
        // Before there was a type for folders, a slash at the end said so.
        b'0' | 0 if name.last() != Some(&b'/') => Ok(Kind::File {
            size,
            // A mode that cannot be read asks for nothing.
            executable: header.mode().is_ok_and(|mode| mode & 0o111 != 0),
        }),
        b'0' | 0 | b'5' if size > 0 => Err(Refusal::FolderWithContent),
        b'0' | 0 | b'5' => Ok(Kind::Folder),
        b'1' => Err(Refusal::HardLink),
        b'2' => Err(Refusal::SymbolicLink),
        b'3' | b'4' => Err(Refusal::Device),
        b'6' => Err(Refusal::Fifo),
        other => Err(Refusal::UnknownType(char::from(other))),
    }
}

/// Bytes up to the next block.
fn padding(size: u64) -> u64 {
    let over = size % BLOCK as u64;
    if over == 0 { 0 } else { BLOCK as u64 - over }
}

fn cut_off() -> UnpackError {
    UnpackError::Damaged("it ends too early".into())
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(120).collect()
}
