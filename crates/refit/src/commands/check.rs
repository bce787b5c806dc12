//! `refit check`: looks and decides; stages nothing.

use device::Device;
use jiff::Timestamp;
use serde_json::json;

use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, say};
use crate::rollouts::words::relative;

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
            let mut words = format!("{}. `refit stage` fetches it.", found.message);
            let experimental = device
                .status()
                .borrow()
                .rollout
                .as_ref()
                .map(|it| it.experimental);
            if let Some(at) = found.eligible_at.filter(|_| found.bypassed)
                && experimental != Some(true)
                && let Some(turn) = turn(at, runtime_store::now())
            {
                words.push('\n');
                words.push_str(&turn);
            }
            Answer::done(json).words(words)
        } else {
            Answer::nothing_to_do(json, found.message)
        })
    })
}

/// A person is not held back, and hears of the queue that was passed; nothing once `at` is past.
fn turn(at: Timestamp, now: Timestamp) -> Option<String> {
    (at > now).then(|| {
        format!(
            "Its turn here is at {at} ({}); a timer waits for that, `refit stage` does not.",
            relative(at, now)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_told_while_it_lasts() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let eligible = at("2026-06-12T20:00:00Z");
        assert_eq!(
            turn(eligible, at("2026-06-12T08:00:00Z")).unwrap(),
            "Its turn here is at 2026-06-12T20:00:00Z (in 12 hours); a timer waits for that, \
             `refit stage` does not."
        );
        assert_eq!(turn(eligible, eligible), None);
    }
}
