//! Follows the orders for one subject: settle, decide, act, remember.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollout::Version;
use rollout::fleet::{Heard, Memory, Name, Now, Refused, Scope, Step, Target, next};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::agent::inbox::Inbox;
use crate::agent::memory::Kept;
use crate::agent::moment;
use crate::agent::not_before;
use crate::agent::steered::{Look, Staging, Steered, Swap};
use crate::agent::tell::{Clock, News, Reporter};
use crate::connect::pause;
use crate::report::{Event, Standing, State, detail};

/// Whoever could not be swapped just now is asked again after so long.
const ASKS: Duration = Duration::from_secs(15);

/// Something that went wrong and is no version's fault is reported once an hour for as long as it lasts.
const REPORTED: Duration = Duration::from_hours(1);

/// One subject, and what is remembered of its orders.
pub(crate) struct Follower {
    pub(crate) device: Name,
    pub(crate) groups: Vec<Name>,
    pub(crate) steered: Arc<dyn Steered>,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) clock: Clock,
    pub(crate) standing: watch::Sender<Standing>,
    /// From when what is staged may be started.
    held: watch::Sender<Option<(Version, Timestamp)>>,
    kept: Kept,
    memory: Memory,
    /// What the wall clock said when it was last decided what to do.
    decided_at: Timestamp,
    /// What is on disk.
    saved: Memory,
    /// When staging is tried again, after something that is no version's fault.
    again: Option<Instant>,
    failures: usize,
    trouble: Option<Refused>,
    /// Why what is staged is not swapped in.
    waits: Option<Refused>,
    reported: Option<(Refused, Instant)>,
}

/// How long staging is left alone after so many failures: half a minute at most at first, and then up to ten minutes, so
/// that a fleet does not keep down the host that it waits for.
fn after_trouble(failures: usize) -> Duration {
    pause(failures) * if failures < 8 { 1 } else { 20 }
}

/// Who is asked may want to be left alone for so long at most.
const MOST_LATER: Duration = Duration::from_hours(6);

/// What there is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Todo {
    Stage {
        version: Version,
        generation: u64,
        older: bool,
    },
    Swap {
        version: Version,
    },
    Wait(Option<Timestamp>),
}

impl Follower {
    #[expect(clippy::too_many_arguments, reason = "what a start is made of, once")]
    pub(crate) fn new(
        device: Name,
        groups: Vec<Name>,
        steered: Arc<dyn Steered>,
        reporter: Arc<Reporter>,
        clock: Clock,
        (standing, held): (
            watch::Sender<Standing>,
            watch::Sender<Option<(Version, Timestamp)>>,
        ),
        kept: Kept,
        memory: Memory,
    ) -> Self {
        Self {
            device,
            groups,
            steered,
            reporter,
            clock,
            standing,
            held,
            kept,
            decided_at: Timestamp::MIN,
            saved: memory.clone(),
            memory,
            again: None,
            failures: 0,
            trouble: None,
            waits: None,
            reported: None,
        }
    }

    /// Follows for ever.
    pub(crate) async fn follow(mut self, inbox: Arc<Inbox>) {
        let mut moves = self.steered.changes();
        loop {
            for (scope, target) in inbox.take() {
                self.hear(&scope, target);
            }
            moves.borrow_and_update();
            match self.decide().await {
                Todo::Stage {
                    version,
                    generation,
                    older,
                } => self.stage(&version, generation, older).await,
                Todo::Swap { version } => self.swap(&version).await,
                Todo::Wait(until) => {
                    tokio::select! {
                        () = inbox.news() => {}
                        changed = moves.changed() => if changed.is_err() { return },
                        () = self.rest(until) => {}
                    }
                }
            }
        }
    }

    fn hear(&mut self, scope: &Scope, target: Target) {
        let generation = target.generation;
        match self.memory.hear(scope.clone(), target) {
            Heard::News => tracing::info!(%scope, generation, "a target was heard"),
            Heard::Known => {}
            Heard::Stale => {
                tracing::debug!(%scope, generation, "an older target changes nothing");
            }
        }
    }

