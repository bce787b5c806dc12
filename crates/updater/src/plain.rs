//! An unsigned manifest on a static host, and the plain version beside it.
//!
//! Invariants: nobody's login is ever sent there; what is no manifest of this package never takes
//! the place of one that was heard; only "there is none" does away with it.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::ETAG;
use rollout::{Manifest, PackageName, Terms, Version};
use sha2::{Digest, Sha256};
use url::Url;

use crate::error::{RegistryError, UpdateError};
use crate::http::{Ask, Http, Timeouts, header, shown};
use crate::whole::whole;

/// The longest text that may name a version, in bytes.
const LATEST_BYTES: usize = 1 << 10;

/// The longest that a whole manifest may take: a trickle must not keep a check waiting for ever.
const TIME: Duration = Duration::from_mins(2);

/// Where the manifest is.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) http: Http,
    pub(crate) timeouts: Timeouts,
    pub(crate) manifest: Url,
    pub(crate) latest: Option<Url>,
}

/// What the host says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What it said before.
    Same,
    /// This.
    Fresh {
        manifest: Box<Manifest>,
        etag: Option<String>,
    },
    /// It has none.
    Gone,
}

impl Host {
    /// The name under which terms of this host are kept.
    pub(crate) fn source(&self) -> String {
        source_of(&self.manifest)
    }

    /// What the host says of `package`; `etag` is that of the manifest that is kept.
    pub(crate) async fn ask(
        &self,
        package: &PackageName,
        etag: Option<&str>,
    ) -> Result<Answer, UpdateError> {
        let url = &self.manifest;
        let limit = usize::try_from(Manifest::MOST_BYTES).unwrap_or(usize::MAX);
        let (bytes, fresh) = match self.get(url, "application/json", etag, limit).await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(Answer::Same),
            Err(RegistryError::NotFound { .. }) => return Ok(Answer::Gone),
            Err(error) => return Err(UpdateError::Host(error)),
        };
        let manifest = Manifest::parse(&bytes, package).map_err(|error| UpdateError::Manifest {
            url: shown(url),
            why: error.to_string(),
        })?;
        Ok(Answer::Fresh {
            manifest: Box::new(manifest),
            etag: fresh,
        })
    }

    /// The version that the plain text names, where there is such a text and it names one.
    pub(crate) async fn ask_latest(&self) -> Option<Version> {
        let url = self.latest.as_ref()?;
        let named = match self
            .get(url, "text/plain, */*; q=0.5", None, LATEST_BYTES)
            .await
        {
            Ok(Some((bytes, _))) => version(&bytes),
            Ok(None) => Err("it says 304 to an open question".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        named
            .inspect_err(|why| {
                let url = shown(url);
                tracing::warn!(url, why, "names no version; the registry's newest counts");
            })
            .ok()
    }

    /// The body and its `ETag`; nothing where it is what `etag` stands for.
    async fn get(
        &self,
        url: &Url,
        accept: &'static str,
        etag: Option<&str>,
        limit: usize,
    ) -> Result<Option<(Vec<u8>, Option<String>)>, RegistryError> {
        let once = || async {
            let ask = Ask {
                url,
                accept,
                gzip: true,
                etag,
                authorization: None,
            };
            let mut response = self.http.get(&ask).await?;
            if response.status() == StatusCode::NOT_MODIFIED {
                return match etag {
                    Some(_) => Ok(None),
                    None => Err(RegistryError::Status {
                        url: shown(url),
                        status: 304,
                    }),
                };
            }
            let etag = header(&response, &ETAG);
            let bytes = whole(&self.http, &mut response, url, limit).await?;
            Ok(Some((bytes, etag)))
        };
        let asked = tokio::time::timeout(TIME, self.timeouts.retried(once)).await;
        asked.unwrap_or_else(|_| {
            Err(RegistryError::Idle {
                url: shown(url),
                got: 0,
                after: TIME,
            })
        })
    }
}

/// The name under which terms of the manifest at `url` are kept: its address, with a digest in place
/// of a query, which may be a password.
pub(crate) fn source_of(url: &Url) -> String {
    let shown = shown(url);
    match url.query() {
        None => shown,
        Some(query) => {
            let digest = Sha256::digest(query);
            let tag = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
            format!("{shown}?{tag:08x}")
        }
    }
}

/// The terms that follow from an answer: `kept` are those of the same source.
pub(crate) fn follow(
    kept: Option<Terms>,
    answer: Answer,
    source: &str,
    now: Timestamp,
) -> Option<Terms> {
    match answer {
        Answer::Same => kept.map(|kept| Terms {
            verified_at: now,
            ..kept
        }),
        Answer::Fresh { manifest, etag } => Some(Terms {
            source: source.to_owned(),
            etag,
            verified_at: now,
            signed: false,
            expires: None,
            floor: manifest.signed_at.or(kept.and_then(|kept| kept.floor)),
            manifest: *manifest,
        }),
        Answer::Gone => None,
    }
}

/// A text with nothing but a version in it.
fn version(bytes: &[u8]) -> Result<Version, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    text.trim()
        .parse()
        .map_err(|error: rollout::VersionError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_is_a_version() {
        assert_eq!(version(b" 1.2.3\r\n").unwrap().as_str(), "1.2.3");
        for wrong in [
            &b""[..],
            b"v1.2.3",
            b"1.2",
            b"<!doctype html>",
            b"1.2.3\n1.2.4",
            b"\xff",
        ] {
            assert!(version(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_floor_stays_until_the_publisher_names_another() {
        let manifest = |text: &str| Box::new(serde_json::from_str::<Manifest>(text).unwrap());
        let fresh = |text| Answer::Fresh {
            manifest: manifest(text),
            etag: None,
        };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-06-12T08:00:00Z");
        let late = r#"{"version":"1.0.0","signedAt":"2026-06-11T00:00:00Z"}"#;
        let first = follow(None, fresh(late), "x", now);
        let floor = first.as_ref().unwrap().floor;
        assert_eq!(floor, Some(at("2026-06-11T00:00:00Z")));
        let silent = follow(first.clone(), fresh(r#"{"version":"1.0.1"}"#), "x", now).unwrap();
        assert_eq!(
            (silent.floor, silent.manifest.version.as_str()),
            (floor, "1.0.1")
        );
        let mended = r#"{"version":"1.0.1","signedAt":"2026-06-10T00:00:00Z"}"#;
        let mended = follow(first.clone(), fresh(mended), "x", now).unwrap();
        assert_eq!(mended.floor, Some(at("2026-06-10T00:00:00Z")));
        let same = follow(first.clone(), Answer::Same, "x", at("2026-06-13T08:00:00Z")).unwrap();
        assert_eq!(same.verified_at, at("2026-06-13T08:00:00Z"));
        assert_eq!(follow(first, Answer::Gone, "x", now), None);
    }
}
