//! Something that is steered, and does as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use fleet::agent::{BoxFuture, Look, Staging, Steered, Swap};
use rollout::Version;
use rollout::fleet::{Now, Refused, Subject};
use tokio::sync::watch;

/// A device's runtime, as an agent sees it.
#[derive(Debug)]
pub(crate) struct Played {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    running: Version,
    next: Version,
    answers: BTreeMap<String, VecDeque<Staging>>,
    staged: Vec<(Version, bool)>,
    off: Option<Refused>,
}

impl Played {
    pub(crate) fn running(version: &str) -> Arc<Self> {
        let version: Version = version.parse().unwrap();
        Arc::new(Self {
            state: Mutex::new(State {
                running: version.clone(),
                next: version,
                answers: BTreeMap::new(),
                staged: Vec::new(),
                off: None,
            }),
            changes: watch::Sender::new(0),
        })
    }

    /// What staging this version comes to, the first time, the second time …; after that it is staged.
    pub(crate) fn answers(&self, version: &str, answers: impl IntoIterator<Item = Staging>) {
        let answers = answers.into_iter().collect();
        let version = version.to_owned();
        self.state.lock().unwrap().answers.insert(version, answers);
    }

    pub(crate) fn turn(&self, off: Option<Refused>) {
        self.state.lock().unwrap().off = off;
        self.changes.send_modify(|count| *count += 1);
    }

    /// Every order to stage so far, and whether it was one to an older version.
    pub(crate) fn staged(&self) -> Vec<(String, bool)> {
        let state = self.state.lock().unwrap();
        state
            .staged
            .iter()
            .map(|(version, older)| (version.to_string(), *older))
            .collect()
    }

    pub(crate) fn runs(&self) -> String {
        self.state.lock().unwrap().running.to_string()
    }

    /// Waits until it runs this.
    pub(crate) async fn comes_to(&self, version: &str) {
        let mut changes = self.changes.subscribe();
        let arrived = changes.wait_for(|_| self.runs() == version);
        let arrived = tokio::time::timeout(super::scene::PATIENCE, arrived).await;
        assert!(
            arrived.is_ok(),
            "{version} is not reached; {} runs",
            self.runs()
        );
    }
}

impl Steered for Played {
    fn subject(&self) -> Subject {
        Subject::Runtime
    }

    fn look(&self) -> BoxFuture<'_, Look> {
        Box::pin(async {
            let state = self.state.lock().unwrap();
            Look {
                now: Now {
                    running: Some(state.running.clone()),
                    next: state.next.clone(),
                },
                bad: Vec::new(),
            }
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn may_follow(&self) -> Result<(), Refused> {
        self.state.lock().unwrap().off.clone().map_or(Ok(()), Err)
    }

    fn is_halted(&self) -> bool {
        false
    }

    fn stage<'a>(&'a self, version: &'a Version, older: bool) -> BoxFuture<'a, Staging> {
        Box::pin(async move {
            let answer = {
                let mut state = self.state.lock().unwrap();
                state.staged.push((version.clone(), older));
                let answer = state
                    .answers
                    .get_mut(version.as_str())
                    .and_then(VecDeque::pop_front);
                let answer = answer.unwrap_or(Staging::Staged);
                if answer == Staging::Staged {
                    state.next = version.clone();
                }
                answer
            };
            self.changes.send_modify(|count| *count += 1);
            answer
        })
    }

    fn swap<'a>(&'a self, version: &'a Version) -> BoxFuture<'a, Swap> {
        Box::pin(async move {
            self.state.lock().unwrap().running = version.clone();
            self.changes.send_modify(|count| *count += 1);
            Swap::Tried
        })
    }
}
