//! A question to a registry, or to another host, that came to nothing.

use std::path::PathBuf;
use std::time::Duration;

use rollout::{IntegrityError, PackageName, Version};

use super::seconds;

/// A question to a registry that was not answered with what was asked for. URLs in it are without
/// credentials and query.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// Neither the configuration nor npm names a registry.
    #[error("no registry is configured for {package}: {why}")]
    NoRegistry {
        /// The package that was sought.
        package: PackageName,
        /// What was tried.
        why: String,
    },
    /// A registry address that is no URL.
    #[error("the registry `{text}` is not a URL: {why}")]
    BadAddress {
        /// What was configured, without credentials.
        text: String,
        /// The parser's objection.
        why: String,
    },
    /// Neither HTTPS nor loopback HTTP.
    #[error("{url} is refused: only HTTPS, or HTTP on this very machine, may be asked")]
    NotSecure {
        /// The address.
        url: String,
    },
    /// A tarball's address that may not be asked.
    #[error("the tarball {url} is refused: {why}")]
    InsecureTarball {
        /// The address.
        url: String,
        /// The rule.
        why: &'static str,
    },
    /// The HTTP client itself could not be made, for example without any trust store.
    #[error("no HTTP client could be made: {why}")]
    Client {
        /// Its words.
        why: String,
    },
    /// No connection, or one that broke.
    #[error("{url} could not be reached: {why}")]
    Unreachable {
        /// The address.
        url: String,
        /// The whole chain of causes.
        why: String,
    },
    /// Nothing came for that long.
    #[error("{url} sent nothing for {}", seconds(*.after))]
    Idle {
        /// The address.
        url: String,
        /// Bytes of the answer that came before.
        got: u64,
        /// The idle limit.
        after: Duration,
    },
    /// A trickle.
    #[error("{url} sent only {came} bytes in {}", seconds(*.after))]
    TooSlow {
        /// The address.
        url: String,
        /// The bytes that came.
        came: u64,
        /// In this time.
        after: Duration,
    },
    /// A body that ended early or disagrees with its announced length.
    #[error("the answer of {url} was cut off after {got} bytes: {why}")]
    Truncated {
        /// The address.
        url: String,
        /// Bytes that came.
        got: u64,
        /// What was noticed.
        why: String,
    },
    /// 401 or 403.
    #[error("{url} refuses access (HTTP {status})")]
    Unauthorized {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// Whether credentials were sent.
        sent: bool,
    },
    /// 404.
    #[error("{url} does not exist (HTTP 404)")]
    NotFound {
        /// The address.
        url: String,
    },
    /// 408, 429 or a 5xx.
    #[error("{url} cannot answer now (HTTP {status})")]
    Busy {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// `Retry-After`, capped.
        retry_after: Option<Duration>,
    },
    /// Any other status.
    #[error("{url} answered with HTTP {status}")]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
    },
    /// A redirect that may not be followed.
    #[error("{url} redirects to {to}, which is refused: {why}")]
    Redirect {
        /// The address.
        url: String,
        /// Where it points, without query.
        to: String,
        /// The rule.
        why: &'static str,
    },
    /// More bytes than allowed.
    #[error("{url} is larger than the {limit} bytes allowed")]
    TooBig {
        /// The address.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// HTML or garbage where JSON should be.
    #[error("{url} answered with something that is not JSON: {why}")]
    NotJson {
        /// The address.
        url: String,
        /// What it looks like.
        why: String,
    },
    /// JSON that is no packument.
    #[error("{url} is not a description of {package}: {why}")]
    Malformed {
        /// The address.
        url: String,
        /// The package asked for.
        package: PackageName,
        /// What is missing or of the wrong type.
        why: String,
    },
    /// A version or tag that is not there.
    #[error("{url} has no {package}@{wanted}; it has {has}")]
    NoSuchVersion {
        /// The address.
        url: String,
        /// The package.
        package: PackageName,
        /// What was asked for.
        wanted: String,
        /// Tags or newest versions, for a person.
        has: String,
    },
    /// A version without a sha512.
    #[error("{url}: {package}@{version} may not be used: {why}")]
    Integrity {
        /// The address.
        url: String,
        /// The package.
        package: PackageName,
        /// The version as it is written there.
        version: String,
        /// What is there instead.
        why: IntegrityError,
    },
    /// A version entry that cannot be used.
    #[error("{url}: {package}@{version} is described wrongly: {why}")]
    BadEntry {
        /// The address.
        url: String,
        /// The package.
        package: PackageName,
        /// The version as it is written there.
        version: String,
        /// What is wrong.
        why: String,
    },
    /// Bytes that are not what the registry described.
    #[error("the bytes of {url} have another sha512 than {package}@{version} must have")]
    WrongBytes {
        /// The address.
        url: String,
        /// The package.
        package: PackageName,
        /// The version.
        version: Version,
    },
    /// A local file that could not be written or read.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
}

