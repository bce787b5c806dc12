//! How long signatures hold, and which are due to be made again.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::keys::Role;

const DAY: u64 = 24 * 60 * 60;

/// Where a role's metadata says for how long it was signed, so that the next signature is made for as
/// long without being told again. In whole seconds.
const FIELD: &str = "x-lifetime";

/// What was asked for on the command line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lifetimes {
    pub(crate) root: Option<Duration>,
    pub(crate) targets: Option<Duration>,
    pub(crate) snapshot: Option<Duration>,
    pub(crate) timestamp: Option<Duration>,
}

impl Lifetimes {
    /// For how many seconds `role` is signed: as asked for, else as `before`, else as is usual.
    pub(crate) fn seconds(&self, role: Role, before: Option<&HashMap<String, Value>>) -> u64 {
        let (asked, usual) = match role {
            Role::Root => (self.root, 365 * DAY),
            Role::Targets => (self.targets, 90 * DAY),
            Role::Snapshot => (self.snapshot, 30 * DAY),
            Role::Timestamp => (self.timestamp, 7 * DAY),
        };
        asked
            .map(|asked| asked.as_secs())
            .or_else(|| before?.get(FIELD)?.as_u64())
            .unwrap_or(usual)
            .max(1)
    }
}

/// When something signed at `now` for `seconds` expires; a whole second.
pub(crate) fn expires(now: Timestamp, seconds: u64) -> Timestamp {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| now.as_second().checked_add(seconds))
        .and_then(|second| Timestamp::from_second(second).ok())
        // The far end of what a timestamp can say.
        .unwrap_or(Timestamp::MAX)
}

/// `now` without its fraction: metadata and devices know whole seconds.
pub(crate) fn whole(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Keeps a lifetime in a role's own metadata.
pub(crate) fn keep(seconds: u64, extra: &mut HashMap<String, Value>) {
    extra.insert(FIELD.to_owned(), Value::from(seconds));
}

/// Whether less than a third of a signature's time is left, which is when it should be made again.
pub(crate) fn is_due(expires: Timestamp, seconds: u64, now: Timestamp) -> bool {
    let left = expires.as_second().saturating_sub(now.as_second());
    u64::try_from(left).is_ok_and(|left| left < seconds / 3) || left <= 0
}

/// Which roles a refresh signs. The timestamp always, that is what a refresh is for; the others when
/// they are due, and whatever names them with them.
pub(crate) fn to_sign(targets_due: bool, snapshot_due: bool) -> &'static [Role] {
    match (targets_due, snapshot_due) {
        (true, _) => &[Role::Targets, Role::Snapshot, Role::Timestamp],
        (false, true) => &[Role::Snapshot, Role::Timestamp],
        (false, false) => &[Role::Timestamp],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_lifetime_is_asked_for_or_as_before_or_usual() {
        let mut before = HashMap::new();
        keep(3 * DAY, &mut before);
        let none = Lifetimes::default();
        assert_eq!(none.seconds(Role::Timestamp, None), 7 * DAY);
        assert_eq!(none.seconds(Role::Snapshot, None), 30 * DAY);
        assert_eq!(none.seconds(Role::Targets, None), 90 * DAY);
        assert_eq!(none.seconds(Role::Root, None), 365 * DAY);
        assert_eq!(none.seconds(Role::Timestamp, Some(&before)), 3 * DAY);
        let asked = Lifetimes {
            timestamp: Some(Duration::from_secs(DAY)),
            ..none
        };
        assert_eq!(asked.seconds(Role::Timestamp, Some(&before)), DAY);
        assert_eq!(
            asked.seconds(Role::Snapshot, Some(&HashMap::new())),
            30 * DAY
        );
    }

    #[test]
    fn a_signature_is_due_when_less_than_a_third_of_its_time_is_left() {
        let expires = at(900);
        assert!(!is_due(expires, 900, at(0)));
        assert!(!is_due(expires, 900, at(600)));
        assert!(is_due(expires, 900, at(601)));
        assert!(is_due(expires, 900, at(900)));
        assert!(is_due(expires, 900, at(5000)));
    }

    #[test]
    fn whoever_names_what_is_signed_again_is_signed_again() {
        assert_eq!(to_sign(false, false), [Role::Timestamp]);
        assert_eq!(to_sign(false, true), [Role::Snapshot, Role::Timestamp]);
        for snapshot in [false, true] {
            assert_eq!(
                to_sign(true, snapshot),
                [Role::Targets, Role::Snapshot, Role::Timestamp]
            );
        }
    }

    proptest! {
        #[test]
        fn expiries_are_whole_seconds_after_now(
            nanos in 0i128..4_000_000_000_000_000_000, seconds in 1u64..400 * DAY
        ) {
            let now = Timestamp::from_nanosecond(nanos).unwrap();
            let at = expires(now, seconds);
            prop_assert_eq!(at.subsec_nanosecond(), 0);
            prop_assert_eq!(at.as_second() - now.as_second(), i64::try_from(seconds).unwrap());
            prop_assert!(!is_due(at, seconds, now));
        }

        #[test]
        fn what_is_due_stays_due(seconds in 1u64..100 * DAY, early in 0i64..100_000_000, later in 0i64..100_000_000) {
            let expires = expires(at(0), seconds);
            if is_due(expires, seconds, at(early)) {
                prop_assert!(is_due(expires, seconds, at(early + later)));
            }
        }
    }
}
