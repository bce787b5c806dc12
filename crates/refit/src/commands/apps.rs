//! `refit apps`: each runtime package once, with the workspaces on it.

use clap::Subcommand;
use device::{
    Answer as Owner, Device, Local, MAIN_APP, Problem, Request, UpgradeOutcome, Upgraded,
    WorkspaceState, WorkspaceStatus, ask,
};
use serde_json::{Value, json};

use super::workspaces::state;
use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::progress;

/// Every runtime of the app: its version, the workspaces on it, and what is newer
#[derive(Debug, clap::Args)]
pub(crate) struct Apps {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Each runtime package once, with its version and the workspaces on it
    List,
    /// Look for newer versions of every runtime; stages nothing
    Check,
    /// Pull the newest version once, try it in one workspace, then bring it to the others
    ///
    /// With nothing newer, nothing is restarted. Without a running app it is staged, and the next
    /// start tries it.
    Upgrade {
        /// Only this runtime; left out, every one
        #[arg(value_name = "APP")]
        app: Option<String>,
    },
}

impl Apps {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        match self.command {
            Command::List => list(globals),
            Command::Check => check(globals),
            Command::Upgrade { app } => upgrade(globals, app.as_deref()),
        }
    }
}

/// Every runtime of the app, or the one that is named, by argument or by `--app`.
fn all(
    globals: &Globals,
    only: Option<&str>,
    open: impl Fn(device::DeviceOptions) -> Local,
) -> Result<Vec<(String, Local)>, Failure> {
    let options = local::options(globals)?;
    let names: Vec<String> = match only.or(globals.app.as_deref()) {
        Some(name) => vec![name.to_owned()],
        None => std::iter::once(MAIN_APP.to_owned())
            .chain(options.config.apps.keys().cloned())
            .collect(),
    };
    names
        .into_iter()
        .map(|name| {
            let local = open(options.of_app(&name)?).named(&name);
            Ok((name, local))
        })
        .collect()
}

fn list(globals: &Globals) -> Result<Answer, Failure> {
    let apps = all(globals, None, Local::look)?;
    block_on(async {
        let (mut told, mut rows) = (Vec::new(), Vec::new());
        rows.push(["APP", "PACKAGE", "VERSION", "AVAILABLE", "WORKSPACES"].map(str::to_owned));
        for (name, local) in apps {
            let status = match ask(local.data_dir(), &Request::Status).await? {
                Some(Owner::Status(status)) => *status,
                Some(Owner::Problem(problem)) => return Err(problem.into()),
                Some(_) => return Err(local::strange_answer()),
                None => local.at_rest(None),
            };
            let workspaces = if status.workspaces.is_empty() {
                local.workspaces()
            } else {
                status.workspaces.clone()
            };
            let version = match &status.running {
                Some(running) => running.version.clone(),
                None => local.resolve().version,
            };
            let available = status.staged.as_ref().map(|staged| staged.version.clone());
            let package = local.config().package.to_string();
            rows.push([
                name.clone(),
                package.clone(),
                version.to_string(),
                available
                    .as_ref()
                    .map_or("-".to_owned(), ToString::to_string),
                listed(&workspaces),
            ]);
            told.push(json!({
                "app": name,
                "package": package,
                "version": version,
                "running": status.running.is_some(),
                "available": available,
                "workspaces": workspaces,
            }));
        }
        Ok(Answer::done(json!({ "apps": told })).data(table(rows)))
    })
}

