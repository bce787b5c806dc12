//! `refit check`: looks and decides; stages nothing.

use device::Device;
use serde_json::json;

use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, say};

/// Look for a newer version now, and say what is decided and why
#[derive(Debug, clap::Args)]
pub(crate) struct Check {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let local = local::open(globals)?;
    block_on(async {
        let device = Device::open(local);
        let found = device.look().await?;
        local::tell_owner(device.local().data_dir()).await;
        let json = json!({
            "decision": found.decision,
            "version": found.version,
            "reason": found.reason,
            "bucket": found.bucket,
            "delaySeconds": found.delay_seconds,
            "eligibleAt": found.eligible_at,
            "fromManifest": found.from_manifest,
            "bypassed": found.bypassed,
            "trouble": found.trouble,
            "message": found.message,
        });
        // The answer stands on what was heard before: whoever asks is to know.
        if let Some(trouble) = &found.trouble {
            say(&format!("Nothing new was heard: {}", trouble.message));
        }
        Ok(if found.decision == "stage" {
            Answer::done(json).words(format!("{}. `refit stage` fetches it.", found.message))
        } else {
            Answer::nothing_to_do(json, found.message)
        })
    })
}
