//! What the updater asks for versions: a registry, or in tests a stand-in.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rollout::{Candidate, PackageName, Version};
use url::Url;

use crate::download::Download;
use crate::error::RegistryError;
use crate::registry::{CachedPackument, PackumentAnswer, Registry};

/// What a channel names now.
#[derive(Debug, Clone)]
pub(crate) enum Latest {
    /// What was cached.
    NotModified,
    /// A new answer.
    Fresh {
        candidate: Box<Candidate>,
        etag: Option<String>,
    },
}

type Answer<'a, T> = BoxFuture<'a, Result<T, RegistryError>>;

pub(crate) trait Source: fmt::Debug + Send + Sync {
    fn package(&self) -> &PackageName;
    fn address(&self) -> Answer<'_, String>;
    /// The least time that anything may take which can be had elsewhere.
    fn patience(&self) -> Duration {
        Duration::from_mins(2)
    }
    /// What `channel` names now: a dist-tag, or an exact version, which no tag can look like.
    fn latest<'a>(
        &'a self,
        channel: &'a str,
        cached: Option<&'a CachedPackument>,
    ) -> Answer<'a, Latest>;
    fn version<'a>(&'a self, version: &'a Version) -> Answer<'a, Candidate>;
    fn open<'a>(&'a self, candidate: &'a Candidate, limit: u64) -> Answer<'a, Download>;
    /// The same bytes on another host, which is never told who we are.
    fn copy<'a>(&'a self, url: &'a Url, limit: u64) -> Answer<'a, Download>;
}

impl Source for Registry {
    fn package(&self) -> &PackageName {
        Registry::package(self)
    }

    fn address(&self) -> Answer<'_, String> {
        Registry::address(self).boxed()
    }

    fn patience(&self) -> Duration {
        self.http().patience()
    }

    fn latest<'a>(
        &'a self,
        channel: &'a str,
        cached: Option<&'a CachedPackument>,
    ) -> Answer<'a, Latest> {
        async move {
            Ok(match self.packument(cached).await? {
                PackumentAnswer::NotModified => Latest::NotModified,
                PackumentAnswer::Fresh { packument, etag } => Latest::Fresh {
                    candidate: Box::new(match channel.parse() {
                        Ok(version) => packument.version(&version)?,
                        Err(_) => packument.tagged(channel)?,
                    }),
                    etag,
                },
            })
        }
        .boxed()
    }

    fn version<'a>(&'a self, version: &'a Version) -> Answer<'a, Candidate> {
        Registry::version(self, version).boxed()
    }

    fn open<'a>(&'a self, candidate: &'a Candidate, limit: u64) -> Answer<'a, Download> {
        self.open_tarball(candidate, limit).boxed()
    }

    fn copy<'a>(&'a self, url: &'a Url, limit: u64) -> Answer<'a, Download> {
        self.open_copy(url, limit).boxed()
    }
}
