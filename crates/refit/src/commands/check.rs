//! `refit check`: looks and decides; stages nothing.

use device::{Device, Updates};
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
            let mut words = format!(
                "{}. {}",
                found.message,
                fetched_by(
                    device.may_change().is_ok(),
                    device.status().borrow().updates
                )
            );
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

/// Who fetches what is newer.
fn fetched_by(people: bool, updates: Updates) -> &'static str {
    match (people, updates) {
        (true, _) => "`refit stage` fetches it.",
        (false, Updates::Off) => "Your administrator turned updates off.",
        (false, _) => "The app fetches it by itself; your administrator decides.",
    }
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
    fn nobody_is_sent_to_a_command_that_would_be_refused() {
        assert_eq!(fetched_by(true, Updates::On), "`refit stage` fetches it.");
        for updates in [Updates::Managed, Updates::Off] {
            let words = fetched_by(false, updates);
            assert!(!words.contains("refit stage"), "{words}");
            assert!(words.contains("administrator"), "{words}");
        }
    }

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
