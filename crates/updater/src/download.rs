//! A tarball on its way: counted, capped, and never taken for whole when it is not.

use std::path::Path;

use backon::Retryable;
use bytes::Bytes;
use reqwest::Response;
use rollout::{Candidate, Integrity};
use sha2::{Digest, Sha512};
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::error::RegistryError;
use crate::http::{Http, announced, shown};
use crate::registry::Registry;

/// An open answer with a tarball in it, exactly as the other side sends it.
#[derive(Debug)]
pub struct Download {
    http: Http,
    response: Response,
    url: Url,
    total: Option<u64>,
    got: u64,
    limit: u64,
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
            http,
            response,
            url,
            total,
            got: 0,
            limit,
        })
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
        let piece = self
            .http
            .piece(&mut self.response, &self.url, self.got)
            .await?;
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
            .when(RegistryError::is_transient)
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
