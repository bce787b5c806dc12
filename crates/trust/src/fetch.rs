//! How bytes come here: from outside, counted and timed.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use url::Url;

use crate::TrustError;
use crate::address::{scrubbed, shown};

/// The bytes of one URL, as they come. Whoever implements it decides how; how much and how long is
/// counted here.
pub trait Fetch: Send + Sync + Debug {
    /// Asks for `url`. Redirects, proxies and certificates are the implementor's.
    ///
    /// # Errors
    ///
    /// [`FetchError::NotFound`] only where the host says that there is no such file (404, and 403 of
    /// hosts that answer so); everything else is [`FetchError::Other`]. A newer root is believed not
    /// to exist on the strength of this difference.
    fn fetch(
        &self,
        url: Url,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes, FetchError>>, FetchError>>;
}

/// Why a URL gave no bytes, or no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The host says that there is no such file.
    #[error("it does not exist")]
    NotFound,
    /// The host wants to be left alone.
    #[error("{why}")]
    Busy {
        /// Its answer in words.
        why: String,
        /// For how long.
        retry_after: Duration,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// A [`Fetch`] with the limits of this crate round it.
#[derive(Clone)]
pub(crate) struct Wire {
    fetch: Arc<dyn Fetch>,
    idle: Duration,
}

/// Without the fetcher, which may hold anything.
impl Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

impl Wire {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, idle: Duration) -> Self {
        Self { fetch, idle }
    }

    /// Of a host that is not asked.
    pub(crate) fn nowhere() -> Self {
        Self::new(Arc::new(Nowhere), Duration::MAX)
    }

    /// The whole of `url`, at most `limit` bytes; None where there is no such file.
    pub(crate) async fn get(&self, url: &Url, limit: u64) -> Result<Option<Bytes>, TrustError> {
        let failed = |error: FetchError| TrustError::Unreachable {
            url: shown(url),
            why: scrubbed(&error.to_string(), url),
            retry_after: match error {
                FetchError::Busy { retry_after, .. } => Some(retry_after),
                FetchError::NotFound | FetchError::Other(_) => None,
            },
        };
        let mut parts = match self.timed(url, self.fetch.fetch(url.clone())).await? {
            Ok(parts) => parts,
            Err(FetchError::NotFound) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut whole = BytesMut::new();
        while let Some(part) = self.timed(url, parts.next()).await? {
            let part = part.map_err(failed)?;
            if (whole.len() as u64).saturating_add(part.len() as u64) > limit {
                return Err(TrustError::TooLarge {
                    url: shown(url),
                    limit,
                });
            }
            whole.extend_from_slice(&part);
        }
        Ok(Some(whole.freeze()))
    }

    /// As [`get`](Self::get), of a file that has to be there.
    pub(crate) async fn must_get(&self, url: &Url, limit: u64) -> Result<Bytes, TrustError> {
        self.get(url, limit)
            .await?
            .ok_or_else(|| TrustError::Missing { url: shown(url) })
    }

    async fn timed<T>(&self, url: &Url, wait: impl Future<Output = T>) -> Result<T, TrustError> {
        tokio::time::timeout(self.idle, wait)
            .await
            .map_err(|_| TrustError::TooSlow {
                url: shown(url),
                after: self.idle,
            })
    }
}

#[derive(Debug)]
struct Nowhere;

impl Fetch for Nowhere {
    fn fetch(
        &self,
        _: Url,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes, FetchError>>, FetchError>> {
        let why = "it is not kept on this device, and no host is asked now";
        Box::pin(std::future::ready(Err(FetchError::Other(why.into()))))
    }
}
