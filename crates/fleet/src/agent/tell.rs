//! Tells the fleet what happens on a device.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::{Name, Subject};
use tokio::sync::watch;

use crate::agent::outbox::Outbox;
use crate::report::{Event, Failures, Report, detail};

/// The wall clock, as an argument.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is to be told.
#[derive(Debug, Clone)]
pub struct News {
    /// Of what.
    pub subject: Subject,
    /// What happened.
    pub event: Event,
    /// The version it is about.
    pub version: Option<Version>,
    /// What ran before, where that says something.
    pub from: Option<Version>,
    /// The reason's code.
    pub reason: String,
    /// In words.
    pub detail: String,
}

impl News {
    /// An event of a version.
    pub fn new(subject: Subject, event: Event, version: Option<Version>) -> Self {
        Self {
            subject,
            event,
            version,
            from: None,
            reason: String::new(),
            detail: String::new(),
        }
    }

    /// With a reason, as a code and in words.
    #[must_use]
    pub fn because(self, reason: &str, words: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            detail: detail(words),
            ..self
        }
    }
}

/// Keeps reports until they are sent. What cannot be written is told in the log and counted, and stops nothing.
pub struct Reporter {
    device: Name,
    clock: Clock,
    outbox: Arc<Mutex<Outbox>>,
    waiting: watch::Sender<u64>,
    failures: Mutex<Failures>,
    /// What is followed, of the runtime and of the agent's binary.
    generations: [AtomicU64; 2],
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl Reporter {
    pub(crate) fn new(device: Name, clock: Clock, outbox: Outbox) -> Self {
        Self {
            device,
            clock,
            waiting: watch::Sender::new(outbox.len()),
            outbox: Arc::new(Mutex::new(outbox)),
            failures: Mutex::default(),
            generations: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Keeps a report, durably, and has it sent. Returns once it is on disk, or false
    /// where it could not be written, which is in the log.
    pub async fn tell(&self, news: News) -> bool {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .count(news.event);
        let generation = self.generation_of(news.subject).load(Ordering::Relaxed);
        let report = Report {
            device: self.device.clone(),
            seq: 0,
            at: (self.clock)(),
            subject: news.subject,
            event: news.event,
            version: news.version,
            from: news.from,
            generation: (generation > 0).then_some(generation),
            reason: news.reason,
            detail: news.detail,
        };
        self.on_outbox(move |outbox| outbox.push(report)).await
    }

    /// What failed since the start.
    pub(crate) fn failures(&self) -> Failures {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generation that reports about this name from now on.
    pub(crate) fn follows(&self, subject: Subject, generation: u64) {
        self.generation_of(subject)
            .store(generation, Ordering::Relaxed);
    }

    fn generation_of(&self, subject: Subject) -> &AtomicU64 {
        match subject {
            Subject::Runtime => &self.generations[0],
            Subject::Agent => &self.generations[1],
        }
    }

    pub(crate) fn waiting(&self) -> watch::Receiver<u64> {
        self.waiting.subscribe()
    }

    pub(crate) fn first(&self) -> Option<Report> {
        let outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        outbox.first().cloned()
    }

    /// What the broker says that it has last of this device.
    pub(crate) async fn broker_has(&self, seq: u64) {
        let now = (self.clock)();
        self.on_outbox(move |outbox| outbox.broker_has(seq, now))
            .await;
    }

    pub(crate) async fn sent(&self, seq: u64) {
        self.on_outbox(move |outbox| outbox.sent(seq)).await;
    }

    async fn on_outbox(
        &self,
        work: impl FnOnce(&mut Outbox) -> std::io::Result<()> + Send + 'static,
    ) -> bool {
        let outbox = Arc::clone(&self.outbox);
        let done = tokio::task::spawn_blocking(move || {
            let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            (work(&mut outbox), outbox.len())
        });
        match done.await {
            Ok((written, count)) => {
                self.waiting.send_replace(count);
                if let Err(error) = written {
                    tracing::warn!(%error, "the outbox of reports cannot be written");
                    return false;
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "the outbox of reports is gone");
                false
            }
        }
    }
}
