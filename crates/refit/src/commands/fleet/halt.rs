//! `refit fleet halt`: a ramp is stopped, and who was reached goes back.

use fleet::controller::halt;
use rollout::fleet::ramp::Ramp;

use super::aim::{By, Of};
use super::broker::{Broker, Connected};
use super::pause::answer;
use super::reach::Reach;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Stop a ramp at once, and turn back every device that it reached
///
/// All devices of the scope are ordered the ramp's baseline, in one write. It needs no controller, and a ramp that
/// was halted is not resumed: begin another.
#[derive(Debug, clap::Args)]
pub(crate) struct Halt {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    broker: Broker,
}

impl Halt {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let (scope, by) = (self.reach.scope()?, self.by.name());
        let Connected { client, names } = self.broker.connect(globals).await?;
        let ordered = halt(&client, &names, self.of.subject(), &scope, &by).await?;
        Ok(answer(ordered, words))
    }
}

fn words(ramp: &Ramp) -> String {
    let reached = match ramp.evidence.last().and_then(|it| it.counts) {
        Some(counts) => format!("{} devices were reached by then", counts.whole.new.devices),
        None => "how many devices were reached by then could not be counted".to_owned(),
    };
    format!(
        "Halted the ramp of {} at {} of {}; {reached}. All are ordered {}.",
        ramp.version,
        ramp.share(),
        ramp.scope,
        ramp.baseline
    )
}
