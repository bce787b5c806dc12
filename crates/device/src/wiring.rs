//! How the parts are made, and who hears of whom.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use runtime_store::{Asked, HistoryEvent, How};
use supervisor::{DataKeeper, Event, Spec, State, Supervisor};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use updater::{UpdateEvent, Updater};

use crate::device::{Device, DeviceEvent};
use crate::history;
use crate::keeper::{self, Keeper};
use crate::mender::{self, Mender};
use crate::owner::{Answer, Owner, Request};
use crate::spec::spec;
use crate::status::FellBack;
use crate::{applying, fleet, passed_over, rehearser, workspaces};

/// A launch waits for no longer than this for what was last verified.
const RESTORING: Duration = Duration::from_secs(2);

/// How often the status is made anew from what is known, in case the time alone changed it.
const TICK: Duration = Duration::from_mins(1);

/// Called once, by [`Device::start`].
pub(crate) async fn start(device: &Device) {
    let local = Arc::clone(&device.0.local);
    carry_afresh(device).await;
    let passive = local.switches.updates.is_passive();
    let news = restore_terms(device, passive).await;
    recover_data(device).await;
    let prepared = fleet::prepare(device).await;
    // It alone heeds it: what is asked what the next start would run is not to hear that nothing waits.
    let shell = Arc::new(runtime_store::Shell {
        not_before: device.0.steering.not_before.clone(),
        ..local.shell().clone()
    });
    let spec = Spec {
        keeper: keeper(device),
        mender: Some(Arc::new(Mender::of(device))),
        ..spec(&local)
    };
    let store = local.store().cloned();
    let spec = workspaces::main_spec(&local, spec);
    let supervisor = Supervisor::start(store, shell, spec, Asked::Passively);
    let heard = supervisor.events();
    device.0.crew.launches.follow(&supervisor);
    let state = supervisor.state();
    device.set_supervisor(supervisor);
    workspaces::start(device).await;
    let mut tasks = vec![
        tokio::spawn(collect_after_launch(device.clone(), state.clone())),
        tokio::spawn(follow_state(device.clone(), state)),
        tokio::spawn(follow_launches(device.clone(), heard)),
        tokio::spawn(follow_time(device.clone())),
        tokio::spawn(applying::follow(device.clone())),
    ];
    match device.updater(passive) {
        Ok(updater) => {
            let events = news.unwrap_or_else(|| updater.events());
            let following = follow_updater(device.clone(), updater.clone(), events);
            tasks.push(tokio::spawn(following));
        }
        Err(problem) if passive => {
            let text = format!("{}. {}", problem.message, problem.hint);
            // What was found when it was opened stands there already.
            if !local.problems.contains(&text) {
                device.0.board.update(|facts| facts.problems.push(text));
            }
        }
        Err(_) => {}
    }
    tasks.append(&mut fleet::start(device, prepared));
    if let Some(store) = local.store() {
        match Owner::claim(store.root()) {
            Ok(Some(owner)) => tasks.push(tokio::spawn(serve(device.clone(), owner))),
            Ok(None) => tracing::info!("another shell on this store answers the command line"),
            Err(error) => {
                let text = format!("the command line cannot reach this app: {error}");
                tracing::warn!("{text}");
                device.0.board.update(|facts| facts.problems.push(text));
            }
        }
    }
    device
        .0
        .tasks
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .append(&mut tasks);
}

fn keeper(device: &Device) -> Option<Arc<dyn DataKeeper>> {
    Some(Arc::new(Keeper::of(device)?))
}

/// A put back of data that was cut off is finished before anything is launched over it.
async fn recover_data(device: &Device) {
    let local = Arc::clone(&device.0.local);
    let recovered = tokio::task::spawn_blocking(move || {
        supervisor::sweep_rehearsals(&rehearser::folder(local.data_dir()));
        keeper::recover(&local)
    });
    if let Some(problem) = recovered.await.ok().flatten() {
        tracing::error!("{problem}");
        device.0.board.update(|facts| facts.problems.push(problem));
    }
}

