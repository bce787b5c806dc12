//! Puts right what keeps a stored version from running: a damaged copy is fetched again, and for one
//! that needs another host than this the publisher is asked for a version that does not. What was only
//! added to a copy is taken away, and nothing is fetched.
//!
//! Nobody asked for any of this, so somebody else is asked only where this device looks for versions
//! by itself.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rollout::Version;
use rollout::contract::Unmet;
use runtime_store::{Damage, HistoryEvent, VersionId, WhyNot};
use supervisor::{BoxFuture, Finding};
use updater::Outcome;

use crate::device::{Device, Inner};
use crate::history;
use crate::notes::ContractNote;

/// How often stored versions are read in full.
const EVERY: Duration = Duration::from_hours(24);

/// How long a launch waits for whoever is asked to begin with an answer. A network that swallows every
/// question would hold it up for much longer, at every start.
const ANSWER: Duration = Duration::from_secs(10);

/// How often somebody looks whether that is due, and whether what is damaged can be mended by now.
const LOOK: Duration = Duration::from_hours(1);

/// The launch's way to the updater. Holds no device: a launch must not keep its own device alive.
#[derive(Debug)]
pub(crate) struct Mender(Weak<Inner>);

impl Mender {
    pub(crate) fn of(device: &Device) -> Self {
        Self(Arc::downgrade(&device.0))
    }
}

impl supervisor::Mender for Mender {
    fn mend(&self, finding: Finding) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let Some(inner) = self.0.upgrade() else {
                return false;
            };
            let device = Device(inner);
            let silence = silence(device.clone());
            // A launch that waits no longer cuts nothing off: what is fetched serves the next one.
            let work = tokio::spawn(async move {
                match finding {
                    Finding::Damaged { id, detail } => mend(&device, &id, &detail).await,
                    Finding::Contract { id, unmet } => look_for_another(&device, &id, &unmet).await,
                }
            });
            tokio::select! {
                biased;
                done = work => done.unwrap_or(false),
                () = silence => {
                    tracing::warn!("nobody has answered yet; the launch waits no longer");
                    false
                }
            }
        })
    }
}

/// Over once a launch has waited long enough for an answer, and for ever where one is coming.
async fn silence(device: Device) {
    tokio::time::sleep(ANSWER).await;
    let progress = device.progress();
    if progress.is_some_and(|status| status.borrow().progress.is_some()) {
        std::future::pending::<()>().await;
    }
}

/// Fetches `id` again, byte for byte; says whether it is whole now.
async fn mend(device: &Device, id: &VersionId, detail: &str) -> bool {
    let version = &id.version;
    tracing::warn!(%version, detail, "a stored version is damaged");
    note_damage(device, version, detail).await;
    let outcome = match device.looks_by_itself() {
        _ if tidied(device, id).await => Ok(()),
        Err(why) => Err(why),
        Ok(updater) => updater.mend(id).await.map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(()) => {
            tracing::info!(%version, "mended");
            let store = device.0.local.store();
            history::write(store, HistoryEvent::Mended, version, None, None);
            device.0.board.update(|facts| {
                facts.unmended.remove(version.as_str());
            });
            device.refresh().await;
            true
        }
        Err(why) => {
            tracing::warn!(%version, why, "a damaged version could not be mended");
            device.0.board.update(|facts| {
                facts.unmended.insert(version.to_string(), why);
            });
            device.refresh().await;
            false
        }
    }
}

/// What was only added is taken away again, which asks nobody.
async fn tidied(device: &Device, id: &VersionId) -> bool {
    let id = id.clone();
    let tidied = device.on_store(move |store| store.tidy(&id));
    match tidied.await {
        Ok(Ok(tidied)) => tidied,
        Ok(Err(error)) => {
            tracing::warn!(%error, "what was added stays");
            false
        }
        Err(_) => false,
    }
}

/// Writes a find down, once for as long as it stands.
async fn note_damage(device: &Device, version: &Version, detail: &str) {
    let known = device.0.board.knows_damage(version);
    if !known {
        let event = HistoryEvent::Damaged;
        history::write(device.0.local.store(), event, version, None, Some(detail));
    }
    device.refresh().await;
}

/// One look at once for a version that this host satisfies; says whether there is one now.
async fn look_for_another(device: &Device, id: &VersionId, unmet: &Unmet) -> bool {
    tracing::warn!(version = %id.version, %unmet, "a stored version needs another host");
    note_contract(device, &id.version, unmet).await;
    let report = match device.looks_by_itself() {
        Ok(updater) => updater
            .forced_look()
            .await
            .map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    let healed = match report {
        Ok(report) if matches!(report.outcome, Outcome::Staged | Outcome::AlreadyStaged) => {
            report.version.filter(|version| *version != id.version)
        }
        Ok(report) => {
            tracing::warn!(message = report.message, "no version suits this host");
            None
        }
        Err(why) => {
            tracing::warn!(
                why,
                "nobody could be asked for a version that suits this host"
            );
            None
        }
    };
    let found = healed.is_some();
    device.0.board.update(|facts| {
        if let Some(note) = &mut facts.contract {
            note.healed = healed;
        }
    });
    device.refresh().await;
    found
}

async fn note_contract(device: &Device, version: &Version, unmet: &Unmet) {
    let note = ContractNote {
        version: version.clone(),
        message: format!("Version {version} {unmet}."),
        healed: None,
    };
    let event = HistoryEvent::ContractUnmet;
    let reason = unmet.to_string();
    history::write_once_with(device, event, version, Some(&reason)).await;
    device.0.board.update(|facts| {
        // What a launch has said before, with what became of it, stands.
        let told = facts.contract.as_ref();
        if told.is_none_or(|told| (&told.version, &told.message) != (&note.version, &note.message))
        {
            facts.contract = Some(note);
        }
    });
}

/// Tells what the launch of `running`, ready now, has passed over, where nobody was asked to mend it.
/// What `running` put right is told for as long as it runs.
pub(crate) async fn tell(device: &Device, running: &Version, passed: &[runtime_store::PassedOver]) {
    let mut unmet_of = None;
    for passed in passed {
        // Bundled runs all the same, and its finding stands among the problems.
        let Some(version) = passed
            .version
            .as_ref()
            .filter(|_| passed.source != runtime_store::Source::Bundled)
        else {
            continue;
        };
        match &passed.why {
            WhyNot::Damaged(detail) => note_damage(device, version, detail).await,
            WhyNot::Contract(unmet) if unmet_of.is_none() => {
                note_contract(device, version, unmet).await;
                unmet_of = Some(version);
            }
            _ => {}
        }
    }
    if unmet_of.is_none() {
        device.0.board.update(|facts| {
            let healed = facts
                .contract
                .as_ref()
                .and_then(|note| note.healed.as_ref());
            if healed != Some(running) {
                facts.contract = None;
            }
        });
    }
}

/// Reads what is stored in full, once a day, and mends what is damaged once that can be done.
pub(crate) async fn keep_whole(device: Device) {
    loop {
        let found = device.on_store(|store| {
            store.daily_check(runtime_store::now(), EVERY);
            store.damaged()
        });
        for Damage {
            version,
            integrity,
            detail,
        } in found.await.unwrap_or_default()
        {
            let id = VersionId { version, integrity };
            mend(&device, &id, &detail).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}
