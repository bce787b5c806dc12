//! `refit fleet resume`: a paused ramp goes on.

use fleet::controller::resume;

use super::aim::{By, Of};
use super::broker::{Broker, Connected};
use super::pause::answer;
use super::reach::Reach;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Let a paused ramp go on, with what was left of its step's time
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    broker: Broker,
}

impl Resume {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let (scope, by) = (self.reach.scope()?, self.by.name());
        let Connected { client, names } = self.broker.connect(globals).await?;
        let ordered = resume(&client, &names, self.of.subject(), &scope, &by).await?;
        Ok(answer(ordered, |ramp| {
            format!(
                "The ramp of {} goes on at {} of {scope}, as long as a controller runs: `refit fleet ramp` is one.",
                ramp.version,
                ramp.share()
            )
        }))
    }
}
