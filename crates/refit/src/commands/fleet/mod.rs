//! `refit fleet`: which devices are to have which version.

mod broker;
mod dashboard;
mod simulate_devices;

use clap::Subcommand;

use super::block_on;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Steer a fleet over NATS: publish, order versions, watch them arrive, ramp them up, stop them
///
/// The broker is named by --server, or by the `fleet` of the settings in --config.
#[derive(Debug, clap::Args)]
pub(crate) struct Fleet {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    Init(broker::Init),
    Dashboard(dashboard::Dashboard),
    SimulateDevices(simulate_devices::SimulateDevices),
}

impl Fleet {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        block_on(async {
            match self.order {
                Order::Init(order) => order.run(globals).await,
                Order::Dashboard(order) => order.run(globals).await,
                Order::SimulateDevices(order) => order.run(globals).await,
            }
        })
    }
}
