//! The folder over HTTP, on loopback: just enough of npm's registry for npm and for devices, and all
//! other files as a static host has them, with an `ETag` and ranges.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use rollout::PackageName;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tower_http::services::ServeDir;

use super::folder::is_absent;
use super::store::Caching;
use super::{Folder, packument_path, shelf};
use crate::failure::Failure;

/// npm's abbreviated form, which clients that only want to fetch ask for.
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// The whole site: packuments at `/<package>`, every other file where it lies.
pub(crate) fn router(folder: Folder) -> Router {
    Router::new()
        .fallback_service(ServeDir::new(folder.root()).append_index_html_on_directories(false))
        .layer(middleware::from_fn_with_state(folder, answer))
}

async fn answer(State(folder): State<Folder>, mut request: Request, next: Next) -> Response {
    let Some(host) = loopback_host(request.headers()).map(str::to_owned) else {
        return refuse(
            StatusCode::FORBIDDEN,
            "This registry answers only to this machine's own address.",
        );
    };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "This registry is a folder: publish into it with `refit publish`.",
        );
    }
    let path = request.uri().path().to_owned();
    if !may_be_served(&path) {
        return refuse(StatusCode::NOT_FOUND, "Not found");
    }
    if let Some(package) = package_of(&path) {
        let name = packument_path(&package);
        let file = folder.path(&name);
        if !is_innocent(&folder, &name).await {
            return refuse(StatusCode::NOT_FOUND, "Not found");
        }
        let read = tokio::fs::read(&file).await;
        match read {
            Ok(text) => {
                return packument(&text, &file, &host, request.headers()).unwrap_or_else(
                    |failure| refuse(StatusCode::INTERNAL_SERVER_ERROR, &failure.message),
                );
            }
            Err(error) if is_absent(&error) => {}
            Err(error) => {
                let failure = Failure::file("read", &file, &error);
                return refuse(StatusCode::INTERNAL_SERVER_ERROR, &failure.message);
            }
        }
    }
    let name = decoded(&path).unwrap_or_default();
    if !is_innocent(&folder, &name).await {
        return refuse(StatusCode::NOT_FOUND, "Not found");
    }
    let caching = caching(&path);
    let headers = request.headers_mut();
    // A second is too coarse for files that may change twice in one; an `ETag` is not.
    headers.remove(header::IF_MODIFIED_SINCE);
    headers.remove(header::IF_UNMODIFIED_SINCE);
    let wanted = headers.remove(header::IF_RANGE);
    let mut tag = None;
    if caching == Caching::Revalidate {
        if wanted.is_some() {
            // What has changed since is sent whole.
            headers.remove(header::RANGE);
        }
        // Its time and size may be another's, after a copy; its content may not. Read before it is sent:
        // so it is never older than its tag.
        let content = tokio::fs::read(folder.path(name.trim_start_matches('/'))).await;
        tag = content.ok().map(|content| tag_of(&content));
        if let Some(tag) = &tag
            && matches_tag(headers, tag)
        {
            return unchanged(tag, caching);
        }
        headers.remove(header::IF_NONE_MATCH);
    } else if let Some(wanted) = wanted
        && !is_tagged(request.uri().clone(), next.clone(), &wanted).await
    {
        // The part of another content: the whole is what helps.
        request.headers_mut().remove(header::RANGE);
    }
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return refuse(StatusCode::NOT_FOUND, "Not found");
    }
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    let value = HeaderValue::from_static(caching.header());
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response.headers_mut().remove(header::LAST_MODIFIED);
    response
}

/// What a content is known by.
fn tag_of(content: &[u8]) -> String {
    format!("\"{}\"", &hex::encode(Sha256::digest(content))[..32])
}

/// 304.
fn unchanged(tag: &str, caching: Caching) -> Response {
    let headers = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, caching.header()),
    ];
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

/// Whether the file that is asked for has just this `ETag`. A weak one says nothing of its bytes.
async fn is_tagged(uri: Uri, next: Next, wanted: &HeaderValue) -> bool {
    let mut head = Request::new(Body::empty());
    *head.method_mut() = Method::HEAD;
    *head.uri_mut() = uri;
    let found = next.run(head).await;
    !wanted.as_bytes().starts_with(b"W/") && found.headers().get(header::ETAG) == Some(wanted)
}

/// Whether a file is really the site's own, wherever links lead, and no key, whatever its name. A file
/// that is not there is innocent.
async fn is_innocent(folder: &Folder, name: &str) -> bool {
    let path = folder.path(name.trim_start_matches('/'));
    let real = match tokio::fs::canonicalize(&path).await {
        Ok(real) => real,
        Err(error) => return is_absent(&error),
    };
    let Ok(inside) = real.strip_prefix(folder.root()) else {
        return false;
    };
    inside.to_str().is_some_and(has_public_name) && !holds_key(&real).await
}

/// Whether a file begins as keys do.
async fn holds_key(path: &std::path::Path) -> bool {
    use tokio::io::AsyncReadExt as _;
    let Ok(file) = tokio::fs::File::open(path).await else {
        return false;
    };
    let mut start = Vec::new();
    if file.take(4 << 10).read_to_end(&mut start).await.is_err() {
        return false;
    }
    start.trim_ascii_start().starts_with(b"-----BEGIN")
        || start.windows(PRIVATE.len()).any(|window| window == PRIVATE)
}

/// What stands in the first line of a secret key, of any kind.
const PRIVATE: &[u8] = b"PRIVATE KEY-----";

/// Whether a path is one for others: not a file being written or the lock, whose names start with a
/// dot, and never a key.
fn may_be_served(path: &str) -> bool {
    decoded(path).is_some_and(|path| has_public_name(&path))
}

