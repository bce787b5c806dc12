//! The runtime, as a fleet steers it.

use std::sync::{Arc, Mutex};

use fleet::Event;
use fleet::agent::{BoxFuture, News, Reporter, Staging, Steered, Swap};
use rollout::fleet::{Now, Refused, Subject};
use rollout::{BadReason, Version};
use runtime_store::{RollBack, RolledBack, StoreError, VersionId};
use tokio::sync::watch;
use updater::{Outcome, StageReport, UpdateError, Wanted};

use crate::device::Device;
use crate::status::Phase;
use crate::updating;

/// The version that an ordered downgrade leads to, until it runs.
pub(super) type GoingBack = Arc<Mutex<Option<Version>>>;

/// The runtime of this device.
#[derive(Debug)]
pub(super) struct Runtime {
    device: Device,
    reporter: Arc<Reporter>,
    changes: Arc<watch::Sender<u64>>,
    going_back: GoingBack,
}

impl Runtime {
    pub(super) fn of(device: &Device, reporter: Arc<Reporter>) -> Self {
        Self {
            device: device.clone(),
            reporter,
            changes: Arc::new(watch::Sender::new(0)),
            going_back: GoingBack::default(),
        }
    }

    /// Where changes are told.
    pub(super) fn changed(&self) -> Arc<watch::Sender<u64>> {
        Arc::clone(&self.changes)
    }

    pub(super) fn going_back(&self) -> GoingBack {
        Arc::clone(&self.going_back)
    }

    /// Goes to a version that is older than what runs or waits: as it was ordered, and so nothing is listed as bad.
    async fn go_back(&self, version: &Version) -> Result<Staging, UpdateError> {
        let device = &self.device;
        if let Some(refused) = self.is_bad(version).await {
            return Ok(Staging::Refused(refused));
        }
        let signed = self.vouched_for(version).await?;
        let order = |signed: &Option<VersionId>| match signed {
            Some(id) => RollBack::FleetToSigned(id.clone()),
            None => RollBack::FleetTo(version.clone()),
        };
        let mut done = self.point_back(order(&signed)).await;
        if matches!(done, Ok(RolledBack::NotStored(_))) {
            let Ok(updater) = device.updater(false) else {
                return Ok(trouble("no-updater", "there is no registry to ask"));
            };
            let report = updater
                .stage(Wanted::Version(version.clone()), true)
                .await?;
            let staged = came_to(report);
            if staged != Staging::Staged {
                return Ok(staged);
            }
            done = self.point_back(order(&signed)).await;
        }
        Ok(match done {
            Ok(RolledBack::To { .. } | RolledBack::Nothing) => {
                *self
                    .going_back
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(version.clone());
                Staging::Staged
            }
            Ok(RolledBack::NotStored(_)) => {
                trouble("not-stored", "it was staged and is gone again")
            }
            Err(error) => refused_by_store(&error),
        })
    }

    async fn point_back(&self, order: RollBack) -> Result<RolledBack, StoreError> {
        let local = Arc::clone(&self.device.0.local);
        let done = self
            .device
            .on_store(move |store| store.roll_back(local.shell(), order, runtime_store::now()))
            .await;
        done.unwrap_or_else(|problem| {
            Err(StoreError::Io {
                doing: "use",
                path: self.device.0.local.data_dir().to_owned(),
                source: std::io::Error::other(problem.message),
            })
        })
    }

    /// The very bytes that are signed, where only those are believed.
    async fn vouched_for(&self, version: &Version) -> Result<Option<VersionId>, UpdateError> {
        let shell = self.device.0.local.shell();
        if !shell.signed_only || *version == shell.bundled.version {
            return Ok(None);
        }
        let Ok(updater) = self.device.updater(false) else {
            return Ok(None);
        };
        let integrity = updater.described(version).await?;
        Ok(Some(VersionId {
            version: version.clone(),
            integrity,
        }))
    }

