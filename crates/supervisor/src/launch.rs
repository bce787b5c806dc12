//! One launch: choice after choice until one is ready, nothing is left, or an order comes.

use std::sync::Arc;

use rollout::{BadEntry, Integrity, Version};
use runtime_store::{Asked, Choice, Failure, How, Launch, Source, TakenAttempt, WhyNot};

use crate::actor::{Actor, Order, Orders, Request, Step};
use crate::child::Child;
use crate::probe::{self, Target};
use crate::running::Session;
use crate::state::{Event, Outcome, Running, State};
use crate::verdict::{self, End, Scene, Verdict};
use crate::{environment, port};

/// What a launch has behind it.
#[derive(Debug, Default)]
struct Round {
    failures: Vec<Failure>,
    /// Of choices that had their verdict: back only where every choice failed.
    spent: Vec<TakenAttempt>,
    /// Of choices that the machine kept from starting: back where an order ends the launch, too.
    /// Where a choice becomes ready, [`runtime_store::Store::ready`] gives them back.
    unjudged: Vec<TakenAttempt>,
    /// A port that a stranger holds.
    avoid: Option<u16>,
    /// The choice that was already given another port.
    moved: Option<(Version, Option<Integrity>)>,
}

/// How one spawn came out.
enum Came {
    Ready,
    Ended(End),
    Ordered(Order),
}

impl Round {
    fn add(&mut self, failure: Failure) {
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

impl Actor {
    pub(crate) async fn launch(&mut self, mut request: Request, orders: &mut Orders) -> Step {
        let mut round = Round {
            failures: std::mem::take(&mut request.failures),
            ..Round::default()
        };
        while !verdict::exhausted(&round.failures) {
            // It came while the last choice was being ended: no other is started first.
            if let Some(order) = orders.waiting() {
                self.books.give_back(round.unjudged).await;
                return self.obey(order, request.waiting);
            }
            let port = match self.port(round.avoid).await {
                Ok(port) => port,
                Err(error) => {
                    round.add(self.without_port(error.to_string()));
                    break;
                }
            };
            let asked = self.asked(&request).await;
            let launch = self.books.begin(asked, &round.failures).await;
            for failure in &launch.failures {
                round.add(failure.clone());
            }
            if round.has_failed(&launch.choice) {
                round.unjudged.extend(launch.taken.clone());
                break;
            }
            self.announce(&launch);
            let mut child = match Child::spawn(&self.spec, &launch, port).await {
                Ok(child) => child,
                Err(why) => {
                    self.judge(&mut round, &launch, port, None, End::NotSpawned(why))
                        .await;
                    continue;
                }
            };
            match self.probe(&mut child, &launch, port, orders).await {
                Came::Ready => return self.became_ready(child, launch, port, round, request).await,
                Came::Ended(end) => {
                    self.judge(&mut round, &launch, port, Some(child), end)
                        .await;
                }
                Came::Ordered(order) => {
                    child.stop().await;
                    // Those that failed before it keep their verdict: quitting out of impatience
                    // must not buy a bad trial another launch, again and again.
                    round.unjudged.extend(launch.taken.clone());
                    self.books.give_back(round.unjudged).await;
                    drop(launch);
                    return self.obey(order, request.waiting);
                }
            }
        }
        round.unjudged.append(&mut round.spent);
        self.books.give_back(round.unjudged).await;
        self.failed(verdict::report(&round.failures), request);
        Step::Idle
    }

    /// Who wants the next choice: a restart after a crash goes on with what a person asked for, and
    /// starts nothing that was staged since then.
    async fn asked(&self, request: &Request) -> Asked {
        match &request.again {
            Some(id) if !self.books.names(id).await => Asked::Passively,
            _ => request.asked,
        }
    }

    fn announce(&self, launch: &Launch) {
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
        self.set(State::Starting {
            version: version.clone(),
            source,
        });
        self.tell(Event::Launching {
            version,
            source,
            launch_id: launch.id.clone(),
            passed_over: launch.choice.passed_over.clone(),
        });
    }

    async fn probe(
        &self,
        child: &mut Child,
        launch: &Launch,
        port: u16,
        orders: &mut Orders,
    ) -> Came {
        let target = Target {
            port,
            launch_id: launch.id.clone(),
            guard_pid: child.guard_pid(),
        };
        let seen = child.seen();
        tokio::select! {
            // An exit comes first: what has ended is not ready, whatever it answered before.
            biased;
            end = child.ended() => Came::Ended(end),
            order = orders.next() => Came::Ordered(order),
            () = probe::until_ready(&self.spec.ready, &target, seen) => Came::Ready,
            () = tokio::time::sleep(self.spec.ready.timeout()) => Came::Ended(End::TimedOut),
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
        request: Request,
    ) -> Step {
        let condemned = self.books.ready(&launch, &round.failures).await;
        let running = Running {
            version: launch.choice.version.clone(),
            integrity: launch.choice.integrity.clone(),
            source: launch.choice.source,
            url: format!("http://127.0.0.1:{port}/"),
            port,
            launch_id: launch.id.clone(),
            since: runtime_store::now(),
            trial: launch.choice.trial.is_some(),
            passed_over: launch.choice.passed_over.clone(),
        };
        tracing::info!(version = %running.version, port, "ready");
        self.set(State::Running(running.clone()));
        self.tell(Event::Ready(running.clone()));
        self.tell_of_failures(&running, &round.failures, &condemned);
        let asked = request.asked;
        let outcome = Outcome {
            version: running.version,
            source: running.source,
            fell_back_from: round.failures.first().map(|first| first.version.clone()),
            passed_over: running.passed_over,
        };
        request.answer(&Ok(outcome));
        Step::Watch(Box::new(Session::new(child, launch, asked, self.spec.soak)))
    }

    fn tell_of_failures(&self, running: &Running, failures: &[Failure], condemned: &[BadEntry]) {
        for failure in failures.iter().rev() {
            let condemned = failure.integrity.as_ref().is_some_and(|found| {
                condemned
                    .iter()
                    .any(|bad| bad.is_about(&failure.version, found))
            });
            self.tell(Event::FellBack {
                from: failure.version.clone(),
                to: running.version.clone(),
                source: running.source,
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
}
