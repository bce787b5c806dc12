//! Which broker an operator's command speaks to; and `refit fleet init`, which makes a fleet there.

use std::path::PathBuf;

use device::Fleet;
use fleet::{Client, FleetError, Names};
use serde_json::json;

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Options that every order to a fleet takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Broker")]
pub(crate) struct Broker {
    /// The broker's addresses, with commas between: `tls://HOST:4222`, or `nats://127.0.0.1:4222` on this
    /// machine
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    server: Vec<String>,
    /// The fleet's name there
    #[arg(long, value_name = "NAME")]
    fleet: Option<String>,
    /// A .creds file of NATS to sign in with
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// A file with the seed of an `NKey` to sign in with
    #[arg(long, value_name = "FILE")]
    nkey: Option<PathBuf>,
    /// A user to sign in as
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// The file with the user's password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// More roots to believe for TLS, a PEM file
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// A connection, and the names of the fleet that it is about.
#[derive(Debug, Clone)]
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) names: Names,
}

impl Broker {
    /// Connects as an operator. Options come before the settings in --config; naming a server, or a way to
    /// sign in, leaves all of the settings' aside.
    pub(crate) async fn connect(&self, globals: &Globals) -> Result<Connected, Failure> {
        let settings = self.fleet(globals)?.settings().map_err(|why| wrong(&why))?;
        let client = fleet::connect(&settings).await?;
        Ok(Connected {
            names: Names::of(&settings.fleet),
            client,
        })
    }

    /// The fleet that options and settings name.
    pub(crate) fn fleet(&self, globals: &Globals) -> Result<Fleet, Failure> {
        let configured = match &globals.config {
            Some(path) => Fleet::load(path)
                .map_err(|error| Failure::new("config", error, "Mend it there, then try again."))?,
            None => None,
        };
        let mut fleet = match (configured, self.server.is_empty()) {
            (Some(fleet), true) => fleet,
            (_, false) => serde_json::from_value(json!({ "servers": self.server }))
                .map_err(|error| Failure::new("internal", error, "Please report this."))?,
            (None, true) => {
                return Err(Failure::usage(
                    "This command needs the broker's address",
                    "Name it with --server, or with --config a file whose settings have `fleet`.",
                ));
            }
        };
        if let Some(name) = &self.fleet {
            fleet.name = name
                .parse()
                .map_err(|error| Failure::usage(error, "Name the fleet with --fleet."))?;
        }
        let signs_in = self.credentials.is_some() || self.nkey.is_some() || self.user.is_some();
        if signs_in {
            fleet.credentials.clone_from(&self.credentials);
            fleet.nkey.clone_from(&self.nkey);
            fleet.user.clone_from(&self.user);
            fleet.password.clone_from(&self.password_file);
        }
        if self.ca.is_some() {
            fleet.ca.clone_from(&self.ca);
        }
        Ok(fleet)
    }
}

fn wrong(problem: &str) -> Failure {
    Failure::usage(
        format_args!("The fleet's settings are wrong: {problem}"),
        "Mend them in the settings, or name the options for it.",
    )
}

impl From<FleetError> for Failure {
    fn from(error: FleetError) -> Self {
        Self::new(error.kind(), &error, error.hint())
    }
}

/// Make the fleet's buckets on the broker, once; what is there stays as it is
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    #[command(flatten)]
    broker: Broker,
    /// How many of the broker's nodes keep everything: 1, or 3 or 5 in a cluster
    #[arg(long, value_name = "N", default_value_t = 1)]
    replicas: usize,
}

impl Init {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        if !matches!(self.replicas, 1 | 3 | 5) {
            return Err(Failure::usage(
                format_args!("{} replicas are no majority's number", self.replicas),
                "Use 1, or 3 or 5 in a cluster.",
            ));
        }
        let Connected { client, names } = self.broker.connect(globals).await?;
        let jetstream = fleet::jetstream(&client);
        let found = fleet::ensure(&jetstream, &names, self.replicas).await?;
        let (name, replicas) = (names.fleet(), found.replicas);
        let json = json!({
            "fleet": name, "replicas": replicas, "outcome": if found.is_new { "made" } else { "unchanged" },
        });
        let kept = match replicas {
            1 => "once".to_owned(),
            more => format!("{more} times"),
        };
        if !found.is_new {
            let words =
                format!("The fleet {name} was there before; everything in it is kept {kept}");
            return Ok(Answer::nothing_to_do(json, words));
        }
        Ok(Answer::done(json).words(format!(
            "The fleet {name} is there; everything in it is kept {kept}"
        )))
    }
}
