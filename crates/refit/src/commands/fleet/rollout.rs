//! `refit fleet rollout`: what scopes are to have.

use std::time::Duration;

use fleet::operator::orders::{self, Order};
use rollout::Version;

use super::aim::{Aim, By, Of};
use super::broker::Broker;
use super::give::give;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Order a published version for devices, groups, or all
///
/// A device follows its own order before one for its group, and that before the one for all. An order takes the place of the
/// last one for the same scope, and ends a ramp there. An older version is an order like any other: devices go
/// back to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Rollout {
    /// The version
    version: Version,
    #[command(flatten)]
    aim: Aim,
    /// Spread the devices over so much time, like 90s, 30m or 2h; at most a week
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = orders::parse_jitter)]
    jitter: Duration,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    broker: Broker,
}

impl Rollout {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let scopes = self.aim.scopes()?;
        let connected = self.broker.connect(globals).await?;
        let order = Order {
            subject: self.of.subject(),
            version: Some(self.version),
            jitter: self.jitter,
            by: self.by.name(),
            at: runtime_store::now(),
        };
        give(&connected, &order, scopes).await
    }
}
