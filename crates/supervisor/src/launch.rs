//! One launch: choice after choice until one is ready, nothing is left, or an order comes.
//!
//! Beside something that serves, and in an instance that follows another workspace, one choice is
//! tried and no other.

use std::sync::Arc;

use rollout::BadEntry;
use runtime_store::{Asked, Choice, Failure, Launch, WhyNot};
use tokio::time::Instant;

use crate::actor::{Actor, Order, Orders, Request, Step};
use crate::child::Child;
use crate::front::Front;
use crate::probe::{self, Target};
use crate::round::Round;
use crate::running::{Session, until_ended};
use crate::seat::Role;
use crate::state::{Event, Outcome, Running, State, SupervisorError};
use crate::verdict::{self, End};

/// How one spawn came out.
enum Came {
    Ready,
    Ended(End),
    Ordered(Order),
    /// What serves beside it has ended.
    OldEnded(End),
}

/// A process that is not ready yet.
struct Spawned {
    child: Child,
    launch: Arc<Launch>,
    port: u16,
}

/// What became of it.
enum Through {
    Over(Box<Step>),
    /// There may be another choice.
    Failed(Box<Round>, Box<Request>),
}

impl Through {
    fn over(step: Step) -> Self {
        Self::Over(Box::new(step))
    }
}

/// What a launch came to that ended with `runs`.
pub(crate) fn outcome(runs: &Choice, failures: &[Failure]) -> Outcome {
    Outcome {
        version: runs.version.clone(),
        source: runs.source,
        fell_back_from: failures.first().map(|first| first.version.clone()),
        passed_over: runs.passed_over.clone(),
    }
}

impl Actor {
    pub(crate) async fn launch(&mut self, mut request: Request, orders: &mut Orders) -> Step {
        let mut round = Round {
            failures: std::mem::take(&mut request.failures),
            ..Round::default()
        };
        match (&request.beside, &self.front) {
            (Some(_), _) => {
                if let Some(order) = self.draining.make_room(orders).await {
                    return self.break_off(order, round, request).await;
                }
            }
            (None, Some(front)) => front.wait(),
            (None, None) => {}
        }
        while !self.is_over(&round, &request) {
            // It came while the last choice was being ended: no other is started first.
            if let Some(order) = orders.waiting() {
                return self.break_off(order, round, request).await;
            }
            let port = match self.port(round.avoid).await {
                Ok(port) => port,
                Err(error) => {
                    round.add(self.without_port(error.to_string()));
                    if let Some(old) = request.beside.take() {
                        let report = verdict::report(&round.failures);
                        request.answer(&Err(SupervisorError::Failed(report)));
                        return Step::Watch(old);
                    }
                    break;
                }
            };
            let begun = self.begin(&request, &mut round).await;
            if let Some(finding) = self.finding(&begun, &round).await {
                round.mended = true;
                // Its lease goes, so that what it would run can be replaced.
                let taken = begun.ok().and_then(|launch| launch.taken.clone());
                self.books.give_back(taken.into_iter().collect()).await;
                tokio::select! {
                    order = orders.next() => return self.break_off(order, round, request).await,
                    _ = self.mend(finding) => continue,
                }
            }
            let launch = match begun {
                Ok(launch) => launch,
                Err(why) => {
                    round.add(self.refused(&why));
                    break;
                }
            };
            if round.has_failed(&launch.choice) || self.is_over(&round, &request) {
                round.unjudged.extend(launch.taken.clone());
                break;
            }
            self.announce(&launch, request.beside.is_some());
            self.keep_data(&launch, &mut round).await;
            if let Some(order) = orders.waiting() {
                round.unjudged.extend(launch.taken.clone());
                return self.break_off(order, round, request).await;
            }
            let child = match Child::spawn(&self.spec, &launch, port).await {
                Ok(child) => child,
                Err(why) => {
                    self.judge(&mut round, &launch, port, None, End::NotSpawned(why))
                        .await;
                    continue;
                }
            };
            let spawned = Spawned {
                child,
                launch,
                port,
            };
            match self.see_through(spawned, round, request, orders).await {
                Through::Over(step) => return *step,
                Through::Failed(next_round, next_request) => {
                    (round, request) = (*next_round, *next_request);
                }
            }
        }
        if let Some(old) = request.beside.take() {
            return self.old_goes_on(old, round, request).await;
        }
        round.unjudged.append(&mut round.spent);
        self.books.give_back(round.unjudged).await;
        self.failed(verdict::report(&round.failures), request);
        Step::Idle
    }

    /// Whether there is nothing left to try.
    fn is_over(&self, round: &Round, request: &Request) -> bool {
        let one_choice = request.beside.is_some() || !self.seat.leads();
        if one_choice {
            !round.failures.is_empty()
        } else {
            verdict::exhausted(&round.failures)
        }
    }

    /// From the spawn until it is ready, or an order comes, or it failed.
    async fn see_through(
        &mut self,
        mut spawned: Spawned,
        mut round: Round,
        mut request: Request,
        orders: &mut Orders,
    ) -> Through {
        let deadline = Instant::now() + self.spec.ready.timeout();
        loop {
            let beside = request.beside.as_deref_mut();
            let mut came = self.probe(&mut spawned, deadline, beside, orders).await;
            if let Came::OldEnded(end) = came {
                let old = request.beside.take();
                match self
                    .old_ended(old, end, &spawned.launch, &mut round, orders)
                    .await
                {
                    Some(order) => came = Came::Ordered(order),
                    None => continue,
                }
            }
            let Spawned {
                mut child,
                launch,
                port,
            } = spawned;
            return match came {
                Came::Ready => {
                    Through::over(self.became_ready(child, launch, port, round, request).await)
                }
                Came::Ended(end) | Came::OldEnded(end) => {
                    self.judge(&mut round, &launch, port, Some(child), end)
                        .await;
                    Through::Failed(Box::new(round), Box::new(request))
                }
                Came::Ordered(order) => {
                    child.stop().await;
                    // Those that failed before it keep their verdict: quitting out of impatience
                    // must not buy a bad trial another launch, again and again.
                    round.unjudged.extend(launch.taken.clone());
                    drop(launch);
                    Through::over(self.break_off(order, round, request).await)
                }
            };
        }
    }

