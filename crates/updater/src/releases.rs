//! `releases.json`: what the registry last said, and when to ask again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollout::contract::Offers;
use rollout::{Integrity, Terms, Version};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::UpdateError;
use crate::registry::CachedPackument;

const SCHEMA: u32 = 1;

/// Versions of which it is kept when they were first heard of.
const MOST_SEEN: usize = 32;

/// Where a manifest is moved that this version cannot read.
const ASIDE: &str = "manifestSetAside";

/// The file. Fields that a newer shell wrote are kept. A part that cannot be read is as if it were
/// not there: it costs a request, and never another part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Releases {
    pub(crate) schema: u32,
    /// The last good answer that has an `ETag`.
    pub(crate) registry: Option<CachedPackument>,
    /// The last check, whatever became of it.
    pub(crate) last_check: Option<LastCheck>,
    /// The last check that was really answered.
    pub(crate) checked_at: Option<Timestamp>,
    pub(crate) next_check_at: Option<Timestamp>,
    /// Until when whoever is asked wants to be left alone.
    pub(crate) not_before: Option<Timestamp>,
    /// The last manifest that was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<Terms>,
    /// What was fetched whole and cannot be used here, so that no timer fetches it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<Refused>,
    /// When this device first heard of a version, for how old it is where its publisher does not say.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) first_seen: BTreeMap<String, Timestamp>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Default for Releases {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            registry: None,
            last_check: None,
            checked_at: None,
            next_check_at: None,
            not_before: None,
            manifest: None,
            refused: None,
            first_seen: BTreeMap::new(),
            extra: Map::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Releases {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut file = Map::<String, Value>::deserialize(deserializer)?;
        let schema = file.shift_remove("schema").unwrap_or_default();
        let schema = serde_json::from_value(schema).map_err(D::Error::custom)?;
        let registry = part(&mut file, "registry");
        let last_check = part(&mut file, "lastCheck");
        let checked_at = part(&mut file, "checkedAt");
        let next_check_at = part(&mut file, "nextCheckAt");
        let not_before = part(&mut file, "notBefore");
        let refused = part(&mut file, "refused");
        let first_seen = part(&mut file, "firstSeen").unwrap_or_default();
        let before = file.get("manifest").cloned();
        let manifest = part(&mut file, "manifest");
        if let (None, Some(unread)) = (&manifest, before.filter(|it| !it.is_null())) {
            file.insert(ASIDE.to_owned(), unread);
        }
        Ok(Self {
            schema,
            registry,
            last_check,
            checked_at,
            next_check_at,
            not_before,
            manifest,
            refused,
            first_seen,
            extra: file,
        })
    }
}

/// Takes a part out of the file, where it can be read.
fn part<T: DeserializeOwned>(file: &mut Map<String, Value>, name: &str) -> Option<T> {
    let value = file.shift_remove(name)?;
    serde_json::from_value::<Option<T>>(value)
        .inspect_err(|error| {
            tracing::warn!(part = name, %error, "a part of releases.json cannot be read and is left out");
        })
        .ok()
        .flatten()
}

impl Releases {
    /// A file with a higher schema belongs to a newer shell: it is neither understood nor written.
    pub(crate) fn is_ours(&self) -> bool {
        self.schema <= SCHEMA
    }

    /// Itself, or, of a file that belongs to a newer shell, only what stands for itself: the manifest.
    /// What must no longer run is no matter of who wrote it down.
    pub(crate) fn ours(self) -> Self {
        if self.is_ours() {
            return self;
        }
        Self {
            manifest: self.manifest,
            ..Self::default()
        }
    }

    /// When `version` was first heard of, where that is written down and is no time to come.
    pub(crate) fn seen(&self, version: &Version, now: Timestamp) -> Option<Timestamp> {
        let seen = self.first_seen.get(version.as_str());
        seen.copied().filter(|seen| *seen <= now)
    }

