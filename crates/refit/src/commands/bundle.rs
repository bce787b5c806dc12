//! `refit bundle`
use crate::failure::Failure;
use crate::output::Answer;
/// Make an app's bundled-runtime folder out of a registry's package
#[derive(Debug, clap::Args)]
pub(crate) struct Bundle {}
impl Bundle {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        Ok(Answer::silent())
    }
}
