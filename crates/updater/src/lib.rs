//! From a registry to a staged version, and when to look.
mod body;
mod download;
mod error;
mod http;
mod npmrc;
mod packument;
mod registry;
mod secret;

pub use download::Download;
pub use error::{RegistryError, UpdateError};
pub use http::Timeouts;
pub use npmrc::NpmSettings;
pub use packument::Packument;
pub use registry::{CachedPackument, PACKUMENT_BYTES, PackumentAnswer, Registry};