    /// When `version` was first heard of, which is `now` where that is news.
    pub(crate) fn see(&mut self, version: &Version, now: Timestamp) -> Timestamp {
        let seen = self.first_seen.entry(version.to_string()).or_insert(now);
        // A clock that was ahead then must not make a version younger than it can be.
        *seen = now.min(*seen);
        let seen = *seen;
        while self.first_seen.len() > MOST_SEEN {
            let others = self.first_seen.iter();
            let others = others.filter(|(other, _)| other.as_str() != version.as_str());
            let oldest = others.min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(version, _)| version.clone()) else {
                break;
            };
            self.first_seen.remove(&oldest);
        }
        seen
    }

    /// What is cached for exactly this question.
    pub(crate) fn cached(&self, url: &str, channel: &str) -> Option<&CachedPackument> {
        self.registry
            .as_ref()
            .filter(|cached| cached.url == url && cached.channel == channel)
    }
}

/// A version whose own, verified content does not suit this installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refused {
    pub(crate) version: Version,
    pub(crate) integrity: Integrity,
    /// Shell and bundled runtime that it was held against: with others it may suit.
    pub(crate) shell: Version,
    pub(crate) bundled: Version,
    /// The entry that was sought in it.
    pub(crate) entry: String,
    /// What this app offered; none of an older shell's, which asked for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offers: Option<Offers>,
    /// What did not suit, as a stable word; none of an older shell's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// What did not suit, in words.
    pub(crate) message: String,
}

impl Refused {
    /// Whether the same content would be held against the same things again.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.version == other.version
            && self.integrity == other.integrity
            && self.shell == other.shell
            && self.bundled == other.bundled
            && self.entry == other.entry
            && self.offers == other.offers
    }

    /// Why a timer does not fetch it again, as a stable word.
    pub(crate) fn reason(&self) -> &'static str {
        match self.kind.as_deref() {
            Some("contract") => "contract",
            _ => "refused-before",
        }
    }
}

/// Who wants a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The loop.
    Timer,
    /// A person, who is waiting for the answer.
    Person,
}

/// One check and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastCheck {
    /// When it was over.
    pub at: Timestamp,
    /// Who wanted it.
    pub by: By,
    /// `stage`, `hold` or `none`; nothing where no decision came about.
    pub decision: Option<String>,
    /// The version it was about.
    pub version: Option<Version>,
    /// The reason's code, or the error's.
    pub reason: String,
    /// The reason in words.
    pub message: String,
    /// What went wrong, if anything did: the registry's answer, or staging after it.
    pub error: Option<ErrorReport>,
    /// The device's bucket of the newest version, 0 to 99; nothing without a manifest or an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<u8>,
    /// How long this device waits after the publication, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u32>,
    /// When its turn is, or was; nothing where that is always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligible_at: Option<Timestamp>,
    /// Whether a manifest decided, and not the registry's tag.
    #[serde(default)]
    pub from_manifest: bool,
    /// Whether this device was let past its turn: by a person, a switch or the publisher.
    #[serde(default)]
    pub bypassed: bool,
    /// Why the publisher's word is not fresh: what was heard before counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<ErrorReport>,
}

/// An error as pages and `--json` show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// A stable word.
    pub kind: String,
    /// What went wrong, with its URL or file.
    pub message: String,
    /// What a person can do.
    pub hint: String,
}

