//! `refit agent`: the headless device as a service, and orders about that service.

mod order;

use std::sync::Arc;
use std::time::Duration;

use device::{Phase, Version};
use fleet::Event;
use fleet::agent::News;
use rollout::fleet::Subject;
use tokio::time::Instant;

use super::block_on;
use super::run::{Running, What};
use super::serve::stop_signal;
use crate::agent::sentinel::{self, Begun, Started};
use crate::agent::{self, Binary, Place, Replacer, label, watchdog};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, say};

/// How long to wait before what does not run at all is started once more.
const AGAIN: Duration = Duration::from_mins(1);

/// Run the app's runtimes without a window, as a service, and follow the orders of a fleet
///
/// The settings need `fleet`; without one, `refit run` does the same. As a service it is started again
/// whatever it ends with: it ends with 85 when it has replaced its own binary by a newer one that the
/// fleet ordered. A binary that is started three times without running for a minute is taken back.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Agent {
    #[command(subcommand)]
    order: Option<order::Order>,
    /// How long it has to be up before a replaced binary is kept
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    healthy_after: Duration,
    /// How long a replaced binary may be without a runtime before it counts as hung
    #[arg(long, value_name = "DURATION", hide = true, value_parser = humantime::parse_duration)]
    hung_after: Option<Duration>,
}

impl Agent {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        if let Some(order) = self.order {
            return order.run(globals);
        }
        watchdog::within(self.hung_after, self.healthy_after);
        serve(globals, self.healthy_after)
    }
}

fn serve(globals: &Globals, healthy_after: Duration) -> Result<Answer, Failure> {
    // Counted in `main` already, where the arguments began with `agent`.
    let started = match agent::begun() {
        Begun::Started(started) => started,
        Begun::WentBack { to, .. } => {
            return Ok(Answer::restart(format!("Version {to} is to be started.")));
        }
    };
    let what = What::of(globals, true)?;
    let fleet = what.config().fleet.clone().ok_or_else(no_fleet)?;
    if let Some(why) = Place::own()
        .ok()
        .and_then(|it| it.development(&label::own()))
    {
        return Err(development(&why));
    }
    let replacer = Replacer::own();
    if let Err(error) = &replacer {
        say(&format!("Agent: it cannot replace itself: {error}"));
    }
    let json = globals.json;
    block_on(async move {
        let stop = stop_signal()?;
        let running = what.open();
        let binary = replacer.ok().map(|replacer| {
            let binary = Binary::new(
                running.main(),
                running.devices(),
                replacer,
                fleet.self_update,
            );
            running.main().steer_own_binary(Arc::clone(&binary) as _);
            binary
        });
        running.start().await;
        tell_the_start(&running, started).await;
        let ended = tokio::select! {
            failure = keep_up(&running, started, json) => Err(failure),
            to = replaced(binary.as_deref()) => {
                Ok(Answer::restart(format!("Version {to} of the agent is to be started.")))
            }
            () = stop => Ok(Answer::silent()),
            never = prove(&running, started, healthy_after) => match never {},
        };
        running.stop().await;
        ended
    })
}

fn development(why: &str) -> Failure {
    Failure::new(
        "development-build",
        format_args!("This is no release to run as a device's agent: {why}"),
        "Run a release of refit; `refit run` tries out a runtime, and follows the fleet's orders for it.",
    )
}

fn no_fleet() -> Failure {
    Failure::new(
        "no-fleet",
        "The settings name no fleet whose orders to follow",
        "Add `fleet` to them, or use `refit run`, which needs none.",
    )
}

/// The version that took the place of this program, once one did.
async fn replaced(binary: Option<&Binary>) -> Version {
    match binary {
        Some(binary) => binary.replaced().await,
        None => std::future::pending().await,
    }
}

/// Tells the fleet how this start came about: a new binary on trial, or one that was taken back.
async fn tell_the_start(running: &Running, started: &Started) {
    let Some(reporter) = running.main().fleet_reporter() else {
        return;
    };
    let own = label::own().version;
    if let Some(trial) = &started.trial
        && trial.version == own
    {
        let news = News::new(Subject::Agent, Event::Launched, Some(own.clone()));
        reporter.tell(news).await;
    }
    let Ok(place) = Place::own() else { return };
    for back in taken_back(&place, started, &own) {
        let words = format!("version {own} is back in its place");
        let news = News::new(Subject::Agent, Event::FellBack, Some(back.clone()));
        let news = news.because("no-healthy-start", &words);
        // Only what is on disk is told: until then each start tells it.
        if reporter.tell(news).await
            && let Err(error) = agent::told(&place, &back)
        {
            say(&format!(
                "Agent: that {back} was taken back is told again at the next start: {error}"
            ));
        }
    }
}

