//! `refit fleet clear`: takes orders back.

use std::time::Duration;

use fleet::operator::orders::{self, Order};
use serde_json::json;

use super::aim::{Aim, By, Of};
use super::broker::Broker;
use super::give::give;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Take an order back: the scope wants nothing any more, and the next wider one counts
///
/// A device for which no order is left keeps what it has.
#[derive(Debug, clap::Args)]
pub(crate) struct Clear {
    #[command(flatten)]
    aim: Aim,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    broker: Broker,
}

impl Clear {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let scopes = self.aim.scopes()?;
        let connected = self.broker.connect(globals).await?;
        let subject = self.of.subject();
        let jetstream = fleet::jetstream(&connected.client);
        let mut wanting = Vec::new();
        for scope in scopes {
            let last = orders::last(&jetstream, &connected.names, subject, &scope).await?;
            let wants = |it: orders::Standing| it.target.map_or(true, |it| it.version.is_some());
            if last.is_some_and(wants) {
                wanting.push(scope);
            }
        }
        if wanting.is_empty() {
            let json = json!({ "subject": subject, "version": null, "orders": [], "warnings": [] });
            return Ok(Answer::nothing_to_do(json, "Nothing is ordered there"));
        }
        let order = Order {
            subject,
            version: None,
            jitter: Duration::ZERO,
            by: self.by.name(),
            at: runtime_store::now(),
        };
        give(&connected, &order, wanting).await
    }
}