impl RegistryError {
    /// Whether asking again later may well help.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Idle { .. }
                | Self::Truncated { .. }
                | Self::Busy { .. }
                | Self::NotJson { .. }
        )
    }

    /// Whether an answer had begun and broke off. What goes wrong before that is tried again where
    /// the question is asked.
    pub(crate) fn is_cut_off(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::Idle { got: 1.., .. })
    }

    /// How long the other side asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The address that it is about, as it may be printed.
    pub(crate) fn url(&self) -> Option<&str> {
        match self {
            Self::NoRegistry { .. }
            | Self::BadAddress { .. }
            | Self::Client { .. }
            | Self::File { .. } => None,
            Self::NotSecure { url }
            | Self::InsecureTarball { url, .. }
            | Self::Unreachable { url, .. }
            | Self::Idle { url, .. }
            | Self::TooSlow { url, .. }
            | Self::Truncated { url, .. }
            | Self::Unauthorized { url, .. }
            | Self::NotFound { url }
            | Self::Busy { url, .. }
            | Self::Status { url, .. }
            | Self::Redirect { url, .. }
            | Self::TooBig { url, .. }
            | Self::NotJson { url, .. }
            | Self::Malformed { url, .. }
            | Self::NoSuchVersion { url, .. }
            | Self::Integrity { url, .. }
            | Self::BadEntry { url, .. }
            | Self::WrongBytes { url, .. } => Some(url),
        }
    }

    /// A stable word for logs and `--json`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoRegistry { .. } => "no-registry",
            Self::BadAddress { .. } => "bad-registry-address",
            Self::NotSecure { .. } | Self::InsecureTarball { .. } => "not-secure",
            Self::Client { .. } => "http-client",
            Self::Unreachable { .. } => "unreachable",
            Self::Idle { .. } => "timed-out",
            Self::TooSlow { .. } => "too-slow",
            Self::Truncated { .. } => "truncated",
            Self::Unauthorized { .. } => "unauthorized",
            Self::NotFound { .. } => "not-found",
            Self::Busy { .. } => "registry-busy",
            Self::Status { .. } => "unexpected-status",
            Self::Redirect { .. } => "redirect-refused",
            Self::TooBig { .. } => "too-big",
            Self::NotJson { .. } => "not-json",
            Self::Malformed { .. } => "malformed-packument",
            Self::NoSuchVersion { .. } => "no-such-version",
            Self::Integrity { .. } => "no-integrity",
            Self::BadEntry { .. } => "malformed-version",
            Self::WrongBytes { .. } => "wrong-integrity",
            Self::File { .. } => "file",
        }
    }

    /// What a person can do.
    pub fn hint(&self) -> String {
        match self {
            Self::NoRegistry { .. } | Self::BadAddress { .. } => {
                "Set `registry` in the configuration or in the user's .npmrc.".into()
            }
            Self::NotSecure { .. } => "Give the registry an https:// address.".into(),
            Self::InsecureTarball { .. } => {
                "Tell whoever runs the registry to name its tarballs by https:// addresses.".into()
            }
            Self::Client { .. } => {
                "Check the proxy settings and that the system's certificates are installed.".into()
            }
            Self::Unreachable { .. }
            | Self::Idle { .. }
            | Self::TooSlow { .. }
            | Self::Truncated { .. } => {
                "Check the network and the proxy, then check again; the next check does it by itself."
                    .into()
            }
            Self::Unauthorized { sent: true, .. } => {
                "The login was not accepted: run `npm login` for this registry again.".into()
            }
            Self::Unauthorized { sent: false, .. } => {
                "Log in with `npm login` for this registry, so that the user's .npmrc has its token."
                    .into()
            }
            Self::NotFound { .. } => "Check the package's name and the registry's address.".into(),
            Self::Busy { retry_after: Some(wait), .. } => {
                format!("Try again in {}.", seconds(*wait))
            }
            Self::Busy { .. } => "Try again later; the next check does it by itself.".into(),
            Self::Status { .. } | Self::Malformed { .. } => {
                "Check that the configured address is an npm registry.".into()
            }
            Self::NotJson { .. } => {
                "A login page of the network may be in the way; check the registry's address too."
                    .into()
            }
            Self::Redirect { .. } => "Configure the address that it redirects to.".into(),
            Self::TooBig { .. } => {
                "Ask the publisher about this package's size, or check that `registry` names a registry."
                    .into()
            },
            Self::NoSuchVersion { .. } => "Ask for one that is there.".into(),
            Self::Integrity { .. } | Self::BadEntry { .. } => {
                "Ask the publisher to publish this version again with a current npm.".into()
            }
            Self::WrongBytes { .. } => {
                "Try again; if it stays so, tell whoever runs the registry.".into()
            }
            Self::File { .. } => "Check the path, its permissions and the free space.".into(),
        }
    }
}
