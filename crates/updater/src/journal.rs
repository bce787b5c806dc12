//! What is written down of a check: `releases.json`, `rollout.log` and the status.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rollout::Version;
use serde::Serialize;

use crate::error::UpdateError;
use crate::releases::{By, ErrorReport, LastCheck, Releases};
use crate::schedule;
use crate::stage::blocking;
use crate::status::{CheckReport, TermsView, UpdateEvent};
use crate::updater::{Inner, lock};

impl Inner {
    /// What an earlier run, or another process, left for the status to show: the later check counts.
    pub(crate) async fn remember(&self) {
        let releases = self.load().await;
        let terms = self.kept().await;
        self.status.send_if_modified(|status| {
            let known = status.last_check.as_ref().map(|check| check.at);
            let later = releases
                .last_check
                .filter(|check| known.is_none_or(|at| check.at > at));
            let heard = terms.as_ref().map(|terms| terms.verified_at);
            let shown = status.terms.as_ref();
            let unseen = shown.is_none_or(|shown| shown.verified_at < heard) || later.is_some();
            let news = unseen || releases.checked_at > status.checked_at;
            status.checked_at = status.checked_at.max(releases.checked_at);
            if unseen {
                let trouble = later.as_ref().and_then(|check| check.trouble.as_ref());
                let trouble = trouble.map(|trouble| trouble.message.clone());
                let mode = self.followed.mode();
                status.terms = Some(TermsView::new(mode, terms.as_ref(), trouble));
            }
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
        let last = last_check(by, decided, &result, self.now());
        if let Err(error) = &result {
            self.log(DecisionLine {
                at: last.at,
                by,
                decision: "error",
                version: last.version.as_ref(),
                reason: error.kind(),
                message: Some(&last.message),
                bucket: last.bucket,
                delay_seconds: last.delay_seconds,
                eligible_at: last.eligible_at,
                from_manifest: last.from_manifest,
                bypassed: last.bypassed,
                first_launch: false,
            });
        }
        let wish = match &result {
            Ok(_) => lock(&self.pace).retry_after,
            Err(error) => error.retry_after(),
        };
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
        let _ = self.events.send(UpdateEvent::Checked(Box::new(last)));
        result
    }

    pub(crate) fn log(&self, mut line: DecisionLine<'_>) {
        line.first_launch = self.first_launch.swap(false, Ordering::Relaxed);
        self.stager.store.log_decision(&line);
        if line.first_launch
            && let Err(error) = self.stager.store.first_launch_reported()
        {
            tracing::debug!(%error, "the first launch will be told once more");
        }
    }

    pub(crate) async fn load(&self) -> Releases {
        let store = self.stager.store.clone();
        let loaded = blocking(move || store.load_releases::<Releases>()).await;
        loaded.ok().flatten().unwrap_or_default().ours()
    }

    /// What `change` came to; nothing where it was not asked or could not be written down. Best
    /// effort: a device whose disk is full still checks.
    pub(crate) async fn save<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Releases) -> R + Send + 'static,
    ) -> Option<R> {
        let store = self.stager.store.clone();
        let saved = blocking(move || {
            let changed = store.update_releases(|releases: &mut Releases| {
                // Of a newer shell's the manifest counts all the same; nothing of it is written.
                *releases = std::mem::take(releases).ours();
                change(releases)
            });
            changed.map_err(UpdateError::from)
        })
        .await;
        match saved.and_then(|saved| saved) {
            Ok(result) => Some(result),
            Err(error) => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the last check could not be written down");
                }
                None
            }
        }
    }
}

/// A line of `rollout.log`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecisionLine<'a> {
    pub(crate) at: Timestamp,
    pub(crate) by: By,
    pub(crate) decision: &'a str,
    pub(crate) version: Option<&'a Version>,
    pub(crate) reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eligible_at: Option<Timestamp>,
    pub(crate) from_manifest: bool,
    pub(crate) bypassed: bool,
    /// This device was given its id just before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) first_launch: bool,
}

fn last_check(
    by: By,
    decided: Option<&CheckReport>,
    result: &Result<CheckReport, UpdateError>,
    now: Timestamp,
) -> LastCheck {
    let report = result.as_ref().ok().or(decided);
    let mut last = LastCheck {
        at: now,
        by,
        decision: report.map(|report| report.decision.to_owned()),
        version: report.and_then(|report| report.version.clone()),
        reason: String::new(),
        message: String::new(),
        error: None,
        bucket: report.and_then(|report| report.bucket),
        delay_seconds: report.and_then(|report| report.delay_seconds),
        eligible_at: report.and_then(|report| report.eligible_at),
        from_manifest: report.is_some_and(|report| report.from_manifest),
        bypassed: report.is_some_and(|report| report.bypassed),
        trouble: report.and_then(|report| report.trouble.clone()),
    };
    match result {
        Ok(report) => {
            last.at = report.at;
            last.reason.clone_from(&report.reason);
            let staged = report.staged.as_ref().map(|staged| &staged.message);
            last.message.clone_from(staged.unwrap_or(&report.message));
        }
        Err(error) => {
            error.kind().clone_into(&mut last.reason);
            last.message = error.to_string();
            last.error = Some(ErrorReport::from(error));
        }
    }
    last
}
