//! What an order to stage comes to: the same for every device that is steered, whatever it spawns.

use std::sync::Arc;

use fleet::agent::Staging;
use rollout::fleet::Refused;
use rollout::{BadReason, Version};
use runtime_store::{RollBack, RolledBack, Shell, Store, StoreError, VersionId};
use updater::{Outcome, StageReport, UpdateError, Updater, Wanted};

/// Carries out an operator's orders on one store.
#[derive(Debug, Clone)]
pub struct OrderedStaging {
    /// Where versions are kept.
    pub store: Store,
    /// For which shell.
    pub shell: Arc<Shell>,
    /// Who fetches them, and on whose word.
    pub updater: Updater,
    /// The one version that this device is to have, whoever orders what.
    pub pin: Option<Version>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// What the agent is told.
    pub staging: Staging,
    /// Whether the device goes back by it.
    pub goes_back: bool,
}

impl OrderedStaging {
    /// Stages `version`, and points at it; `older` says that it is an ordered downgrade.
    pub async fn stage(&self, version: &Version, older: bool) -> Ordered {
        if let Some(pin) = self.pin.as_ref().filter(|pin| *pin != version) {
            let staging = refused("pinned", &format!("this device is to have version {pin}"));
            return Ordered {
                staging,
                goes_back: false,
            };
        }
        let staged = if older {
            self.go_back(version).await
        } else {
            let wanted = Wanted::Version(version.clone());
            self.updater
                .stage(wanted, false)
                .await
                .map(|report| came_to(&report))
        };
        let staging = staged.unwrap_or_else(|error| failed(&error));
        Ordered {
            goes_back: older && staging == Staging::Staged,
            staging,
        }
    }

    /// Goes to a version that is older than what runs or waits: as it was ordered, and so nothing is listed as bad.
    async fn go_back(&self, version: &Version) -> Result<Staging, UpdateError> {
        if let Some(refused) = self.is_bad(version).await {
            return Ok(Staging::Refused(refused));
        }
        let order = match self.vouched_for(version).await? {
            Some(id) => RollBack::FleetToSigned(id),
            None => RollBack::FleetTo(version.clone()),
        };
        let mut done = self.point_back(order.clone()).await;
        if matches!(done, Ok(RolledBack::NotStored(_))) {
            let wanted = Wanted::Version(version.clone());
            let staged = came_to(&self.updater.stage(wanted, true).await?);
            if staged != Staging::Staged {
                return Ok(staged);
            }
            done = self.point_back(order).await;
        }
        Ok(match done {
            Ok(RolledBack::To { .. } | RolledBack::Nothing) => Staging::Staged,
            Ok(RolledBack::NotStored(_)) => {
                trouble("not-stored", "it was staged and is gone again")
            }
            Err(error) => refused_by_store(&error),
        })
    }

    async fn point_back(&self, order: RollBack) -> Result<RolledBack, StoreError> {
        let shell = Arc::clone(&self.shell);
        self.on_store(move |store| store.roll_back(&shell, order, runtime_store::now()))
            .await
            .unwrap_or_else(|error| {
                Err(StoreError::Io {
                    doing: "use",
                    path: self.store.root().to_owned(),
                    source: std::io::Error::other(error),
                })
            })
    }

    /// The very bytes that are signed, where only those are believed.
    async fn vouched_for(&self, version: &Version) -> Result<Option<VersionId>, UpdateError> {
        if !self.shell.signed_only || *version == self.shell.bundled.version {
            return Ok(None);
        }
        let integrity = self.updater.described(version).await?;
        Ok(Some(VersionId {
            version: version.clone(),
            integrity,
        }))
    }

    /// Why this version is bad here, where it is: whatever content it has, an order by name is about the one that
    /// failed.
    async fn is_bad(&self, version: &Version) -> Option<Refused> {
        let snapshot = self.on_store(Store::snapshot).await.ok()?;
        let bad = snapshot.bad.iter().find(|bad| bad.version == *version)?;
        Some(Refused {
            reason: "bad-version".to_owned(),
            detail: match bad.reason {
                BadReason::RolledBack => "a person rolled back from it".to_owned(),
                _ => format!("it failed here ({}): {}", bad.reason, bad.detail),
            },
        })
    }

    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store)).await
    }
}

