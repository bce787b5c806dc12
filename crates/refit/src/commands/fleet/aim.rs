//! Options that several orders to a fleet have: of what, for whom, by whom.

use fleet::operator::orders;
use rollout::fleet::{Scope, Subject};

use crate::failure::Failure;

/// Of what.
#[derive(Debug, clap::Args)]
pub(super) struct Of {
    /// The headless agent's own binary, not the runtime
    #[arg(long)]
    agent: bool,
}

impl Of {
    /// Whether anything was said about it.
    pub(super) fn is_named(&self) -> bool {
        self.agent
    }

    pub(super) fn subject(&self) -> Subject {
        if self.agent {
            Subject::Agent
        } else {
            Subject::Runtime
        }
    }
}

/// For whom.
#[derive(Debug, clap::Args)]
pub(super) struct Aim {
    /// These devices, by their ids, with commas between
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    devices: Vec<String>,
    /// The devices in these groups, with commas between
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    groups: Vec<String>,
    /// Every device
    #[arg(long, conflicts_with_all = ["devices", "groups"])]
    global: bool,
}

impl Aim {
    /// The scopes, at least one.
    pub(super) fn scopes(&self) -> Result<Vec<Scope>, Failure> {
        let scopes = orders::scopes(&self.devices, &self.groups, self.global);
        scopes.map_err(|error| Failure::usage(&error, error.hint()))
    }
}

/// By whom.
#[derive(Debug, clap::Args)]
pub(super) struct By {
    /// Who does this, for the history [default: the user's name on this machine]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    pub(super) fn name(&self) -> String {
        let here = || {
            let names = ["USER", "USERNAME", "LOGNAME"];
            names.into_iter().find_map(|it| std::env::var(it).ok())
        };
        self.by.clone().or_else(here).unwrap_or_default()
    }
}
