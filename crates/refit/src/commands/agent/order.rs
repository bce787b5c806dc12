//! Orders about the agent's service and its binary.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use device::Version;
use serde_json::json;

use crate::agent::service::{self, Done, Folders, Manager, Scope, ServiceError, Unit};
use crate::agent::{self, Place, Replacer, Stopped, Trouble, Wanted, label, sentinel};
use crate::args::Globals;
use crate::commands::block_on;
use crate::failure::Failure;
use crate::output::Answer;

/// What can be ordered.
#[derive(Debug, Subcommand)]
pub(super) enum Order {
    Install(Install),
    Uninstall(Uninstall),
    Replace(Replace),
    Forgive(Forgive),
    Status(Status),
}

impl Order {
    pub(super) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        match self {
            Self::Install(order) => order.run(globals),
            Self::Uninstall(order) => order.run(),
            Self::Replace(order) => order.run(),
            Self::Forgive(order) => order.run(),
            Self::Status(Status {}) => status(),
        }
    }
}

/// Which service.
#[derive(Debug, clap::Args)]
struct Which {
    /// The service's name
    #[arg(long, value_name = "NAME", default_value = "refit-agent")]
    name: String,
    /// The machine's service, started with it; this is the default
    #[arg(long, conflicts_with = "user")]
    system: bool,
    /// This user's own service, started with the session
    #[arg(long)]
    user: bool,
}

impl Which {
    fn scope(&self) -> Scope {
        if self.user {
            Scope::User
        } else {
            Scope::System
        }
    }
}

/// Make this very binary a service that runs the agent, and start it
///
/// It is started with --config, --data-dir and --bundled as they are given here. The folder that the
/// binary lies in has to be writable by the service's user where the agent is to replace itself.
#[derive(Debug, clap::Args)]
pub(super) struct Install {
    #[command(flatten)]
    which: Which,
    /// The user that the machine's service runs as
    #[arg(long, value_name = "USER", conflicts_with = "user")]
    run_as: Option<String>,
}

impl Install {
    fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let place = own_place()?;
        if let Some(why) = place.development(&label::own()) {
            return Err(Failure::new(
                "development-build",
                format_args!(
                    "{} is no release to run as a service: {why}",
                    place.exe().display()
                ),
                "Install a release of refit, and run this with that.",
            ));
        }
        let config = needed(globals.config.as_deref(), "--config FILE")?;
        device::Config::load(&config)
            .map_err(|error| Failure::new("config", error, "Mend it there, then try again."))?
            .fleet
            .ok_or_else(super::no_fleet)?;
        let data_dir = needed(globals.data_dir.as_deref(), "--data-dir DIR")?;
        let bundled = needed(globals.bundled.as_deref(), "--bundled DIR")?;
        let mut arguments = vec!["agent".to_owned()];
        for (option, path) in [
            ("--config", &config),
            ("--data-dir", &data_dir),
            ("--bundled", &bundled),
        ] {
            arguments.extend([option.to_owned(), text(path)?]);
        }
        if let Some(app) = &globals.app {
            arguments.extend(["--app".to_owned(), app.clone()]);
        }
        let unit = Unit {
            name: self.which.name.clone(),
            scope: self.which.scope(),
            exe: text(place.exe())?,
            arguments,
            data_dir: text(&data_dir)?,
            run_as: self.run_as,
        };
        let done = service::install(Manager::own(), &unit, &folders())?;
        let name = &unit.name;
        let mut words = if done.changed {
            format!("The service {name} is at {} and runs.", done.file.display())
        } else {
            format!("The service {name} was there already, and runs.")
        };
        if Manager::own() == Manager::Systemd && unit.scope == Scope::User {
            words.push_str(
                "\nIt starts with your session; after `loginctl enable-linger` it starts with the machine.",
            );
        }
        Ok(told("installed", &unit.name, &done).words(words))
    }
}

/// Stop the agent's service and take it away; the binary, settings and data stay
#[derive(Debug, clap::Args)]
pub(super) struct Uninstall {
    #[command(flatten)]
    which: Which,
}

impl Uninstall {
    fn run(self) -> Result<Answer, Failure> {
        let name = &self.which.name;
        let done = service::uninstall(Manager::own(), name, self.which.scope(), &folders())?;
        Ok(match done {
            Some(done) => {
                let words = format!("The service {name} is gone.");
                told("uninstalled", name, &done).words(words)
            }
            None => Answer::nothing_to_do(
                json!({ "outcome": "nothing", "name": name }),
                format!("There is no service {name}."),
            ),
        })
    }
}

/// Put another binary in this one's place, with the steps and the way back of a fleet's order
///
/// The service goes on with the old one until it is restarted.
#[derive(Debug, clap::Args)]
pub(super) struct Replace {
    /// The other binary of refit
    #[arg(value_name = "BINARY")]
    binary: PathBuf,
    /// The sha256 that it has to have, in hexadecimal
    #[arg(long, value_name = "HEX")]
    sha256: String,
    /// The version that it has to be [default: what it says itself]
    #[arg(long, value_name = "VERSION")]
    expect: Option<Version>,
}

