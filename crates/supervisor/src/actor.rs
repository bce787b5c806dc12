//! The one task behind a [`crate::Supervisor`]: what it does next, and who waits for it.
//!
//! Launching is in `launch`, taking over from what runs in `swap`, watching what runs in `running`;
//! each returns the next [`Step`].

use std::sync::Arc;
use std::time::Duration;

use runtime_store::{Asked, Choice, Failure, Shell, Store, VersionId};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::backoff::Backoff;
use crate::crashes::Deaths;
use crate::front::Front;
use crate::hooks::BoxFuture;
use crate::running::Session;
use crate::seat::{Seat, Wanted};
use crate::state::{Event, FailureReport, Outcome, State, SupervisorError};
use crate::store::Books;
use crate::swap::Draining;
use crate::{Spec, port};

/// What is to be done while nothing runs.
pub(crate) type Between = BoxFuture<'static, Result<(), String>>;

pub(crate) enum Order {
    Restart {
        wanted: Wanted,
        /// Nothing serves meanwhile, swap or not.
        between: Option<Between>,
        reply: Waiting,
    },
    Stop {
        reply: oneshot::Sender<()>,
    },
    /// Every handle was dropped: nobody is left to ask for anything else.
    Abandoned,
}

/// Somebody who asked for a restart.
pub(crate) type Waiting = oneshot::Sender<Result<Outcome, SupervisorError>>;

pub(crate) struct Actor {
    pub(crate) books: Books,
    pub(crate) shell: Arc<Shell>,
    pub(crate) spec: Arc<Spec>,
    pub(crate) seat: Seat,
    pub(crate) backoff: Backoff,
    /// The crashes of an instance that follows.
    pub(crate) deaths: Deaths,
    /// Where versions swap: the address that stays.
    pub(crate) front: Option<Front>,
    /// What was taken over from and still answers.
    pub(crate) draining: Draining,
    state: watch::Sender<State>,
    events: broadcast::Sender<Event>,
}

/// What to do next.
pub(crate) enum Step {
    Launch(Request),
    /// End what still serves, do this, then launch.
    Between(Between, Request),
    /// Wait out a back-off, then launch.
    Later(Duration, Request),
    Watch(Box<Session>),
    /// Nothing runs; wait for an order.
    Idle,
    /// End what still serves, and for good; answer then.
    End(Option<Box<Session>>, Option<oneshot::Sender<()>>),
}

/// A launch to make.
pub(crate) struct Request {
    pub(crate) asked: Asked,
    /// What crashed, where this is its restart: a person who asked for that did not ask for
    /// another trial.
    pub(crate) again: Option<VersionId>,
    /// What already failed and must not be chosen: a crash loop.
    pub(crate) failures: Vec<Failure>,
    pub(crate) waiting: Vec<Waiting>,
    /// What serves until the next one does.
    pub(crate) beside: Option<Box<Session>>,
}

impl Request {
    pub(crate) fn new(asked: Asked) -> Self {
        Self {
            asked,
            again: None,
            failures: Vec::new(),
            waiting: Vec::new(),
            beside: None,
        }
    }

    /// The restart of a choice that crashed.
    pub(crate) fn again(asked: Asked, choice: &Choice) -> Self {
        match id_of(choice) {
            Some(id) => Self {
                again: Some(id),
                ..Self::new(asked)
            },
            None => Self::new(Asked::Passively),
        }
    }

    pub(crate) fn answer(self, answer: &Result<Outcome, SupervisorError>) {
        for waiting in self.waiting {
            // Whoever asked may have gone away meanwhile.
            let _ = waiting.send(answer.clone());
        }
    }
}

/// Which stored content it is; none for bundled.
pub(crate) fn id_of(choice: &Choice) -> Option<VersionId> {
    Some(VersionId {
        version: choice.version.clone(),
        integrity: choice.integrity.clone()?,
    })
}

/// The orders that come in.
pub(crate) struct Orders(mpsc::Receiver<Order>);

impl Orders {
    /// Cancel-safe.
    pub(crate) async fn next(&mut self) -> Order {
        self.0.recv().await.unwrap_or(Order::Abandoned)
    }

    /// An order that has come already, or comes soon. Cancel-safe.
    pub(crate) async fn within(&mut self, patience: Duration) -> Option<Order> {
        tokio::time::timeout(patience, self.next()).await.ok()
    }

    /// An order that has come already.
    pub(crate) fn waiting(&mut self) -> Option<Order> {
        match self.0.try_recv() {
            Ok(order) => Some(order),
            Err(mpsc::error::TryRecvError::Empty) => None,
            Err(mpsc::error::TryRecvError::Disconnected) => Some(Order::Abandoned),
        }
    }
}