    /// An order ends the launch: what had no verdict gets its attempt back.
    async fn break_off(&mut self, order: Order, round: Round, request: Request) -> Step {
        self.books.give_back(round.unjudged).await;
        self.obey(order, request.waiting, request.beside)
    }

    /// The next choice: the store's, or what is followed.
    async fn begin(&self, request: &Request, round: &mut Round) -> Result<Arc<Launch>, WhyNot> {
        if let Role::Follows(what) = self.seat.role() {
            return self.books.follow(what.as_ref()).await;
        }
        // Who wants it: a restart after a crash goes on with what a person asked for, and starts
        // nothing that was staged since then.
        let asked = match &request.again {
            Some(id) if !self.books.names(id).await => Asked::Passively,
            _ => request.asked,
        };
        let launch = self.books.begin(asked, &round.failures).await;
        for failure in &launch.failures {
            round.add(failure.clone());
        }
        Ok(launch)
    }

    fn announce(&self, launch: &Launch, beside: bool) {
        let (version, source) = (launch.choice.version.clone(), launch.choice.source);
        tracing::info!(%version, ?source, launch = launch.id, "launching");
        for passed in &launch.choice.passed_over {
            let over = passed.version.as_ref().map(tracing::field::display);
            match &passed.why {
                WhyNot::Recalled => {
                    tracing::warn!(over, runs = %version, "its publisher recalled a version that is passed over");
                }
                WhyNot::Blocked(blocked) => {
                    let reason = blocked.reason();
                    tracing::info!(over, runs = %version, reason, "a staged version is not launched yet");
                }
                why => tracing::debug!(over, runs = %version, ?why, "passed over"),
            }
        }
        // What serves beside it is what runs.
        if !beside {
            self.set(State::Starting {
                version: version.clone(),
                source,
            });
        }
        self.tell(Event::Launching {
            version,
            source,
            launch_id: launch.id.clone(),
            passed_over: launch.choice.passed_over.clone(),
        });
    }

    async fn probe(
        &self,
        spawned: &mut Spawned,
        deadline: Instant,
        beside: Option<&mut Session>,
        orders: &mut Orders,
    ) -> Came {
        let target = Target {
            port: spawned.port,
            launch_id: spawned.launch.id.clone(),
            guard_pid: spawned.child.guard_pid(),
        };
        let seen = spawned.child.seen();
        tokio::select! {
            // An exit comes first: what has ended is not ready, whatever it answered before.
            biased;
            end = spawned.child.ended() => Came::Ended(end),
            order = orders.next() => Came::Ordered(order),
            end = until_ended(beside) => Came::OldEnded(end),
            () = probe::until_ready(&self.spec.ready, &target, seen) => Came::Ready,
            () = tokio::time::sleep_until(deadline) => Came::Ended(End::TimedOut),
        }
    }

    async fn became_ready(
        &mut self,
        child: Child,
        launch: Arc<Launch>,
        port: u16,
        round: Round,
        mut request: Request,
    ) -> Step {
        let mut old = request.beside.take();
        if let Some(old) = &mut old {
            self.report_soak(old).await;
        }
        let condemned = if self.seat.leads() {
            self.books.ready(&launch, &round.failures).await
        } else {
            Vec::new()
        };
        let session = Session::new(child, launch, request.asked, self.spec.soak, port);
        if let Some(front) = &self.front {
            front.serve(session.backend());
        }
        let choice = &session.launch.choice;
        let port = self.front.as_ref().map_or(port, Front::port);
        let running = Running {
            version: choice.version.clone(),
            integrity: choice.integrity.clone(),
            source: choice.source,
            url: format!("http://127.0.0.1:{port}/"),
            port,
            launch_id: session.launch.id.clone(),
            since: runtime_store::now(),
            trial: choice.trial.is_some(),
            passed_over: choice.passed_over.clone(),
        };
        tracing::info!(version = %running.version, port, "ready");
        self.set(State::Running(running.clone()));
        self.tell(Event::Ready(running));
        if let (Some(old), Some(swap)) = (old, self.spec.swap) {
            self.draining.add(*old, swap.drain);
        }
        self.tell_of_failures(choice, &round.failures, &condemned);
        request.answer(&Ok(outcome(choice, &round.failures)));
        Step::Watch(Box::new(session))
    }

    pub(crate) fn tell_of_failures(
        &self,
        runs: &Choice,
        failures: &[Failure],
        condemned: &[BadEntry],
    ) {
        for failure in failures.iter().rev() {
            let condemned = failure.integrity.as_ref().is_some_and(|found| {
                condemned
                    .iter()
                    .any(|bad| bad.is_about(&failure.version, found))
            });
            self.tell(Event::FellBack {
                from: failure.version.clone(),
                to: runs.version.clone(),
                source: runs.source,
                reason: failure.how,
                detail: failure.detail.clone(),
                condemned,
            });
        }
    }
}
