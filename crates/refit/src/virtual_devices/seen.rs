//! When what was seen on which virtual device.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rollout::Version;

/// What all devices noted, by version.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<BTreeMap<String, Moments>>);

/// When devices first heard of a version, fetched it and swapped to it, in milliseconds since 1970, in no order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Moments {
    pub(crate) heard: Vec<i64>,
    /// And which device it was.
    pub(crate) fetched: Vec<(i64, Arc<str>)>,
    pub(crate) swapped: Vec<i64>,
    pub(crate) ready: Vec<i64>,
    pub(crate) failed: Vec<i64>,
}

/// What is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Heard,
    Swapped,
    Ready,
    Failed,
}

impl Seen {
    /// This device begins to fetch a version.
    pub(crate) fn fetches(&self, version: &Version, device: &Arc<str>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let moments = all.entry(version.to_string()).or_default();
        let now = Timestamp::now().as_millisecond();
        moments.fetched.push((now, Arc::clone(device)));
    }

    pub(crate) fn note(&self, what: What, version: &Version) {
        let now = Timestamp::now().as_millisecond();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let moments = all.entry(version.to_string()).or_default();
        let list = match what {
            What::Heard => &mut moments.heard,
            What::Swapped => &mut moments.swapped,
            What::Ready => &mut moments.ready,
            What::Failed => &mut moments.failed,
        };
        list.push(now);
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Moments> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The moment that this share of `count` had come by, in milliseconds after `from`; none where it never did.
pub(crate) fn by(moments: &[i64], from: i64, count: usize, percent: usize) -> Option<i64> {
    let mut sorted = moments.to_vec();
    sorted.sort_unstable();
    let needed = (count * percent).div_ceil(100);
    sorted.get(needed.checked_sub(1)?).map(|at| at - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_all_devices_has_come_by_then_and_not_of_those_that_came() {
        let moments = [1_030, 1_010, 1_020];
        assert_eq!(by(&moments, 1_000, 4, 50), Some(20));
        assert_eq!(by(&moments, 1_000, 4, 75), Some(30));
        assert_eq!(by(&moments, 1_000, 4, 99), None);
        assert_eq!(by(&[], 1_000, 0, 99), None);
    }
}
