//! One GET: which addresses may be asked, who sees the token, where a redirect may lead.
//!
//! Invariants: an `Authorization` header is only ever sent to the origin it was configured for, and
//! never again once a redirect has left that origin; nothing goes from HTTPS to HTTP; loopback is
//! never reached by way of a proxy.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue,
    IF_NONE_MATCH, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode};
use tokio::time::Instant;
use url::{Host, Url};

use crate::error::RegistryError;
use crate::npmrc::NpmSettings;
use crate::rate::Rate;
use crate::secret::Secret;

const MAX_REDIRECTS: usize = 8;

/// An answer's pace is judged in windows of so many times the longest silence.
const PATIENCE: u32 = 4;

/// A server that asks for more than this is asked again after this all the same.
pub(crate) const RETRY_AFTER_CAP: Duration = Duration::from_hours(6);

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// Between two pieces of an answer. There is no limit on the whole: a slow line is no error.
    pub idle: Duration,
    /// Tries of one request, the first included.
    pub tries: usize,
    /// The first pause between two tries; the next ones double it, each with jitter.
    pub pause: Duration,
    /// The longest pause inside one request. What asks for more ends the request instead.
    pub max_pause: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            tries: 3,
            pause: Duration::from_millis(500),
            max_pause: Duration::from_secs(10),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) url: &'a Url,
    pub(crate) accept: &'static str,
    /// Packuments may come compressed. Tarballs are hashed as they are, so nothing may touch them.
    pub(crate) gzip: bool,
    pub(crate) etag: Option<&'a str>,
    pub(crate) authorization: Option<&'a Secret>,
}

/// The clients: one that may use a proxy and one for this very machine.
#[derive(Clone)]
pub(crate) struct Http {
    outside: Client,
    loopback: Client,
    idle: Duration,
}

impl fmt::Debug for Http {
    /// Leaves the clients out: a proxy's address may hold a login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

impl Http {
    pub(crate) fn new(npm: &NpmSettings, timeouts: &Timeouts) -> Result<Self, RegistryError> {
        let failed = |error: reqwest::Error| RegistryError::Client {
            why: chain(&error.without_url()),
        };
        let builder = || {
            Client::builder()
                .user_agent(concat!("refit/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(timeouts.connect)
                .read_timeout(timeouts.idle)
                .no_gzip()
        };
        let mut outside = builder();
        if let Some(proxy) = npm.proxy() {
            let skip = npm.no_proxy().and_then(reqwest::NoProxy::from_string);
            outside = outside.proxy(reqwest::Proxy::all(proxy).map_err(failed)?.no_proxy(skip));
        }
        Ok(Self {
            outside: outside.build().map_err(failed)?,
            loopback: builder().no_proxy().build().map_err(failed)?,
            idle: timeouts.idle,
        })
    }

    /// Asks once, following redirects, and turns every status but success and 304 into an error.
    pub(crate) async fn get(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let mut url = ask.url.clone();
        let mut authorization = ask.authorization;
        for _ in 0..=MAX_REDIRECTS {
            allowed(&url)?;
            let response = self.send(&url, ask, authorization).await?;
            let status = response.status();
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return judge(response, &url, authorization.is_some());
            }
            let next = redirected(&url, &response)?;
            if next.origin() != url.origin() {
                authorization = None;
            }
            url = next;
        }
        Err(RegistryError::Redirect {
            url: shown(ask.url),
            to: shown(&url),
            why: "there are too many redirects in a row",
        })
    }

    async fn send(
        &self,
        url: &Url,
        ask: &Ask<'_>,
        authorization: Option<&Secret>,
    ) -> Result<Response, RegistryError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(ask.accept));
        let encoding = if ask.gzip { "gzip" } else { "identity" };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        if let Some(etag) = ask.etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        if let Some(secret) = authorization {
            let mut value =
                HeaderValue::from_str(secret.reveal()).map_err(|_| RegistryError::Client {
                    why: format!(
                        "the credentials configured for {} hold characters that no header may",
                        shown(url)
                    ),
                })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = if is_loopback(url) {
            &self.loopback
        } else {
            &self.outside
        };
        let sent = client.get(url.clone()).headers(headers).send().await;
        sent.map_err(|error| self.broken(url, 0, error))
    }