/// `main running, board dead`
fn listed(all: &[WorkspaceStatus]) -> String {
    let one = |it: &WorkspaceStatus| format!("{} {}", it.name, state(it.state));
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn check(globals: &Globals) -> Result<Answer, Failure> {
    let apps = all(globals, None, Local::open)?;
    block_on(async {
        let (mut told, mut rows) = (Vec::new(), Vec::new());
        let (mut failed, mut news) = (false, false);
        for (name, local) in apps {
            let device = Device::open(local);
            let found = device.look().await;
            local::tell_owner(device.local().data_dir()).await;
            match found {
                Ok(found) => {
                    news |= found.decision == "stage";
                    rows.push([name.clone(), found.message.clone()]);
                    told.push(json!({
                        "app": name,
                        "decision": found.decision,
                        "version": found.version,
                        "reason": found.reason,
                        "trouble": found.trouble,
                        "message": found.message,
                    }));
                }
                Err(problem) => {
                    failed = true;
                    rows.push([name.clone(), in_words(&problem)]);
                    told.push(json!({ "app": name, "error": problem }));
                }
            }
        }
        let json = json!({ "apps": told });
        let answer = match (failed, news) {
            (true, _) => Answer::unwell(json, "Not every runtime could be looked after."),
            (false, true) => Answer::done(json).words("`refit apps upgrade` takes what is newer."),
            (false, false) => Answer::nothing_to_do(json, "Nothing to upgrade."),
        };
        Ok(answer.data(table(rows)))
    })
}

fn upgrade(globals: &Globals, only: Option<&str>) -> Result<Answer, Failure> {
    let apps = all(globals, only, Local::open)?;
    let alone = apps.len() == 1;
    block_on(async {
        let (mut told, mut words) = (Vec::new(), Vec::new());
        let mut ends = Vec::new();
        for (name, local) in apps {
            let upgraded = one(local).await;
            let says = |words: &str| {
                if alone {
                    words.to_owned()
                } else {
                    format!("{name}: {words}")
                }
            };
            match upgraded {
                Ok(upgraded) => {
                    ends.push(end(&upgraded));
                    words.push(says(&upgraded.reason));
                    told.push(with_name(&name, &upgraded));
                }
                // The error of the one that was asked for is the command's.
                Err(failure) if alone => return Err(failure),
                Err(failure) => {
                    ends.push(End::Failed);
                    let hint = failure.hint.clone().unwrap_or_default();
                    words.push(says(format!("{} {hint}", failure.message).trim()));
                    told.push(json!({ "app": name, "error": failure }));
                }
            }
        }
        let json = json!({ "apps": told });
        let words = words.join("\n");
        Ok(if ends.contains(&End::Failed) {
            Answer::unwell(json, words)
        } else if ends.contains(&End::Done) {
            Answer::done(json).words(words)
        } else {
            Answer::nothing_to_do(json, words)
        })
    })
}

/// One runtime: the running app does it, so that two who ask are one upgrade.
async fn one(local: Local) -> Result<Upgraded, Failure> {
    match ask(local.data_dir(), &Request::Upgrade).await? {
        Some(Owner::Upgraded(upgraded)) => Ok(*upgraded),
        Some(Owner::Problem(problem)) => Err(problem.into()),
        Some(_) => Err(local::strange_answer()),
        None => {
            let device = Device::open(local);
            let staged = progress::show(&device, "upgrading", device.upgrade()).await;
            local::tell_owner(device.local().data_dir()).await;
            staged
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Nothing,
    Failed,
}

/// A workspace that died of it is named, and the upgrade is done all the same: the others run it.
fn end(upgraded: &Upgraded) -> End {
    match upgraded.outcome {
        UpgradeOutcome::Upgraded | UpgradeOutcome::Staged => End::Done,
        UpgradeOutcome::UpToDate | UpgradeOutcome::Held => End::Nothing,
        UpgradeOutcome::FellBack => End::Failed,
    }
}

fn with_name(name: &str, upgraded: &Upgraded) -> Value {
    let mut told = json!({ "app": name });
    if let (Some(told), Value::Object(rest)) = (told.as_object_mut(), json!(upgraded)) {
        told.extend(rest);
        let dead: Vec<_> = upgraded
            .workspaces
            .iter()
            .filter(|it| it.state == WorkspaceState::Dead)
            .map(|it| it.name.clone())
            .collect();
        told.insert("dead".to_owned(), json!(dead));
    }
    told
}

fn in_words(problem: &Problem) -> String {
    format!("{} {}", problem.message, problem.hint)
        .trim()
        .to_owned()
}
