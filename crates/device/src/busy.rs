//! What the runtime says of itself: whether a restart would cost somebody work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rollout::applying::Lease;
use serde::Deserialize;

use crate::config::Busy;
use crate::local::Local;
use crate::loopback;

/// For one answer. One that takes longer says nothing.
const ANSWER: Duration = Duration::from_secs(2);

/// The most bytes of a file that are read.
const MOST_BYTES: u64 = 64 * 1024;

/// What it says: `{"busy":true,"tasks":3}`. More keys are fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Said {
    busy: bool,
    #[serde(default)]
    tasks: Option<u32>,
}

/// One that serves: what a restart would interrupt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) url: String,
    /// Where it works.
    pub(crate) folder: PathBuf,
    /// When it was started.
    pub(crate) launched: Option<Timestamp>,
}

/// Asks each of those that serve: all of them are restarted, one after another. None where nothing
/// is configured.
pub(crate) async fn ask(local: &Local, all: &[Serving]) -> Option<Lease> {
    let mut asked = tokio::task::JoinSet::new();
    match local.config().busy.as_ref()? {
        Busy {
            http: Some(path), ..
        } => {
            for serving in all {
                let (url, path) = (serving.url.clone(), path.clone());
                asked.spawn(async move { over_http(&url, &path).await });
            }
        }
        Busy {
            file: Some(text), ..
        } => {
            for (path, launched) in files(local, text, all) {
                asked.spawn_blocking(move || in_file(&path, launched));
            }
        }
        Busy {
            http: None,
            file: None,
        } => return None,
    }
    let mut leases = Vec::new();
    while let Some(answer) = asked.join_next().await {
        leases.push(answer.unwrap_or(Lease::Silent));
    }
    Lease::together(leases)
}

/// Each file once: one that lies elsewhere than in a workspace is everybody's, and the word of the
/// one that has run the longest may stand in it.
fn files(local: &Local, text: &str, all: &[Serving]) -> BTreeMap<PathBuf, Option<Timestamp>> {
    let mut files = BTreeMap::<_, Option<Timestamp>>::new();
    for serving in all {
        let path = match text.strip_prefix("{workspace}/") {
            Some(below) => serving.folder.join(below),
            None => local.place(text),
        };
        let since = files.entry(path).or_insert(serving.launched);
        *since = match (*since, serving.launched) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    files
}

async fn over_http(url: &str, path: &str) -> Lease {
    match loopback::get(url, path, ANSWER).await {
        Ok((204, _)) => Lease::Idle,
        Ok((200, body)) => said(&body),
        Ok((status, _)) => {
            tracing::debug!(status, path, "the runtime does not say whether it is busy");
            Lease::Silent
        }
        Err(error) => {
            tracing::debug!(error, path, "the runtime does not say whether it is busy");
            Lease::Silent
        }
    }
}

/// A file that was there before this launch is another one's word.
fn in_file(path: &PathBuf, launched: Option<Timestamp>) -> Lease {
    let read = || -> std::io::Result<Option<Vec<u8>>> {
        use std::io::Read as _;
        let file = std::fs::File::open(path)?;
        let found = file.metadata()?;
        if !found.is_file() || !is_of_this_launch(found.modified()?, launched) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    match read() {
        Ok(Some(bytes)) => said(&bytes),
        Ok(None) => Lease::Silent,
        Err(error) => {
            tracing::debug!(%error, path = %path.display(), "the runtime does not say whether it is busy");
            Lease::Silent
        }
    }
}

fn is_of_this_launch(written: SystemTime, launched: Option<Timestamp>) -> bool {
    launched.is_some_and(|launched| written >= SystemTime::from(launched))
}

fn said(bytes: &[u8]) -> Lease {
    match serde_json::from_slice(bytes) {
        Ok(Said { busy: true, tasks }) => Lease::Busy { tasks },
        Ok(Said { busy: false, .. }) => Lease::Idle,
        Err(error) => {
            tracing::debug!(%error, "what the runtime says of being busy makes no sense");
            Lease::Silent
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_idle_and_nothing_that_can_be_understood() {
        let busy = Lease::Busy { tasks: Some(3) };
        assert_eq!(said(br#"{"busy":true,"tasks":3,"more":[]}"#), busy);
        assert_eq!(said(br#"{"busy":true}"#), Lease::Busy { tasks: None });
        assert_eq!(said(br#"{"busy":false,"tasks":0}"#), Lease::Idle);
        for text in ["", "{}", "[]", "true", r#"{"busy":"yes"}"#] {
            assert_eq!(said(text.as_bytes()), Lease::Silent, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_older_than_the_launch_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("busy.json");
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let now = Timestamp::now().as_second();
        assert_eq!(in_file(&path, at(now)), Lease::Silent, "there is none");
        std::fs::write(&path, r#"{"busy":false}"#).unwrap();
        assert_eq!(in_file(&path, at(now - 1)), Lease::Idle);
        assert_eq!(in_file(&path, at(now + 60)), Lease::Silent);
        assert_eq!(in_file(&path, None), Lease::Silent, "nothing was launched");
    }
}