    /// The next piece of a body; `got` counts what came before.
    pub(crate) async fn piece(
        &self,
        response: &mut Response,
        url: &Url,
        got: u64,
        rate: &mut Rate,
    ) -> Result<Option<Bytes>, RegistryError> {
        let piece = response.chunk().await;
        let piece = piece.map_err(|error| self.broken(url, got, error))?;
        let len = piece.as_ref().map_or(0, Bytes::len) as u64;
        if piece.is_some()
            && let Err(came) = rate.judge(got + len, Instant::now())
        {
            return Err(RegistryError::TooSlow {
                url: shown(url),
                came,
                after: self.patience(),
            });
        }
        Ok(piece)
    }

    /// Judges the pace of an answer that begins now: in four times as long as it may be silent, it has
    /// to bring something worth the wait.
    pub(crate) fn rate(&self) -> Rate {
        Rate::new(self.patience(), Instant::now())
    }

    /// Four times as long as an answer may be silent.
    pub(crate) fn patience(&self) -> Duration {
        self.idle * PATIENCE
    }

    fn broken(&self, url: &Url, got: u64, error: reqwest::Error) -> RegistryError {
        let error = error.without_url();
        let (url, why) = (shown(url), chain(&error));
        if error.is_timeout() && !error.is_connect() {
            RegistryError::Idle {
                url,
                got,
                after: self.idle,
            }
        } else if got > 0 || error.is_body() || error.is_decode() {
            RegistryError::Truncated { url, got, why }
        } else {
            RegistryError::Unreachable { url, why }
        }
    }
}

/// Whether an address may be asked at all.
pub(crate) fn allowed(url: &Url) -> Result<(), RegistryError> {
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)) {
        Ok(())
    } else {
        Err(RegistryError::NotSecure { url: shown(url) })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn redirected(from: &Url, response: &Response) -> Result<Url, RegistryError> {
    let refused = |to: String, why| RegistryError::Redirect {
        url: shown(from),
        to,
        why,
    };
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|value| value.to_str().ok());
    let Some(mut to) = location.and_then(|text| from.join(text).ok()) else {
        return Err(refused("nowhere".into(), "it names no address"));
    };
    // Whoever redirects does not get to say who we are.
    strip_login(&mut to);
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(refused(shown(&to), "it leaves HTTPS"));
    }
    if allowed(&to).is_err() {
        return Err(refused(
            shown(&to),
            "it is neither HTTPS nor on this machine",
        ));
    }
    Ok(to)
}

fn judge(response: Response, url: &Url, sent: bool) -> Result<Response, RegistryError> {
    let status = response.status();
    if status == StatusCode::OK || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let (url, status) = (shown(url), status.as_u16());
    Err(match status {
        401 | 403 => RegistryError::Unauthorized { url, status, sent },
        404 | 410 => RegistryError::NotFound { url },
        408 | 429 | 500..=599 => RegistryError::Busy {
            url,
            status,
            retry_after: retry_after(response.headers(), std::time::SystemTime::now()),
        },
        status => RegistryError::Status { url, status },
    })
}

/// `Retry-After`, in seconds or as an HTTP date, capped.
fn retry_after(headers: &HeaderMap, now: std::time::SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.min(RETRY_AFTER_CAP))
}

/// A header's text.
pub(crate) fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(value.to_str().ok()?.trim().to_owned())
}

/// The body's length as it was announced.
pub(crate) fn announced(response: &Response) -> Option<u64> {
    header(response, &CONTENT_LENGTH)?.parse().ok()
}

/// Takes user and password out of an address; what was there, no longer percent-encoded.
pub(crate) fn strip_login(url: &mut Url) -> Option<(String, String)> {
    let login = (!url.username().is_empty() || url.password().is_some()).then(|| {
        (
            decoded(url.username()),
            decoded(url.password().unwrap_or_default()),
        )
    });
    // Fails only for addresses without a host, which have no login either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    login
}

/// A part of an address without its percent-encoding. The decoder is that of forms, so what means
/// something in a form only is encoded first.
fn decoded(text: &str) -> String {
    let text = text
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.next().map_or_else(String::new, |(key, _)| key.into())
}

/// What may be printed of a text that is no address: what stands before an `@` may be a password.
pub(crate) fn without_login(text: &str) -> String {
    let text = text.rsplit('@').next().unwrap_or_default();
    text.chars().take(200).collect()
}

/// An address as it may be printed: no login, no query, no fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    strip_login(&mut url);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The error and its causes, without the layers that say only that there was an error.
fn chain(error: &reqwest::Error) -> String {
    const LAYERS: [&str; 3] = [
        "error sending request",
        "client error (Connect)",
        "client error (SendRequest)",
    ];
    let mut text = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) && !LAYERS.contains(&words.as_str()) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
        next = cause.source();
    }
    if text.is_empty() {
        error.to_string()
    } else {
        text
    }
}

#[cfg(test)]
mod tests;
