//! The runtime, as a fleet steers it.

use std::sync::{Arc, Mutex, PoisonError};

use fleet::Event;
use fleet::agent::{BoxFuture, Look, News, Reporter, Staging, Steered, Swap};
use rollout::Version;
use rollout::fleet::{Now, Refused, Subject};
use runtime_store::{Choice, Source, WhyNot};
use tokio::sync::watch;

use super::staging::{OrderedStaging, trouble};
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

    fn goes_back_to(&self, version: &Version) {
        let mut going = self
            .going_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *going = Some(version.clone());
    }

    fn staging(&self) -> Result<OrderedStaging, Staging> {
        let local = &self.device.0.local;
        let Some(store) = local.store().cloned() else {
            return Err(trouble("no-store", &updating::no_store(local).message));
        };
        let updater = self.device.updater(false);
        let updater = updater.map_err(|problem| trouble(&problem.kind, &problem.message))?;
        Ok(OrderedStaging {
            store,
            shell: Arc::new(local.shell().clone()),
            updater: updater.clone(),
            // What the configuration pins comes after the fleet; what an administrator pins comes before it.
            pin: local
                .config()
                .pin()
                .filter(|_| local.admin.names_versions()),
        })
    }
}

/// What the next start would run. A trial that is on its way up is passed over by any other launch, and is what runs once it is
/// up.
fn next(choice: Choice) -> Version {
    let pointed = choice.passed_over.first().and_then(|passed| {
        let tried = passed.source == Source::Pointer && passed.why == WhyNot::OnTrialElsewhere;
        passed.version.clone().filter(|_| tried)
    });
    pointed.unwrap_or(choice.version)
}

impl Steered for Runtime {
    fn subject(&self) -> Subject {
        Subject::Runtime
    }

    fn look(&self) -> BoxFuture<'_, Look> {
        Box::pin(async {
            let status = Arc::clone(&self.device.status().borrow());
            let running = status
                .running
                .as_ref()
                .map(|running| running.version.clone());
            let local = Arc::clone(&self.device.0.local);
            let choice = tokio::task::spawn_blocking(move || next(local.resolve())).await;
            let snapshot = self.device.snapshot().await;
            let bad = snapshot.map(|snapshot| snapshot.bad).unwrap_or_default();
            Look {
                now: Now {
                    next: choice.unwrap_or_else(|_| {
                        let bundled = &self.device.0.local.shell().bundled.version;
                        running.clone().unwrap_or_else(|| bundled.clone())
                    }),
                    running,
                },
                bad: bad.into_iter().map(|entry| entry.version).collect(),
            }
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn may_follow(&self) -> Result<(), Refused> {
        self.device.may_be_steered()?;
        let local = &self.device.0.local;
        if local.admin.names_versions() && local.config().pin().is_none() {
            let detail =
                "the administrator of this machine says which channel it follows".to_owned();
            let reason = "policy-channel".to_owned();
            return Err(Refused { reason, detail });
        }
        Ok(())
    }

    fn is_halted(&self) -> bool {
        self.device.status().borrow().phase == Phase::Failed
    }

    fn stage<'a>(&'a self, version: &'a Version, older: bool) -> BoxFuture<'a, Staging> {
        Box::pin(async move {
            let staging = match self.staging() {
                Ok(staging) => staging,
                Err(trouble) => return trouble,
            };
            let ordered = staging.stage(version, older).await;
            self.device.note_rehearsals().await;
            self.device.refresh().await;
            if ordered.goes_back {
                self.goes_back_to(version);
                let news = News::new(Subject::Runtime, Event::Staged, Some(version.clone()));
                self.reporter.tell(news.because("rolling-back", "")).await;
            }
            ordered.staging
        })
    }

    fn swap<'a>(&'a self, version: &'a Version) -> BoxFuture<'a, Swap> {
        Box::pin(self.device.swap_for_fleet(version))
    }
}