/// What was carried from an older bundled runtime may not suit the Node of this one, so this comes
/// before the launch; where nothing changed it costs a few looks at files.
async fn carry_afresh(device: &Device) {
    if device.0.local.store().is_none() {
        return;
    }
    let local = Arc::clone(&device.0.local);
    let done = device.on_store(move |store| {
        if let Err(error) = store.recarry(local.shell(), &local.config().carry) {
            tracing::warn!(%error, "shared dependencies are not carried afresh");
        }
    });
    if let Err(problem) = done.await {
        tracing::error!(%problem, "shared dependencies are not carried afresh");
    }
    device.refresh().await;
}

/// Where only what is signed is believed and nothing of what was last said is kept, the repository
/// as it was last verified says it again, before anything is launched. Asks nobody. Gives what the
/// updater tells from then on, where it had to be made for that.
async fn restore_terms(
    device: &Device,
    passive: bool,
) -> Option<tokio::sync::broadcast::Receiver<UpdateEvent>> {
    let local = Arc::clone(&device.0.local);
    if !local.shell().signed_only {
        return None;
    }
    let kept = device.on_store(move |store| store.keeps_terms(local.shell()));
    if !matches!(kept.await, Ok(false)) {
        return None;
    }
    let updater = device.updater(passive).ok()?;
    let events = updater.events();
    if tokio::time::timeout(RESTORING, updater.restore())
        .await
        .is_err()
    {
        tracing::warn!("what the publisher last said could not be read again in time");
    }
    device.refresh().await;
    Some(events)
}

/// What an earlier run left is removed once the launch is decided: nothing stands in its way.
async fn collect_after_launch(device: Device, mut state: watch::Receiver<State>) {
    let decided = |state: &State| matches!(state, State::Running(_) | State::Failed(_));
    if device.0.local.store().is_some() && state.wait_for(decided).await.is_ok() {
        collect(&device).await;
        mender::keep_whole(device).await;
    }
}

