//! A signed repository: what it says of versions, and of the bytes of one.
//!
//! Invariants: nothing here comes from anything but verified targets; where the host cannot be
//! reached or is not believed, what was verified before counts for as long as it has not expired,
//! and where nothing was, nothing does.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use rollout::{Description, Manifest, PackageName, Terms, Version};
use trust::{Fetch, FetchError, Repository, Trust};
use url::Url;

use crate::error::{RegistryError, UpdateError};
use crate::http::{Ask, Http, Timeouts, shown};
use crate::npmrc::NpmSettings;

/// A site with a signed repository.
#[derive(Debug)]
pub(crate) struct Site {
    trust: Arc<Trust>,
    fetch: Arc<dyn Fetch>,
    /// Ends with a slash.
    root: Url,
    /// The target that is the manifest.
    manifest: String,
}

/// What was verified.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) terms: Terms,
    pub(crate) repository: Arc<Repository>,
    /// Why it is not what the host says now.
    pub(crate) trouble: Option<UpdateError>,
}

impl Site {
    pub(crate) fn new(
        trust: Arc<Trust>,
        root: &Url,
        channel: &str,
        http: Http,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            trust,
            fetch: Arc::new(Net { http, timeouts }),
            root: folder(root),
            manifest: manifest_name(channel),
        }
    }

    /// The name under which terms of this site are kept.
    pub(crate) fn source(&self) -> String {
        source(&self.root, &self.manifest)
    }

    /// The site's root, as it may be printed.
    pub(crate) fn shown(&self) -> String {
        shown(&self.root)
    }

    /// Asks the host; `kept` are the terms of this very site, `now` is what its expiry is judged at
    /// and `clock` the device's own time.
    pub(crate) async fn hear(
        &self,
        package: &PackageName,
        kept: Option<Terms>,
        now: Timestamp,
        clock: Timestamp,
    ) -> Result<Heard, UpdateError> {
        let (repository, trouble) = match self.trust.refresh(Arc::clone(&self.fetch), now).await {
            Ok(repository) => (repository, None),
            Err(error) => (self.kept(error.clone()).await?, Some(error.into())),
        };
        match self.read_manifest(&repository, package).await {
            Ok(manifest) => {
                let fresh = trouble.is_none();
                if fresh {
                    self.keep_descriptions(&repository, package, &manifest)
                        .await;
                }
                let verified_at = match (&kept, fresh) {
                    (Some(kept), false) => kept.verified_at,
                    // When it was found so is not known any more; not later than it was signed, nor than now.
                    (None, false) => repository.signed_at().map_or(clock, |at| at.min(clock)),
                    (_, true) => clock,
                };
                let terms = self.terms(manifest, kept.as_ref(), &repository, verified_at);
                Ok(Heard {
                    terms,
                    repository: Arc::new(repository),
                    trouble,
                })
            }
            // What was verified before stays what it was.
            Err(error) => match kept {
                Some(terms) => Ok(Heard {
                    terms,
                    repository: Arc::new(repository),
                    trouble: Some(trouble.unwrap_or(error)),
                }),
                None => Err(trouble.unwrap_or(error)),
            },
        }
    }

    /// The terms that were verified last, from disk alone; none where none ever were.
    pub(crate) async fn last(
        &self,
        package: &PackageName,
        clock: Timestamp,
    ) -> Result<Option<Terms>, UpdateError> {
        let Some(repository) = self.trust.kept().await? else {
            return Ok(None);
        };
        let manifest = self.read_manifest(&repository, package).await?;
        let verified_at = repository.signed_at().map_or(clock, |at| at.min(clock));
        Ok(Some(self.terms(manifest, None, &repository, verified_at)))
    }

    /// What was verified last, or `error`, which is why it is needed.
    async fn kept(&self, error: trust::TrustError) -> Result<Repository, UpdateError> {
        match self.trust.kept().await {
            Ok(Some(repository)) => Ok(repository),
            Ok(None) => Err(error.into()),
            Err(damage) => {
                tracing::warn!(error = %damage, "what was verified before cannot be used either");
                Err(error.into())
            }
        }
    }

    fn terms(
        &self,
        manifest: Manifest,
        kept: Option<&Terms>,
        repository: &Repository,
        verified_at: Timestamp,
    ) -> Terms {
        let expires = repository.expires();
        // Only the manifest's own time, which the same clock and keys wrote as what it is about: the
        // timestamp's key lies on a server, and must not open a rollout that was signed elsewhere.
        // What says that it was signed after its own end has a wrong clock behind it.
        let signed_at = manifest.signed_at.filter(|at| *at < expires);
        Terms {
            source: self.source(),
            etag: None,
            verified_at,
            signed: true,
            expires: Some(expires),
            // The newest word counts, also where it takes back a time that was signed in error: an
            // older word is no longer accepted, so nobody else can lower it.
            floor: signed_at.or(kept.and_then(|kept| kept.floor)),
            manifest,
        }
    }

    async fn read_manifest(
        &self,
        repository: &Repository,
        package: &PackageName,
    ) -> Result<Manifest, UpdateError> {
        let bytes = repository
            .read(&self.manifest, Manifest::MOST_BYTES)
            .await?
            .ok_or_else(|| UpdateError::NoRollout {
                channel: self.manifest.trim_end_matches(".json").to_owned(),
                site: self.shown(),
            })?;
        Manifest::parse(&bytes, package).map_err(|error| UpdateError::Manifest {
            url: self.source(),
            why: error.to_string(),
        })
    }

    /// Has what this device may come to stage described while the host can be reached: its turn may
    /// come when it cannot.
    async fn keep_descriptions(
        &self,
        repository: &Repository,
        package: &PackageName,
        manifest: &Manifest,
    ) {
        for version in [Some(&manifest.version), manifest.usable_stable()] {
            let Some(version) = version.filter(|version| !manifest.recalls(version)) else {
                continue;
            };
            if let Err(error) = self.describe(repository, package, version).await {
                tracing::info!(%error, "what the manifest names cannot be staged yet");
            }
        }
    }

    /// The signed description of `version`; an error where there is none.
    pub(crate) async fn describe(
        &self,
        repository: &Repository,
        package: &PackageName,
        version: &Version,
    ) -> Result<Description, UpdateError> {
        let name = Description::target_name(package, version);
        let bytes = repository
            .read(&name, Description::MOST_BYTES)
            .await?
            .ok_or_else(|| self.not_signed(format!("version {version} of {package}")))?;
        Description::parse(&bytes, package, version).map_err(|error| UpdateError::Manifest {
            url: format!("{}{name}", self.shown()),
            why: error.to_string(),
        })
    }

    /// The signed description of `version` without asking anybody, where it is kept, else as the host
    /// has it now. `now` is what expiry is judged at where the host is asked.
    pub(crate) async fn described(
        &self,
        package: &PackageName,
        version: &Version,
        now: Timestamp,
    ) -> Result<Description, UpdateError> {
        if let Ok(Some(kept)) = self.trust.kept().await
            && let Ok(description) = self.describe(&kept, package, version).await
        {
            return Ok(description);
        }
        let repository = self.trust.refresh(Arc::clone(&self.fetch), now).await?;
        self.describe(&repository, package, version).await
    }

    pub(crate) fn not_signed(&self, what: String) -> UpdateError {
        UpdateError::NotSigned {
            what,
            site: self.shown(),
        }
    }

    /// Where the same host has the tarball.
    pub(crate) fn tarball(&self, description: &Description) -> Option<Url> {
        // `Description::parse` lets no path out of the site; joined as text, a name such as `a:b`
        // cannot become an address either. Some hosts read a bare plus as a space.
        let path = description.tarball.as_ref()?.replace('+', "%2B");
        Url::parse(&format!("{}{path}", self.root)).ok()
    }
}

