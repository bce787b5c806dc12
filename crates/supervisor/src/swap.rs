//! One version takes over from another that serves until then, and what is left of that one
//! afterwards.
//!
//! The one that serves is ended only once the other one is ready, serves in its place, and nothing
//! is left that was handed to the old one. Where the other one fails, the old one goes on, and
//! counts as the later choice of the launch that became ready.

use std::time::Duration;

use runtime_store::{AfterCrash, Failure, How, Launch};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::actor::{Actor, Between, Order, Orders, Request, Step};
use crate::crashes::CRASHES_OF_A_LOOP;
use crate::launch::outcome;
use crate::round::Round;
use crate::running::{BEFORE_IT_COUNTS, Session};
use crate::state::{Event, State};
use crate::verdict::{self, End};

/// So many may still be answering; the next swap waits for one of them.
const MOST_DRAINING: usize = 2;

/// What was taken over from and still owes answers.
#[derive(Debug)]
pub(crate) struct Draining {
    tasks: JoinSet<()>,
    hurry: watch::Sender<bool>,
}

impl Default for Draining {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            hurry: watch::channel(false).0,
        }
    }
}

impl Draining {
    /// Ends it once it owes nothing, or `most` is over.
    pub(crate) fn add(&mut self, mut old: Session, most: Duration) {
        let mut hurry = self.hurry.subscribe();
        let backend = old.backend();
        self.tasks.spawn(async move {
            tokio::select! {
                _ = old.child.ended() => {}
                () = backend.idle() => {}
                () = tokio::time::sleep(most) => {
                    tracing::info!(version = %old.launch.choice.version, "what it still answered is cut");
                }
                _ = hurry.wait_for(|hurry| *hurry) => {}
            }
            old.end().await;
        });
    }

    /// Waits until another one may be added; an order ends the wait.
    pub(crate) async fn make_room(&mut self, orders: &mut Orders) -> Option<Order> {
        while self.tasks.try_join_next().is_some() {}
        while self.tasks.len() >= MOST_DRAINING {
            tokio::select! {
                _ = self.tasks.join_next() => {}
                order = orders.next() => return Some(order),
            }
        }
        None
    }

    /// Ends all of it now.
    pub(crate) async fn end(&mut self) {
        self.hurry.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        self.hurry.send_replace(false);
    }
}

impl Actor {
    /// Does something that nothing may run beside: not what serves, nor what still answers.
    pub(crate) async fn between(&mut self, between: Between, mut request: Request) -> Step {
        if let Some(mut old) = request.beside.take() {
            self.report_soak(&mut old).await;
            let choice = &old.launch.choice;
            self.set(State::Restarting {
                version: choice.version.clone(),
                source: choice.source,
            });
            if let Some(front) = &self.front {
                front.wait();
            }
            old.end().await;
        }
        self.draining.end().await;
        if let Err(why) = between.await {
            self.trouble(why);
        }
        Step::Launch(request)
    }

    /// The next one failed; what served until now serves on.
    pub(crate) async fn old_goes_on(
        &mut self,
        old: Box<Session>,
        round: Round,
        request: Request,
    ) -> Step {
        let runs = &old.launch.choice;
        // What serves is no proof against itself: one more of it did not come up, and the next launch
        // that has nothing beside it is the judge.
        let (itself, failures) = round.against(runs);
        // Whatever the environment kept from starting gets its attempt back with the verdict.
        let condemned = if self.seat.leads() {
            self.books.ready(&old.launch, &failures).await
        } else {
            Vec::new()
        };
        self.tell_of_failures(runs, &failures, &condemned);
        for failure in &itself {
            let (version, detail) = (&failure.version, &failure.detail);
            self.trouble(format!(
                "Version {version} could not be started once more, and serves on as it was: {detail}"
            ));
        }
        self.others_write(&old.launch).await;
        tracing::warn!(version = %runs.version, "the version that was to take over failed; this one serves on");
        request.answer(&Ok(outcome(runs, &round.failures)));
        Step::Watch(old)
    }

    /// What served ended while the next one starts, which goes on as if it had been launched alone.
    /// An order that comes soon means that the end was no crash.
    pub(crate) async fn old_ended(
        &mut self,
        old: Option<Box<Session>>,
        end: End,
        next: &Launch,
        round: &mut Round,
        orders: &mut Orders,
    ) -> Option<Order> {
        let mut old = old?;
        if let Some(front) = &self.front {
            front.wait();
        }
        self.set(State::Starting {
            version: next.choice.version.clone(),
            source: next.choice.source,
        });
        self.report_soak(&mut old).await;
        old.child.wait_until_gone().await;
        let detail = verdict::crash_detail(&end, &old.child.tail().await);
        let mut crashes = 0;
        if self.counts(&old, &end) {
            if let Some(order) = orders.within(BEFORE_IT_COUNTS).await {
                return Some(order);
            }
            match self.count(&old).await {
                AfterCrash::Restart { crashes: counted } => crashes = counted,
                AfterCrash::Loop => {
                    crashes = CRASHES_OF_A_LOOP;
                    round.add(loop_of(&old.launch, detail.clone()));
                }
            }
        }
        let version = old.launch.choice.version.clone();
        tracing::warn!(%version, %detail, "the runtime crashed while the next one started");
        self.tell(Event::Crashed {
            version,
            detail,
            crashes,
        });
        None
    }
}

/// It crashed as often as it may.
pub(crate) fn loop_of(launch: &Launch, detail: String) -> Failure {
    let choice = &launch.choice;
    Failure {
        version: choice.version.clone(),
        integrity: choice.integrity.clone(),
        source: choice.source,
        trial: choice.trial.is_some(),
        taken: false,
        how: How::CrashLoop,
        detail,
    }
}
