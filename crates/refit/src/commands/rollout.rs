//! `refit rollout`: who gets which version when.

mod halt;
mod promote;
mod recall;
mod start;
mod status;

use clap::Subcommand;

use super::block_on;
use crate::failure::Failure;
use crate::output::Answer;

/// Decide who gets which version when: start a rollout, let it go faster, stop it, take a version back
///
/// Every change says first what it does to how many devices, and asks; --yes does it without asking.
#[derive(Debug, clap::Args)]
pub(crate) struct Rollout {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    Start(start::Start),
    Promote(promote::Promote),
    Halt(halt::Halt),
    Resume(halt::Resume),
    Recall(recall::Recall),
    Status(status::Status),
}

impl Rollout {
    pub(crate) fn run(self, json: bool) -> Result<Answer, Failure> {
        block_on(async {
            match self.order {
                Order::Start(order) => order.run(json).await,
                Order::Promote(order) => order.run(json).await,
                Order::Halt(order) => order.run(json).await,
                Order::Resume(order) => order.run(json).await,
                Order::Recall(order) => order.run(json).await,
                Order::Status(order) => order.run().await,
            }
        })
    }
}
