//! What happens to the runtime, as the fleet is told it.

use std::sync::{Arc, PoisonError};

use fleet::Event;
use fleet::agent::{News, Reporter};
use rollout::fleet::Subject;
use runtime_store::How;
use supervisor::Event as Launch;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use updater::{RehearsalOutcome, UpdateEvent};

use super::crashes::Crashes;
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
            let mut crashes = Crashes::default();
            loop {
                match heard.recv().await {
                    Ok(event) => {
                        let now = Instant::now();
                        if let Some(news) = of_launch(event, &going_back, &mut crashes, now) {
                            reporter.tell(news).await;
                        }
                    }
                    Err(RecvError::Lagged(missed)) => {
                        reporter.tell(missing(missed, "launches")).await;
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
                        reporter.tell(missing(missed, "updates")).await;
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

/// More happened than could be written down.
fn missing(missed: u64, of: &str) -> News {
    let words = format!("{missed} news of {of} came faster than they could be written down");
    tracing::warn!("{words}");
    News::new(Subject::Runtime, Event::Dropped, None).because("missed", &words)
}

/// What a launch's event is to the fleet.
fn of_launch(
    event: Launch,
    going_back: &GoingBack,
    crashes: &mut Crashes,
    now: Instant,
) -> Option<News> {
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
        // What crashes past its trial is only started again, whatever it does.
        Launch::Crashed {
            version,
            detail,
            crashes: 0,
        } => crashes.one_more(&version, now).then(|| {
            let words = format!("it keeps crashing past its trial, and is started again: {detail}");
            news(Event::CrashLoop, version).because("crash-loop", &words)
        }),
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

#[cfg(test)]
mod tests {
    use runtime_store::Source;
    use supervisor::FailureReport;

    use super::*;

    fn version(text: &str) -> rollout::Version {
        text.parse().unwrap()
    }

    /// The event, its version and its reason.
    fn told(news: Option<News>) -> Option<(Event, String, String)> {
        let news = news?;
        let version = news.version.map(|it| it.to_string());
        Some((news.event, version.unwrap_or_default(), news.reason))
    }

    fn said(event: Event, version: &str, reason: &str) -> (Event, String, String) {
        (event, version.to_owned(), reason.to_owned())
    }

    fn of(event: Launch) -> Option<(Event, String, String)> {
        let back = GoingBack::default();
        let crashes = &mut Crashes::default();
        told(of_launch(event, &back, crashes, Instant::now()))
    }

    #[test]
    fn how_a_launch_failed_says_whose_fault_it_was() {
        for (how, event, reason) in [
            (How::Exited, Event::FellBack, "exited-before-ready"),
            (How::CrashLoop, Event::CrashLoop, "crash-loop"),
            (How::Environment, Event::Trouble, "environment"),
        ] {
            let fell = Launch::FellBack {
                from: version("1.1.0"),
                to: version("1.0.0"),
                source: Source::Previous,
                reason: how,
                detail: "it ended".to_owned(),
                condemned: false,
            };
            assert_eq!(of(fell), Some(said(event, "1.1.0", reason)));
        }
        let nothing = FailureReport {
            message: "nothing runs".to_owned(),
            hint: String::new(),
            detail: String::new(),
            tried: Vec::new(),
        };
        assert_eq!(
            of(Launch::Failed(nothing)),
            Some(said(Event::Halted, "", "nothing-runs"))
        );
        let confirmed = Launch::Confirmed {
            version: version("1.1.0"),
        };
        assert_eq!(of(confirmed), Some(said(Event::Confirmed, "1.1.0", "")));
    }

    #[test]
    fn only_crashes_past_a_trial_are_counted_here() {
        let back = GoingBack::default();
        let tell = |crashes: &mut Crashes, count| {
            let crashed = Launch::Crashed {
                version: version("1.1.0"),
                detail: "it ended".to_owned(),
                crashes: count,
            };
            told(of_launch(crashed, &back, crashes, Instant::now()))
        };
        let crashes = &mut Crashes::default();
        for count in [1, 2, 3, 0, 0] {
            assert_eq!(tell(crashes, count), None);
        }
        assert_eq!(
            tell(crashes, 0),
            Some(said(Event::CrashLoop, "1.1.0", "crash-loop"))
        );
    }

    #[test]
    fn a_rehearsal_that_failed_for_good_is_the_versions_fault_and_one_that_says_nothing_is_not() {
        let rehearsed = |outcome| {
            let version = version("1.1.0");
            told(of_update(UpdateEvent::Rehearsed { version, outcome }))
        };
        let seen = || "it died".to_owned();
        assert_eq!(
            rehearsed(RehearsalOutcome::Bad(seen())),
            Some(said(Event::RehearsalFailed, "1.1.0", "rehearsal"))
        );
        assert_eq!(
            rehearsed(RehearsalOutcome::Inconclusive(seen())),
            Some(said(Event::Trouble, "1.1.0", "rehearsal-inconclusive"))
        );
        assert_eq!(rehearsed(RehearsalOutcome::Failed(seen())), None);
    }
}