async fn follow_state(device: Device, mut state: watch::Receiver<State>) {
    loop {
        let now = state.borrow_and_update().clone();
        let running = match &now {
            State::Running(running) => Some(running.version.clone()),
            _ => None,
        };
        device.0.running.send_if_modified(|known| {
            // Between two launches the last one still bounds what may be offered.
            let changed = running.is_some() && *known != running;
            if changed {
                known.clone_from(&running);
            }
            changed
        });
        // The pointer first, so that no status shows a new state beside an old pointer.
        let snapshot = device.snapshot().await;
        device.0.board.update(|facts| {
            facts.state = now;
            if let Ok(snapshot) = snapshot {
                facts.snapshot = snapshot;
            }
        });
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// What is signed expires, and turns come, without any other news.
async fn follow_time(device: Device) {
    let mut ticks = tokio::time::interval(TICK);
    // A machine that slept needs one look, not all that it missed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        device.0.local.admin.look_again();
        device.0.board.update(|_| {});
    }
}

async fn follow_launches(device: Device, mut heard: tokio::sync::broadcast::Receiver<Event>) {
    loop {
        match heard.recv().await {
            Ok(event) => on_launch_event(&device, event).await,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "news of launches were missed");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

async fn on_launch_event(device: &Device, event: Event) {
    let store = device.0.local.store();
    match event {
        Event::Ready(running) => {
            // The first time that a staged version is ready is when it was applied.
            if running.source == runtime_store::Source::Pointer {
                history::write_once(device, HistoryEvent::Applied, &running.version).await;
            }
            device.0.board.update(|facts| {
                let past = facts.fell_back.as_ref().is_some_and(|fallback| {
                    running.version == fallback.from
                        || running.version.is_newer_than(&fallback.from)
                });
                if past {
                    facts.fell_back = None;
                }
            });
            passed_over::tell(device, &running.passed_over, &running.version).await;
            mender::tell(device, &running.version, &running.passed_over).await;
        }
        Event::FellBack {
            from,
            to,
            reason,
            detail,
            condemned,
            ..
        } => {
            let words = in_words(reason);
            let code = code(reason);
            tracing::warn!(%from, %to, reason = code, %detail, condemned, "fell back");
            history::write(store, HistoryEvent::FellBack, &to, Some(&from), Some(code));
            let message = format!("Version {from} {words}. Version {to} is running.");
            let at = runtime_store::now();
            device.refresh().await;
            device.0.board.update(|facts| {
                facts.fell_back = Some(FellBack {
                    from,
                    to: to.clone(),
                    reason: code.to_owned(),
                    message: message.clone(),
                    at,
                    condemned,
                });
            });
            device.tell(DeviceEvent::RolledBack {
                version: to,
                reason: message,
            });
        }
        Event::Confirmed { version } => {
            history::write(store, HistoryEvent::Confirmed, &version, None, None);
            device.refresh().await;
            collect(device).await;
        }
        Event::Crashed {
            version,
            detail,
            crashes,
        } => {
            tracing::warn!(%version, %detail, crashes, "the runtime crashed and is restarted");
        }
        Event::Failed(report) => {
            tracing::error!(message = %report.message, detail = %report.detail, "nothing runs");
        }
        Event::Trouble(what) => {
            tracing::warn!("{what}");
            device.0.board.update(|facts| {
                if !facts.problems.contains(&what) {
                    facts.problems.push(what);
                }
            });
            device.refresh().await;
        }
        Event::Launching {
            version, launch_id, ..
        } => {
            tracing::info!(%version, %launch_id, "launching");
        }
    }
}

/// Removes what nothing names any more.
async fn collect(device: &Device) {
    match device.on_store(runtime_store::Store::gc).await {
        Ok(Ok(swept)) => tracing::info!(versions = ?swept.versions, "old versions are removed"),
        Ok(Err(error)) => tracing::warn!(%error, "old versions are not removed"),
        Err(problem) => tracing::warn!(%problem, "old versions are not removed"),
    }
}

async fn follow_updater(
    device: Device,
    updater: Updater,
    mut events: tokio::sync::broadcast::Receiver<UpdateEvent>,
) {
    let mut status = updater.status();
    loop {
        let now = status.borrow_and_update().clone();
        device.0.board.update(|facts| facts.updater = now);
        tokio::select! {
            changed = status.changed() => if changed.is_err() { return },
            event = events.recv() => match event {
                Ok(UpdateEvent::Staged { version }) => {
                    history::write_once(&device, HistoryEvent::Staged, &version).await;
                    device.refresh().await;
                    device.tell(DeviceEvent::UpdateStaged { version });
                }
                Ok(UpdateEvent::Rehearsed { .. }) => {
                    device.note_rehearsals().await;
                    device.refresh().await;
                }
                Ok(_) | Err(RecvError::Lagged(_)) => device.refresh().await,
                Err(RecvError::Closed) => return,
            },
        }
    }
}

/// Answers the command line.
async fn serve(device: Device, owner: Owner) {
    loop {
        let Some((request, asker)) = owner.next().await else {
            continue;
        };
        let device = device.clone();
        tokio::spawn(async move {
            let answer = match request {
                Request::Status => {
                    device.refresh().await;
                    let status = device.status().borrow().as_ref().clone();
                    Ok(Answer::Status(Box::new(status)))
                }
                Request::Apply => device.apply().await.map(Answer::Applied),
                Request::RollBack { to, with_data } => {
                    device.roll_back(to, with_data).await.map(Answer::Applied)
                }
                Request::Changed => {
                    if let Ok(updater) = device.updater(false) {
                        updater.recall().await;
                    }
                    device.refresh().await;
                    Ok(Answer::Noted)
                }
                request => workspaces::answer(&device, request).await,
            };
            asker.answer(&answer.unwrap_or_else(Answer::Problem)).await;
        });
    }
}

pub(crate) fn code(how: How) -> &'static str {
    match how {
        How::Exited => "exited-before-ready",
        How::TimedOut => "not-ready-in-time",
        How::Killed => "killed",
        How::NoVerdict => "no-verdict",
        How::CrashLoop => "crash-loop",
        How::Environment => "environment",
    }
}

fn in_words(how: How) -> &'static str {
    match how {
        How::Exited => "stopped before it was ready",
        How::TimedOut => "was not ready in time",
        How::Killed => "was ended from outside before it was ready",
        How::NoVerdict => "never got as far as being ready",
        How::CrashLoop => "kept crashing",
        How::Environment => "could not be started on this machine",
    }
}
