//! Whose word counts for a setting, in words.

use serde::Serialize;

use crate::admin::{Channel, SettingSource, Settled};

/// A setting that several may make, and whose word counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Which: `updates`, `channel`, `pin`, `minimumAge`, `experimental`.
    pub name: &'static str,
    /// What counts.
    pub value: String,
    /// Whose word it is.
    pub source: SettingSource,
    /// In words: which file or variable.
    pub from: String,
}

/// Every setting that several may make. `told` says where a source's word stands: a file, a variable.
pub fn settings(
    settled: &Settled,
    told: impl Fn(&'static str, SettingSource) -> String,
) -> Vec<Setting> {
    let one = |name, value: String, source| Setting {
        name,
        value,
        source,
        from: told(name, source),
    };
    let channel = match &settled.channel.value {
        Channel::Pin(_) => "pin",
        Channel::Tag(_) => "channel",
    };
    let age = settled.minimum_age.value.map_or_else(
        || "none".to_owned(),
        |age| humantime::format_duration(age).to_string(),
    );
    let experimental = settled.experimental.value.to_string();
    vec![
        one(
            "updates",
            settled.updates.value.as_str().to_owned(),
            settled.updates.source,
        ),
        one(
            channel,
            settled.channel.value.to_string(),
            settled.channel.source,
        ),
        one("minimumAge", age, settled.minimum_age.source),
        one("experimental", experimental, settled.experimental.source),
    ]
}
