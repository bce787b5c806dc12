//! Who may ask: this page, opened by whoever read the address that was printed.
//!
//! A browser has other pages open, and a machine has other users. A page from elsewhere may reach a loopback port by
//! its address, or by a name of its own that it points there; so the `Host` must be ours, `Origin` must be ours where
//! there is one, and everything but the page's own files needs the key, which no cookie carries: a cookie would go to
//! every other port of this machine as well.

use std::net::SocketAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use axum::http::{HeaderMap, Method, header};

use crate::failure::Failure;

/// What the printed address has behind its `#`: 256 random bits.
#[derive(Clone)]
pub(super) struct Key(String);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    pub(super) fn new() -> Result<Self, Failure> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| {
            Failure::new(
                "system",
                "This machine has no random numbers to give",
                "Try again.",
            )
        })?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The address that opens the page.
    pub(super) fn address(&self, at: SocketAddr) -> String {
        format!("http://{at}/#key={}", self.0)
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stranger {
    /// It was sent to another name or port.
    Host,
    /// It comes from another page.
    Origin,
    /// It does not have the key.
    Key,
}

/// Looks at a request to the server at `at`.
pub(super) fn look(
    at: SocketAddr,
    key: &Key,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<(), Stranger> {
    let ours = at.to_string();
    let text = |name: header::HeaderName| match headers.get_all(name).iter().collect::<Vec<_>>()[..]
    {
        [] => Ok(None),
        [one] => one.to_str().map(Some).map_err(|_| ()),
        _ => Err(()),
    };
    if text(header::HOST) != Ok(Some(&ours)) {
        return Err(Stranger::Host);
    }
    let may_lack = matches!(*method, Method::GET | Method::HEAD);
    match text(header::ORIGIN) {
        Ok(Some(origin)) if origin == format!("http://{ours}") => {}
        Ok(None) if may_lack => {}
        _ => return Err(Stranger::Origin),
    }
    if !path.starts_with("/api/") {
        return Ok(());
    }
    let from = headers
        .get("sec-fetch-site")
        .map(header::HeaderValue::as_bytes);
    if from.is_some_and(|it| it != b"same-origin") {
        return Err(Stranger::Origin);
    }
    let sent = text(header::AUTHORIZATION).ok().flatten();
    let sent = sent.and_then(|it| it.strip_prefix("Bearer "));
    let same = |it: &str| verify_slices_are_equal(it.as_bytes(), key.0.as_bytes()).is_ok();
    if sent.is_some_and(same) {
        Ok(())
    } else {
        Err(Stranger::Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &Method, path: &str, sent: &[(&str, &str)]) -> Result<(), Stranger> {
        let at = "127.0.0.1:7777".parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            let name: header::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        look(at, &Key("secret".to_owned()), method, path, &headers)
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:7777");
    const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:7777");
    const KEY: (&str, &str) = ("authorization", "Bearer secret");

    #[test]
    fn the_page_is_answered() {
        assert_eq!(asked(&Method::GET, "/", &[HOST]), Ok(()));
        assert_eq!(asked(&Method::GET, "/api/events", &[HOST, KEY]), Ok(()));
        let site = ("sec-fetch-site", "same-origin");
        let post = [HOST, ORIGIN, KEY, site];
        assert_eq!(
            asked(&Method::POST, "/api/ramps/global/halt", &post),
            Ok(())
        );
    }

    #[test]
    fn a_name_that_points_here_is_not_this_address() {
        for host in [
            "localhost:7777",
            "evil.example:7777",
            "127.0.0.1",
            "127.0.0.1:7778",
            "",
        ] {
            let sent = [("host", host), KEY];
            assert_eq!(
                asked(&Method::GET, "/", &sent),
                Err(Stranger::Host),
                "{host}"
            );
        }
        assert_eq!(asked(&Method::GET, "/", &[]), Err(Stranger::Host));
        assert_eq!(asked(&Method::GET, "/", &[HOST, HOST]), Err(Stranger::Host));
    }

    #[test]
    fn another_page_is_not_answered_even_with_the_key() {
        for origin in [
            "null",
            "http://localhost:7777",
            "http://127.0.0.1:7778",
            "https://127.0.0.1:7777",
        ] {
            let sent = [HOST, ("origin", origin), KEY];
            for method in [Method::GET, Method::POST] {
                let found = asked(&method, "/api/devices", &sent);
                assert_eq!(found, Err(Stranger::Origin), "{origin}");
            }
        }
        let site = ("sec-fetch-site", "cross-site");
        let sent = [HOST, ORIGIN, KEY, site];
        assert_eq!(
            asked(&Method::GET, "/api/devices", &sent),
            Err(Stranger::Origin)
        );
        let sent = [HOST, KEY];
        assert_eq!(
            asked(&Method::POST, "/api/devices", &sent),
            Err(Stranger::Origin)
        );
    }

    #[test]
    fn nothing_of_the_fleet_is_told_without_the_key() {
        for key in [
            "",
            "Bearer ",
            "Bearer secre",
            "Bearer secret2",
            "bearer secret",
            "secret",
        ] {
            let sent = [HOST, ORIGIN, ("authorization", key)];
            assert_eq!(
                asked(&Method::GET, "/api/events", &sent),
                Err(Stranger::Key),
                "{key}"
            );
        }
        assert_eq!(
            asked(&Method::GET, "/api/events", &[HOST]),
            Err(Stranger::Key)
        );
    }

    #[test]
    fn keys_differ_and_are_not_shown() {
        let (one, other) = (Key::new().unwrap(), Key::new().unwrap());
        assert_ne!(one.0, other.0);
        assert_eq!(one.0.len(), 64);
        assert_eq!(format!("{one:?}"), "Key(…)");
    }
}