fn has_public_name(path: &str) -> bool {
    path.split(['/', '\\'])
        .all(|part| !part.starts_with('.') && !part.to_ascii_lowercase().ends_with(".pem"))
}

/// A path without percent signs. None where it is no text.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        match (first, more) {
            (b'%', [high, low, after @ ..]) => {
                bytes.extend(hex::decode([*high, *low]).ok()?);
                rest = after;
            }
            (b'%', _) => return None,
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// How caches may keep a file, as a bucket would have it said.
fn caching(path: &str) -> Caching {
    let file = path.rsplit('/').next().unwrap_or_default();
    let numbered = file
        .split_once('.')
        .is_some_and(|(number, _)| number.parse::<u64>().is_ok());
    let fixed = path.contains("/-/")
        || path.starts_with("/repo/targets/")
        || (path.starts_with("/repo/metadata/") && numbered);
    if fixed {
        Caching::Immutable
    } else {
        Caching::Revalidate
    }
}

/// The package that a path asks the index of: `/name`, `/@scope/name`, `/@scope%2fname`.
fn package_of(path: &str) -> Option<PackageName> {
    path.strip_prefix('/')?
        .trim_end_matches('/')
        .replace("%2f", "/")
        .replace("%2F", "/")
        .replace("%40", "@")
        .parse()
        .ok()
}

/// The `Host` of a request, if it names this machine. Others are pages elsewhere whose names were
/// made to point here.
fn loopback_host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let url = url::Url::parse(&format!("http://{host}/")).ok()?;
    let plain = url.path() == "/" && url.username().is_empty() && url.query().is_none();
    let loopback = match url.host()? {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    };
    (plain && loopback && url.fragment().is_none()).then_some(host)
}

/// The index with this host's own tarball URLs, or 304.
fn packument(
    text: &[u8],
    file: &std::path::Path,
    host: &str,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let mut packument = shelf::read(text, &file.display().to_string())?;
    packument.rebase(&format!("http://{host}/"));
    let body = serde_json::to_vec(&packument)
        .map_err(|error| Failure::new("packument", error, "Publish the package again."))?;
    let tag = tag_of(&body);
    let accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(ABBREVIATED));
    let kind = if accepted {
        ABBREVIATED
    } else {
        "application/json"
    };

    let mut response = if matches_tag(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(body).into_response()
    };
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::ETAG, &tag);
    set(header::CACHE_CONTROL, "no-cache");
    set(header::VARY, "accept, host");
    set(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// `If-None-Match`, compared weakly as for GET.
fn matches_tag(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|wanted| wanted == "*" || wanted.trim_start_matches("W/") == tag)
}

/// npm prints `error` of a refusal.
fn refuse(status: StatusCode, message: &str) -> Response {
    // What is missing now may be there the next moment, like the root after this one.
    let headers = [(header::CACHE_CONTROL, Caching::Revalidate.header())];
    (status, headers, axum::Json(json!({ "error": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_index_is_asked_for_in_each_of_npms_ways() {
        for path in ["/@acme/board", "/@acme%2fboard", "/%40acme%2Fboard"] {
            assert_eq!(
                package_of(path).map(String::from).as_deref(),
                Some("@acme/board"),
                "{path}"
            );
        }
        for path in [
            "/",
            "/board/-/board-1.0.0.tgz",
            "/../board",
            "/%2e%2e/board",
        ] {
            assert_eq!(package_of(path), None, "{path}");
        }
    }

    #[test]
    fn hidden_files_and_keys_are_not_served_however_they_are_spelt() {
        for path in [
            "/.refit-publish.lock",
            "/%2erefit-publish.lock",
            "/a/..%2f..%2fsecret",
            "/a/%2E%2e/secret",
            "/keys/root.pem",
            "/root.PEM",
            "/root%2epem",
            "/root.%70em",
            "/%ff",
            "/a%",
            "/a%zz",
        ] {
            assert!(!may_be_served(path), "{path}");
        }
        for path in [
            "/latest.json",
            "/repo/metadata/1.root.json",
            "/@acme%2fboard",
            "/",
        ] {
            assert!(may_be_served(path), "{path}");
        }
    }

    #[test]
    fn only_what_never_changes_under_its_name_is_kept_by_caches() {
        for path in [
            "/demo/-/demo-1.0.0.tgz",
            "/repo/targets/00ff.latest.json",
            "/repo/metadata/12.root.json",
            "/repo/metadata/3.snapshot.json",
        ] {
            assert_eq!(caching(path), Caching::Immutable, "{path}");
        }
        for path in [
            "/latest.json",
            "/repo/metadata/timestamp.json",
            "/demo/index.json",
            "/1.json",
        ] {
            assert_eq!(caching(path), Caching::Revalidate, "{path}");
        }
    }

    #[test]
    fn only_this_machines_own_names_are_a_host() {
        let host = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(text).unwrap());
            loopback_host(&headers).is_some()
        };
        for good in ["127.0.0.1:4873", "localhost:80", "[::1]:4873", "127.0.0.1"] {
            assert!(host(good), "{good}");
        }
        for wrong in [
            "evil.example:4873",
            "localhost.evil.example",
            "127.0.0.1:1@evil.example",
            "evil.example/127.0.0.1",
            "127.0.0.1/x",
            "",
        ] {
            assert!(!host(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_etag_matches_in_a_list_and_weakly() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::IF_NONE_MATCH,
            HeaderValue::from_static("\"a\", W/\"b\""),
        );
        assert!(matches_tag(&headers, "\"b\""));
        assert!(!matches_tag(&headers, "\"c\""));
    }
}
