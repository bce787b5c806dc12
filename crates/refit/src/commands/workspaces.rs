//! `refit workspaces`: running instances that share one store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use device::{
    Answer as Owner, Device, Request, Schedule, Workspace, WorkspaceState, WorkspaceStatus, ask,
};
use serde_json::json;

use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};

/// Instances of the runtime that share one store, each with its folder, port, environment and log
#[derive(Debug, clap::Args)]
pub(crate) struct Workspaces {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every workspace, with what it is doing
    List,
    /// Add a workspace; it takes the version that runs already, and never pulls a newer one
    Add(Add),
    /// Stop a workspace and forget it; its folder stays as it is
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Restart a workspace of the running app; one that is dead is revived
    Restart {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Its name: 1 to 40 of a-z, 0-9 and -
    #[arg(value_name = "NAME")]
    name: String,
    /// Its folder, made where it is missing; left out, a new one in the data folder
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A variable for its environment, over the settings'; may be given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// A timed call to its runtime, as in "5m /tick"; may be given more than once
    #[arg(long, value_name = "EVERY PATH", value_parser = schedule)]
    schedule: Vec<Schedule>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write NAME=VALUE, such as BOARD=home")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn schedule(text: &str) -> Result<Schedule, String> {
    let written = || "write a pause and a path, such as \"5m /tick\"".to_owned();
    let (every, path) = text.trim().rsplit_once(' ').ok_or_else(written)?;
    let every: Duration = humantime::parse_duration(every.trim()).map_err(|_| written())?;
    Ok(Schedule {
        every,
        path: path.to_owned(),
    })
}

impl Workspaces {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        match self.command {
            Command::List => list(globals),
            Command::Add(add) => add.run(globals),
            Command::Remove { name } => remove(globals, &name),
            Command::Restart { name } => restart(globals, &name),
        }
    }
}

fn list(globals: &Globals) -> Result<Answer, Failure> {
    let local = local::look(globals)?;
    block_on(async {
        let all = match ask(local.data_dir(), &Request::Workspaces).await? {
            Some(Owner::Workspaces(all)) => all,
            Some(Owner::Problem(problem)) => return Err(problem.into()),
            Some(_) => return Err(local::strange_answer()),
            None => local.workspaces(),
        };
        Ok(Answer::done(json!({ "workspaces": all })).data(rows(&all)))
    })
}

/// One line a workspace.
pub(super) fn rows(all: &[WorkspaceStatus]) -> String {
    let mut rows = vec![["NAME", "STATE", "VERSION", "ADDRESS", "FOLDER"].map(str::to_owned)];
    rows.extend(all.iter().map(|one| {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        [
            one.name.clone(),
            state(one.state).to_owned(),
            text(one.version.as_ref().map(ToString::to_string)),
            text(one.url.clone()),
            one.folder.display().to_string(),
        ]
    }));
    table(rows)
}

pub(super) fn state(state: WorkspaceState) -> &'static str {
    match state {
        WorkspaceState::Starting => "starting",
        WorkspaceState::Running => "running",
        WorkspaceState::Restarting => "restarting",
        WorkspaceState::Dead => "dead",
        WorkspaceState::Stopped => "stopped",
    }
}

impl Add {
    fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let local = local::open(globals)?;
        let folder = self.folder.as_deref().map(absolute).transpose()?;
        let workspace = Workspace {
            name: self.name,
            folder,
            env: BTreeMap::from_iter(self.env),
            schedules: self.schedule,
            ..Workspace::default()
        };
        block_on(async {
            let request = Request::AddWorkspace {
                workspace: workspace.clone(),
            };
            let added = match ask(local.data_dir(), &request).await? {
                Some(answer) => about_one(answer)?,
                None => Device::open(local).workspace_create(workspace).await?,
            };
            let folder = added.folder.display();
            let name = &added.name;
            let words = match (&added.version, added.state) {
                (Some(version), _) => {
                    format!("Workspace {name} runs version {version} in {folder}.")
                }
                (None, WorkspaceState::Stopped) => format!(
                    "Workspace {name} is added, in {folder}. The app's next start starts it."
                ),
                (None, WorkspaceState::Dead) => {
                    let why = added.detail.clone().unwrap_or_default();
                    let words = format!("Workspace {name} is added, and is dead: {why}");
                    return Ok(Answer::unwell(json!(added), words));
                }
                (None, _) => format!("Workspace {name} is added, in {folder}."),
            };
            Ok(Answer::done(json!(added)).words(words))
        })
    }
}

/// A folder as it is written here; the running app works elsewhere.
fn absolute(folder: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(folder).map_err(|error| Failure::file("find", folder, &error))
}

fn remove(globals: &Globals, name: &str) -> Result<Answer, Failure> {
    let local = local::open(globals)?;
    block_on(async {
        let request = Request::RemoveWorkspace {
            name: name.to_owned(),
        };
        let gone = match ask(local.data_dir(), &request).await? {
            Some(answer) => about_one(answer)?,
            None => Device::open(local).workspace_remove(name).await?,
        };
        let words = format!(
            "Workspace {name} is forgotten. Its folder {} stays as it is.",
            gone.folder.display()
        );
        Ok(Answer::done(json!(gone)).words(words))
    })
}

fn restart(globals: &Globals, name: &str) -> Result<Answer, Failure> {
    let data = local::data_dir(globals)?;
    block_on(async {
        let request = Request::RestartWorkspace {
            name: name.to_owned(),
        };
        let Some(answer) = ask(&data, &request).await? else {
            let json = json!({ "name": name, "state": "stopped" });
            let words = "No app is running here. Its next start starts every workspace.";
            return Ok(Answer::nothing_to_do(json, words));
        };
        let now = about_one(answer)?;
        let words = match &now.version {
            Some(version) => format!("Workspace {name} runs version {version}."),
            None => format!("Workspace {name} is {}.", state(now.state)),
        };
        Ok(Answer::done(json!(now)).words(words))
    })
}

fn about_one(answer: Owner) -> Result<WorkspaceStatus, Failure> {
    match answer {
        Owner::Workspace(one) => Ok(one),
        Owner::Problem(problem) => Err(problem.into()),
        _ => Err(local::strange_answer()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timed_call_is_a_pause_and_a_path() {
        let call = schedule("1h 30m /tick?x=1").unwrap();
        assert_eq!(call.every, Duration::from_mins(90));
        assert_eq!(call.path, "/tick?x=1");
        for wrong in ["", "5m", "/tick", "soon /tick"] {
            assert!(schedule(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_variable_is_a_name_and_a_value() {
        assert_eq!(variable("A=b=c").unwrap(), ("A".into(), "b=c".into()));
        assert!(variable("A").is_err());
    }
}
