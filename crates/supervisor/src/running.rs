//! Watching what is ready: its soak, its crashes, and the orders that end it.

use std::sync::Arc;
use std::time::Duration;

use runtime_store::{AfterCrash, Asked, Launch, Soak};
use tokio::time::Instant;

use crate::actor::{Actor, Order, Orders, Request, Step};
use crate::backoff::Backoff;
use crate::child::Child;
use crate::crashes::CRASHES_OF_A_LOOP;
use crate::front::Backend;
use crate::soak::SoakClock;
use crate::state::{Event, State};
use crate::swap::loop_of;
use crate::verdict::{self, End};

/// A runtime that is ready, until it ends.
pub(crate) struct Session {
    pub(crate) child: Child,
    pub(crate) launch: Arc<Launch>,
    asked: Asked,
    since: Instant,
    /// None when it is not on trial, or no more.
    soak: Option<SoakClock>,
    /// As a front reaches it.
    backend: Arc<Backend>,
}

impl Session {
    pub(crate) fn new(
        child: Child,
        launch: Arc<Launch>,
        asked: Asked,
        soak: Duration,
        port: u16,
    ) -> Self {
        let clock = launch
            .choice
            .trial
            .as_ref()
            .map(|trial| SoakClock::new(soak, Duration::from_secs(trial.soaked_seconds)));
        Self {
            child,
            launch,
            asked,
            since: Instant::now(),
            soak: clock,
            backend: Backend::new(port),
        }
    }

    pub(crate) fn backend(&self) -> Arc<Backend> {
        Arc::clone(&self.backend)
    }

    /// Ends it in order. The lease goes with it, before anyone is told that it is over.
    pub(crate) async fn end(mut self) {
        self.child.stop().await;
    }
}

/// Cancel-safe; never, where there is none.
pub(crate) async fn until_ended(session: Option<&mut Session>) -> End {
    match session {
        Some(session) => session.child.ended().await,
        None => std::future::pending().await,
    }
}

impl Actor {
    pub(crate) async fn watch(&mut self, mut session: Box<Session>, orders: &mut Orders) -> Step {
        loop {
            let report = session
                .soak
                .as_ref()
                .map(|soak| session.since + soak.next_report());
            tokio::select! {
                biased;
                end = session.child.ended() => return self.crashed(*session, end, orders).await,
                order = orders.next() => return self.end_in_order(*session, order).await,
                () = until(report) => self.report_soak(&mut session).await,
            }
        }
    }

    pub(crate) async fn report_soak(&self, session: &mut Session) {
        let Some(soak) = &mut session.soak else {
            return;
        };
        if !self.seat.leads() {
            // On trial where it is led from.
            session.soak = None;
            self.amend(no_trial);
            return;
        }
        let due = soak.take(session.since.elapsed());
        if due.is_zero() {
            return;
        }
        match self
            .books
            .soaked(&session.launch, due, self.spec.soak)
            .await
        {
            Some(Soak::Soaking { left }) => soak.set_left(left),
            None => soak.put_back(due),
            Some(over @ (Soak::Confirmed | Soak::NotOnTrial)) => {
                session.soak = None;
                self.amend(no_trial);
                if over == Soak::Confirmed {
                    let version = session.launch.choice.version.clone();
                    tracing::info!(%version, "confirmed");
                    self.tell(Event::Confirmed { version });
                }
            }
        }
    }

    async fn crashed(&mut self, mut session: Session, end: End, orders: &mut Orders) -> Step {
        let ran = session.since.elapsed();
        let choice = &session.launch.choice;
        if let Some(front) = &self.front {
            front.wait();
        }
        self.set(State::Restarting {
            version: choice.version.clone(),
            source: choice.source,
        });
        self.report_soak(&mut session).await;
        session.child.wait_until_gone().await;
        let detail = verdict::crash_detail(&end, &session.child.tail().await);
        let after = if !self.counts(&session, &end) {
            AfterCrash::Restart { crashes: 0 }
        } else if let Some(order) = orders.within(BEFORE_IT_COUNTS).await {
            let version = &session.launch.choice.version;
            tracing::info!(%version, %detail, "the runtime ended just before it was to");
            // The lease goes with it, before anyone is told that it is over.
            drop(session);
            return self.obey(order, Vec::new(), None);
        } else {
            self.count(&session).await
        };
        let choice = &session.launch.choice;
        tracing::warn!(version = %choice.version, %detail, ?after, "the runtime crashed");
        let mut request = Request::again(session.asked, choice);
        let crashes = match after {
            AfterCrash::Restart { crashes } => crashes,
            AfterCrash::Loop => CRASHES_OF_A_LOOP,
        };
        self.tell(Event::Crashed {
            version: choice.version.clone(),
            detail: detail.clone(),
            crashes,
        });
        if after != AfterCrash::Loop {
            let delay = self.backoff.after_crash(ran);
            return Step::Later(delay, request);
        }
        let failure = loop_of(&session.launch, detail);
        // The lease goes with it, before anyone is told that it is over.
        drop(session);
        if !self.seat.leads() {
            self.failed(verdict::report(&[failure]), request);
            return Step::Idle;
        }
        request.failures.push(failure);
        Step::Launch(request)
    }

    /// Whether the end of what was ready may be one crash too many.
    pub(crate) fn counts(&self, session: &Session, end: &End) -> bool {
        let watched = session.soak.is_some() || !self.seat.leads();
        watched && !end.is_from_outside()
    }

    /// Counts a crash, and says what follows.
    pub(crate) async fn count(&mut self, session: &Session) -> AfterCrash {
        if self.seat.leads() {
            self.books.crashed(&session.launch).await
        } else {
            self.deaths.one_more(Instant::now(), self.spec.soak)
        }
    }

    async fn end_in_order(&mut self, mut session: Session, order: Order) -> Step {
        self.report_soak(&mut session).await;
        if let Order::Restart { .. } = &order {
            self.backoff = Backoff::default();
            if self.spec.swap.is_some() {
                return self.obey(order, Vec::new(), Some(Box::new(session)));
            }
            let choice = &session.launch.choice;
            self.set(State::Restarting {
                version: choice.version.clone(),
                source: choice.source,
            });
        }
        session.end().await;
        self.obey(order, Vec::new(), None)
    }
}

/// The end of a session, or of a service, tells everyone to go at once, and the runtime may be the
/// first to do so: only what no order follows for this long has crashed.
pub(crate) const BEFORE_IT_COUNTS: Duration = Duration::from_secs(1);

fn no_trial(state: &mut State) {
    if let State::Running(running) = state {
        running.trial = false;
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
