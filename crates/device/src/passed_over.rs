//! What a launch passed over on its publisher's word, told like a fallback: nothing failed, but what
//! the user had, or was offered, does not run.

use rollout::{Blocked, Version};
use runtime_store::{HistoryEvent, WhyNot};

use crate::device::{Device, DeviceEvent};
use crate::history;
use crate::rollout_status::PassedOver;

/// Tells of the first choice that the publisher stood against, now that `running` runs. The first
/// launch that passes it over is news; later ones only show it.
pub(crate) async fn tell(device: &Device, passed: &[runtime_store::PassedOver], running: &Version) {
    let Some((from, why)) = first(passed) else {
        device.0.board.update(|facts| facts.passed_over = None);
        return;
    };
    let reason = why.reason();
    let message = format!("Version {from} {why}. Version {running} is running.");
    tracing::warn!(%from, to = %running, reason, "passed over");
    let event = HistoryEvent::RolledBack;
    let first_time =
        history::write_once_from(device, event, running, Some(from), Some(reason)).await;
    let at = runtime_store::now();
    device.refresh().await;
    device.0.board.update(|facts| {
        let told = facts
            .passed_over
            .as_ref()
            .filter(|told| (&told.from, &told.to, told.reason.as_str()) == (from, running, reason));
        // A restart after a crash is no second telling.
        if told.is_none() {
            facts.passed_over = Some(PassedOver {
                from: from.clone(),
                to: running.clone(),
                reason: reason.to_owned(),
                message: message.clone(),
                at,
                first_time,
            });
        }
    });
    // Whoever is not to hear of a version before its turn does not hear that it waits, either.
    if first_time && !matches!(why, Blocked::Held { .. }) {
        device.tell(DeviceEvent::RolledBack {
            version: running.clone(),
            reason: message,
        });
    }
}

/// The choice that would have come first, and what its publisher says.
fn first(passed: &[runtime_store::PassedOver]) -> Option<(&Version, Blocked)> {
    passed.iter().find_map(|passed| {
        let why = match &passed.why {
            WhyNot::Recalled => Blocked::Recalled,
            WhyNot::Blocked(blocked) => *blocked,
            _ => return None,
        };
        Some((passed.version.as_ref()?, why))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime_store::Source;

    fn passed(version: &str, why: WhyNot) -> runtime_store::PassedOver {
        runtime_store::PassedOver {
            version: Some(version.parse().unwrap()),
            source: Source::Pointer,
            why,
        }
    }

    #[test]
    fn only_what_the_publisher_stands_against_is_told() {
        let machine = passed("1.3.0", WhyNot::MissingEntry);
        assert_eq!(first(std::slice::from_ref(&machine)), None);
        let both = [
            machine,
            passed("1.2.0", WhyNot::Recalled),
            passed("1.1.0", WhyNot::Blocked(Blocked::Withdrawn)),
        ];
        let (version, why) = first(&both).unwrap();
        assert_eq!((version.as_str(), why), ("1.2.0", Blocked::Recalled));
    }
}
