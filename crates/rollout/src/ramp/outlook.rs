//! Whose turn is when, as a manifest has it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::never;
use crate::{Manifest, Share, Version};

/// How much of a fleet may have a manifest's version, from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// The version.
    pub version: Version,
    /// Who may have it now.
    pub now: Share,
    /// Who may have it later: each time at which there are more, in order.
    pub later: Vec<Turn>,
    /// What the others may have meanwhile.
    pub meanwhile: Option<Version>,
}

/// A time from which more devices may have a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// The time.
    pub at: Timestamp,
    /// All who may have it from then on.
    pub share: Share,
}

impl Outlook {
    /// What `manifest` says at `now`.
    pub fn of(manifest: &Manifest, now: Timestamp) -> Self {
        let turns = turns(manifest);
        let past = turns.iter().rev().find(|turn| turn.at <= now);
        Self {
            version: manifest.version.clone(),
            now: past.map_or(Share::NONE, |turn| turn.share),
            later: turns.iter().filter(|turn| turn.at > now).copied().collect(),
            meanwhile: manifest.usable_stable().cloned(),
        }
    }

    /// Who may have it at `at`, which is not before the time that this was made for.
    pub fn share_at(&self, at: Timestamp) -> Share {
        let past = self.later.iter().rev().find(|turn| turn.at <= at);
        past.map_or(self.now, |turn| turn.share)
    }

    /// From when everyone may have it: nothing where that is never.
    pub fn everyone_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.now == Share::ALL {
            return Some(now);
        }
        let all = self.later.iter().find(|turn| turn.share == Share::ALL);
        all.map(|turn| turn.at)
    }
}

/// Every time at which there are more, since ever.
fn turns(manifest: &Manifest) -> Vec<Turn> {
    let everyone_at = |at| {
        vec![Turn {
            at,
            share: Share::ALL,
        }]
    };
    if manifest.recalls(&manifest.version) {
        return Vec::new();
    }
    let from = match manifest.published_at {
        _ if manifest.critical => return everyone_at(Timestamp::MIN),
        None => return everyone_at(Timestamp::MIN),
        Some(from) if from >= never() => return Vec::new(),
        Some(from) if manifest.plan.0.is_empty() => return everyone_at(from),
        Some(from) => from,
    };
    let mut at = BTreeMap::<u32, Share>::new();
    for step in manifest.plan.steps() {
        let share = at.entry(step.delay).or_default();
        *share = share.and(step.upto.less(step.from));
    }
    let mut sum = Share::NONE;
    at.into_iter()
        .filter(|(_, share)| *share > Share::NONE)
        .map(|(delay, share)| {
            sum = sum.and(share);
            let delay = SignedDuration::from_secs(delay.into());
            Turn {
                at: from.checked_add(delay).unwrap_or(Timestamp::MAX),
                share: sum,
            }
        })
        .collect()
}

/// Whether every device may have the manifest's version at `now`.
pub fn everyone(manifest: &Manifest, now: Timestamp) -> bool {
    Outlook::of(manifest, now).now == Share::ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Standing, ramp::Document};
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn manifest(json: &str) -> Manifest {
        let document = Document::parse(json.as_bytes(), Some(&"demo".parse().unwrap()));
        document.unwrap().manifest().clone()
    }

    const RAMP: &str = r#"{"version":"1.1.0","stable":"1.0.0","publishedAt":"2026-06-12T08:00:00Z","rollout":[
        {"percent":30,"delaySeconds":0},{"percent":20,"delaySeconds":43200},{"percent":40,"delaySeconds":43200}]}"#;

    #[test]
    fn turns_of_the_same_time_are_one_and_the_rest_waits_a_day() {
        let outlook = Outlook::of(&manifest(RAMP), at("2026-06-12T08:00:00Z"));
        assert_eq!(
            serde_json::to_value(&outlook).unwrap(),
            serde_json::json!({ "version": "1.1.0", "now": 30, "meanwhile": "1.0.0", "later": [
                { "at": "2026-06-12T20:00:00Z", "share": 90 },
                { "at": "2026-06-13T08:00:00Z", "share": 100 },
            ] })
        );
        let share = |text| outlook.share_at(at(text)).to_string();
        assert_eq!(share("2026-06-12T19:59:59Z"), "30 %");
        assert_eq!(share("2026-06-12T20:00:00Z"), "90 %");
        assert_eq!(
            outlook.everyone_at(at("2026-06-12T08:00:00Z")),
            Some(at("2026-06-13T08:00:00Z"))
        );
    }

    #[test]
    fn before_its_publication_it_is_nobodys_and_recalled_it_never_is() {
        let before = Outlook::of(&manifest(RAMP), at("2026-06-12T07:59:59Z"));
        assert_eq!((before.now, before.later.len()), (Share::NONE, 3));
        let now = at("2027-01-01T00:00:00Z");
        let recalled = manifest(r#"{"version":"1.1.0","recalled":["1.1.0"]}"#);
        assert!(!everyone(&recalled, now));
        assert_eq!(Outlook::of(&recalled, now).everyone_at(now), None);
        let halted = manifest(r#"{"version":"1.1.0","publishedAt":"9999-01-01T00:00:00Z"}"#);
        assert!(Outlook::of(&halted, now).later.is_empty());
        assert_eq!(never(), at("9999-01-01T00:00:00Z"));
    }

    #[test]
    fn critical_or_without_a_plan_it_is_everyones() {
        for text in [
            RAMP.replace("\"version\"", "\"critical\":true,\"version\""),
            r#"{"version":"1.1.0"}"#.to_owned(),
            r#"{"version":"1.1.0","publishedAt":"2026-06-12T08:00:00Z","rollout":[]}"#.to_owned(),
        ] {
            assert!(
                everyone(&manifest(&text), at("2026-06-12T08:00:00Z")),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn it_is_what_devices_find(after in -100_000_i64..200_000, position in 0_u32..10_000) {
            let manifest = manifest(RAMP);
            let now = manifest.published_at.unwrap() + SignedDuration::from_secs(after);
            let outlook = Outlook::of(&manifest, now);
            prop_assert_eq!(outlook.now, manifest.plan.admitted(after));
            let device = format!("device-{position}");
            let standing = Standing::of(&manifest, Some(&device));
            let turn = standing.eligible_at.unwrap();
            prop_assert!(standing.admits(now) || outlook.later.iter().any(|later| later.at == turn));
        }
    }
}