impl From<&UpdateError> for ErrorReport {
    fn from(error: &UpdateError) -> Self {
        Self {
            kind: error.kind().to_owned(),
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_of_a_newer_shell_survive_and_a_higher_schema_is_not_ours() {
        let text = r#"{"schema":1,"registry":null,"lastCheck":null,"checkedAt":null,"nextCheckAt":null,"notBefore":null,"hologram":{"version":"2.0.0"}}"#;
        let releases: Releases = serde_json::from_str(text).unwrap();
        assert!(releases.is_ours());
        assert_eq!(serde_json::to_string(&releases).unwrap(), text);
        let newer: Releases = serde_json::from_str(r#"{"schema":2}"#).unwrap();
        assert!(!newer.is_ours());
        assert_eq!(newer.ours(), Releases::default());
        let manifest = include_str!("../../rollout/fixtures/terms-1.json");
        let newer =
            format!(r#"{{"schema":2,"checkedAt":"2026-06-12T08:00:00Z","manifest":{manifest}}}"#);
        let newer: Releases = serde_json::from_str(&newer).unwrap();
        let ours = newer.clone().ours();
        assert!(ours.manifest.is_some() && ours.is_ours());
        assert_eq!((ours.manifest, ours.checked_at), (newer.manifest, None));
    }

    #[test]
    fn what_was_cached_for_another_question_does_not_count() {
        let cached = CachedPackument {
            url: "http://127.0.0.1/demo".into(),
            channel: "latest".into(),
            etag: "\"1\"".into(),
            candidate: serde_json::from_value(serde_json::json!({
                "package": "demo", "version": "1.0.0", "tarball": "http://127.0.0.1/t",
                "integrity": rollout::Integrity::from_digest([0; 64]).to_string(),
            }))
            .unwrap(),
        };
        let releases = Releases {
            registry: Some(cached),
            ..Releases::default()
        };
        assert!(releases.cached("http://127.0.0.1/demo", "latest").is_some());
        assert!(releases.cached("http://127.0.0.1/demo", "next").is_none());
        assert!(
            releases
                .cached("http://127.0.0.1/other", "latest")
                .is_none()
        );
    }

    const PARTS: [&str; 9] = [
        "registry",
        "lastCheck",
        "checkedAt",
        "nextCheckAt",
        "notBefore",
        "manifest",
        "refused",
        "firstSeen",
        "hologram",
    ];

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,8}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_version_keeps_the_time_at_which_it_was_first_heard_of() {
        let mut releases = Releases::default();
        let version: Version = "1.2.0".parse().unwrap();
        assert_eq!(releases.see(&version, at(100)), at(100));
        assert_eq!(releases.see(&version, at(200)), at(100));
        let text = serde_json::to_string(&releases).unwrap();
        assert!(
            text.contains(r#""firstSeen":{"1.2.0":"1970-01-01T00:01:40Z"}"#),
            "{text}"
        );
        let mut read: Releases = serde_json::from_str(&text).unwrap();
        assert_eq!(read.see(&version, at(300)), at(100));
        assert_eq!(read.seen(&version, at(300)), Some(at(100)));
        assert_eq!(read.seen(&version, at(99)), None);
        // The clock was ahead when it was first heard of.
        assert_eq!(read.see(&version, at(50)), at(50));
    }

    #[test]
    fn what_was_heard_of_long_ago_is_forgotten_first_and_never_what_is_heard_of_now() {
        let mut releases = Releases::default();
        for n in 0..100 {
            let version: Version = format!("1.{n}.0").parse().unwrap();
            assert_eq!(releases.see(&version, at(n)), at(n));
        }
        assert_eq!(releases.first_seen.len(), MOST_SEEN);
        assert!(releases.first_seen.values().all(|seen| *seen >= at(68)));
        let old: Version = "0.1.0".parse().unwrap();
        releases.see(&old, at(1));
        assert!(releases.first_seen.contains_key("0.1.0"));
    }

    proptest! {
        #[test]
        fn no_part_whatever_it_holds_costs_another(
            parts in prop::collection::vec(anything(), PARTS.len())
        ) {
            let mut file: Map<String, Value> =
                PARTS.iter().map(|name| (*name).to_owned()).zip(parts).collect();
            file.insert("schema".into(), 1.into());
            let good = serde_json::json!("2026-06-12T08:00:00Z");
            file.insert("checkedAt".into(), good);
            let unknown = file["hologram"].clone();
            let read: Releases = serde_json::from_value(Value::Object(file)).unwrap();
            prop_assert!(read.is_ours() && read.checked_at.is_some());
            prop_assert_eq!(read.extra.get("hologram"), Some(&unknown));
            // What was read once is read again.
            let text = serde_json::to_string(&read).unwrap();
            prop_assert_eq!(serde_json::from_str::<Releases>(&text).unwrap(), read);
        }
    }
}
