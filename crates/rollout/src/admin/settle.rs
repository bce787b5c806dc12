//! Precedence: policy, fleet target, environment, configuration; what none of them says is as built in.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AdminPolicy, AdminUpdates};
use crate::Version;

/// Who said a value, the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingSource {
    /// The administrator's policy.
    Policy,
    /// A fleet's operator.
    Fleet,
    /// A variable.
    Environment,
    /// The app's configuration.
    Configuration,
    /// Nobody: it is built in.
    Default,
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "policy",
            Self::Fleet => "fleet",
            Self::Environment => "environment",
            Self::Configuration => "configuration",
            Self::Default => "default",
        })
    }
}

/// What a device follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// A dist-tag.
    Tag(String),
    /// Just this version.
    Pin(Version),
}

impl Channel {
    /// A version is a pin, everything else a tag.
    pub fn of(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Tag(text.to_owned()), Self::Pin)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Pin(version) => version.fmt(f),
        }
    }
}

/// What a device does about versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Updating {
    /// It looks by itself, and people may change versions.
    On,
    /// Only people change anything.
    OnlyAsked,
    /// It looks by itself, and people may change nothing.
    Managed,
    /// Nothing happens, and people may change nothing.
    Off,
}

impl Updating {
    /// Whether anything is looked for, staged and tried that nobody asked for.
    pub fn is_passive(self) -> bool {
        matches!(self, Self::On | Self::Managed)
    }

    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::OnlyAsked => "only-asked",
            Self::Managed => "managed",
            Self::Off => "off",
        }
    }
}

/// What everybody but the administrator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// A fleet's target.
    pub fleet: Option<&'a Version>,
    /// Whether a variable turns off what happens by itself.
    pub no_auto_update: bool,
    /// Whether a variable asks for the newest without waiting.
    pub experimental: bool,
    /// The configuration's `channel`.
    pub channel: &'a str,
}

/// A value and who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledValue<T> {
    /// What counts.
    pub value: T,
    /// Whose word it is.
    pub source: SettingSource,
}

impl<T> SettledValue<T> {
    fn new(value: T, source: SettingSource) -> Self {
        Self { value, source }
    }
}

/// What counts on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What it follows.
    pub channel: SettledValue<Channel>,
    /// What it does about versions.
    pub updates: SettledValue<Updating>,
    /// How old a release must be. What an administrator pins is old enough.
    pub minimum_age: SettledValue<Option<Duration>>,
    /// Whether it takes the newest without waiting for its turn.
    pub experimental: SettledValue<bool>,
}

/// Whose word counts for each setting.
///
/// A pin and a channel answer the same question, so the highest source that has either of them
/// decides, and there a pin comes before a channel. A policy whose `updates` is `user` leaves that
/// to the user, so there a variable counts.
pub fn settle(policy: Option<&AdminPolicy>, asked: &Asked<'_>) -> Settled {
    use SettingSource::{Configuration, Default, Environment, Fleet, Policy};
    let pin = policy.and_then(|policy| policy.pin.clone());
    let tag = policy.and_then(|policy| policy.channel.clone());
    let pinned_by_policy = pin.is_some();
    let channel = match (pin, tag, asked.fleet) {
        (Some(pin), ..) => SettledValue::new(Channel::Pin(pin), Policy),
        (None, Some(tag), _) => SettledValue::new(Channel::Tag(tag), Policy),
        (None, None, Some(target)) => SettledValue::new(Channel::Pin(target.clone()), Fleet),
        (None, None, None) => SettledValue::new(Channel::of(asked.channel), Configuration),
    };
    let updates = match policy.map(|policy| policy.updates) {
        Some(AdminUpdates::Managed) => SettledValue::new(Updating::Managed, Policy),
        Some(AdminUpdates::Off) => SettledValue::new(Updating::Off, Policy),
        Some(AdminUpdates::User) | None if asked.no_auto_update => {
            SettledValue::new(Updating::OnlyAsked, Environment)
        }
        Some(AdminUpdates::User) => SettledValue::new(Updating::On, Policy),
        None => SettledValue::new(Updating::On, Default),
    };
    let minimum_age = match policy.and_then(|policy| policy.minimum_age) {
        Some(age) if !pinned_by_policy => SettledValue::new(Some(age), Policy),
        Some(_) => SettledValue::new(None, Policy),
        None => SettledValue::new(None, Default),
    };
    let experimental = if asked.experimental && updates.value == Updating::On {
        SettledValue::new(true, Environment)
    } else {
        SettledValue::new(false, Default)
    };
    Settled {
        channel,
        updates,
        minimum_age,
        experimental,
    }
}
