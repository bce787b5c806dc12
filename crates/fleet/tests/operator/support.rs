//! A broker with a fleet on it.

use std::io::Cursor;

use async_nats::jetstream::Context;
use broker::Broker;
use fleet::operator::releases::{self, Artifact, Published, Upload};
use fleet::{Client, FleetError, Login, Names, Settings};
use jiff::Timestamp;
use rollout::fleet::Name;

/// A fleet called `refit` on a broker of its own.
pub(crate) struct Room {
    pub(crate) client: Client,
    pub(crate) jetstream: Context,
    pub(crate) names: Names,
    pub(crate) broker: Broker,
}

impl Room {
    pub(crate) async fn new() -> Self {
        let broker = Broker::start();
        let client = fleet::connect(&settings(&broker, Login::Nobody))
            .await
            .unwrap();
        let jetstream = fleet::jetstream(&client);
        let names = Names::of(&name("refit"));
        fleet::ensure(&jetstream, &names, 1).await.unwrap();
        Self {
            client,
            jetstream,
            names,
            broker,
        }
    }

    pub(crate) async fn publish(
        &self,
        version: &str,
        content: &[u8],
    ) -> Result<Published, FleetError> {
        let artifact = Artifact::runtime(version.parse().unwrap());
        publish(&self.jetstream, &self.names, artifact, content).await
    }
}

pub(crate) async fn publish(
    jetstream: &Context,
    names: &Names,
    artifact: Artifact,
    content: &[u8],
) -> Result<Published, FleetError> {
    let upload = Upload {
        artifact,
        package: "demo".to_owned(),
        by: "operator".to_owned(),
        at: at(),
    };
    releases::publish(jetstream, names, upload, &mut Cursor::new(content.to_vec())).await
}

pub(crate) fn settings(broker: &Broker, login: Login) -> Settings {
    Settings {
        fleet: name("refit"),
        servers: vec![broker.url()],
        login,
        ca: None,
    }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn at() -> Timestamp {
    "2026-06-12T08:00:00Z".parse().unwrap()
}
