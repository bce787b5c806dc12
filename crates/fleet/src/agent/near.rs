//! Reads published bytes over the connection that the agent has.

use rollout::fleet::Name;
use tokio::sync::watch;

use crate::FleetError;
use crate::agent::link::Link;
use crate::jetstream;
use crate::names::Names;
use crate::operator::releases::{self, Artifact, Reading};

/// The object stores of the fleet, as a device reads them.
#[derive(Debug, Clone)]
pub struct Near {
    names: Names,
    link: watch::Receiver<Link>,
}

impl Near {
    pub(crate) fn new(fleet: &Name, link: watch::Receiver<Link>) -> Self {
        Self {
            names: Names::of(fleet),
            link,
        }
    }

    /// Whether there is a connection now.
    pub fn is_up(&self) -> bool {
        self.link.borrow().is_up
    }

    /// Opens what is published under this name; none where it is not, or where there is no connection now.
    ///
    /// # Errors
    /// Where the broker does not answer, or the release's label cannot be read.
    pub async fn open(&self, artifact: &Artifact) -> Result<Option<Reading>, FleetError> {
        let client = {
            let link = self.link.borrow();
            if link.is_up {
                link.client.clone()
            } else {
                None
            }
        };
        match client {
            Some(client) => releases::open(&jetstream(&client), &self.names, artifact).await,
            None => Ok(None),
        }
    }
}
