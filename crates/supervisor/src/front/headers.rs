//! What of a message belongs to one connection, and what goes on to the other side. Pure.

use hyper::header::{
    CONNECTION, EXPECT, HeaderMap, HeaderName, HeaderValue, LOCATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Uri};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// The protocol that the connection is to be upgraded to, if it is.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers
        .get_all(CONNECTION)
        .iter()
        .any(|value| names(value).any(|name| name == UPGRADE));
    headers.get(UPGRADE).filter(|_| wanted).cloned()
}

/// Takes out what one connection says about itself. How long a body is stays, and how it is framed
/// is said anew.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers.get_all(CONNECTION).iter().flat_map(names).collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        // The front itself says that a body may come.
        EXPECT,
    ] {
        headers.remove(name);
    }
}

/// Says that the connection is upgraded, after [`strip`].
pub(super) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

fn names(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    let value = value.to_str().unwrap_or_default();
    value.split(',').filter_map(|name| name.trim().parse().ok())
}

/// A runtime that redirects to its own port means the front's, which is the one that lasts.
pub(super) fn mend_location(headers: &mut HeaderMap, from: u16, to: u16) {
    let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else {
        return;
    };
    for host in ["127.0.0.1", "localhost"] {
        let Some(rest) = location.strip_prefix(&format!("http://{host}:{from}")) else {
            continue;
        };
        if !rest.is_empty() && !rest.starts_with(['/', '?', '#']) {
            return;
        }
        if let Ok(value) = HeaderValue::try_from(format!("http://{host}:{to}{rest}")) {
            headers.insert(LOCATION, value);
        }
        return;
    }
}

/// The path and query alone, whatever form the client asked in.
pub(super) fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query()
        .map_or_else(|| Uri::from_static("/"), |path| path.clone().into())
}

/// Whether a request may be sent again where its connection ended before an answer: it asks only to
/// read, and has no body that would be used up.
pub(super) fn may_repeat(method: &Method, has_body: bool) -> bool {
    !has_body && method.is_safe()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn what_belongs_to_one_connection_goes_no_further() {
        let mut found = headers(&[
            ("host", "127.0.0.1:4100"),
            ("connection", "keep-alive, X-Mine"),
            ("x-mine", "1"),
            ("x-other", "2"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("content-length", "3"),
            ("cookie", "a=b"),
        ]);
        strip(&mut found);
        let mut left: Vec<_> = found.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "cookie", "host", "x-other"]);
    }

    #[test]
    fn an_upgrade_is_one_only_where_the_connection_says_so() {
        let asked = headers(&[
            ("upgrade", "websocket"),
            ("connection", "Keep-Alive, Upgrade"),
        ]);
        let protocol = upgrade(&asked).expect("an upgrade");
        assert_eq!(protocol, "websocket");
        let mut sent = asked;
        strip(&mut sent);
        assert!(sent.is_empty());
        set_upgrade(&mut sent, protocol);
        assert_eq!(upgrade(&sent).expect("still one"), "websocket");
        assert_eq!(upgrade(&headers(&[("upgrade", "h2c")])), None);
        assert_eq!(upgrade(&headers(&[("connection", "upgrade")])), None);
    }

    #[test]
    fn a_redirect_to_the_instances_own_port_leads_to_the_front() {
        for (given, expected) in [
            ("http://127.0.0.1:5000/a?b", "http://127.0.0.1:4100/a?b"),
            ("http://localhost:5000", "http://localhost:4100"),
            ("http://127.0.0.1:50001/a", "http://127.0.0.1:50001/a"),
            ("http://127.0.0.1:5000@evil/", "http://127.0.0.1:5000@evil/"),
            ("https://127.0.0.1:5000/", "https://127.0.0.1:5000/"),
            ("/a", "/a"),
        ] {
            let mut found = headers(&[("location", given)]);
            mend_location(&mut found, 5000, 4100);
            assert_eq!(found["location"], expected, "{given}");
        }
    }

    #[test]
    fn only_the_path_and_query_are_asked_for() {
        let uri: Uri = "http://127.0.0.1:4100/a/b?c=d".parse().expect("uri");
        assert_eq!(origin_form(&uri), "/a/b?c=d");
        assert_eq!(origin_form(&Uri::from_static("/x")), "/x");
    }

    #[test]
    fn what_changes_something_or_has_a_body_is_sent_once() {
        assert!(may_repeat(&Method::GET, false));
        assert!(may_repeat(&Method::HEAD, false));
        assert!(!may_repeat(&Method::GET, true));
        assert!(!may_repeat(&Method::POST, false));
        assert!(!may_repeat(&Method::DELETE, false));
    }
}
