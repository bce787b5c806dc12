//! What happens to the runtime, as the fleet is told it.

use std::sync::{Arc, PoisonError};

use fleet::Event;
use fleet::agent::{News, Reporter};
use rollout::fleet::Subject;
use runtime_store::How;
use supervisor::Event as Launch;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use updater::{RehearsalOutcome, UpdateEvent};

use super::runtime::GoingBack;
use crate::device::Device;
use crate::wiring::code;

/// Follows the news of supervisor and updater.
pub(super) fn start(
    device: &Device,
    reporter: &Arc<Reporter>,
    going_back: GoingBack,
) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    if let Some(supervisor) = device.supervisor() {
        let mut heard = supervisor.events();
        let reporter = Arc::clone(reporter);
        tasks.push(tokio::spawn(async move {
            loop {
                match heard.recv().await {
                    Ok(event) => {
                        if let Some(news) = of_launch(event, &going_back) {
                            reporter.tell(news).await;
                        }
                    }
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "news of launches were missed");
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        }));
    }
    let passive = device.0.local.switches.updates.is_passive();
    if let Ok(updater) = device.updater(passive) {
        let mut heard = updater.events();
        let reporter = Arc::clone(reporter);
        tasks.push(tokio::spawn(async move {
            loop {
                match heard.recv().await {
                    Ok(event) => {
                        if let Some(news) = of_update(event) {
                            reporter.tell(news).await;
                        }
                    }
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "news of updates were missed");
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        }));
    }
    tasks
}

fn news(event: Event, version: rollout::Version) -> News {
    News::new(Subject::Runtime, event, Some(version))
}

/// What a launch's event is to the fleet.
fn of_launch(event: Launch, going_back: &GoingBack) -> Option<News> {
    match event {
        Launch::Ready(running) => {
            let mut back = going_back.lock().unwrap_or_else(PoisonError::into_inner);
            let event = if back.as_ref() == Some(&running.version) {
                *back = None;
                Event::RolledBack
            } else {
                Event::Launched
            };
            Some(news(event, running.version))
        }
        Launch::Confirmed { version } => Some(news(Event::Confirmed, version)),
        Launch::FellBack {
            from,
            to,
            reason,
            detail,
            ..
        } => {
            let event = match reason {
                How::CrashLoop => Event::CrashLoop,
                How::Environment | How::Killed => Event::Trouble,
                How::Exited | How::TimedOut | How::NoVerdict => Event::FellBack,
            };
            let words = format!("{to} runs instead: {detail}");
            Some(news(event, from).because(code(reason), &words))
        }
        Launch::Failed(report) => {
            let news = News::new(Subject::Runtime, Event::Halted, None);
            Some(news.because("nothing-runs", &report.message))
        }
        Launch::Trouble(what) => Some(
            News::new(Subject::Runtime, Event::Trouble, None).because("beside-the-launch", &what),
        ),
        // Told by what follows from them.
        Launch::Launching { .. } | Launch::Crashed { .. } => None,
    }
}

fn of_update(event: UpdateEvent) -> Option<News> {
    match event {
        UpdateEvent::Checked(check) => {
            let news = News::new(Subject::Runtime, Event::Checked, check.version.clone());
            Some(news.because(&check.reason, &check.message))
        }
        UpdateEvent::Staged { version } => Some(news(Event::Staged, version)),
        UpdateEvent::Rehearsed { version, outcome } => match outcome {
            RehearsalOutcome::Bad(seen) => {
                Some(news(Event::RehearsalFailed, version).because("rehearsal", &seen))
            }
            RehearsalOutcome::Inconclusive(seen) => {
                Some(news(Event::Trouble, version).because("rehearsal-inconclusive", &seen))
            }
            RehearsalOutcome::Passed(_)
            | RehearsalOutcome::Failed(_)
            | RehearsalOutcome::Skipped(_) => None,
        },
    }
}
