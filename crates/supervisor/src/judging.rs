//! What the end of a spawn that was never ready makes of the launch, and what keeps one from
//! being spawned at all.

use std::sync::Arc;

use runtime_store::{Failure, How, Launch, Source, WhyNot};

use crate::actor::Actor;
use crate::child::Child;
use crate::round::Round;
use crate::seat::Role;
use crate::verdict::{self, End, Scene, Verdict};
use crate::{environment, port};

impl Actor {
    /// Ends what is left of a spawn that failed, and writes down what its end means.
    pub(crate) async fn judge(
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

    /// No choice is to blame, and no attempt was taken, where no port is to be had.
    pub(crate) fn without_port(&self, detail: String) -> Failure {
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
    pub(crate) fn refused(&self, why: &WhyNot) -> Failure {
        let what = match self.seat.role() {
            Role::Follows(what) => what,
            Role::Leads => None,
        };
        let what = what.as_ref();
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
