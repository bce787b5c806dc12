//! `refit run`: the supervisor without a window, for servers and kiosks.

use device::{
    Apps, Config, Device, DeviceOptions, Local, MAIN_APP, Phase, RunningSource, StagedVersion,
    Status, WorkspaceState, WorkspaceStatus,
};
use futures_util::future::join_all;
use serde_json::json;

use super::serve::stop_signal;
use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, say, tell};

/// Run the app's runtime without a window, and keep it current, until ctrl-c
///
/// Prints where it serves. Where the settings have several runtimes, all of them run, and every
/// workspace of each; with `--app` only that one. `refit apply` restarts it into a version that was
/// staged meanwhile; with `apply` `idle` or `now` in the settings it does so by itself. A version that
/// its publisher recalls goes on until the next start, or until `refit apply`.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let what = What::of(globals, false)?;
    let json = globals.json;
    block_on(async move {
        let stop = stop_signal()?;
        let running = what.open();
        running.start().await;
        let ended = tokio::select! {
            failure = running.follow(json) => Err(failure),
            () = stop => Ok(Answer::silent()),
        };
        running.stop().await;
        ended
    })
}

/// What is to be run: the one that `--app` names, or all.
pub(super) enum What {
    One(Box<Local>),
    All(Box<DeviceOptions>),
}

impl What {
    /// As the global options say. `headless` is whether a fleet's orders are applied without asking anybody.
    pub(super) fn of(globals: &Globals, headless: bool) -> Result<Self, Failure> {
        let options = DeviceOptions {
            headless,
            ..local::options(globals)?
        };
        Ok(match &globals.app {
            Some(app) => {
                let options = options.of_app(app)?;
                Self::One(Box::new(Local::open(options).named(app)))
            }
            None => Self::All(Box::new(options)),
        })
    }

    /// The app's settings.
    pub(super) fn config(&self) -> &Config {
        match self {
            Self::One(local) => local.config(),
            Self::All(options) => &options.config,
        }
    }

    /// Puts it together. Must be called within a tokio runtime.
    pub(super) fn open(self) -> Running {
        match self {
            Self::One(local) => Running::One(Device::open(*local)),
            Self::All(options) => Running::All(Apps::open(*options)),
        }
    }
}

/// What is run.
pub(super) enum Running {
    One(Device),
    All(Apps),
}

impl Running {
    /// The device that the fleet steers: the runtime that the settings themselves are about, or the only one.
    pub(super) fn main(&self) -> &Device {
        match self {
            Self::One(device) => device,
            Self::All(apps) => apps.main(),
        }
    }

    /// All that runs here.
    pub(super) fn devices(&self) -> Vec<Device> {
        match self {
            Self::One(device) => vec![device.clone()],
            Self::All(apps) => apps.iter().map(|(_, device)| device.clone()).collect(),
        }
    }

    pub(super) async fn start(&self) {
        match self {
            Self::One(device) => device.start().await,
            Self::All(apps) => apps.start().await,
        }
    }

    pub(super) async fn stop(&self) {
        match self {
            Self::One(device) => device.stop().await,
            Self::All(apps) => apps.stop().await,
        }
    }

    /// Returns when nothing runs any more, in no app: with the first app's reason.
    pub(super) async fn follow(&self, json: bool) -> Failure {
        match self {
            Self::One(device) => follow(device, MAIN_APP, json).await,
            Self::All(apps) => {
                let all = apps.iter().map(|(name, device)| follow(device, name, json));
                let mut failures = join_all(all).await;
                failures.swap_remove(0)
            }
        }
    }
}

