//! What an administrator lays down for a machine, and whose word counts for each setting.
//!
//! ```text
//! policy.json ─► AdminPolicy ─┐
//! a fleet's target ───────────┤
//! the environment ────────────┼─► settle ─► Settled: channel or pin, updates, minimum age,
//! the configuration ──────────┘             each with where it is from
//! ```
//!
//! # Invariants
//!
//! * A lower source never takes anything back of what a higher one says.
//! * A policy that cannot be understood lets people change less than any that can, and never more.

mod settle;

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Version;

pub use settle::{Asked, Channel, SettingSource, Settled, SettledValue, Updating, settle};

/// The most bytes that a policy may have.
pub const MOST_BYTES: u64 = 64 * 1024;

/// What people see where they may not change versions.
pub const MANAGED: &str = "Managed by your administrator";

/// An administrator's policy. Strict: a key that does not exist is an error, so that no slip of the
/// pen leaves people with rights that they were not to have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AdminPolicy {
    /// Who may change versions.
    #[serde(default)]
    pub updates: AdminUpdates,
    /// The one version that devices are to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Version>,
    /// The dist-tag that devices follow.
    #[serde(default, deserialize_with = "channel")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// How old a release must be: `3d`, `12h`.
    #[serde(default, deserialize_with = "age", serialize_with = "age_text")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_age: Option<Duration>,
}

/// Who may change versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdminUpdates {
    /// The user, as if there were no policy.
    #[default]
    User,
    /// The timer, by what the policy says. People look, and restart into what it staged.
    Managed,
    /// Nobody. Nothing is looked for either.
    Off,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AdminPolicyError(String);

impl AdminPolicy {
    /// What counts where a policy is there and cannot be understood: nobody but the timer changes
    /// anything.
    pub fn unreadable() -> Self {
        Self {
            updates: AdminUpdates::Managed,
            ..Self::default()
        }
    }

    /// Reads the text of a policy: a JSON object with none but the known keys.
    pub fn parse(text: &[u8]) -> Result<Self, AdminPolicyError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        // A list of values without their keys would pass too.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(AdminPolicyError("it is no JSON object".to_owned()));
        }
        serde_json::from_slice(text).map_err(|error| AdminPolicyError(error.to_string()))
    }

    /// Whether people may stage, go back and try again.
    pub fn people_may_change(&self) -> bool {
        self.updates == AdminUpdates::User
    }
}

impl AdminUpdates {
    /// As in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Managed => "managed",
            Self::Off => "off",
        }
    }
}

fn channel<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(channel) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    if channel.parse::<Version>().is_ok() {
        return Err(D::Error::custom(format!(
            "`channel` is `{channel}`, which is a version; write it as `pin`"
        )));
    }
    let is_tag = |text: &str| {
        let mut bytes = text.bytes();
        bytes.next().is_some_and(|it| it.is_ascii_alphanumeric())
            && bytes.all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
    };
    if is_tag(&channel) {
        Ok(Some(channel))
    } else {
        Err(D::Error::custom(format!(
            "`channel` is `{channel}`, which is no dist-tag"
        )))
    }
}

fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let age = humantime::parse_duration(&text)
        .map_err(|error| D::Error::custom(format!("`minimumAge` is `{text}`: {error}")))?;
    Ok(Some(age))
}

#[expect(clippy::ref_option, reason = "serde hands it over like this")]
fn age_text<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| humantime::format_duration(age).to_string())
        .serialize(serializer)
}

#[cfg(test)]
mod tests;
