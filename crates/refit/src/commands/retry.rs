//! `refit retry`: forgives a version that failed here.

use device::{Device, Version};

use super::apply::outcome;
use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;
use crate::progress;

/// Take a version off the bad list and stage it again
#[derive(Debug, clap::Args)]
pub(crate) struct Retry {
    /// The version to forgive
    #[arg(value_name = "V")]
    version: Version,
}

impl Retry {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let local = local::open(globals)?;
        block_on(async {
            let device = Device::open(local);
            let retried =
                progress::show(&device, "staging", device.retry(Some(self.version))).await?;
            local::tell_owner(device.local().data_dir()).await;
            Ok(outcome(&retried))
        })
    }
}
