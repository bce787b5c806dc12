//! `refit fleet`: which devices are to have which version.

mod aim;
mod broker;
mod clear;
mod current;
mod dashboard;
mod give;
mod groups;
mod halt;
mod history;
mod pause;
mod ping;
mod publish;
mod ramp;
mod reach;
mod releases;
mod resume;
mod rollout;
mod simulate_devices;
mod status;
mod unpublish;
mod words;

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
    Publish(publish::Publish),
    Rollout(rollout::Rollout),
    Ramp(ramp::Ramp),
    Pause(pause::Pause),
    Resume(resume::Resume),
    Halt(halt::Halt),
    Clear(clear::Clear),
    Current(current::Current),
    Status(status::Status),
    Dashboard(dashboard::Dashboard),
    Ping(ping::Ping),
    History(history::History),
    Groups(groups::Groups),
    Releases(releases::Releases),
    Unpublish(unpublish::Unpublish),
    SimulateDevices(simulate_devices::SimulateDevices),
}

impl Fleet {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        block_on(async {
            match self.order {
                Order::Init(order) => order.run(globals).await,
                Order::Publish(order) => order.run(globals).await,
                Order::Rollout(order) => order.run(globals).await,
                Order::Clear(order) => order.run(globals).await,
                Order::Ramp(order) => order.run(globals).await,
                Order::Pause(order) => order.run(globals).await,
                Order::Resume(order) => order.run(globals).await,
                Order::Halt(order) => order.run(globals).await,
                Order::Current(order) => order.run(globals).await,
                Order::Status(order) => order.run(globals).await,
                Order::Dashboard(order) => order.run(globals).await,
                Order::Ping(order) => order.run(globals).await,
                Order::History(order) => order.run(globals).await,
                Order::Groups(order) => order.run(globals).await,
                Order::Releases(order) => order.run(globals).await,
                Order::Unpublish(order) => order.run(globals).await,
                Order::SimulateDevices(order) => order.run(globals).await,
            }
        })
    }
}
