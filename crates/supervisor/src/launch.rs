//! One launch: choice after choice until one is ready, nothing is left, or an order comes.
//!
//! Beside something that serves, and in an instance that follows another workspace, one choice is
//! tried and no other.

use std::sync::Arc;

use rollout::{BadEntry, Integrity, Version};
use runtime_store::{Asked, Choice, Failure, How, Launch, Source, TakenAttempt, VersionId, WhyNot};
use tokio::time::Instant;

use crate::actor::{Actor, Order, Orders, Request, Role, Step};
use crate::child::Child;
use crate::probe::{self, Target};
use crate::running::{Session, until_ended};
use crate::state::{Event, Outcome, Running, State, SupervisorError};
use crate::verdict::{self, End, Scene, Verdict};
use crate::{environment, port};

/// What a launch has behind it.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) failures: Vec<Failure>,
    /// Of choices that had their verdict: back only where every choice failed.
    pub(crate) spent: Vec<TakenAttempt>,
    /// Of choices that the machine kept from starting: back where an order ends the launch, too.
    /// Where a choice becomes ready, [`runtime_store::Store::ready`] gives them back.
    pub(crate) unjudged: Vec<TakenAttempt>,
    /// A port that a stranger holds.
    avoid: Option<u16>,
    /// The choice that was already given another port.
    moved: Option<(Version, Option<Integrity>)>,
    /// Somebody was asked to put right what was passed over.
    pub(crate) mended: bool,
    /// The trial whose data was kept before its spawn.
    pub(crate) kept: Option<VersionId>,
    /// The failed trials whose data was put back.
    pub(crate) put_back: Vec<VersionId>,
}

/// How one spawn came out.
enum Came {
    Ready,
    Ended(End),
    Ordered(Order),
    /// What serves beside it has ended.
    OldEnded(End),
}

impl Round {
    pub(crate) fn add(&mut self, failure: Failure) {
        let known = self
            .failures
            .iter()
            .any(|known| is_about(known, &failure.version, failure.integrity.as_ref()));
        if !known {
            self.failures.push(failure);
        }
    }

    fn has_failed(&self, choice: &Choice) -> bool {
        self.failures
            .iter()
            .any(|failure| is_about(failure, &choice.version, choice.integrity.as_ref()))
    }

    fn was_moved(&self, choice: &Choice) -> bool {
        self.moved.as_ref().is_some_and(|(version, integrity)| {
            *version == choice.version && *integrity == choice.integrity
        })
    }
}

fn is_about(failure: &Failure, version: &Version, integrity: Option<&Integrity>) -> bool {
    failure.version == *version && failure.integrity.as_ref() == integrity
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
            self.keep_data(&launch, &mut round, request.beside.is_some())
                .await;
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
        let one_choice = request.beside.is_some() || self.role != Role::Leads;
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
        if let Role::Follows(what) = &self.role {
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

    /// Ends what is left of a spawn that failed, and writes down what its end means.
    async fn judge(
        &self,
        round: &mut Round,
        launch: &Arc<Launch>,
        port: u16,
        child: Option<Child>,
        end: End,
    ) {
        let choice = &launch.choice;
        let (scene, tail) = match child {
            None => (Scene::default(), String::new()),
            Some(mut child) => {
                if end == End::TimedOut {
                    child.stop().await;
                } else {
                    child.wait_until_gone().await;
                }
                let scene = self.scene(port, round.was_moved(choice));
                tokio::join!(scene, child.tail())
            }
        };
        let detail = verdict::detail(&end, &scene, port, &tail);
        tracing::warn!(version = %choice.version, %detail, "a choice failed before it was ready");
        if scene.stranger {
            round.avoid = Some(port);
        }
        match verdict::verdict(&end, &scene) {
            Verdict::AnotherPort => {
                // Given back and taken again by the next choice, which is the same one.
                round.moved = Some((choice.version.clone(), choice.integrity.clone()));
                self.books
                    .give_back(launch.taken.clone().into_iter().collect())
                    .await;
            }
            Verdict::Failed(how) => {
                let attempts = match how {
                    How::Environment => &mut round.unjudged,
                    _ => &mut round.spent,
                };
                attempts.extend(launch.taken.clone());
                round.add(Failure {
                    version: choice.version.clone(),
                    integrity: choice.integrity.clone(),
                    source: choice.source,
                    trial: choice.trial.is_some(),
                    taken: launch.taken.is_some(),
                    how,
                    detail,
                });
            }
        }
    }

    async fn scene(&self, port: u16, moved: bool) -> Scene {
        let data = self.spec.data.clone();
        tokio::task::spawn_blocking(move || Scene {
            stranger: port::is_taken(port),
            moved,
            no_room: environment::no_room(&data),
        })
        .await
        .unwrap_or_default()
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
        let condemned = match self.role {
            Role::Leads => self.books.ready(&launch, &round.failures).await,
            Role::Follows(_) => Vec::new(),
        };
        let session = Session::new(child, launch, request.asked, self.spec.soak, port);
        if let Some(front) = &self.front {
            front.serve(session.backend());
        }
        let choice = &session.launch.choice;
        let port = self.front.as_ref().map_or(port, |front| front.port());
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

    /// No choice is to blame, and no attempt was taken, where no port is to be had.
    fn without_port(&self, detail: String) -> Failure {
        Failure {
            version: self.shell.bundled.version.clone(),
            integrity: None,
            source: Source::Bundled,
            trial: false,
            taken: false,
            how: How::Environment,
            detail,
        }
    }
    /// What is followed cannot be launched here.
    fn refused(&self, why: &WhyNot) -> Failure {
        let what = match &self.role {
            Role::Follows(what) => what.as_ref(),
            Role::Leads => None,
        };
        let bundled = &self.shell.bundled.version;
        Failure {
            version: what.map_or_else(|| bundled.clone(), |id| id.version.clone()),
            integrity: what.map(|id| id.integrity.clone()),
            source: if what.is_some() {
                Source::Pointer
            } else {
                Source::Bundled
            },
            trial: false,
            taken: false,
            how: How::Environment,
            detail: verdict::refusal(why),
        }
    }
}