/// A small target of a signed repository as its host has it now, verified; none where the repository does not
/// name it. `now` is what expiry is judged at.
///
/// # Errors
/// The host cannot be asked or is not believed, or the target has more than `most` bytes.
pub async fn read_signed(
    trust: &Trust,
    npm: &NpmSettings,
    timeouts: Timeouts,
    name: &str,
    most: u64,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, UpdateError> {
    let http = Http::new(npm, &timeouts)?;
    let fetch = Arc::new(Net { http, timeouts });
    let repository = trust.refresh(fetch, now).await?;
    Ok(repository.read(name, most).await?)
}

/// The name under which terms of the site at `root` are kept for `channel`.
pub(crate) fn source_of(root: &Url, channel: &str) -> String {
    source(&folder(root), &manifest_name(channel))
}

fn source(root: &Url, manifest: &str) -> String {
    format!("{}{manifest}", shown(root))
}

/// A site's root, with nothing behind its path, which ends with a slash.
fn folder(root: &Url) -> Url {
    let mut root = root.clone();
    root.set_query(None);
    root.set_fragment(None);
    if !root.path().ends_with('/') {
        root.set_path(&format!("{}/", root.path()));
    }
    root
}

/// The target that is the manifest of `channel`.
fn manifest_name(channel: &str) -> String {
    // A device that is pinned follows nobody's channel, and a name with a slash is no target.
    let named = channel.parse::<Version>().is_err() && !channel.contains(['/', '\\']);
    format!("{}.json", if named { channel } else { "latest" })
}

/// The network as the trust crate sees it: as nobody, by the same rules as everything else here.
#[derive(Debug, Clone)]
struct Net {
    http: Http,
    timeouts: Timeouts,
}

impl Fetch for Net {
    fn fetch(
        &self,
        url: Url,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes, FetchError>>, FetchError>> {
        let Self { http, timeouts } = self.clone();
        async move {
            let once = || async {
                let ask = Ask {
                    url: &url,
                    accept: "*/*",
                    gzip: false,
                    etag: None,
                    authorization: None,
                };
                http.get(&ask).await
            };
            let response = timeouts
                .retried(once)
                .await
                .map_err(|error| missing(&error))?;
            let pieces = futures_util::stream::try_unfold(
                (http.rate(), http, response, url, 0_u64),
                |(mut rate, http, mut response, url, got)| async move {
                    let piece = http.piece(&mut response, &url, got, &mut rate).await;
                    let piece = piece.map_err(|error| FetchError::Other(without_url(&error)))?;
                    Ok(piece.map(|piece| {
                        let got = got + piece.len() as u64;
                        (piece, (rate, http, response, url, got))
                    }))
                },
            );
            Ok(pieces.boxed())
        }
        .boxed()
    }
}

/// Buckets that may not be listed say 403 of what is not there.
fn missing(error: &RegistryError) -> FetchError {
    match error {
        RegistryError::NotFound { .. } | RegistryError::Unauthorized { status: 403, .. } => {
            FetchError::NotFound
        }
        RegistryError::Busy {
            retry_after: Some(retry_after),
            ..
        } => FetchError::Busy {
            why: without_url(error),
            retry_after: *retry_after,
        },
        error => FetchError::Other(without_url(error)),
    }
}

/// The words of `error` for whoever names the address itself.
fn without_url(error: &RegistryError) -> String {
    let words = match error {
        RegistryError::Unreachable { why, .. } => return why.clone(),
        error => error.to_string(),
    };
    match error.url().and_then(|url| words.strip_prefix(url)) {
        Some(rest) => format!("it {}", rest.trim_start()),
        None => words,
    }
}
