//! An npm registry, asked about one package.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::StatusCode;
use reqwest::header::ETAG;
use rollout::{Candidate, PackageName, Version};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use url::Url;

use crate::download::Download;
use crate::error::RegistryError;
use crate::http::{Ask, Http, Timeouts, allowed, header, shown, strip_login, without_login};
use crate::npmrc::NpmSettings;
use crate::packument::Packument;
use crate::secret::Secret;
use crate::whole::whole;

/// The abbreviated form first: it leaves out readmes and times and is many times smaller.
const ACCEPT: &str =
    "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*; q=0.1";

/// The most bytes a packument may have, on its way and once inflated.
pub const PACKUMENT_BYTES: usize = 32 << 20;

/// A registry and the package it is asked about. Asking nothing costs nothing: which registry it is
/// is found out with the first question.
#[derive(Debug)]
pub struct Registry {
    package: PackageName,
    configured: Option<Place>,
    npm: NpmSettings,
    timeouts: Timeouts,
    http: Http,
    place: OnceCell<Place>,
}

/// Where the registry is, and who we are there if its address says so.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) base: Url,
    login: Option<Secret>,
}

/// What the registry last said about a dist-tag: enough for a question that 304 answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CachedPackument {
    /// The address that was asked.
    pub url: String,
    /// The dist-tag that was followed.
    pub channel: String,
    /// The `ETag` of that answer.
    pub etag: String,
    /// What the tag named.
    pub candidate: Candidate,
}

/// The answer to a check.
#[derive(Debug, Clone)]
pub enum PackumentAnswer {
    /// 304: what was cached still holds.
    NotModified,
    /// A new answer, with its `ETag` where there is one.
    Fresh {
        /// What it says.
        packument: Packument,
        /// For the next question.
        etag: Option<String>,
    },
}

impl Registry {
    /// A registry for `package`: `configured`, else what npm's settings name, else what npm itself
    /// says when asked. Opens no connection.
    pub fn new(
        package: PackageName,
        configured: Option<Url>,
        npm: NpmSettings,
        timeouts: Timeouts,
    ) -> Result<Self, RegistryError> {
        let http = Http::new(&npm, &timeouts)?;
        Ok(Self {
            package,
            configured: configured.map(Place::new),
            npm,
            timeouts,
            http,
            place: OnceCell::new(),
        })
    }

    /// The same settings for another package, whose scope may have another registry.
    #[must_use]
    pub fn for_package(&self, package: PackageName) -> Self {
        Self {
            package,
            configured: self.configured.clone(),
            npm: self.npm.clone(),
            timeouts: self.timeouts,
            http: self.http.clone(),
            place: OnceCell::new(),
        }
    }

    /// The package it is asked about.
    pub fn package(&self) -> &PackageName {
        &self.package
    }

    /// The address of the package's description, without credentials.
    pub async fn address(&self) -> Result<String, RegistryError> {
        Ok(shown(&self.packument_url(self.place().await?)?))
    }

    /// Asks for the package's description. With `cached` this is a question that 304 may answer.
    pub async fn packument(
        &self,
        cached: Option<&CachedPackument>,
    ) -> Result<PackumentAnswer, RegistryError> {
        let place = self.place().await?;
        let url = self.packument_url(place)?;
        let address = shown(&url);
        let etag = cached.filter(|c| c.url == address).map(|c| c.etag.as_str());
        self.retried(|| self.packument_once(place, &url, etag))
            .await
    }

    /// What the dist-tag `tag` names now.
    pub async fn tagged(&self, tag: &str) -> Result<Candidate, RegistryError> {
        self.fresh().await?.tagged(tag)
    }

    /// Exactly this version.
    pub async fn version(&self, version: &Version) -> Result<Candidate, RegistryError> {
        self.fresh().await?.version(version)
    }

    /// An exact version, a dist-tag or an npm range, as in `package@wanted`.
    pub async fn resolve(&self, wanted: &str) -> Result<Candidate, RegistryError> {
        self.fresh().await?.resolve(wanted)
    }

    /// Opens the tarball of `candidate` and checks its announced length against `limit`.
    ///
    /// A tarball on another host is first sought under the same path at the registry itself, since
    /// a mirror's packuments often still name the host they were copied from; only where that gives
    /// no tarball is the named host asked, without any token.
    pub async fn open_tarball(
        &self,
        candidate: &Candidate,
        limit: u64,
    ) -> Result<Download, RegistryError> {
        let place = self.place().await?;
        let named = tarball_url(candidate, &place.base)?;
        if named.origin() != place.base.origin()
            && let Some(mirrored) = mirrored(&place.base, &named)
        {
            let asked = shown(&mirrored);
            match self.open(place, mirrored, limit).await {
                Ok(mut download) => {
                    if download.may_be_a_tarball().await? {
                        return Ok(download);
                    }
                    tracing::info!(
                        url = asked,
                        "is no tarball; the host that is named is asked"
                    );
                }
                Err(
                    error @ (RegistryError::NotFound { .. }
                    | RegistryError::Unauthorized { .. }
                    | RegistryError::Status { .. }
                    | RegistryError::Redirect { .. }),
                ) => tracing::info!(%error, "the host that is named is asked for the tarball"),
                Err(error) => return Err(error),
            }
        }
        self.open(place, named, limit).await
    }

    async fn open(&self, place: &Place, url: Url, limit: u64) -> Result<Download, RegistryError> {
        self.open_as(self.authorization(place, &url).as_ref(), url, limit)
            .await
    }

    /// Opens a tarball on a host that is not the registry, as nobody.
    pub(crate) async fn open_copy(&self, url: &Url, limit: u64) -> Result<Download, RegistryError> {
        self.open_as(None, url.clone(), limit).await
    }

