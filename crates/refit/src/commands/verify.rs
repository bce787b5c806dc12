//! `refit verify`: are stored versions whole?

use device::Version;
use serde_json::json;

use super::local;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};

/// Check that stored versions are whole
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
            let problem = one.problem.as_deref().unwrap_or("whole");
            [one.version.to_string(), problem.to_owned()]
        });
        let data = table(rows);
        let broken = verified.iter().filter(|one| one.problem.is_some()).count();
        let answer = if broken == 0 {
            Answer::done(json)
        } else {
            Answer::unwell(
                json,
                format!("{broken} not whole. The next launch passes over them; stage them again."),
            )
        };
        Ok(answer.data(data))
    }
}
