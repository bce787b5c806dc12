//! The part of a fleet that a ramp is about.

use rollout::fleet::{Name, Scope};

use crate::failure::Failure;

/// For whom: one ramp at a time on each.
#[derive(Debug, clap::Args)]
pub(super) struct Reach {
    /// The devices in this group
    #[arg(long, value_name = "GROUP")]
    groups: Option<String>,
    /// Every device; so it is where no group is named
    #[arg(long, conflicts_with = "groups")]
    global: bool,
}

impl Reach {
    /// Whether anything was said about it.
    pub(super) fn is_named(&self) -> bool {
        self.global || self.groups.is_some()
    }

    pub(super) fn scope(&self) -> Result<Scope, Failure> {
        let Some(group) = &self.groups else {
            return Ok(Scope::Global);
        };
        let name: Name = group.parse().map_err(|error| {
            Failure::usage(
                error,
                "Name one group with --groups; each has a ramp of its own.",
            )
        })?;
        Ok(Scope::Group(name))
    }
}