fn refused(reason: &str, detail: &str) -> Staging {
    Staging::Refused(Refused {
        reason: reason.to_owned(),
        detail: fleet::detail(detail),
    })
}

pub(super) fn trouble(reason: &str, detail: &str) -> Staging {
    Staging::Trouble(Refused {
        reason: reason.to_owned(),
        detail: fleet::detail(detail),
    })
}

/// What an answer of the updater means for the order.
fn came_to(report: &StageReport) -> Staging {
    match report.outcome {
        Outcome::Staged | Outcome::AlreadyStaged => Staging::Staged,
        Outcome::BadVersion => refused("bad-version", &report.message),
        Outcome::Incompatible => refused("incompatible", &report.message),
        Outcome::Held if report.reason == "recalled" => refused("recalled", &report.message),
        Outcome::UpToDate if report.reason == "not-newer" => refused("not-newer", &report.message),
        // Too young, overtaken, not rehearsed yet: it may be had later.
        Outcome::Held | Outcome::UpToDate => trouble(&report.reason, &report.message),
    }
}

/// What an error of the updater means for the order: whether asking again may help.
fn failed(error: &UpdateError) -> Staging {
    let reason = match error.kind() {
        "no-such-version" => "unknown",
        kind => kind,
    };
    match reason {
        "unknown" | "not-signed" | "wrong-package" | "no-package-json" | "no-entry"
        | "incompatible" | "contract" | "recalled" | "archive-refused" | "too-big"
        | "no-integrity" => refused(reason, &error.to_string()),
        _ => match (trouble(reason, &error.to_string()), error.retry_after()) {
            (Staging::Trouble(why), Some(after)) => Staging::Later(why, after),
            (trouble, _) => trouble,
        },
    }
}

fn refused_by_store(error: &StoreError) -> Staging {
    let detail = error.to_string();
    match error {
        StoreError::OlderThanBundled { .. } => refused("older-than-bundled", &detail),
        StoreError::Recalled { .. } => refused("recalled", &detail),
        StoreError::NotSigned { .. } => refused("not-signed", &detail),
        StoreError::CannotRun { .. } => refused("cannot-run", &detail),
        _ => trouble("store", &detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: Outcome, reason: &str) -> StageReport {
        StageReport {
            outcome,
            version: None,
            reason: reason.to_owned(),
            message: "words".to_owned(),
            trouble: None,
        }
    }

    fn code(staging: Staging) -> (&'static str, String) {
        match staging {
            Staging::Staged => ("staged", String::new()),
            Staging::Refused(why) => ("refused", why.reason),
            Staging::Trouble(why) | Staging::Later(why, _) => ("trouble", why.reason),
        }
    }

    #[test]
    fn what_asking_again_does_not_change_is_a_refusal_and_everything_else_is_not() {
        for (outcome, reason, wanted) in [
            (Outcome::Staged, "verified", ("staged", "")),
            (Outcome::AlreadyStaged, "already-staged", ("staged", "")),
            (
                Outcome::BadVersion,
                "crash-loop",
                ("refused", "bad-version"),
            ),
            (
                Outcome::Incompatible,
                "engines",
                ("refused", "incompatible"),
            ),
            (Outcome::Held, "recalled", ("refused", "recalled")),
            (Outcome::Held, "minimum-age", ("trouble", "minimum-age")),
            (
                Outcome::Held,
                "rehearsal-inconclusive",
                ("trouble", "rehearsal-inconclusive"),
            ),
            (Outcome::UpToDate, "overtaken", ("trouble", "overtaken")),
            (Outcome::UpToDate, "not-newer", ("refused", "not-newer")),
        ] {
            let (kind, why) = code(came_to(&report(outcome, reason)));
            assert_eq!((kind, &*why), wanted, "{reason}");
        }
        let version: Version = "1.0.0".parse().unwrap();
        let unsigned = UpdateError::NotSigned {
            what: "it".to_owned(),
            site: "somebody".to_owned(),
        };
        assert_eq!(
            code(failed(&unsigned)),
            ("refused", "not-signed".to_owned())
        );
        assert_eq!(
            code(failed(&UpdateError::Busy(version))),
            ("trouble", "busy".to_owned())
        );
    }
}