impl Replace {
    fn run(self) -> Result<Answer, Failure> {
        let file = |error: &std::io::Error| Failure::file("read", &self.binary, error);
        let version = match &self.expect {
            Some(version) => version.clone(),
            None => said_by(&self.binary)?,
        };
        let size = std::fs::metadata(&self.binary)
            .map_err(|error| file(&error))?
            .len();
        let wanted = Wanted {
            version,
            sha256: self.sha256.clone(),
            size,
        };
        let replacer = Replacer::own().map_err(|error| no_place(&error))?;
        block_on(async {
            let bytes = tokio::fs::File::open(&self.binary)
                .await
                .map_err(|error| file(&error))?;
            let staged = replacer.stage(&wanted, bytes).await?;
            let swapped = replacer.swap(staged, runtime_store::now()).await?;
            let exe = replacer.place().exe().display().to_string();
            Ok(
                Answer::done(json!({ "outcome": "replaced", "version": swapped.to, "exe": exe }))
                    .words(format!(
                        "Version {} is in place of {exe}. Restart the service to have it run.",
                        swapped.to
                    )),
            )
        })
    }
}

/// The version that a binary says it is.
fn said_by(binary: &Path) -> Result<Version, Failure> {
    let label = label::of_file(binary).map_err(|error| {
        Failure::new(
            "no-label",
            format_args!("{}: {error}", binary.display()),
            "Name a release binary of refit.",
        )
    })?;
    Ok(label.version)
}

/// Let the agent take a version again that never came to a healthy minute here
#[derive(Debug, clap::Args)]
pub(super) struct Forgive {
    #[arg(value_name = "VERSION")]
    version: Version,
}

impl Forgive {
    fn run(self) -> Result<Answer, Failure> {
        let version = &self.version;
        let forgiven = agent::forgive(&own_place()?, version)
            .map_err(|error| Failure::new("file", error, "See to that file, then try again."))?;
        let outcome = if forgiven { "forgiven" } else { "nothing" };
        let json = json!({ "outcome": outcome, "version": version });
        Ok(if forgiven {
            Answer::done(json).words(format!("Version {version} may be taken again."))
        } else {
            Answer::nothing_to_do(json, format!("Version {version} is not quarantined."))
        })
    }
}

/// Show this binary's version, how it started lately, and what it does not take again
#[derive(Debug, clap::Args)]
pub(super) struct Status {}

fn status() -> Result<Answer, Failure> {
    let (place, own) = (own_place()?, label::own());
    let boot = sentinel::look(&place).unwrap_or_default();
    let quarantined = agent::quarantined(&place).map_err(|error| {
        let stopped = Stopped::from(Trouble::from(error));
        Failure::from(stopped)
    })?;
    let mut lines = vec![format!("{} for {}", own.version, own.platform)];
    if let Some(why) = place.development(&own) {
        lines.push(format!("It does not replace itself: {why}."));
    }
    if let Some(it) = &boot.replacement {
        lines.push(format!(
            "On trial since {}, in the place of {}; start {} without a healthy minute.",
            it.at, it.from, boot.starts
        ));
    }
    for it in &quarantined {
        lines.push(format!("Quarantined: {} since {}.", it.version, it.at));
    }
    Ok(Answer::done(json!({
        "version": own.version,
        "platform": own.platform,
        "exe": place.exe().display().to_string(),
        "replacesItself": place.development(&own).is_none(),
        "starts": boot.starts,
        "replacement": boot.replacement,
        "quarantined": quarantined,
    }))
    .data(lines.join("\n")))
}

fn own_place() -> Result<Place, Failure> {
    Place::own().map_err(|error| no_place(&error))
}

fn no_place(error: &std::io::Error) -> Failure {
    Failure::new(
        "system",
        format_args!("Could not tell where this binary lies: {error}"),
        "Start it again by its path; it may have been replaced just now.",
    )
}

/// Absolute and there: what a service is started with, nobody looks at again.
fn needed(path: Option<&Path>, option: &str) -> Result<PathBuf, Failure> {
    let path = path.ok_or_else(|| {
        Failure::usage(
            format_args!("This command needs {option}"),
            "The service is started with it.",
        )
    })?;
    path.canonicalize()
        .map_err(|error| Failure::file("find", path, &error))
}

fn text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        Failure::new(
            "file",
            format_args!(
                "The path {} is no text that a unit can hold",
                path.display()
            ),
            "Use a path in plain letters.",
        )
    })
}

fn folders() -> Folders {
    Folders {
        home: dirs::home_dir(),
        config: dirs::config_dir(),
    }
}

fn told(outcome: &str, name: &str, done: &Done) -> Answer {
    Answer::done(json!({
        "outcome": if done.changed { outcome } else { "unchanged" },
        "name": name,
        "file": done.file.display().to_string(),
        "commands": done.commands,
    }))
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Self::new(stopped.code(), &stopped, stopped.hint())
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let (kind, hint) = match &error {
            ServiceError::Name(_) => ("usage", "Choose another --name."),
            ServiceError::Text(_) => ("service", "Use paths and names in plain letters."),
            ServiceError::NoHome => ("service", "Set HOME, or install it with --system."),
            ServiceError::Other(_) => (
                "service-exists",
                "Look at it; choose another --name, or take that one away first.",
            ),
            ServiceError::File { .. } => (
                "file",
                "The machine's services are an administrator's to change; --user makes one of your own.",
            ),
            ServiceError::Manager { .. } => (
                "service-manager",
                "See what it says of the service, then try again.",
            ),
        };
        Self::new(kind, error, hint)
    }
}
