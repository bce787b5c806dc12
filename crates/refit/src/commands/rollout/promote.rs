//! `refit rollout promote`: more devices at once.

use clap::ArgGroup;
use rollout::Share;
use rollout::ramp::{self, PlanError};

use crate::failure::Failure;
use crate::output::Answer;
use crate::rollouts::work::{Agreement, Place, Told};

/// Let more devices have the version at once
///
/// The others keep their turns. Nobody who may have it already loses it.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("whom").args(["to", "all"]).required(true))]
pub(crate) struct Promote {
    #[command(flatten)]
    place: Place,
    /// How many devices in all, such as 60%
    #[arg(long, value_name = "SHARE", value_parser = share, allow_hyphen_values = true)]
    to: Option<Share>,
    /// Every device
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    agreement: Agreement,
}

impl Promote {
    pub(super) async fn run(self, json: bool) -> Result<Answer, Failure> {
        let work = self.place.open(self.agreement.consent(json)).await?;
        let document = work.document()?;
        let to = self.to.unwrap_or(Share::ALL);
        let change = ramp::promote(document, to, work.now);
        let version = &document.manifest().version;
        let told = Told {
            outcome: "promoted",
            title: format!("Promoting {}@{version} to {to}", work.package),
            done: format!("Promoted {}@{version} to {to}", work.package),
            also: Vec::new(),
            stops: false,
            agreement: &self.agreement,
            json,
        };
        work.make(change, told).await
    }
}

fn share(text: &str) -> Result<Share, String> {
    ramp::parse_share(text).map_err(|error| match error {
        PlanError::Nobody(text) => {
            format!("`{text}` is nobody; `refit rollout halt` stops letting devices in")
        }
        PlanError::Empty => "a percentage like `60%` is needed".to_owned(),
        error => error.to_string(),
    })
}
