//! When a version that is past its trial keeps crashing: nothing takes it back on the device, but its fleet is to know.

use std::collections::VecDeque;
use std::time::Duration;

use rollout::Version;
use tokio::time::Instant;

/// So many crashes make a loop …
const LOOP: usize = 3;

/// … within so long: what dies more seldom than every twenty minutes is slower to be seen than a step of a ramp is long.
const WITHIN: Duration = Duration::from_hours(1);

/// The crashes of the version that runs.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    of: Option<Version>,
    at: VecDeque<Instant>,
}

impl Crashes {
    /// Counts one more at `now`; says whether that makes a loop. What made one counts for no other.
    pub(super) fn one_more(&mut self, version: &Version, now: Instant) -> bool {
        if self.of.as_ref() != Some(version) {
            *self = Self {
                of: Some(version.clone()),
                at: VecDeque::new(),
            };
        }
        self.at.retain(|at| now.duration_since(*at) < WITHIN);
        self.at.push_back(now);
        let is_loop = self.at.len() >= LOOP;
        if is_loop {
            self.at.clear();
        }
        is_loop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_within_an_hour_are_a_loop_and_are_told_once() {
        let start = Instant::now();
        let version: Version = "1.1.0".parse().unwrap();
        let told = |minutes: &[u64]| {
            let mut crashes = Crashes::default();
            let one =
                |minute: &u64| crashes.one_more(&version, start + Duration::from_mins(*minute));
            minutes.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(told(&[0, 15, 30]), [false, false, true]);
        assert_eq!(
            told(&[0, 1, 2, 3, 4, 5]),
            [false, false, true, false, false, true]
        );
        assert_eq!(told(&[0, 31, 62, 93]), [false; 4]);
        assert_eq!(told(&[0, 50, 70, 75]), [false, false, false, true]);
    }

    #[test]
    fn another_version_begins_anew() {
        let now = Instant::now();
        let [a, b]: [Version; 2] = ["1.1.0", "1.0.0"].map(|it| it.parse().unwrap());
        let mut crashes = Crashes::default();
        let said: Vec<_> = [&a, &a, &b, &a, &b, &b, &b]
            .map(|it| crashes.one_more(it, now))
            .into();
        assert_eq!(said, [false, false, false, false, false, false, true]);
    }
}
