//! The setting `rehearse`: whether, and how, a version is tried out of sight before anybody hears of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// How a staged version is rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearse {
    /// How many requests the smoke check makes.
    #[serde(default = "requests")]
    pub requests: u32,
    /// What half of the answers may take at most.
    #[serde(default = "p50", with = "humantime_serde")]
    pub p50: Duration,
    /// What 95 % of the answers may take at most.
    #[serde(default = "p95", with = "humantime_serde")]
    pub p95: Duration,
    /// Files and folders that the rehearsal gets a copy of, such as `{data}/files`.
    #[serde(default)]
    pub copy: Vec<String>,
    /// Variables over those of the configuration.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

fn requests() -> u32 {
    50
}
fn p50() -> Duration {
    Duration::from_millis(500)
}
fn p95() -> Duration {
    Duration::from_secs(2)
}

impl Default for Rehearse {
    fn default() -> Self {
        Self {
            requests: requests(),
            p50: p50(),
            p95: p95(),
            copy: Vec::new(),
            env: BTreeMap::new(),
        }
    }
}

/// As `rehearse` is where it is left out.
#[expect(clippy::unnecessary_wraps, reason = "serde asks for the field's type")]
pub(super) fn default() -> Option<Rehearse> {
    Some(Rehearse::default())
}

/// `true`, `false`, or an object with what differs from the default; read by hand, so that a slip in
/// the object names its key.
pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Rehearse>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Option<Rehearse>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`rehearse` to be true, false or an object")
        }
        fn visit_bool<E: Error>(self, on: bool) -> Result<Self::Value, E> {
            Ok(on.then(Rehearse::default))
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Rehearse::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    from.deserialize_any(Either)
}

#[expect(clippy::ref_option, reason = "serde gives a reference")]
pub(super) fn write<S: Serializer>(value: &Option<Rehearse>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(how) => how.serialize(to),
        None => false.serialize(to),
    }
}
