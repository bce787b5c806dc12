//! What a launch has behind it when it looks for its next choice. Plain data.

use rollout::{Integrity, Version};
use runtime_store::{Choice, Failure, TakenAttempt, VersionId};

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
    pub(crate) avoid: Option<u16>,
    /// The choice that was already given another port.
    pub(crate) moved: Option<(Version, Option<Integrity>)>,
    /// Somebody was asked to put right what was passed over.
    pub(crate) mended: bool,
    /// The trial whose data was kept before its spawn.
    pub(crate) kept: Option<VersionId>,
    /// The failed trials whose data was put back.
    pub(crate) put_back: Vec<VersionId>,
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

    pub(crate) fn has_failed(&self, choice: &Choice) -> bool {
        self.failures
            .iter()
            .any(|failure| is_about(failure, &choice.version, choice.integrity.as_ref()))
    }

    /// The failures of `runs` itself, and those of other choices.
    pub(crate) fn against(&self, runs: &Choice) -> (Vec<Failure>, Vec<Failure>) {
        let of_itself =
            |failure: &&Failure| is_about(failure, &runs.version, runs.integrity.as_ref());
        self.failures.iter().cloned().partition(|it| of_itself(&it))
    }

    pub(crate) fn was_moved(&self, choice: &Choice) -> bool {
        self.moved.as_ref().is_some_and(|(version, integrity)| {
            *version == choice.version && *integrity == choice.integrity
        })
    }
}

fn is_about(failure: &Failure, version: &Version, integrity: Option<&Integrity>) -> bool {
    failure.version == *version && failure.integrity.as_ref() == integrity
}
