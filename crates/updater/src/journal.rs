//! What is written down of a check: `releases.json`, `rollout.log` and the status.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rollout::Version;
use serde::Serialize;

use crate::error::UpdateError;
use crate::releases::{By, ErrorReport, LastCheck, Releases};
use crate::schedule;
use crate::stage::blocking;
use crate::status::{CheckReport, UpdateEvent};
use crate::updater::{Inner, lock};

impl Inner {
    /// What an earlier run, or another process, left for the status to show: the later check counts.
    pub(crate) async fn remember(&self) {
        let releases = self.load().await;
        self.status.send_if_modified(|status| {
            let known = status.last_check.as_ref().map(|check| check.at);
            let later = releases
                .last_check
                .filter(|check| known.is_none_or(|at| check.at > at));
            let news = later.is_some() || releases.checked_at > status.checked_at;
            status.checked_at = status.checked_at.max(releases.checked_at);
            if let Some(check) = later {
                status.last_check = Some(check);
            }
            news
        });
    }

    /// Writes down what became of a check and tells it; `decided` is what staging failed after.
    pub(crate) async fn remember_check(
        &self,
        by: By,
        decided: Option<&CheckReport>,
        result: Result<CheckReport, UpdateError>,
    ) -> Result<CheckReport, UpdateError> {
        if matches!(result, Err(UpdateError::Stopped)) {
            return result;
        }
        let last = last_check(by, decided, &result);
        if let Err(error) = &result {
            self.log(&DecisionLine {
                at: last.at,
                by,
                decision: "error",
                version: last.version.as_ref(),
                reason: error.kind(),
                message: Some(&last.message),
            });
        }
        let wish = result.as_ref().err().and_then(UpdateError::retry_after);
        let not_before = wish.map(|wait| schedule::later(last.at, wait));
        let saved = last.clone();
        self.save(move |releases| {
            releases.last_check = Some(saved);
            releases.not_before = not_before;
        })
        .await;
        self.status
            .send_modify(|status| status.last_check = Some(last.clone()));
        // Nobody listening is fine: the status says it too.
        let _ = self.events.send(UpdateEvent::Checked(last));
        result
    }

    pub(crate) fn log(&self, line: &DecisionLine<'_>) {
        self.stager.store.log_decision(line);
    }

    pub(crate) async fn load(&self) -> Releases {
        let (store, file) = (self.stager.store.clone(), Arc::clone(&self.file));
        let loaded = blocking(move || {
            let _one = lock(&file);
            store.load_releases::<Releases>()
        })
        .await;
        let loaded = loaded.ok().flatten().unwrap_or_default();
        if loaded.is_ours() {
            loaded
        } else {
            Releases::default()
        }
    }

    /// Best effort: a device whose disk is full still checks.
    pub(crate) async fn save(&self, change: impl FnOnce(&mut Releases) + Send + 'static) {
        let (store, file) = (self.stager.store.clone(), Arc::clone(&self.file));
        let saved = blocking(move || {
            let _one = lock(&file);
            let mut releases: Releases = store.load_releases().unwrap_or_default();
            if !releases.is_ours() {
                return Ok(());
            }
            let before = releases.clone();
            change(&mut releases);
            if releases == before {
                return Ok(());
            }
            store.save_releases(&releases).map_err(UpdateError::from)
        })
        .await;
        if let Err(error) = saved.and_then(|saved| saved)
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "the last check could not be written down");
        }
    }
}

/// A line of `rollout.log`.
#[derive(Serialize)]
pub(crate) struct DecisionLine<'a> {
    pub(crate) at: Timestamp,
    pub(crate) by: By,
    pub(crate) decision: &'a str,
    pub(crate) version: Option<&'a Version>,
    pub(crate) reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<&'a str>,
}

fn last_check(
    by: By,
    decided: Option<&CheckReport>,
    result: &Result<CheckReport, UpdateError>,
) -> LastCheck {
    match result {
        Ok(report) => LastCheck {
            at: report.at,
            by,
            decision: Some(report.decision.to_owned()),
            version: report.version.clone(),
            reason: report.reason.clone(),
            message: match &report.staged {
                Some(staged) => staged.message.clone(),
                None => report.message.clone(),
            },
            error: None,
        },
        Err(error) => LastCheck {
            at: runtime_store::now(),
            by,
            decision: decided.map(|decided| decided.decision.to_owned()),
            version: decided.and_then(|decided| decided.version.clone()),
            reason: error.kind().to_owned(),
            message: error.to_string(),
            error: Some(ErrorReport::from(error)),
        },
    }
}
