//! Watching what is ready: its soak, its crashes, and the orders that end it.

use std::sync::Arc;
use std::time::Duration;

use runtime_store::{AfterCrash, Asked, Failure, How, Launch, Soak};
use tokio::time::Instant;

use crate::actor::{Actor, Order, Orders, Request, Step};
use crate::backoff::Backoff;
use crate::child::Child;
use crate::crashes::CRASHES_OF_A_LOOP;
use crate::soak::SoakClock;
use crate::state::{Event, State};
use crate::verdict::{self, End};

/// A runtime that is ready, until it ends.
pub(crate) struct Session {
    child: Child,
    launch: Arc<Launch>,
    asked: Asked,
    since: Instant,
    /// None when it is not on trial, or no more.
    soak: Option<SoakClock>,
}

impl Session {
    pub(crate) fn new(child: Child, launch: Arc<Launch>, asked: Asked, soak: Duration) -> Self {
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
        }
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

    async fn report_soak(&self, session: &mut Session) {
        let Some(soak) = &mut session.soak else {
            return;
        };
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
                self.amend(|state| {
                    if let State::Running(running) = state {
                        running.trial = false;
                    }
                });
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
        self.set(State::Restarting {
            version: choice.version.clone(),
            source: choice.source,
        });
        self.report_soak(&mut session).await;
        session.child.wait_until_gone().await;
        let detail = verdict::crash_detail(&end, &session.child.tail().await);
        let after = if session.soak.is_none() || end.is_from_outside() {
            AfterCrash::Restart { crashes: 0 }
        } else if let Some(order) = orders.within(BEFORE_IT_COUNTS).await {
            let version = &session.launch.choice.version;
            tracing::info!(%version, %detail, "the runtime ended just before it was to");
            // The lease goes with it, before anyone is told that it is over.
            drop(session);
            return self.obey(order, Vec::new());
        } else {
            self.books.crashed(&session.launch).await
        };
        let choice = &session.launch.choice;
        tracing::warn!(version = %choice.version, %detail, ?after, "the runtime crashed");
        let mut request = Request::again(session.asked, choice);
        let (crashes, step) = match after {
            AfterCrash::Restart { crashes } => {
                let delay = self.backoff.after_crash(ran);
                (crashes, Step::Later(delay, request))
            }
            AfterCrash::Loop => {
                request.failures.push(Failure {
                    version: choice.version.clone(),
                    integrity: choice.integrity.clone(),
                    source: choice.source,
                    trial: true,
                    taken: false,
                    how: How::CrashLoop,
                    detail: detail.clone(),
                });
                (CRASHES_OF_A_LOOP, Step::Launch(request))
            }
        };
        self.tell(Event::Crashed {
            version: choice.version.clone(),
            detail,
            crashes,
        });
        step
    }

    async fn end_in_order(&mut self, mut session: Session, order: Order) -> Step {
        if let Order::Restart { .. } = &order {
            let choice = &session.launch.choice;
            self.set(State::Restarting {
                version: choice.version.clone(),
                source: choice.source,
            });
            self.backoff = Backoff::default();
        }
        self.report_soak(&mut session).await;
        session.child.stop().await;
        // The lease goes with it, before anyone is told that it is over.
        drop(session);
        self.obey(order, Vec::new())
    }
}

/// The end of a session, or of a service, tells everyone to go at once, and the runtime may be the
/// first to do so: only what no order follows for this long has crashed.
const BEFORE_IT_COUNTS: Duration = Duration::from_secs(1);

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
