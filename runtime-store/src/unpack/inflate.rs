//! Gunzip, with an end that is known to be the end.

use std::io::{BufRead as _, Read};

use flate2::bufread::GzDecoder;

use super::UnpackError;
use super::packed::Packed;

/// The two bytes that every gzip member begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The inflated bytes of one or more gzip members. What follows the last member is not gzip and is
/// left to [`Packed`], which hashes it all the same.
pub(super) struct Inflate<R: Read> {
    state: State<R>,
}

enum State<R: Read> {
    Member(Box<GzDecoder<Packed<R>>>),
    Done(Box<Packed<R>>),
    /// Only while a state is being replaced.
    Moving,
}

impl<R: Read> Inflate<R> {
    pub(super) fn new(packed: Packed<R>) -> Self {
        Self {
            state: State::Member(Box::new(GzDecoder::new(packed))),
        }
    }

    /// Fills as much of `into` as there are bytes; less than all of it means the end.
    pub(super) fn fill(&mut self, into: &mut [u8]) -> Result<usize, UnpackError> {
        let mut filled = 0;
        while filled < into.len() {
            let State::Member(member) = &mut self.state else {
                break;
            };
            match member.read(&mut into[filled..]) {
                Ok(0) => self.next_member()?,
                Ok(read) => filled += read,
                Err(error) => {
                    return Err(member.get_mut().take_fault().unwrap_or_else(|| {
                        UnpackError::Damaged(format!("its gzip data: {error}"))
                    }));
                }
            }
        }
        Ok(filled)
    }

    fn next_member(&mut self) -> Result<(), UnpackError> {
        let State::Member(member) = std::mem::replace(&mut self.state, State::Moving) else {
            return Ok(());
        };
        let mut packed = member.into_inner();
        let more = match packed.fill_buf() {
            // One byte is enough to go on: a member cut off after it is refused as damaged.
            Ok(bytes) => !bytes.is_empty() && bytes.iter().zip(MAGIC).all(|(a, b)| *a == b),
            Err(error) => {
                return Err(packed.take_fault().unwrap_or(UnpackError::Read(error)));
            }
        };
        self.state = if more {
            State::Member(Box::new(GzDecoder::new(packed)))
        } else {
            State::Done(Box::new(packed))
        };
        Ok(())
    }

    /// The packed bytes, once the inflated ones are at their end.
    pub(super) fn into_packed(self) -> Option<Packed<R>> {
        match self.state {
            State::Done(packed) => Some(*packed),
            State::Member(_) | State::Moving => None,
        }
    }
}
