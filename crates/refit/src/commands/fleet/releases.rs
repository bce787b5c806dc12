//! `refit fleet releases`: what is published.

use fleet::operator::releases::{self, Release};
use rollout::fleet::Name;
use serde_json::json;

use super::aim::Of;
use super::broker::{Broker, Connected};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::rollouts::words::{bytes, plain};

/// List what is published, the newest version first
#[derive(Debug, clap::Args)]
pub(crate) struct Releases {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    broker: Broker,
}

impl Releases {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Connected { client, names } = self.broker.connect(globals).await?;
        let jetstream = fleet::jetstream(&client);
        let all = releases::list(&jetstream, &names, self.of.subject()).await?;
        let json = json!({ "releases": all });
        if all.is_empty() {
            let words = "Nothing is published: `refit fleet publish FILE`";
            return Ok(Answer::nothing_to_do(json, words));
        }
        let heading = ["Version", "Package", "For", "Size", "Published", "By"];
        let rows = std::iter::once(heading.map(str::to_owned)).chain(all.iter().map(row));
        Ok(Answer::done(json).data(table(rows)))
    }
}

fn row(release: &Release) -> [String; 6] {
    let platform = release.platform.as_ref();
    [
        release.version.to_string(),
        plain(&release.package),
        platform.map_or("all".to_owned(), Name::to_string),
        bytes(release.size),
        release.at.to_string(),
        plain(&release.by),
    ]
}
