//! The page: what `npm run build` in `dashboard/` made, built in.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// Scripts and styles from here alone, and requests to here alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One of the page's files.
struct File {
    kind: &'static str,
    content: &'static [u8],
}

/// The file at this path.
fn file(path: &str) -> Option<File> {
    let (kind, content): (_, &[u8]) = match path {
        "/" => (
            "text/html; charset=utf-8",
            include_bytes!("../../dashboard/index.html"),
        ),
        "/page.js" => (
            "text/javascript; charset=utf-8",
            include_bytes!("../../dashboard/page.js"),
        ),
        "/page.css" => (
            "text/css; charset=utf-8",
            include_bytes!("../../dashboard/page.css"),
        ),
        "/icon.svg" => ("image/svg+xml", include_bytes!("../../dashboard/icon.svg")),
        _ => return None,
    };
    Some(File { kind, content })
}

/// Answers for the page's files.
pub(super) async fn serve(uri: Uri) -> Response {
    match file(uri.path()) {
        Some(File { kind, content }) => ([(header::CONTENT_TYPE, kind)], content).into_response(),
        None => super::refuse(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is nothing at this address.",
            "Open the address that refit fleet dashboard printed.",
        ),
    }
}

/// What goes with every answer, whatever it is.
pub(super) fn guard(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_no_script_and_no_style_in_its_text_and_names_nothing_from_elsewhere() {
        let html = String::from_utf8_lossy(file("/").unwrap().content).into_owned();
        for tag in ["<script", "<style", "style=", "onload="] {
            for (_, rest) in html.match_indices(tag).map(|(n, _)| html.split_at(n)) {
                assert!(
                    rest.starts_with(
                        "<script type=\"module\" crossorigin src=\"/page.js\"></script>"
                    ),
                    "{rest}"
                );
            }
        }
        for path in ["/page.js", "/page.css", "/icon.svg"] {
            assert!(html.contains(path), "{path}");
            assert!(file(path).is_some());
        }
        assert!(!html.contains("http:") && !html.contains("https:"));
        assert!(file("/index.html").is_none() && file("/../Cargo.toml").is_none());
    }

    #[test]
    fn the_page_is_small() {
        let all = ["/", "/page.js", "/page.css", "/icon.svg"];
        let bytes: usize = all.iter().map(|it| file(it).unwrap().content.len()).sum();
        assert!(bytes < 160 * 1024, "{bytes}");
    }
}
