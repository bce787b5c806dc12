//! `refit gc`: removes what nothing names any more.

use serde_json::json;

use super::local;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Remove versions that are neither staged, previous nor running, and what was left half done
#[derive(Debug, clap::Args)]
pub(crate) struct Gc {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let swept = local::store(globals)?
        .gc()
        .map_err(|error| local::failed(&error))?;
    let json = json!({
        "versions": swept.versions,
        "partials": swept.partials,
        "trash": swept.trash,
        "kept": swept.kept,
    });
    let kept = swept.kept.iter().map(|why| format!("Kept {why}"));
    if swept.versions.is_empty() && swept.partials == 0 && swept.trash == 0 {
        let mut words = vec!["There was nothing to remove.".to_owned()];
        words.extend(kept);
        return Ok(Answer::nothing_to_do(json, words.join("\n")));
    }
    let mut words: Vec<String> = swept
        .versions
        .iter()
        .map(|version| format!("Removed version {version}"))
        .collect();
    if swept.partials + swept.trash > 0 {
        words.push(format!(
            "Removed {} left half done",
            swept.partials + swept.trash
        ));
    }
    words.extend(kept);
    Ok(Answer::done(json).words(words.join("\n")))
}
