//! Where the bytes of a version come from.

use std::path::PathBuf;
use std::sync::Arc;

use rollout::Candidate;
use runtime_store::StageError;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::download::Download;
use crate::error::{RegistryError, UpdateError};
use crate::http::shown;
use crate::mirror::Mirror;
use crate::rate::time_for;
use crate::source::Source;

/// Where the bytes come from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// The tarball that the candidate names.
    Source,
    /// Whoever has what was signed: the registry first, then the site itself.
    Signed(Signed),
    /// This address and no other.
    Copy(Url),
    /// A file on this machine.
    File(PathBuf),
    /// Somebody near, who may have it too.
    Near(Arc<dyn Mirror>),
}

/// What is signed of a version's bytes, beside their sha512.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    /// Where the site has them itself.
    pub(crate) copy: Option<Url>,
    /// How many they are.
    pub(crate) packed_size: u64,
    /// Until when the registry is waited for, once that has begun.
    pub(crate) until: Option<Instant>,
}

impl Origin {
    /// The same, with the time that others have who have `bytes` bytes counted from now: a registry
    /// that hardly moves must not keep this device from what the site has itself, nor from what its
    /// publisher says meanwhile.
    pub(crate) fn begun(&self, source: &dyn Source, bytes: u64) -> Self {
        let mut begun = self.clone();
        if let Self::Signed(signed) = &mut begun
            && signed.copy.is_some()
        {
            signed.until = Some(Instant::now() + time_for(bytes, source.patience()));
        }
        begun
    }
}

impl Signed {
    /// Opens what the registry has, if it says that it is what was signed, else the site's own copy.
    pub(crate) async fn open(
        &self,
        source: &dyn Source,
        candidate: &Candidate,
        limit: u64,
    ) -> Result<Download, RegistryError> {
        let opening = self.open_registrys(source, candidate, limit);
        let opened = match self.until {
            None => opening.await,
            Some(until) => {
                let begun = Instant::now();
                match timeout_at(until, opening).await {
                    Ok(opened) => opened.map(|download| download.until(until)),
                    Err(_) => Err(RegistryError::TooSlow {
                        url: source.address().await.unwrap_or_default(),
                        came: 0,
                        after: begun.elapsed(),
                    }),
                }
            }
        };
        let error = match opened {
            Ok(download) => return Ok(download),
            Err(error) => error,
        };
        let Some(copy) = &self.copy else {
            return Err(error);
        };
        tracing::info!(%error, copy = shown(copy), "the site's own copy is taken");
        open_copy(source, copy, limit).await
    }

    async fn open_registrys(
        &self,
        source: &dyn Source,
        candidate: &Candidate,
        limit: u64,
    ) -> Result<Download, RegistryError> {
        let listed = source.version(&candidate.version).await?;
        if listed.integrity == candidate.integrity {
            return source.open(&listed, limit).await;
        }
        let url = source.address().await?;
        tracing::warn!(
            url,
            version = candidate.version.as_str(),
            signed = %candidate.integrity,
            listed = %listed.integrity,
            "the registry lists another sha512 than was signed"
        );
        Err(RegistryError::WrongBytes {
            url,
            package: candidate.package.clone(),
            version: candidate.version.clone(),
        })
    }

    /// The site's own copy, where `error` is about bytes that came from elsewhere.
    pub(crate) fn instead(&self, error: &UpdateError) -> Option<Url> {
        let copy = self.copy.as_ref()?;
        let address = shown(copy);
        let elsewhere = match error {
            UpdateError::Registry(error) => error.url().is_some_and(|url| url != address),
            UpdateError::Stage { origin, error, .. } => {
                *origin != address
                    && matches!(
                        **error,
                        StageError::Unpack(_) | StageError::WrongIntegrity { .. }
                    )
            }
            _ => false,
        };
        elsewhere.then(|| copy.clone())
    }
}

/// Opens the site's own copy, of at most `limit` bytes: that too has to move.
pub(crate) async fn open_copy(
    source: &dyn Source,
    copy: &Url,
    limit: u64,
) -> Result<Download, RegistryError> {
    let until = Instant::now() + time_for(limit, source.patience());
    Ok(source.copy(copy, limit).await?.until(until))
}
