//! Whom a device believes about versions, and what it makes of its turn.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rollout::Version;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{plain, signed};

/// Whom to follow and how. Comes from the app's configuration alone: no page, registry or variable
/// has a say in it, but for `experimental`.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Who says what the newest version is.
    pub follow: Follow,
    /// `REFIT_EXPERIMENTAL`: this device does not wait for its turn.
    pub experimental: bool,
    /// When this build was made: a clock that is before that is wrong.
    pub built_at: Timestamp,
    /// The one version that this device is to have.
    pub pin: Option<Version>,
    /// How old a release must be, whoever asks for it; counted from its publication, or else from
    /// when this device first heard of it.
    pub minimum_age: Option<Duration>,
}

/// Who says what the newest version is.
#[derive(Debug, Clone)]
pub enum Follow {
    /// The registry's dist-tag, for everyone at once.
    Registry,
    /// An unsigned manifest on a static host; where that has none, what follows.
    Manifest {
        /// `latest.json`: HTTPS, or HTTP on this very machine.
        manifest: Url,
        /// A plain text with nothing but a version, asked where there is no manifest.
        latest: Option<Url>,
    },
    /// A signed repository. Nothing else is ever staged.
    Tuf {
        /// What this device believes of it.
        trust: Arc<trust::Trust>,
        /// The site's root: manifests, descriptions' tarballs and `repo/` lie below it.
        site: Url,
    },
}

impl Follow {
    /// The name under which the terms of whoever is followed are kept ([`rollout::Terms::source`]);
    /// nobody's where that is the registry. `channel` is the one of [`UpdaterSpec`].
    ///
    /// [`UpdaterSpec`]: crate::UpdaterSpec::channel
    pub fn source(&self, channel: &str) -> Option<String> {
        match self {
            Self::Registry => None,
            Self::Manifest { manifest, .. } => Some(plain::source_of(manifest)),
            Self::Tuf { site, .. } => Some(signed::source_of(site, channel)),
        }
    }

    /// As [`Follow::source`], of an unsigned `manifest`.
    pub fn manifest_source(manifest: &Url) -> String {
        plain::source_of(manifest)
    }

    /// As [`Follow::source`], of a signed `site`.
    pub fn site_source(site: &Url, channel: &str) -> String {
        signed::source_of(site, channel)
    }

    /// Whether only what is signed is ever staged.
    pub fn is_signed(&self) -> bool {
        matches!(self, Self::Tuf { .. })
    }
}

/// [`Follow`] as a page shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The registry's dist-tag.
    #[default]
    Registry,
    /// An unsigned manifest.
    Manifest,
    /// A signed repository.
    Tuf,
}

impl Policy {
    /// The registry's dist-tag, for everyone at once. `built_at` is when this build was made.
    pub fn registry(built_at: Timestamp) -> Self {
        Self {
            follow: Follow::Registry,
            experimental: false,
            built_at,
            pin: None,
            minimum_age: None,
        }
    }
}
