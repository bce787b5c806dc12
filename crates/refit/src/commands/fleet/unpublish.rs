//! `refit fleet unpublish`: takes a version back.

use fleet::operator::releases;
use rollout::Version;
use serde_json::json;

use super::aim::Of;
use super::broker::{Broker, Connected};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Remove a published version, unless some scope is to have it
///
/// Devices that have it keep it.
#[derive(Debug, clap::Args)]
pub(crate) struct Unpublish {
    /// The version; of an agent, on all platforms
    version: Version,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    broker: Broker,
}

impl Unpublish {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Connected { client, names } = self.broker.connect(globals).await?;
        let jetstream = fleet::jetstream(&client);
        let (subject, version) = (self.of.subject(), &self.version);
        let gone = releases::unpublish(&jetstream, &names, subject, version).await?;
        let words = gone
            .iter()
            .map(|it| format!("Unpublished {}", it.artifact()));
        let words = words.collect::<Vec<_>>().join("\n");
        Ok(Answer::done(json!({ "unpublished": gone })).words(words))
    }
}