impl Actor {
    pub(crate) fn new(
        store: Option<Store>,
        shell: Arc<Shell>,
        spec: Spec,
        seat: Seat,
        state: watch::Sender<State>,
        events: broadcast::Sender<Event>,
    ) -> Self {
        Self {
            books: Books::new(store, Arc::clone(&shell)),
            shell,
            spec: Arc::new(spec),
            seat,
            backoff: Backoff::default(),
            deaths: Deaths::default(),
            front: None,
            draining: Draining::default(),
            state,
            events,
        }
    }

    pub(crate) async fn run(mut self, inbox: mpsc::Receiver<Order>, asked: Asked) {
        let mut orders = Orders(inbox);
        let mut step = match self.spec.check() {
            Ok(()) => Step::Launch(Request::new(asked)),
            Err(error) => {
                self.failed(error.into(), Request::new(asked));
                Step::Idle
            }
        };
        loop {
            step = match step {
                Step::Launch(request) => self.launch(request, &mut orders).await,
                Step::Between(between, request) => self.between(between, request).await,
                Step::Later(delay, request) => tokio::select! {
                    () = tokio::time::sleep(delay) => Step::Launch(request),
                    order = orders.next() => self.obey(order, request.waiting, None),
                },
                Step::Watch(session) => self.watch(session, &mut orders).await,
                Step::Idle => match orders.next().await {
                    Order::Restart {
                        wanted,
                        between,
                        reply,
                    } => match self.spec.check() {
                        Ok(()) => {
                            let order = Order::Restart {
                                wanted,
                                between,
                                reply,
                            };
                            self.obey(order, Vec::new(), None)
                        }
                        Err(error) => {
                            let mut request = Request::new(Asked::Passively);
                            request.waiting.push(reply);
                            self.failed(error.into(), request);
                            Step::Idle
                        }
                    },
                    order => self.obey(order, Vec::new(), None),
                },
                Step::End(serving, reply) => {
                    tokio::join!(self.draining.end(), end(serving));
                    self.front = None;
                    self.set(State::Stopped);
                    if let Some(reply) = reply {
                        let _ = reply.send(());
                    }
                    return;
                }
            };
        }
    }

    /// What an order makes of a launch that others wait for. `beside` serves until the next one
    /// does, or all ends.
    pub(crate) fn obey(
        &mut self,
        order: Order,
        waiting: Vec<Waiting>,
        beside: Option<Box<Session>>,
    ) -> Step {
        match order {
            Order::Restart {
                wanted,
                between,
                reply,
            } => {
                let asked = self.seat.take(wanted);
                self.deaths = Deaths::default();
                let mut request = Request::new(asked);
                request.waiting = waiting;
                request.waiting.push(reply);
                request.beside = beside;
                match between {
                    Some(between) => Step::Between(between, request),
                    None => Step::Launch(request),
                }
            }
            Order::Stop { reply } => {
                drop(waiting);
                Step::End(beside, Some(reply))
            }
            Order::Abandoned => Step::End(beside, None),
        }
    }

    pub(crate) fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    pub(crate) fn amend(&self, amend: impl FnOnce(&mut State)) {
        self.state.send_modify(amend);
    }

    pub(crate) fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(event);
    }

    /// Nothing is left to try: says so everywhere.
    pub(crate) fn failed(&self, report: FailureReport, request: Request) {
        tracing::error!(message = %report.message, detail = %report.detail, "no runtime could be started");
        if let Some(front) = &self.front {
            front.close();
        }
        self.set(State::Failed(report.clone()));
        self.tell(Event::Failed(report.clone()));
        request.answer(&Err(SupervisorError::Failed(report)));
    }

    /// The port for a spawn, chosen off the async threads since it looks at files and locks. Behind
    /// a front it is any.
    pub(crate) async fn port(&mut self, avoid: Option<u16>) -> Result<u16, port::PortError> {
        let file = self.spec.port_file.clone();
        let behind_front = self.spec.swap.is_some();
        if behind_front && self.front.is_none() {
            self.front = Some(Front::bind(&file).await?);
        }
        let choose = if behind_front {
            port::fresh
        } else {
            port::choose
        };
        tokio::task::spawn_blocking(move || choose(&file, avoid))
            .await
            .unwrap_or(Err(port::PortError::Interrupted))
    }
}

async fn end(session: Option<Box<Session>>) {
    if let Some(session) = session {
        session.end().await;
    }
}