/// Tells what happens. Returns when nothing runs any more, not even the bundled version.
async fn follow(device: &Device, app: &str, json: bool) -> Failure {
    let is_main = app == MAIN_APP;
    let mut changes = device.status();
    let mut before: Option<std::sync::Arc<Status>> = None;
    let mut told = None;
    loop {
        let status = changes.borrow_and_update().clone();
        // Once, as a rule: restarts keep the port where they can.
        if let Some(running) = &status.running
            && told.as_ref() != Some(&running.url)
        {
            if is_main {
                tell(json, &json!({ "url": running.url }), &running.url);
            } else {
                say(&format!("{app}: it serves at {}", running.url));
            }
            told = Some(running.url.clone());
        }
        for words in news(before.as_deref(), &status) {
            if is_main {
                say(&words);
            } else {
                say(&format!("{app}: {words}"));
            }
        }
        if status.phase == Phase::Failed && !others_live(&status) {
            let failure = status.failure.clone();
            return failure.map_or_else(
                || Failure::new("not-running", "Nothing runs", "See the runtime's log."),
                |failure| {
                    let mut message = failure.message;
                    // The message quotes some of it already.
                    for line in failure.detail.lines() {
                        if !message.contains(line.trim()) {
                            message.push('\n');
                            message.push_str(line);
                        }
                    }
                    Failure::new("not-running", message, failure.hint)
                },
            );
        }
        before = Some(status);
        if changes.changed().await.is_err() {
            return Failure::new("internal", "The device ended by itself", "Report this.");
        }
    }
}

/// Whether a workspace besides the first goes on, or may still come up.
fn others_live(status: &Status) -> bool {
    status
        .workspaces
        .iter()
        .any(|one| !matches!(one.state, WorkspaceState::Dead | WorkspaceState::Stopped))
}

/// What a person at the terminal would want to hear of.
fn news(before: Option<&Status>, now: &Status) -> Vec<String> {
    let mut news = Vec::new();
    let version = |status: &Status| status.running.as_ref().map(|it| it.version.clone());
    if let Some(running) = &now.running
        && before.and_then(version).as_ref() != Some(&running.version)
    {
        news.push(format!("Version {} is running", running.version));
    }
    if let Some(fallback) = &now.fell_back
        && before.and_then(|it| it.fell_back.as_ref()) != Some(fallback)
    {
        news.push(fallback.message.clone());
    }
    if let Some(passed) = &now.passed_over
        && passed.first_time
        // Before its turn nobody who did not ask hears of a version.
        && passed.reason != "held"
        && before.and_then(|it| it.passed_over.as_ref()) != Some(passed)
    {
        news.push(passed.message.clone());
    }
    if let Some(recalled) = &now.recalled_running
        && before.and_then(|it| it.recalled_running.as_ref()) != Some(recalled)
    {
        let mut words = recalled.message.clone();
        // Of the bundled version there is nothing to go back to.
        if now
            .running
            .as_ref()
            .is_some_and(|it| it.source != RunningSource::Bundled)
        {
            words.push_str(" `refit apply` leaves it now.");
        }
        news.push(words);
    }
    if let Some(staged) = waiting(now)
        && before.and_then(waiting) != Some(staged)
    {
        let ordered = now.fleet.as_ref().and_then(|fleet| fleet.target.as_ref());
        let version = &staged.version;
        news.push(if ordered == Some(version) {
            format!("Version {version} is ready, as the fleet ordered; it is started within the order's window.")
        } else {
            format!("Version {version} is ready. `refit apply` restarts into it.")
        });
    }
    news.extend(now.workspaces.iter().filter_map(|one| {
        let was = before.and_then(|it| it.workspaces.iter().find(|was| was.name == one.name));
        moved(was, one).filter(|_| now.workspaces.len() > 1)
    }));
    for problem in &now.problems {
        if !before.is_some_and(|it| it.problems.contains(problem)) {
            news.push(problem.clone());
        }
    }
    news
}

/// What became of one workspace.
fn moved(was: Option<&WorkspaceStatus>, now: &WorkspaceStatus) -> Option<String> {
    let name = &now.name;
    let same = was.is_some_and(|was| (was.state, &was.version) == (now.state, &now.version));
    match (&now.version, &now.url, now.state) {
        _ if same => None,
        (Some(version), Some(url), _) => {
            Some(format!("Workspace {name} runs version {version} at {url}"))
        }
        (_, _, WorkspaceState::Dead) => {
            let why = now.detail.as_deref().unwrap_or("it failed");
            Some(format!(
                "Workspace {name} is dead: {why} `refit workspaces restart {name}` tries again."
            ))
        }
        _ => None,
    }
}

/// What waits for a restart. While the first launch is on its way, it may be just that version
/// which starts.
fn waiting(status: &Status) -> Option<&StagedVersion> {
    let up = matches!(status.phase, Phase::Running | Phase::Restarting);
    status
        .staged
        .as_ref()
        .filter(|staged| up && staged.is_offered())
}