    /// Why this version is bad here, where it is: whatever content it has, an order by name is about the one that
    /// failed.
    async fn is_bad(&self, version: &Version) -> Option<Refused> {
        let snapshot = self.device.snapshot().await.ok()?;
        let bad = snapshot.bad.iter().find(|bad| bad.version == *version)?;
        Some(Refused {
            reason: "bad-version".to_owned(),
            detail: match bad.reason {
                BadReason::RolledBack => "a person rolled back from it".to_owned(),
                _ => format!("it failed here ({}): {}", bad.reason, bad.detail),
            },
        })
    }

    async fn stage_forward(&self, version: &Version) -> Result<Staging, UpdateError> {
        let Ok(updater) = self.device.updater(false) else {
            return Ok(trouble("no-updater", "there is no registry to ask"));
        };
        let report = updater
            .stage(Wanted::Version(version.clone()), false)
            .await?;
        Ok(came_to(report))
    }
}

impl Steered for Runtime {
    fn subject(&self) -> Subject {
        Subject::Runtime
    }

    fn now(&self) -> BoxFuture<'_, Now> {
        Box::pin(async {
            let status = Arc::clone(&self.device.status().borrow());
            let running = status
                .running
                .as_ref()
                .map(|running| running.version.clone());
            let next = self.device.next_start().await.ok();
            Now {
                next: next.unwrap_or_else(|| {
                    let bundled = &self.device.0.local.shell().bundled.version;
                    running.clone().unwrap_or_else(|| bundled.clone())
                }),
                running,
            }
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn may_follow(&self) -> Result<(), Refused> {
        let local = &self.device.0.local;
        if !local.switches.updates.is_passive() {
            let detail = "updates are off on this device".to_owned();
            let reason = "updates-off".to_owned();
            return Err(Refused { reason, detail });
        }
        local.admin.may_apply().map_err(|problem| Refused {
            reason: problem.kind,
            detail: problem.message,
        })
    }

    fn bad(&self) -> BoxFuture<'_, Vec<Version>> {
        Box::pin(async {
            let snapshot = self.device.snapshot().await;
            let bad = snapshot.map(|snapshot| snapshot.bad).unwrap_or_default();
            bad.into_iter().map(|entry| entry.version).collect()
        })
    }

    fn is_halted(&self) -> bool {
        self.device.status().borrow().phase == Phase::Failed
    }

    fn stage<'a>(&'a self, version: &'a Version, older: bool) -> BoxFuture<'a, Staging> {
        Box::pin(async move {
            if self.device.0.local.store().is_none() {
                return trouble(
                    "no-store",
                    &updating::no_store(&self.device.0.local).message,
                );
            }
            let config = self.device.0.local.config();
            if let Some(pin) = config.pin().filter(|pin| pin != version) {
                return refused("pinned", &format!("this device is to have version {pin}"));
            }
            let staged = if older {
                self.go_back(version).await
            } else {
                self.stage_forward(version).await
            };
            self.device.note_rehearsals().await;
            self.device.refresh().await;
            match staged {
                Ok(Staging::Staged) => {
                    if older {
                        let news =
                            News::new(Subject::Runtime, Event::Staged, Some(version.clone()));
                        self.reporter.tell(news.because("rolling-back", "")).await;
                    }
                    Staging::Staged
                }
                Ok(other) => other,
                Err(error) => failed(&error),
            }
        })
    }

    fn swap<'a>(&'a self, version: &'a Version) -> BoxFuture<'a, Swap> {
        Box::pin(self.device.swap_for_fleet(version))
    }
}

fn refused(reason: &str, detail: &str) -> Staging {
    Staging::Refused(Refused {
        reason: reason.to_owned(),
        detail: fleet::detail(detail),
    })
}

fn trouble(reason: &str, detail: &str) -> Staging {
    Staging::Trouble(Refused {
        reason: reason.to_owned(),
        detail: fleet::detail(detail),
    })
}

/// What an answer of the updater means for the order.
fn came_to(report: StageReport) -> Staging {
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
        _ => trouble(reason, &error.to_string()),
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
            Staging::Trouble(why) => ("trouble", why.reason),
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
            let (kind, why) = code(came_to(report(outcome, reason)));
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
