//! A tarball on its way: counted, capped, and never taken for whole when it is not.

use std::fmt;
use std::path::Path;

use backon::Retryable;
use bytes::{Bytes, BytesMut};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use rollout::{Candidate, Integrity};
use sha2::{Digest, Sha512};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::error::RegistryError;
use crate::http::{Http, announced, header, shown};
use crate::rate::Rate;
use crate::registry::Registry;

/// How every gzip stream, and so every npm tarball, begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An open answer with a tarball in it, exactly as the other side sends it.
pub struct Download {
    http: Http,
    response: Response,
    url: Url,
    total: Option<u64>,
    got: u64,
    rate: Rate,
    begun: Instant,
    /// When all of it has to have come, where that is limited.
    until: Option<Instant>,
    limit: u64,
    /// What was read ahead to see what it is.
    head: Option<Bytes>,
}

impl fmt::Debug for Download {
    /// Leaves out the answer's head, and of the address what may be a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("url", &self.asked())
            .field("total", &self.total)
            .field("got", &self.got)
            .finish_non_exhaustive()
    }
}

impl Download {
    pub(crate) fn new(
        http: Http,
        response: Response,
        url: Url,
        limit: u64,
    ) -> Result<Self, RegistryError> {
        let total = announced(&response);
        if total.is_some_and(|total| total > limit) {
            return Err(RegistryError::TooBig {
                url: shown(&url),
                limit,
            });
        }
        Ok(Self {
            rate: http.rate(),
            http,
            response,
            url,
            total,
            got: 0,
            begun: Instant::now(),
            until: None,
            limit,
            head: None,
        })
    }

    /// The same, that has to be over by `until`.
    pub(crate) fn until(mut self, until: Instant) -> Self {
        self.until = Some(until);
        self
    }

    /// The address that was asked, as it may be printed.
    pub(crate) fn asked(&self) -> String {
        shown(&self.url)
    }

    /// Whether this may be a tarball at all: not a web page, and gzip to begin with.
    pub(crate) async fn may_be_a_tarball(&mut self) -> Result<bool, RegistryError> {
        let kind = header(&self.response, &CONTENT_TYPE).unwrap_or_default();
        if kind.to_ascii_lowercase().starts_with("text/html") {
            return Ok(false);
        }
        let mut head = BytesMut::new();
        while head.len() < GZIP.len() {
            match self.read().await? {
                Some(piece) => head.extend_from_slice(&piece),
                None => return Ok(false),
            }
        }
        let gzip = head.starts_with(&GZIP);
        self.head = Some(head.freeze());
        Ok(gzip)
    }

    /// Bytes announced, where they were.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Bytes that came so far.
    pub fn got(&self) -> u64 {
        self.got
    }

    /// The next piece; `None` once everything announced has come.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, RegistryError> {
        match self.head.take() {
            Some(head) => Ok(Some(head)),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let piece = self
            .http
            .piece(&mut self.response, &self.url, self.got, &mut self.rate);
        let piece = match self.until {
            None => piece.await?,
            Some(until) => timeout_at(until, piece).await.unwrap_or_else(|_| {
                Err(RegistryError::TooSlow {
                    url: shown(&self.url),
                    came: self.got,
                    after: self.begun.elapsed(),
                })
            })?,
        };
        if let Some(piece) = piece {
            self.got += piece.len() as u64;
            if self.got > self.limit {
                return Err(RegistryError::TooBig {
                    url: shown(&self.url),
                    limit: self.limit,
                });
            }
            return Ok(Some(piece));
        }
        match self.total {
            Some(total) if total != self.got => Err(RegistryError::Truncated {
                url: shown(&self.url),
                got: self.got,
                why: format!("{total} were announced"),
            }),
            _ => Ok(None),
        }
    }
}

impl Registry {
    /// Downloads the tarball of `candidate` into the new file `into`, at most `limit` bytes, and
    /// checks its sha512. On any error there is no such file. Returns its size.
    pub async fn save_tarball(
        &self,
        candidate: &Candidate,
        into: &Path,
        limit: u64,
        progress: impl Fn(u64, Option<u64>),
    ) -> Result<u64, RegistryError> {
        let saved = (|| self.save_once(candidate, into, limit, &progress))
            .retry(self.timeouts().backoff())
            .when(RegistryError::is_cut_off)
            .await;
        if saved.is_err() {
            // It may never have been made; what matters is that no unverified file stays.
            let _ = tokio::fs::remove_file(into).await;
        }
        saved
    }

    async fn save_once(
        &self,
        candidate: &Candidate,
        into: &Path,
        limit: u64,
        progress: &impl Fn(u64, Option<u64>),
    ) -> Result<u64, RegistryError> {
        let failed = |error: std::io::Error| RegistryError::File {
            path: into.to_owned(),
            why: error.to_string(),
        };
        let mut download = self.open_tarball(candidate, limit).await?;
        let mut file = tokio::fs::File::create(into).await.map_err(failed)?;
        let mut hash = Sha512::new();
        while let Some(piece) = download.piece().await? {
            hash.update(&piece);
            file.write_all(&piece).await.map_err(failed)?;
            progress(download.got(), download.total());
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        if Integrity::from_digest(hash.finalize().into()) != candidate.integrity {
            return Err(RegistryError::WrongBytes {
                url: shown(&download.url),
                package: candidate.package.clone(),
                version: candidate.version.clone(),
            });
        }
        Ok(download.got())
    }
}
