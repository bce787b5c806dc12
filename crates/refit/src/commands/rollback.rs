//! `refit rollback`: a person's way back.

use device::{Device, Request, Version, ask};

use super::apply::{applied, outcome};
use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;
use crate::progress;

/// Go back to the version before, or to a named one, which is fetched where it is not stored
///
/// The version that is left behind is put on the bad list, so that the next check does not bring
/// it again; `refit retry` takes it off.
#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    /// The version to go to
    #[arg(long, value_name = "V")]
    to: Option<Version>,
    /// Put back the data folder too, as it was before the version that is left was first started
    ///
    /// Needs `snapshot` in the settings. What is replaced is set aside below the data folder, in
    /// snapshots/<workspace>/replaced-<version>, until the next snapshot is taken.
    #[arg(long)]
    with_data: bool,
}

impl Rollback {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let local = local::open(globals)?;
        block_on(async {
            let request = Request::RollBack {
                to: self.to.clone(),
                with_data: self.with_data,
            };
            if let Some(answer) = ask(local.data_dir(), &request).await? {
                return applied(answer);
            }
            let device = Device::open(local);
            let going = device.roll_back(self.to, self.with_data);
            let rolled_back = progress::show(&device, "rolling back", going).await?;
            Ok(outcome(&rolled_back))
        })
    }
}
