//! `refit fleet pause`: a ramp stays where it is.

use fleet::controller::{Ordered, pause_ramp};
use rollout::fleet::ramp::Ramp;
use serde_json::json;

use super::aim::{By, Of};
use super::broker::{Broker, Connected};
use super::reach::Reach;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Let a ramp stay at its step until `refit fleet resume`; it still halts by itself
#[derive(Debug, clap::Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    broker: Broker,
}

impl Pause {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let (scope, by) = (self.reach.scope()?, self.by.name());
        let Connected { client, names } = self.broker.connect(globals).await?;
        let ordered = pause_ramp(&client, &names, self.of.subject(), &scope, &by).await?;
        Ok(answer(ordered, |ramp| {
            format!(
                "Paused the ramp of {} at {} of {scope}, {}. `refit fleet resume` lets it go on.",
                ramp.version,
                ramp.share(),
                ramp.state.why
            )
        }))
    }
}

/// What came of an order about a ramp: the ramp as it stands, or nothing to do.
pub(super) fn answer(ordered: Ordered, words: impl FnOnce(&Ramp) -> String) -> Answer {
    match ordered {
        Ordered::Done(ramp) => {
            let words = words(&ramp);
            Answer::done(json!({ "ramp": ramp })).words(words)
        }
        Ordered::NothingToDo(why) => {
            Answer::nothing_to_do(json!({ "ramp": null, "reason": why }), why.clone())
        }
    }
}
