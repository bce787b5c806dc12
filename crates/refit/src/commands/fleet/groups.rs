//! `refit fleet groups`: which groups there are.

use fleet::operator::Overview;
use fleet::operator::observe::Watch;
use serde_json::json;

use super::broker::{Broker, Connected};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::rollouts::words::count;

/// List the groups that devices say they are in, with how many are in each
#[derive(Debug, clap::Args)]
pub(crate) struct Groups {
    #[command(flatten)]
    broker: Broker,
}

impl Groups {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Connected { client, names } = self.broker.connect(globals).await?;
        let mut overview = Overview::default();
        let mut watch = Watch::open(&fleet::jetstream(&client), &names).await?;
        let now = watch.now();
        watch.catch_up(&mut overview, now).await?;
        let groups = overview.groups();
        let all = groups.iter();
        let all = all.map(|(group, devices)| json!({ "group": group, "devices": devices }));
        let json = json!({ "groups": all.collect::<Vec<_>>() });
        if groups.is_empty() {
            return Ok(Answer::nothing_to_do(json, "No device is in a group"));
        }
        let rows = groups
            .iter()
            .map(|(group, devices)| [group.to_string(), count(*devices)]);
        let heading = ["Group", "Devices"].map(str::to_owned);
        Ok(Answer::done(json).data(table(std::iter::once(heading).chain(rows))))
    }
}
