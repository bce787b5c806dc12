//! The fleet's object store, as somebody near who may have a version's bytes.

use std::io;
use std::sync::{Arc, OnceLock};

use fleet::agent::Near;
use fleet::operator::releases::Artifact;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _};
use rollout::Candidate;
use rollout::fleet::Subject;
use updater::{Mirror, MirrorBytes};

/// Asks the fleet's broker, once there is a connection to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nearby(Arc<OnceLock<Near>>);

impl Nearby {
    /// From now on there may be a connection.
    pub(super) fn is(&self, near: Near) {
        let _ = self.0.set(near);
    }
}

impl Mirror for Nearby {
    fn open<'a>(&'a self, candidate: &'a Candidate) -> BoxFuture<'a, Option<MirrorBytes>> {
        Box::pin(async move {
            let artifact = Artifact {
                subject: Subject::Runtime,
                version: candidate.version.clone(),
                platform: None,
            };
            let reading = match self.0.get()?.open(&artifact).await {
                Ok(reading) => reading?,
                Err(error) => {
                    tracing::info!(%error, "the fleet's releases cannot be read");
                    return None;
                }
            };
            // What is not even said to be it need not be fetched to be refused.
            if reading.release().sha512 != candidate.integrity {
                tracing::warn!(version = %candidate.version, "the fleet has other content under this version");
                return None;
            }
            let bytes = reading.into_stream().map_err(io::Error::other);
            Some(bytes.boxed())
        })
    }
}
