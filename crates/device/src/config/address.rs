//! Addresses in a configuration, read so that an error names their key.

use rollout::Version;
use serde::{Deserialize, Deserializer, de::Error};
use url::{Host, Url};

pub(super) fn registry<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    optional(from, "registry")
}

pub(super) fn manifest<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    optional(from, "manifest")
}

pub(super) fn latest<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    optional(from, "latest")
}

/// A folder's address: what stands below it is found with or without the last slash.
pub(super) fn repository<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let mut url = parsed::<D>(&String::deserialize(from)?, "trust.url")?;
    if !url.cannot_be_a_base() && !url.path().ends_with('/') {
        let folder = format!("{}/", url.path());
        url.set_path(&folder);
    }
    Ok(url)
}

fn optional<'de, D: Deserializer<'de>>(from: D, key: &str) -> Result<Option<Url>, D::Error> {
    Option::<String>::deserialize(from)?
        .map(|text| parsed::<D>(&text, key))
        .transpose()
}

/// The text itself is not told again: it may hold a login.
fn parsed<'de, D: Deserializer<'de>>(text: &str, key: &str) -> Result<Url, D::Error> {
    Url::parse(text).map_err(|error| D::Error::custom(format!("`{key}` is no URL: {error}")))
}

/// Why an address that says which version to run must not be asked.
pub(super) fn unfit(url: &Url) -> Option<String> {
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    if !secure {
        return Some("must be an https:// address (http:// only on this very machine)".to_owned());
    }
    // It would be shipped to every user, and shown wherever settings are.
    has_login(url).then(|| "has a login in it; use an address that needs none".to_owned())
}

pub(super) fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether a channel can be asked for: a dist-tag, or just one version.
pub(super) fn is_channel(text: &str) -> bool {
    text.parse::<Version>().is_ok()
        || !(text.is_empty() || text.contains(['/', '%', '?', '#', ' ']))
}
