//! Fills the model from the broker, for ever: what ends is opened again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fleet::operator::Overview;
use fleet::operator::board::{Board, Of, Word};
use fleet::operator::observe::{News, Reports, Watch};
use fleet::{Client, FleetError, Names};
use jiff::{SignedDuration, Timestamp};
use rollout::fleet::Subject;
use tokio::sync::Notify;

use super::model::Model;

/// Between two attempts, at first and at most.
const PAUSE: Duration = Duration::from_millis(500);
const MOST_PAUSE: Duration = Duration::from_secs(10);

/// The key under which a controller says that it leads.
const LEASE: &str = "lease";

/// The fleet, and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    pub(super) client: Client,
    pub(super) names: Names,
    model: Arc<Mutex<Model>>,
    /// How far our clock is ahead of the broker's, by which all times here are.
    ahead: Arc<Mutex<SignedDuration>>,
    /// Reports are to be read from earlier on: another ramp has begun.
    again: Arc<Notify>,
}

impl Feed {
    pub(super) fn new(client: Client, names: Names) -> Self {
        Self {
            model: Arc::new(Mutex::new(Model::new(names.fleet().clone()))),
            ahead: Arc::default(),
            client,
            names,
            again: Arc::new(Notify::new()),
        }
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        // Nothing in it is half done between two of its calls.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker's time, as far as it was heard.
    pub(super) fn now(&self) -> Timestamp {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        now.saturating_sub(ahead).unwrap_or(now)
    }

    /// Runs until it is dropped.
    pub(super) async fn run(&self) {
        tokio::join!(
            self.keep("devices", async |it| it.devices().await),
            self.keep("reports", async |it| it.reports().await),
            self.keep("targets", async |it| it.board(Of::Targets).await),
            self.keep("ramps", async |it| it.board(Of::Ramps).await),
            self.connection(),
        );
    }

    /// Opens a source again and again.
    async fn keep(
        &self,
        source: &'static str,
        follow: impl AsyncFn(&Self) -> Result<(), FleetError>,
    ) {
        let mut pause = PAUSE;
        loop {
            let began = tokio::time::Instant::now();
            if let Err(error) = follow(self).await {
                let hint = error.hint();
                let words = format!("{}. {hint}", sentence(&error.to_string()));
                self.model().trouble(source, Some(words));
                if began.elapsed() > MOST_PAUSE {
                    pause = PAUSE;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MOST_PAUSE);
            }
        }
    }

    async fn devices(&self) -> Result<(), FleetError> {
        let mut watch = Watch::open(&fleet::jetstream(&self.client), &self.names).await?;
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = watch.ahead();
        // Apart, so that nobody sees a fleet of which half is missing.
        let mut overview = Overview::default();
        watch.catch_up(&mut overview, self.now()).await?;
        {
            let mut model = self.model();
            model.devices_are(overview, self.now());
            model.trouble("devices", None);
        }
        loop {
            let news = watch.next().await?;
            let mut model = self.model();
            match news {
                News::Beat(beat, at) => model.hear(*beat, at.min(self.now())),
                News::Gone(device) => model.forget(&device),
                News::Nonsense(_) => {}
            }
        }
    }

    async fn reports(&self) -> Result<(), FleetError> {
        let since = self.model().begin_reports(self.now());
        let jetstream = fleet::jetstream(&self.client);
        let mut reports = Reports::open(&jetstream, &self.names, Some(since)).await?;
        self.model().trouble("reports", None);
        let mut told = false;
        loop {
            if reports.is_caught_up() && !told {
                self.model().reports_are_read(self.now());
                told = true;
            }
            tokio::select! {
                report = reports.next() => {
                    if let Some((report, at)) = report? {
                        self.model().report(&report, at);
                    }
                }
                () = self.again.notified() => return Ok(()),
            }
        }
    }

    async fn board(&self, of: Of) -> Result<(), FleetError> {
        let source = match of {
            Of::Targets => "targets",
            Of::Ramps => "ramps",
        };
        let mut board = Board::open(&fleet::jetstream(&self.client), &self.names, of).await?;
        self.model().trouble(source, None);
        // What stood on the board before and does not now went with the broker's disk.
        let mut there = Some(HashSet::new());
        loop {
            if board.is_caught_up()
                && let Some(there) = there.take()
            {
                self.model().board_is_read(of, &there);
            }
            let word = board.next().await?;
            let mut model = self.model();
            match word {
                Word::Target(subject, scope, target) => {
                    // Of a scope both a runtime and an agent may be ordered: only the former is shown.
                    if subject == Subject::Runtime
                        && let Some(there) = &mut there
                    {
                        there.insert(scope.to_string());
                    }
                    model.target(subject, scope, target.map(|it| *it));
                }
                Word::Ramp(key, ramp) => {
                    if let Some(there) = &mut there {
                        there.insert(key.clone());
                    }
                    if model.ramp(key, ramp.map(|it| *it)) {
                        self.again.notify_one();
                    }
                }
                Word::Other(key, there) if key == LEASE => {
                    model.led(there.then(|| self.now()));
                }
                Word::Other(..) | Word::Nonsense(_) => {}
            }
        }
    }

    /// Says so while the broker cannot be reached: the sources alone would be silent for long.
    async fn connection(&self) {
        loop {
            let away = !fleet::operator::is_connected(&self.client);
            let words = "The broker cannot be reached, and is asked again by itself. What is shown is \
                         what was last heard; check the broker if this stays.";
            // Before all others in the order in which they are told.
            self.model().trouble("away", away.then(|| words.to_owned()));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// An error's words as the beginning of a sentence, without its end.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.trim_end_matches('.').chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}
