//! A site in a bucket of an object store.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, GetOptions, ListResult,
    ObjectStore, PutMode, PutOptions, PutPayload, RetryConfig, UpdateVersion,
};
use rollout::Integrity;
use sha2::{Digest as _, Sha512};
use url::Url;

use super::settings::{Kind, Settings};
use super::store::{Body, Caching, Expect, MOST_BYTES, Reading, Seen, meanwhile};
use crate::failure::Failure;

/// A bucket, and the place in it that is the site.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// What SITE said, without a `/` at its end.
    url: String,
    settings: Settings,
}

impl Bucket {
    /// The bucket that `url` names, with what the environment says of logins and endpoints.
    pub(super) fn connect(
        url: &Url,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let settings = Settings::of(url, environment)?;
        let prefix = Path::from_url_path(url.path()).map_err(|error| {
            Failure::usage(
                format_args!("{url} cannot be a site: {error}"),
                "Choose a place whose path has no empty parts.",
            )
        })?;
        // Uploads may be slow; a host that does not answer at all should not be waited for.
        let client = ClientOptions::new()
            .with_allow_http(settings.plain)
            .with_connect_timeout(Duration::from_secs(10))
            .with_timeout(Duration::from_mins(15));
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: 3,
            retry_timeout: Duration::from_mins(1),
        };
        macro_rules! build {
            ($builder:ty) => {{
                let mut builder = <$builder>::new()
                    .with_client_options(client)
                    .with_retry(retry);
                for (name, value) in &settings.options {
                    if let Ok(key) = name.parse() {
                        builder = builder.with_config(key, value);
                    }
                }
                builder
                    .with_url(url.as_str())
                    .build()
                    .map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
            }};
        }
        let store = match settings.kind {
            Kind::S3 => build!(AmazonS3Builder),
            Kind::Gs => build!(GoogleCloudStorageBuilder),
            Kind::Az => build!(MicrosoftAzureBuilder),
        };
        let store = store.map_err(|error| settings.failure("open", url.as_str(), &error))?;
        Ok(Self {
            store,
            prefix,
            url: url.as_str().trim_end_matches('/').to_owned(),
            settings,
        })
    }

    /// A site in any store at all.
    #[cfg(test)]
    pub(crate) fn of(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            prefix: Path::from("some/where"),
            url: "s3://test/some/where".to_owned(),
            settings: Settings::none(),
        }
    }

    /// The file's URL, for words.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    fn location(&self, name: &str) -> Result<Path, Failure> {
        let text = format!("{}/{name}", self.prefix);
        Path::parse(text.trim_matches('/')).map_err(|error| {
            Failure::new(
                "site",
                format_args!("{} cannot be stored: {error}", self.place(name)),
                "Choose another name.",
            )
        })
    }

    fn failed(&self, doing: &str, name: &str, error: &Error) -> Failure {
        self.settings.failure(doing, &self.place(name), error)
    }

    /// Reads a small file.
    pub(super) async fn get(&self, name: &str) -> Result<Reading, Failure> {
        let location = self.location(name)?;
        let failed = |error: Error| self.failed("read", name, &error);
        let found = match self.store.get_opts(&location, GetOptions::default()).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => {
                return Ok(Reading {
                    bytes: None,
                    seen: Seen::Absent,
                });
            }
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > MOST_BYTES {
            return Err(Failure::new(
                "site",
                format_args!("{} is larger than {MOST_BYTES} bytes", self.place(name)),
                "Restore it from a backup.",
            ));
        }
        let seen = Seen::Object(UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        });
        let bytes = found.bytes().await.map_err(failed)?;
        Ok(Reading {
            bytes: Some(bytes.into()),
            seen,
        })
    }

    /// The sha512 of a file of any size.
    pub(super) async fn integrity(&self, name: &str) -> Result<Option<Integrity>, Failure> {
        let location = self.location(name)?;
        let failed = |error: Error| self.failed("read", name, &error);
        let found = match self.store.get_opts(&location, GetOptions::default()).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut digest = Sha512::new();
        let mut stream = found.into_stream();
        while let Some(block) = stream.next().await {
            digest.update(&block.map_err(failed)?);
        }
        Ok(Some(Integrity::from_digest(digest.finalize().into())))
    }

    /// Writes a file in one request, if what is expected holds.
    pub(super) async fn put(
        &self,
        name: &str,
        body: Body,
        expect: &Expect,
        caching: Caching,
    ) -> Result<(), Failure> {
        let bytes = match body {
            Body::Bytes(bytes) => bytes,
            Body::File(file) => std::fs::read(file.path())
                .map_err(|error| Failure::file("read", file.path(), &error))?,
        };
        let bytes = bytes::Bytes::from(bytes);
        let location = self.location(name)?;
        let attributes: Attributes = [
            (Attribute::ContentType, content_type(name)),
            (Attribute::CacheControl, caching.header()),
        ]
        .into_iter()
        .collect();
        let mode = match expect {
            Expect::Anything => PutMode::Overwrite,
            Expect::New | Expect::Unnamed | Expect::Unchanged(Seen::Absent) => PutMode::Create,
            Expect::Unchanged(Seen::Object(seen)) => PutMode::Update(seen.clone()),
            Expect::Unchanged(Seen::Content(_)) => return Err(meanwhile(&self.place(name))),
        };
        let put = |mode| {
            let options = PutOptions {
                mode,
                attributes: attributes.clone(),
                ..PutOptions::default()
            };
            self.store
                .put_opts(&location, PutPayload::from(bytes.clone()), options)
        };
        match put(mode).await {
            Ok(_) => Ok(()),
            // Also where the answer to our own first try was lost and it was tried again.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                if self.holds(&location, &bytes).await {
                    Ok(())
                } else {
                    Err(meanwhile(&self.place(name)))
                }
            }
            // A store without conditions: look first. Two publishers in the same second are not told apart.
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                let as_expected = match expect {
                    Expect::Anything => true,
                    Expect::New | Expect::Unnamed => self.get(name).await?.seen == Seen::Absent,
                    Expect::Unchanged(seen) => self.get(name).await?.seen == *seen,
                };
                if self.holds(&location, &bytes).await {
                    Ok(())
                } else if as_expected {
                    put(PutMode::Overwrite)
                        .await
                        .map(drop)
                        .map_err(|error| self.failed("write", name, &error))
                } else {
                    Err(meanwhile(&self.place(name)))
                }
            }
            Err(error) => Err(self.failed("write", name, &error)),
        }
    }

    /// Whether a file holds these very bytes.
    async fn holds(&self, location: &Path, bytes: &[u8]) -> bool {
        match self.store.get_opts(location, GetOptions::default()).await {
            Ok(found) if found.meta.size == bytes.len() as u64 => {
                found.bytes().await.is_ok_and(|there| there == bytes)
            }
            _ => false,
        }
    }

    /// The files right inside a folder of the site.
    pub(super) async fn list(&self, dir: &str) -> Result<Vec<String>, Failure> {
        let found = self.inside(dir).await?;
        Ok(found
            .objects
            .iter()
            .filter_map(|object| object.location.filename().map(str::to_owned))
            .collect())
    }

    /// The folders right inside a folder of the site.
    pub(super) async fn dirs(&self, dir: &str) -> Result<Vec<String>, Failure> {
        let found = self.inside(dir).await?;
        Ok(found
            .common_prefixes
            .iter()
            .filter_map(|path| path.filename().map(str::to_owned))
            .collect())
    }

    async fn inside(&self, dir: &str) -> Result<ListResult, Failure> {
        let location = self.location(dir)?;
        self.store
            .list_with_delimiter(Some(&location))
            .await
            .map_err(|error| self.failed("list", dir, &error))
    }
}

/// What a file's name says of its kind.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("json") => "application/json",
        Some("tgz") => "application/gzip",
        _ => "application/octet-stream",
    }
}
