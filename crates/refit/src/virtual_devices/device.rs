//! One virtual device, as its fleet steers it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use device::OrderedStaging;
use fleet::Event;
use fleet::agent::{BoxFuture, Look, News, Reporter, Staging, Steered, Swap};
use rollout::Version;
use rollout::fleet::{Now, Refused, Subject};
use runtime_store::{How, Launch, Soak};
use tokio::sync::{Semaphore, watch};

use super::launch::{Launched, launch};
use super::seen::{Seen, What};

/// A device whose runtime is played.
#[derive(Debug)]
pub(crate) struct VirtualDevice {
    name: Arc<str>,
    staging: OrderedStaging,
    /// What the updater is told that runs.
    running: watch::Sender<Option<Version>>,
    changes: watch::Sender<u64>,
    reporter: OnceLock<Arc<Reporter>>,
    going_back: Mutex<Option<Version>>,
    soak: Duration,
    seen: Arc<Seen>,
    /// What was fetched here: a version that fails is looked at again before it is refused.
    fetched: Mutex<BTreeSet<String>>,
    /// One process plays all these machines: so many of them stage at a time.
    turns: Arc<Semaphore>,
}

impl VirtualDevice {
    pub(crate) fn new(
        name: Arc<str>,
        staging: OrderedStaging,
        running: watch::Sender<Option<Version>>,
        soak: Duration,
        seen: Arc<Seen>,
        turns: Arc<Semaphore>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            staging,
            running,
            changes: watch::Sender::new(0),
            reporter: OnceLock::new(),
            going_back: Mutex::default(),
            soak,
            seen,
            fetched: Mutex::default(),
            turns,
        })
    }

    /// From now on what happens is told.
    pub(crate) fn tells(&self, reporter: Arc<Reporter>) {
        let _ = self.reporter.set(reporter);
    }

    /// What runs.
    pub(crate) fn runs(&self) -> Option<Version> {
        self.running.borrow().clone()
    }

    /// Launches what the store names.
    pub(crate) async fn launches(self: &Arc<Self>) {
        let (store, shell) = (self.staging.store.clone(), Arc::clone(&self.staging.shell));
        let name = Arc::clone(&self.name);
        let launched = tokio::task::spawn_blocking(move || launch(&store, &shell, &name)).await;
        let Ok(Launched { launch, failed }) = launched else {
            return;
        };
        let version = launch.choice.version.clone();
        self.running.send_replace(Some(version.clone()));
        self.changes.send_modify(|count| *count += 1);
        for (failed, how, _) in failed {
            self.seen.note(What::Failed, &failed);
            let event = match how {
                How::CrashLoop => Event::CrashLoop,
                _ => Event::FellBack,
            };
            let words = format!("{version} runs instead: it was played that it exits");
            self.tell(news(event, &failed).because("exited-before-ready", &words))
                .await;
        }
        self.seen.note(What::Ready, &version);
        let is_back = {
            let mut back = self
                .going_back
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            back.take().as_ref() == Some(&version)
        };
        let event = if is_back {
            Event::RolledBack
        } else {
            Event::Launched
        };
        self.tell(news(event, &version)).await;
        if launch.choice.trial.is_some() {
            tokio::spawn(Arc::clone(self).soaks(launch));
        }
    }

    fn fetches(&self, version: &Version) {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if fetched.insert(version.to_string()) {
            self.seen.fetches(version, &self.name);
        }
    }

    async fn soaks(self: Arc<Self>, launch: Launch) {
        tokio::time::sleep(self.soak).await;
        let version = launch.choice.version.clone();
        let (store, soak) = (self.staging.store.clone(), self.soak);
        let done = tokio::task::spawn_blocking(move || {
            store.soaked(&launch, soak, soak, runtime_store::now())
        });
        if let Ok(Ok(Soak::Confirmed)) = done.await {
            self.tell(news(Event::Confirmed, &version)).await;
        }
    }

    async fn tell(&self, news: News) {
        if let Some(reporter) = self.reporter.get() {
            reporter.tell(news).await;
        }
    }
}

fn news(event: Event, version: &Version) -> News {
    News::new(Subject::Runtime, event, Some(version.clone()))
}

/// A handle, so that a launch may go on by itself.
#[derive(Debug, Clone)]
pub(crate) struct Handle(pub(crate) Arc<VirtualDevice>);

impl Steered for Handle {
    fn subject(&self) -> Subject {
        Subject::Runtime
    }

    fn look(&self) -> BoxFuture<'_, Look> {
        Box::pin(async {
            let staging = &self.0.staging;
            let (store, shell) = (staging.store.clone(), Arc::clone(&staging.shell));
            let looked = tokio::task::spawn_blocking(move || {
                let next = store.resolve(&shell, runtime_store::now()).version;
                (next, store.snapshot().bad)
            });
            let bundled = || (staging.shell.bundled.version.clone(), Vec::new());
            let (next, bad) = looked.await.unwrap_or_else(|_| bundled());
            Look {
                now: Now {
                    running: self.0.runs(),
                    next,
                },
                bad: bad.into_iter().map(|entry| entry.version).collect(),
            }
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn may_follow(&self) -> Result<(), Refused> {
        Ok(())
    }

    fn is_halted(&self) -> bool {
        false
    }

    fn stage<'a>(&'a self, version: &'a Version, older: bool) -> BoxFuture<'a, Staging> {
        Box::pin(async move {
            self.0.fetches(version);
            let _turn = self.0.turns.acquire().await;
            let ordered = self.0.staging.stage(version, older).await;
            if ordered.goes_back {
                let mut back = self
                    .0
                    .going_back
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                *back = Some(version.clone());
            }
            if ordered.staging == Staging::Staged {
                self.0.tell(news(Event::Staged, version)).await;
            }
            ordered.staging
        })
    }

    fn swap<'a>(&'a self, version: &'a Version) -> BoxFuture<'a, Swap> {
        Box::pin(async move {
            self.0.seen.note(What::Swapped, version);
            let _turn = self.0.turns.acquire().await;
            self.0.launches().await;
            Swap::Tried
        })
    }
}