    /// Until there is something to do by the clock.
    async fn rest(&self, until: Option<Timestamp>) {
        let by_clock = async {
            match until {
                Some(until) => moment::comes(&self.clock, self.decided_at, until).await,
                None => std::future::pending().await,
            }
        };
        let again = async {
            match self.again {
                Some(again) => tokio::time::sleep_until(again).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = by_clock => {}
            () = again => {}
        }
    }

    async fn decide(&mut self) -> Todo {
        let now = (self.clock)();
        self.decided_at = now;
        let Look { now: has, bad } = self.steered.look().await;
        let runs = has.running.clone().unwrap_or_else(|| has.next.clone());
        let order_before = self.memory.order().map(|order| order.version.clone());
        self.memory.settle(&self.device, &self.groups, &runs, now);
        if let Some(generation) = self.memory.order().map(|order| order.generation) {
            self.reporter.follows(self.steered.subject(), generation);
        }
        if self.memory.order().map(|order| &order.version) != order_before.as_ref() {
            (self.again, self.failures, self.trouble) = (None, 0, None);
            self.waits = None;
        }
        let is_staged = self
            .memory
            .order()
            .is_some_and(|order| has.next == order.version);
        if is_staged {
            self.memory.staged(&self.device, now);
            self.trouble = None;
        } else {
            self.waits = None;
        }
        self.remember();
        let todo = self.todo(&has, now);
        self.stand(&has, bad, now, &todo);
        self.tell_refusal().await;
        todo
    }

    fn todo(&self, has: &Now, now: Timestamp) -> Todo {
        let Some(order) = self.memory.order() else {
            return Todo::Wait(None);
        };
        let waits = || self.again.is_some_and(|again| again > Instant::now());
        match next(Some(order), has, now) {
            Step::Idle | Step::Arrived => Todo::Wait(None),
            Step::Refused(_) => Todo::Wait(order.asks_again_at()),
            Step::Stands { until } | Step::WaitToStage { until } | Step::WaitToSwap { until } => {
                Todo::Wait(Some(until))
            }
            Step::Stage { .. } | Step::Swap if waits() || self.steered.may_follow().is_err() => {
                // Whoever turned updates off tells nobody when they turn them on.
                let look = now.checked_add(SignedDuration::from_mins(1));
                Todo::Wait(Some(look.unwrap_or(Timestamp::MAX)))
            }
            Step::Stage { older } => Todo::Stage {
                version: order.version.clone(),
                generation: order.generation,
                older,
            },
            Step::Swap => Todo::Swap {
                version: order.version.clone(),
            },
        }
    }

    async fn stage(&mut self, version: &Version, generation: u64, older: bool) {
        tracing::info!(%version, older, "staging what the fleet ordered");
        match self.steered.stage(version, older).await {
            Staging::Staged if self.steered.look().await.now.next == *version => {
                (self.again, self.failures, self.trouble) = (None, 0, None);
            }
            // A start would pass it over all the same: for its host, its publisher, or damage.
            Staging::Staged => {
                let detail = format!("version {version} is staged, and a start would not run it");
                let reason = "passed-over".to_owned();
                self.in_trouble(version, Refused { reason, detail }).await;
            }
            Staging::Refused(refused) => {
                self.memory.refuse(generation, refused, (self.clock)());
            }
            Staging::Trouble(trouble) => self.in_trouble(version, trouble).await,
            Staging::Later(trouble, after) => {
                self.in_trouble(version, trouble).await;
                self.again = self.again.max(Some(Instant::now() + after.min(MOST_LATER)));
            }
        }
        self.remember();
    }

    async fn swap(&mut self, version: &Version) {
        tracing::info!(%version, "swapping to what the fleet ordered");
        self.standing
            .send_modify(|standing| standing.state = State::Swapping);
        match self.steered.swap(version).await {
            Swap::Tried => {
                self.waits = None;
                self.memory.tried((self.clock)());
            }
            Swap::Waits(why) => {
                self.waits = Some(why);
                self.again = Some(Instant::now() + ASKS);
            }
        }
        self.remember();
    }

    async fn in_trouble(&mut self, version: &Version, trouble: Refused) {
        // A transient error is never a version's failure.
        let wait = after_trouble(self.failures);
        self.failures += 1;
        self.again = Some(Instant::now() + wait);
        let is_told = self
            .reported
            .as_ref()
            .is_some_and(|(told, at)| told.reason == trouble.reason && at.elapsed() < REPORTED);
        if !is_told {
            let news = News::new(
                self.steered.subject(),
                Event::Trouble,
                Some(version.clone()),
            );
            self.reporter
                .tell(news.because(&trouble.reason, &trouble.detail))
                .await;
            self.reported = Some((trouble.clone(), Instant::now()));
        }
        self.trouble = Some(trouble);
    }

    /// Each refusal is told once for each order, over restarts too.
    async fn tell_refusal(&mut self) {
        let Some((version, refused)) = self.memory.untold_refusal() else {
            return;
        };
        let news = News::new(self.steered.subject(), Event::Refused, Some(version));
        let told = self
            .reporter
            .tell(news.because(&refused.reason, &refused.detail));
        // What could not be written down is told with the next look.
        if told.await {
            self.memory.told_refusal();
            self.remember();
        }
    }

    fn remember(&mut self) {
        let held = not_before(&self.memory);
        self.held.send_if_modified(|known| {
            let changed = *known != held;
            *known = held;
            changed
        });
        if self.memory == self.saved {
            return;
        }
        match self.kept.save(&self.memory) {
            Ok(()) => self.saved.clone_from(&self.memory),
            // It is followed all the same, and written down with the next look.
            Err(error) => tracing::warn!(%error, "what the fleet ordered cannot be written down"),
        }
    }

    fn stand(&self, has: &Now, bad: Vec<Version>, now: Timestamp, todo: &Todo) {
        let order = self.memory.order();
        let mut why = None;
        let off = self.steered.may_follow().err();
        let state = match next(order, has, now) {
            _ if self.steered.is_halted() => State::Halted,
            Step::Arrived => State::Arrived,
            Step::Idle if off.is_none() => State::Idle,
            Step::Refused(refused) => {
                why = Some(refused.clone());
                State::Refused
            }
            _ if off.is_some() => {
                why = off;
                State::Off
            }
            _ if self.waits.is_some() => {
                why.clone_from(&self.waits);
                State::Staged
            }
            _ if self.trouble.is_some() => {
                why.clone_from(&self.trouble);
                State::Trouble
            }
            Step::Stands { until } => {
                why = Some(Refused {
                    reason: "must-stand".to_owned(),
                    detail: format!(
                        "it goes down right after another order that did; it is followed if it stands until {until}"
                    ),
                });
                State::Waiting
            }
            Step::Idle | Step::WaitToStage { .. } => State::Waiting,
            Step::Stage { .. } => State::Staging,
            Step::WaitToSwap { .. } => State::Staged,
            Step::Swap => match todo {
                Todo::Swap { .. } => State::Swapping,
                _ => State::Staged,
            },
        };
        let (reason, words) =
            why.map_or_else(Default::default, |why| (why.reason, detail(&why.detail)));
        let standing = Standing {
            version: has.running.clone(),
            state,
            target: order.map(|order| order.version.clone()),
            generation: order.map(|order| order.generation),
            scope: order.map(|order| order.scope.clone()),
            reason,
            detail: words,
            bad: bad.into_iter().rev().take(8).rev().collect(),
        };
        self.standing.send_if_modified(|now| {
            let changed = *now != standing;
            *now = standing;
            changed
        });
    }
}