    async fn open_as(
        &self,
        authorization: Option<&Secret>,
        url: Url,
        limit: u64,
    ) -> Result<Download, RegistryError> {
        let response = self
            .retried(|| async {
                let ask = Ask {
                    url: &url,
                    accept: "*/*",
                    gzip: false,
                    etag: None,
                    authorization,
                };
                self.http.get(&ask).await
            })
            .await?;
        Download::new(self.http.clone(), response, url, limit)
    }

    async fn fresh(&self) -> Result<Packument, RegistryError> {
        match self.packument(None).await? {
            PackumentAnswer::Fresh { packument, .. } => Ok(packument),
            PackumentAnswer::NotModified => Err(RegistryError::Status {
                url: self.address().await?,
                status: 304,
            }),
        }
    }

    async fn packument_once(
        &self,
        place: &Place,
        url: &Url,
        etag: Option<&str>,
    ) -> Result<PackumentAnswer, RegistryError> {
        let authorization = self.authorization(place, url);
        let ask = Ask {
            url,
            accept: ACCEPT,
            gzip: true,
            etag,
            authorization: authorization.as_ref(),
        };
        let mut response = self.http.get(&ask).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return match etag {
                Some(_) => Ok(PackumentAnswer::NotModified),
                None => Err(RegistryError::Status {
                    url: shown(url),
                    status: 304,
                }),
            };
        }
        let etag = header(&response, &ETAG);
        let bytes = whole(&self.http, &mut response, url, PACKUMENT_BYTES).await?;
        let packument = Packument::parse(&self.package, &shown(url), &bytes)?;
        Ok(PackumentAnswer::Fresh { packument, etag })
    }

    async fn retried<T, F: Future<Output = Result<T, RegistryError>>>(
        &self,
        once: impl FnMut() -> F,
    ) -> Result<T, RegistryError> {
        self.timeouts.retried(once).await
    }

    /// The clients that it is asked with, without any of its credentials.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    fn packument_url(&self, place: &Place) -> Result<Url, RegistryError> {
        let name = self.package.as_str().replace('/', "%2f");
        // Not `Url::join`: a name such as `a:b` must never be taken for an address.
        let text = format!("{}{name}", place.base);
        Url::parse(&text).map_err(|error| RegistryError::BadAddress {
            text,
            why: error.to_string(),
        })
    }

    fn authorization(&self, place: &Place, url: &Url) -> Option<Secret> {
        if url.origin() != place.base.origin() {
            return None;
        }
        self.npm
            .authorization(url)
            .or_else(|| self.npm.authorization(&place.base))
            .or_else(|| place.login.clone())
    }

    async fn place(&self) -> Result<&Place, RegistryError> {
        self.place
            .get_or_try_init(|| async {
                let place = match (&self.configured, self.npm.registry(&self.package)) {
                    (Some(place), _) => place.clone(),
                    (None, Some(text)) => Place::parse(text)?,
                    (None, None) => Place::parse(&self.ask_npm().await?)?,
                };
                allowed(&place.base)?;
                Ok(place)
            })
            .await
    }

    /// The registry npm would use where nobody configured any: only npm knows it.
    async fn ask_npm(&self) -> Result<String, RegistryError> {
        let none = |why: String| RegistryError::NoRegistry {
            package: self.package.clone(),
            why,
        };
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let asked = tokio::process::Command::new(npm)
            .args(["config", "get", "registry"])
            .env_clear()
            .envs(&self.npm.env)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let asked = tokio::time::timeout(Duration::from_secs(20), asked)
            .await
            .map_err(|_| none("npm did not answer when asked for its registry".into()))?
            .map_err(|error| none(format!("npm could not be asked for its registry ({error})")))?;
        let text = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        if asked.status.success() && text.starts_with("http") {
            Ok(text)
        } else {
            Err(none("npm named none when asked".into()))
        }
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self, RegistryError> {
        let url = Url::parse(text).map_err(|error| RegistryError::BadAddress {
            text: without_login(text),
            why: error.to_string(),
        })?;
        Ok(Self::new(url))
    }

    fn new(mut base: Url) -> Self {
        base.set_query(None);
        base.set_fragment(None);
        let login = strip_login(&mut base).map(|(user, password)| {
            let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
            Secret::new(format!("Basic {pair}"))
        });
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Self { base, login }
    }
}

/// The address that `candidate` names, if a registry at `base` may name it.
fn tarball_url(candidate: &Candidate, base: &Url) -> Result<Url, RegistryError> {
    let mut url = Url::parse(&candidate.tarball).map_err(|error| RegistryError::BadAddress {
        text: without_login(&candidate.tarball),
        why: error.to_string(),
    })?;
    strip_login(&mut url);
    let refused = |why| RegistryError::InsecureTarball {
        url: shown(&url),
        why,
    };
    if allowed(&url).is_err() {
        return Err(refused(
            "only HTTPS, or HTTP on this very machine, may be asked",
        ));
    }
    if base.scheme() == "https" && url.scheme() != "https" {
        return Err(refused(
            "the registry is asked over HTTPS, so its tarballs must be too",
        ));
    }
    Ok(url)
}

/// The same path at the registry's own origin, below the registry's path.
fn mirrored(base: &Url, named: &Url) -> Option<Url> {
    let path = named.path().trim_start_matches('/');
    let path = match named.path().strip_prefix(base.path()) {
        Some(rest) if base.path() != "/" => rest,
        _ => path,
    };
    Url::parse(&format!("{base}{path}")).ok()
}

#[cfg(test)]
mod tests;
