//! What a launch asks of others around its choices: to put right what was passed over, and to keep
//! the data that a trial may spoil.

use std::sync::Arc;
use std::time::Duration;

use runtime_store::{Failure, How, Launch, PassedOver, Source, VersionId, WhyNot};

use crate::actor::{Actor, id_of};
use crate::hooks::Finding;
use crate::round::Round;
use crate::seat::Role;
use crate::state::Event;

/// For one attempt at putting right what was passed over; nothing is spawned meanwhile.
const MENDING: Duration = Duration::from_mins(1);

impl Actor {
    /// What somebody may put right before anything is spawned; once per launch.
    pub(crate) async fn finding(
        &self,
        begun: &Result<Arc<Launch>, WhyNot>,
        round: &Round,
    ) -> Option<Finding> {
        if round.mended || self.spec.mender.is_none() {
            return None;
        }
        match (begun, &self.seat.role()) {
            (Err(why), Role::Follows(Some(id))) => finding(id, why),
            (Ok(launch), Role::Leads) if !launch.choice.passed_over.is_empty() => {
                let named = self.books.named().await;
                of_pointer(&launch.choice.passed_over, named.as_ref())
            }
            _ => None,
        }
    }

    /// Whether something changed. Cancel-safe as far as the mender is.
    pub(crate) async fn mend(&self, finding: Finding) -> bool {
        let Some(asked) = self.spec.mender.clone() else {
            return false;
        };
        tracing::info!(?finding, "a stored version is to be put right");
        let mended = tokio::time::timeout(MENDING, asked.mend(finding)).await;
        mended.unwrap_or_else(|_| {
            tracing::warn!("it was not put right in time; the launch goes on without it");
            false
        })
    }

    /// Puts back the data of trials that failed, and keeps that of one which is about to be tried.
    /// A swap ends with its first failure, so nothing is put back under what serves on.
    pub(crate) async fn keep_data(&self, launch: &Launch, round: &mut Round) {
        let Some(keeper) = &self.spec.keeper else {
            return;
        };
        let failed: Vec<_> = to_put_back(&round.failures, &round.put_back).collect();
        for id in failed {
            match keeper.put_back(&id).await {
                Ok(true) => {
                    tracing::info!(version = %id.version, "the data is as it was before this version");
                }
                Ok(false) => {}
                Err(error) => self.trouble(format!(
                    "The data as it was before version {} could not be put back: {error}",
                    id.version
                )),
            }
            round.put_back.push(id);
        }
        // Only for a trial without a verdict is an attempt taken.
        let Some(id) = launch.taken.as_ref().and_then(|_| id_of(&launch.choice)) else {
            self.others_write(launch).await;
            return;
        };
        if round.kept.as_ref() == Some(&id) {
            return;
        }
        if let Err(error) = keeper.before_first_launch(&id).await {
            self.trouble(format!(
                "The data could not be kept before version {} starts: {error}",
                id.version
            ));
        }
        round.kept = Some(id);
    }

    /// What this launch runs writes into the data from now on, or goes on doing so.
    pub(crate) async fn others_write(&self, launch: &Launch) {
        let Some(keeper) = &self.spec.keeper else {
            return;
        };
        let runs = id_of(&launch.choice);
        if let Err(error) = keeper.others_write(runs.as_ref()).await {
            self.trouble(format!(
                "It could not be noted that version {} writes into the data now: {error}",
                launch.choice.version
            ));
        }
    }

    pub(crate) fn trouble(&self, what: String) {
        tracing::warn!("{what}");
        self.tell(Event::Trouble(what));
    }
}

/// What somebody may put right, of what was passed over.
fn finding(id: &VersionId, why: &WhyNot) -> Option<Finding> {
    let id = id.clone();
    match why {
        WhyNot::Damaged(detail) => Some(Finding::Damaged {
            id,
            detail: detail.clone(),
        }),
        WhyNot::Contract(unmet) => Some(Finding::Contract {
            id,
            unmet: unmet.clone(),
        }),
        _ => None,
    }
}

/// The finding about the version that the pointer names, which is `named`.
fn of_pointer(passed_over: &[PassedOver], named: Option<&VersionId>) -> Option<Finding> {
    let named = named?;
    let about = passed_over.iter().find(|passed| {
        passed.source == Source::Pointer && passed.version.as_ref() == Some(&named.version)
    })?;
    finding(named, &about.why)
}

/// The trials that failed by themselves, in the order in which they did.
fn to_put_back<'a>(
    failures: &'a [Failure],
    done: &'a [VersionId],
) -> impl Iterator<Item = VersionId> + 'a {
    failures
        .iter()
        .filter(|failure| failure.trial && failure.how != How::Environment)
        .filter_map(|failure| {
            Some(VersionId {
                version: failure.version.clone(),
                integrity: failure.integrity.clone()?,
            })
        })
        .filter(|id| !done.contains(id))
}

#[cfg(test)]
mod tests {
    use rollout::contract::Unmet;

    use super::*;

    fn id(version: &str) -> VersionId {
        VersionId {
            version: version.parse().expect("version"),
            integrity: format!("sha512-{}A==", "a".repeat(85))
                .parse()
                .expect("integrity"),
        }
    }

    fn passed(version: &str, source: Source, why: WhyNot) -> PassedOver {
        PassedOver {
            version: Some(version.parse().expect("version")),
            source,
            why,
        }
    }

    fn failure(version: &str, trial: bool, how: How) -> Failure {
        Failure {
            version: version.parse().expect("version"),
            integrity: Some(id(version).integrity),
            source: Source::Pointer,
            trial,
            taken: trial,
            how,
            detail: String::new(),
        }
    }

    #[test]
    fn only_damage_and_the_contract_of_what_the_pointer_names_can_be_put_right() {
        let named = id("1.2.0");
        let damaged = || WhyNot::Damaged("a file is missing".into());
        let unmet = Unmet::TooNew {
            needs: 2,
            offered: 1,
        };
        let of = |passed: PassedOver| of_pointer(&[passed], Some(&named));
        assert_eq!(
            of(passed("1.2.0", Source::Pointer, damaged())),
            Some(Finding::Damaged {
                id: named.clone(),
                detail: "a file is missing".into()
            })
        );
        assert_eq!(
            of(passed(
                "1.2.0",
                Source::Pointer,
                WhyNot::Contract(unmet.clone())
            )),
            Some(Finding::Contract {
                id: named.clone(),
                unmet: unmet.clone()
            })
        );
        assert_eq!(of(passed("1.2.0", Source::Pointer, WhyNot::Bad)), None);
        assert_eq!(of(passed("1.1.0", Source::Previous, damaged())), None);
        assert_eq!(
            of(passed("1.3.0", Source::Pointer, damaged())),
            None,
            "moved on"
        );
        let bundled = passed("1.2.0", Source::Bundled, WhyNot::Contract(unmet));
        assert_eq!(of(bundled), None);
    }

    #[test]
    fn data_is_put_back_once_for_each_trial_that_failed_by_itself() {
        let failures = [
            failure("1.4.0", true, How::Exited),
            failure("1.3.0", true, How::Environment),
            failure("1.2.0", false, How::Exited),
            failure("1.1.0", true, How::CrashLoop),
        ];
        let all: Vec<_> = to_put_back(&failures, &[]).collect();
        assert_eq!(all, [id("1.4.0"), id("1.1.0")]);
        let left: Vec<_> = to_put_back(&failures, &[id("1.4.0")]).collect();
        assert_eq!(left, [id("1.1.0")]);
    }
}
