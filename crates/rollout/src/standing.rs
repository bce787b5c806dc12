//! Where a device stands in a rollout.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Manifest, Plan, Position};

/// When it is a device's turn, and why then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Its bucket, 0..100; none for a device without an id, which is in the slowest batch.
    pub bucket: Option<u8>,
    /// How long it waits after the publication, in seconds.
    pub delay_seconds: u32,
    /// From when it may have the version; nothing where that is always.
    pub eligible_at: Option<Timestamp>,
}

impl Standing {
    /// Where `device` stands in the rollout of the manifest's version.
    pub fn of(manifest: &Manifest, device: Option<&str>) -> Self {
        let position = device.map(|device| Position::of(device, &manifest.version));
        let delay_seconds =
            position.map_or_else(|| manifest.plan.slowest(), |it| manifest.plan.delay(it));
        debug_assert!(delay_seconds <= Plan::MOST_DELAY);
        let delay = SignedDuration::from_secs(delay_seconds.into());
        Self {
            bucket: position.map(Position::bucket),
            delay_seconds,
            eligible_at: manifest
                .published_at
                .map(|from| from.checked_add(delay).unwrap_or(Timestamp::MAX)),
        }
    }

    /// Whether its turn has come.
    pub fn admits(&self, now: Timestamp) -> bool {
        self.eligible_at.is_none_or(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Share, Version};
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn manifest(json: &str) -> Manifest {
        Manifest::parse(json.as_bytes(), &"demo".parse().unwrap()).unwrap()
    }

    /// `device-a` is in bucket 65 of 1.0.0.
    const RAMP: &str = r#"{"version":"1.0.0","publishedAt":"2026-06-12T08:00:00Z","rollout":[
        {"percent":65,"delaySeconds":0},{"percent":35,"delaySeconds":43200}]}"#;

    #[test]
    fn a_turn_comes_to_the_second() {
        let standing = Standing::of(&manifest(RAMP), Some("device-a"));
        assert_eq!(
            (standing.bucket, standing.delay_seconds),
            (Some(65), 43_200)
        );
        assert!(!standing.admits(at("2026-06-12T19:59:59Z")));
        assert!(standing.admits(at("2026-06-12T20:00:00Z")));
    }

    #[test]
    fn without_an_id_it_is_the_slowest_batch() {
        let standing = Standing::of(&manifest(RAMP), None);
        assert_eq!((standing.bucket, standing.delay_seconds), (None, 43_200));
        let everyone = r#"{"version":"1.0.0","publishedAt":"2026-06-12T08:00:00Z"}"#;
        assert_eq!(Standing::of(&manifest(everyone), None).delay_seconds, 0);
    }

    #[test]
    fn published_in_the_future_is_nobody_yet_even_without_a_plan() {
        let future = r#"{"version":"1.0.0","publishedAt":"2026-06-12T08:00:00Z","rollout":[]}"#;
        let standing = Standing::of(&manifest(future), Some("device-a"));
        assert!(!standing.admits(at("2026-06-12T07:59:59Z")));
        assert!(standing.admits(at("2026-06-12T08:00:00Z")));
        let always = Standing::of(&manifest(r#"{"version":"1.0.0"}"#), Some("device-a"));
        assert!(always.admits(Timestamp::MIN));
    }

    proptest! {
        #[test]
        fn everyone_has_it_a_day_after_publication_and_keeps_it(
            device in "[a-f0-9-]{1,36}", from in 0_i64..4_000_000_000, later in 0_i64..1_000_000,
            batches in prop::collection::vec((0_u32..=12_000, 0_u64..=200_000), 0..6)
        ) {
            let batches = batches.into_iter().map(|(share, delay_seconds)| Batch {
                share: Share::from_hundredths(share), delay_seconds,
            });
            let mut manifest = manifest(RAMP);
            let published = Timestamp::from_second(from).unwrap();
            manifest.published_at = Some(published);
            manifest.plan = Plan(batches.collect());
            let standing = Standing::of(&manifest, Some(&device));
            let day = published + SignedDuration::from_hours(24);
            prop_assert!(standing.admits(day));
            prop_assert!(standing.admits(day + SignedDuration::from_secs(later)));
            prop_assert_eq!(standing, Standing::of(&manifest, Some(&device)));
        }

        #[test]
        fn another_version_is_another_draw(device in "[a-z]{8}") {
            let buckets: std::collections::BTreeSet<_> = (0..40)
                .map(|n| Position::of(&device, &format!("1.0.{n}").parse::<Version>().unwrap()).bucket())
                .collect();
            prop_assert!(buckets.len() > 5);
        }
    }
}
