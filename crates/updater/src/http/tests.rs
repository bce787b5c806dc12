use std::time::SystemTime;

use super::*;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[test]
fn only_https_and_loopback_http_may_be_asked() {
    for good in [
        "https://reg.test/",
        "http://127.0.0.1:4873/",
        "http://127.9.9.9/",
        "http://[::1]:1/",
        "http://localhost:4873/",
    ] {
        assert!(allowed(&url(good)).is_ok(), "{good}");
    }
    for wrong in [
        "http://reg.test/",
        "http://127.0.0.1.reg.test/",
        "http://localhost.reg.test/",
        "http://10.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "data:text/plain,x",
    ] {
        let refused = allowed(&url(wrong)).unwrap_err();
        assert!(
            matches!(refused, RegistryError::NotSecure { .. }),
            "{wrong}"
        );
    }
}

#[test]
fn an_address_is_shown_without_login_and_query() {
    let shown = shown(&url(
        "https://ann:s3cr3t@reg.test/demo.tgz?X-Signature=abc#part",
    ));
    assert_eq!(shown, "https://reg.test/demo.tgz");
}

#[test]
fn retry_after_is_seconds_or_a_date_and_never_more_than_the_cap() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let at = |seconds| httpdate::fmt_http_date(now + Duration::from_secs(seconds));
    let past = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH);
    for (text, wait) in [
        ("120", Some(Duration::from_mins(2))),
        (" 0 ", Some(Duration::ZERO)),
        (&at(90), Some(Duration::from_secs(90))),
        (&past, Some(Duration::ZERO)),
        ("99999999999", Some(RETRY_AFTER_CAP)),
        (&at(99_999_999), Some(RETRY_AFTER_CAP)),
        ("soon", None),
        ("-5", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        assert_eq!(retry_after(&headers, now), wait, "{text}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}
