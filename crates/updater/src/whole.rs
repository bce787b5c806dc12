//! The whole body of a small answer.

use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use url::Url;

use crate::body::{Body, BodyError};
use crate::error::RegistryError;
use crate::http::{Http, announced, header, shown};

/// Reads `response` to its end, inflated where it is compressed, and at most `limit` bytes of it.
pub(crate) async fn whole(
    http: &Http,
    response: &mut Response,
    url: &Url,
    limit: usize,
) -> Result<Vec<u8>, RegistryError> {
    let refused = |got: u64, error: BodyError| match error {
        BodyError::TooBig => RegistryError::TooBig {
            url: shown(url),
            limit: limit as u64,
        },
        BodyError::Corrupt(why) => RegistryError::Truncated {
            url: shown(url),
            got,
            why,
        },
    };
    if announced(response).is_some_and(|length| length > limit as u64) {
        return Err(refused(0, BodyError::TooBig));
    }
    let encoding = header(response, &CONTENT_ENCODING);
    let gzip = encoding.is_some_and(|e| matches!(e.as_str(), "gzip" | "x-gzip"));
    let mut body = Body::new(gzip, limit);
    let mut got = 0;
    let mut rate = http.rate();
    while let Some(piece) = http.piece(response, url, got, &mut rate).await? {
        got += piece.len() as u64;
        body.push(&piece).map_err(|error| refused(got, error))?;
    }
    body.finish().map_err(|error| refused(got, error))
}
