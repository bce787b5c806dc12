//! Whether a message is the broker's own copy of what a stream holds.
//!
//! Whoever asks a broker something names the subject that it answers to, and a broker looks at no permission for
//! that: a device may so have an answer delivered wherever others listen, or even stored in a bucket. But
//! the broker writes on each copy which stream and subject it was taken from, in headers that it adds to those that are
//! there. So a copy that was passed on has two of them, or other ones.

use async_nats::HeaderMap;
use async_nats::header::{NATS_STREAM, NATS_SUBJECT};

/// Whether these are the headers of a message of `stream` on `subject`, and of no other one.
pub(crate) fn is_of(headers: Option<&HeaderMap>, stream: &str, subject: &str) -> bool {
    let Some(headers) = headers else {
        return false;
    };
    let only = |name, value: &str| {
        let mut all = headers.get_all(name);
        all.next().is_some_and(|it| it.as_str() == value) && all.next().is_none()
    };
    only(NATS_STREAM, stream) && only(NATS_SUBJECT, subject)
}

/// Whether a message as it is stored was written by whoever sent it, and is no copy of another one.
pub(crate) fn is_first_hand(headers: &HeaderMap) -> bool {
    headers.get(NATS_STREAM).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(async_nats::HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(name.clone(), *value);
        }
        headers
    }

    #[test]
    fn only_a_copy_of_that_very_message_is_believed() {
        let of = |all: &[_]| is_of(Some(&headers(all)), "KV_a", "$KV.a.x");
        assert!(of(&[(NATS_STREAM, "KV_a"), (NATS_SUBJECT, "$KV.a.x")]));
        assert!(!of(&[(NATS_STREAM, "reports"), (NATS_SUBJECT, "$KV.a.x")]));
        assert!(!of(&[(NATS_STREAM, "KV_a"), (NATS_SUBJECT, "$KV.a.y")]));
        // Sent by somebody with headers of their own, then copied.
        assert!(!of(&[
            (NATS_STREAM, "KV_a"),
            (NATS_STREAM, "reports"),
            (NATS_SUBJECT, "$KV.a.x"),
        ]));
        assert!(!of(&[
            (NATS_STREAM, "KV_a"),
            (NATS_SUBJECT, "$KV.a.x"),
            (NATS_SUBJECT, "r"),
        ]));
        assert!(!of(&[]));
        assert!(!is_of(None, "KV_a", "$KV.a.x"));
        assert!(is_first_hand(&headers(&[])));
        assert!(!is_first_hand(&headers(&[(NATS_STREAM, "reports")])));
    }
}
