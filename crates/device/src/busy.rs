//! What the runtime says of itself: whether a restart would cost somebody work.

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

/// Asks the runtime at `url` that was launched at `launched`. None where nothing is configured.
pub(crate) async fn ask(local: &Local, url: &str, launched: Option<Timestamp>) -> Option<Lease> {
    match local.config().busy.as_ref()? {
        Busy {
            http: Some(path), ..
        } => Some(over_http(url, path).await),
        Busy {
            file: Some(text), ..
        } => {
            let path = local.place(text);
            let read = tokio::task::spawn_blocking(move || in_file(&path, launched));
            Some(read.await.unwrap_or(Lease::Silent))
        }
        Busy {
            http: None,
            file: None,
        } => None,
    }
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
