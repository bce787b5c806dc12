//! `refit verify`: are stored versions what was staged, to the last byte?
//!
//! What it finds damaged is written down in the store, so that the next launch knows without reading.

use device::Version;
use serde_json::json;

use super::local;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};

/// Check that stored versions are whole, by reading every file
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Only this one
    #[arg(value_name = "V")]
    version: Option<Version>,
}

impl Verify {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let store = local::store(globals)?;
        let verified = store
            .verify(self.version.as_ref())
            .map_err(|error| local::failed(&error))?;
        let json = json!({
            "verified": verified
                .iter()
                .map(|one| json!({ "version": one.version, "problem": one.problem }))
                .collect::<Vec<_>>(),
        });
        if verified.is_empty() {
            let words = "No version is stored; only the bundled one runs.";
            return Ok(Answer::nothing_to_do(json, words));
        }
        let rows = verified.iter().map(|one| {
            let found = match &one.problem {
                Some(problem) => problem,
                None if one.contents => "whole",
                None => "whole, as far as can be told: it was staged before files were described",
            };
            [one.version.to_string(), found.to_owned()]
        });
        let data = table(rows);
        let broken = verified.iter().filter(|one| one.problem.is_some()).count();
        let answer = if broken == 0 {
            Answer::done(json)
        } else {
            Answer::unwell(
                json,
                format!(
                    "{broken} not whole. The app fetches what it would run again when it starts, and \
                     runs another version until then; `refit stage V` does the same now."
                ),
            )
        };
        Ok(answer.data(data))
    }
}
