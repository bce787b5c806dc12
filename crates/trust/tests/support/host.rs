//! Who serves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use trust::{Fetch, FetchError};
use url::Url;

use super::Publisher;

/// How a host answers for one file.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Bytes(Vec<u8>),
    /// An error that is not "not found".
    Broken(&'static str),
    /// Some bytes, then an error.
    CutOff(Vec<u8>),
    /// Bytes without end.
    Endless,
    /// Nothing, for ever.
    Silent,
    /// One byte a second, for ever.
    Trickle,
}

/// A static host, or somebody who answers for it. Clones are the same host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    files: BTreeMap<String, Answer>,
    asked: Vec<String>,
    down: bool,
}

impl Host {
    /// Serves what the publisher has now, and nothing else.
    pub(crate) fn serve(&self, publisher: &Publisher) {
        self.0.lock().unwrap().files = publisher
            .files
            .iter()
            .map(|(path, bytes)| (path.clone(), Answer::Bytes(bytes.clone())))
            .collect();
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.0.lock().unwrap().files.insert(path.into(), answer);
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.answer(path, Answer::Bytes(bytes.to_vec()));
    }

    pub(crate) fn remove(&self, path: &str) {
        self.0.lock().unwrap().files.remove(path);
    }

    pub(crate) fn down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    /// What was asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    pub(crate) fn fetch(&self) -> Arc<dyn Fetch> {
        Arc::new(self.clone())
    }
}

type Stream = BoxStream<'static, Result<Bytes, FetchError>>;

impl Fetch for Host {
    fn fetch(&self, url: Url) -> BoxFuture<'static, Result<Stream, FetchError>> {
        let path = url.path().trim_start_matches("/repo/").to_owned();
        let mut inside = self.0.lock().unwrap();
        inside.asked.push(path.clone());
        let answer = if inside.down {
            Some(Answer::Broken("no route to host"))
        } else {
            inside.files.get(&path).cloned()
        };
        let broken = || FetchError::Other(format!("connection lost to {url}"));
        let stream: Result<Stream, FetchError> = match answer {
            None => Err(FetchError::NotFound),
            Some(Answer::Bytes(bytes)) => {
                let parts: Vec<_> = bytes.chunks(1000).map(Bytes::copy_from_slice).collect();
                Ok(stream::iter(parts.into_iter().map(Ok)).boxed())
            }
            Some(Answer::Broken(why)) => Err(FetchError::Other(why.to_owned())),
            Some(Answer::CutOff(bytes)) => {
                Ok(stream::iter([Ok(Bytes::from(bytes)), Err(broken())]).boxed())
            }
            Some(Answer::Endless) => {
                Ok(stream::repeat(Ok(Bytes::from_static(&[b' '; 1000]))).boxed())
            }
            Some(Answer::Silent) => Ok(stream::pending().boxed()),
            Some(Answer::Trickle) => Ok(stream::repeat(())
                .then(|()| async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(Bytes::from_static(b" "))
                })
                .boxed()),
        };
        Box::pin(std::future::ready(stream))
    }
}