/// The versions of which nobody was told yet that they were taken back.
fn taken_back(place: &Place, started: &Started, own: &Version) -> Vec<Version> {
    let listed = agent::quarantined(place).unwrap_or_default();
    // Where the list could not be written, this start knows all the same.
    let unlisted = |it: &&Version| listed.iter().all(|one| one.version != **it);
    let unlisted = started.went_back.iter().filter(unlisted).cloned();
    let untold = listed.iter().filter(|it| it.untold && it.version != *own);
    let untold = untold.map(|it| it.version.clone());
    untold.chain(unlisted).collect()
}

/// Tells what happens, and starts once more what does not run at all: an agent stays, so that the fleet can
/// reach it. Ends only where a new binary is on trial, and may be at fault itself.
async fn keep_up(running: &Running, started: &Started, json: bool) -> Failure {
    loop {
        let failure = running.follow(json).await;
        if started.trial.is_some() && on_trial() {
            return failure;
        }
        say(&format!("Agent: {failure}"));
        say(&format!(
            "Agent: it is tried again in {} s",
            AGAIN.as_secs()
        ));
        tokio::time::sleep(AGAIN).await;
        if let Err(problem) = running.main().retry(None).await {
            say(&format!("Agent: {problem}"));
        }
    }
}

/// Whether the binary that runs may still be taken back.
fn on_trial() -> bool {
    let boot = Place::own().ok().and_then(|place| sentinel::look(&place));
    boot.is_some_and(|boot| boot.replacement.is_some())
}

/// Notes, once, that the agent has been up for so long; then waits for ever. While it is up, the watchdog is told so.
///
/// What a fleet ordered must have reached its broker once besides: one that cannot is never steered again. That is as
/// likely the network's fault, so it is waited for, and nothing is ended for the want of it.
async fn prove(
    running: &Running,
    started: &Started,
    healthy_after: Duration,
) -> std::convert::Infallible {
    let mut status = running.main().status();
    let mut was_connected = !started.trial.as_ref().is_some_and(|it| it.ordered);
    let mut up_since = None;
    let mut again = Duration::ZERO;
    loop {
        let is_up = {
            let now = status.borrow_and_update();
            was_connected |= now.fleet.as_ref().is_some_and(|it| it.connected);
            now.phase == Phase::Running
        };
        up_since = is_up.then(|| up_since.unwrap_or_else(Instant::now));
        if let Some(since) = up_since {
            again = watchdog::seen_up();
            if was_connected && since.elapsed() >= healthy_after && note_healthy(running).await {
                break;
            }
        }
        let healthy = async {
            match up_since {
                Some(_) if !was_connected => std::future::pending().await,
                Some(since) if since.elapsed() < healthy_after => {
                    tokio::time::sleep_until(since + healthy_after).await;
                }
                // It could not be noted.
                Some(_) => tokio::time::sleep(AGAIN).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = healthy => {}
            () = tokio::time::sleep(again), if is_up => {}
            // A closed channel is a device that ended, which ends all of this.
            changed = status.changed() => if changed.is_err() { break },
        }
    }
    std::future::pending().await
}

/// Notes that it is healthy, and tells the fleet once that is noted, where it was on trial. False where it could
/// not be noted: then it still is.
async fn note_healthy(running: &Running) -> bool {
    let own = label::own();
    let Ok(place) = Place::own() else { return true };
    if place.development(&own).is_some() {
        return true;
    }
    let was_on_trial = on_trial();
    if let Err(error) = sentinel::healthy(&place, &own.version) {
        say(&format!(
            "Agent: it is healthy, and that could not be noted: {error}"
        ));
        return false;
    }
    watchdog::rest();
    if was_on_trial && let Some(reporter) = running.main().fleet_reporter() {
        let news = News::new(Subject::Agent, Event::Confirmed, Some(own.version));
        reporter.tell(news).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_is_told_at_each_start_until_it_is_known_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(dir.path().join("refit"));
        let own: Version = "1.0.0".parse().unwrap();
        let back: Version = "2.0.0".parse().unwrap();
        let first = Started {
            went_back: Some(back.clone()),
            ..Started::default()
        };
        let later = Started::default();
        // The list could not be written.
        assert_eq!(
            taken_back(&place, &first, &own),
            std::slice::from_ref(&back)
        );
        let list = r#"{"schema":1,"quarantined":[{"version":"2.0.0","sha256":"a","at":"1970-01-01T00:00:00Z","starts":3,"untold":true}]}"#;
        std::fs::write(place.quarantine(), list).unwrap();
        for started in [&first, &later, &later] {
            assert_eq!(
                taken_back(&place, started, &own),
                std::slice::from_ref(&back)
            );
        }
        // Not by the one itself, where it could not be taken back after all.
        assert!(taken_back(&place, &later, &back).is_empty());
        agent::told(&place, &back).unwrap();
        for started in [&first, &later] {
            assert!(taken_back(&place, started, &own).is_empty());
        }
    }
}
