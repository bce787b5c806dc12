//! A packument's body, inflated and counted while it comes: what is too long is never held.

use std::io::{self, Write};

use flate2::write::GzDecoder;

/// What gzip may add to a content that it cannot make smaller.
const GZIP_ADDS: usize = 16 << 10;

/// Why a body was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooBig,
    Corrupt(String),
}

/// Takes the pieces of a body and gives the whole.
#[derive(Debug)]
pub(crate) struct Body {
    inner: Inner,
    /// Bytes that may still come, compressed or not: gzip can go on forever without any content.
    left: usize,
}

#[derive(Debug)]
enum Inner {
    Plain(Capped),
    Gzip(Box<GzDecoder<Capped>>),
}

#[derive(Debug)]
struct Capped {
    bytes: Vec<u8>,
    limit: usize,
    over: bool,
}

impl Body {
    /// `limit` counts inflated bytes, and the bytes as they come with what gzip may add.
    pub(crate) fn new(gzip: bool, limit: usize) -> Self {
        let capped = Capped {
            bytes: Vec::new(),
            limit,
            over: false,
        };
        let inner = if gzip {
            Inner::Gzip(Box::new(GzDecoder::new(capped)))
        } else {
            Inner::Plain(capped)
        };
        let left = limit.saturating_add(GZIP_ADDS);
        Self { inner, left }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        self.left = self
            .left
            .checked_sub(piece.len())
            .ok_or(BodyError::TooBig)?;
        match &mut self.inner {
            Inner::Plain(capped) => capped.write_all(piece).map_err(|_| BodyError::TooBig),
            Inner::Gzip(gzip) => {
                let written = gzip.write_all(piece);
                written.map_err(|error| corrupt(gzip.get_ref(), &error))
            }
        }
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, BodyError> {
        match self.inner {
            Inner::Plain(capped) => Ok(capped.bytes),
            Inner::Gzip(mut gzip) => match gzip.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut gzip.get_mut().bytes)),
                Err(error) => Err(corrupt(gzip.get_ref(), &error)),
            },
        }
    }
}

fn corrupt(capped: &Capped, error: &io::Error) -> BodyError {
    if capped.over {
        BodyError::TooBig
    } else {
        BodyError::Corrupt(format!("its gzip stream is broken: {error}"))
    }
}

impl Write for Capped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.limit - self.bytes.len() {
            self.over = true;
            self.bytes = Vec::new();
            self.limit = 0;
            return Err(io::Error::other("too big"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn pieces_become_the_whole_plain_or_compressed() {
        let packed = gzip(b"one two three");
        for (compressed, bytes) in [(false, b"one two three".to_vec()), (true, packed)] {
            let mut body = Body::new(compressed, 13);
            for piece in bytes.chunks(3) {
                body.push(piece).unwrap();
            }
            assert_eq!(body.finish().unwrap(), b"one two three");
        }
    }

    #[test]
    fn a_small_body_that_inflates_beyond_the_limit_is_refused() {
        let bomb = gzip(&vec![b' '; 1 << 20]);
        assert!(bomb.len() < 10_000);
        let mut body = Body::new(true, 1 << 16);
        let refused = bomb.chunks(512).find_map(|piece| body.push(piece).err());
        let refused = refused.or_else(|| body.finish().err());
        assert_eq!(refused, Some(BodyError::TooBig));
    }

    #[test]
    fn a_compressed_body_that_never_inflates_to_anything_is_refused_at_the_limit() {
        const EMPTY_STORED_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];
        let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        let mut body = Body::new(true, 100);
        body.push(&header).unwrap();
        let mut pushed = (0..100 + GZIP_ADDS).map(|_| body.push(&EMPTY_STORED_BLOCK));
        assert_eq!(pushed.find(Result::is_err), Some(Err(BodyError::TooBig)));
    }

    #[test]
    fn a_compressed_body_that_ends_early_is_corrupt() {
        let packed = gzip(&(0..=255).cycle().take(10_000).collect::<Vec<u8>>());
        let mut body = Body::new(true, 1 << 20);
        body.push(&packed[..packed.len() / 2]).unwrap();
        assert!(matches!(body.finish(), Err(BodyError::Corrupt(_))));
    }
}
