//! A device as an operator sees it: it sends what it is told to send, and answers with it.

use std::sync::mpsc;

use fleet::{Client, Login, Settings};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) struct Device {
    runtime: Runtime,
    client: Client,
    id: String,
}

/// It answers, or hears and is silent, for as long as this is kept.
pub(crate) struct Listening {
    _runtime: Runtime,
}

impl Device {
    pub(crate) fn new(url: &str, id: &str) -> Self {
        let runtime = runtime();
        let settings = Settings {
            fleet: "refit".parse().unwrap(),
            servers: vec![url.to_owned()],
            login: Login::Nobody,
            ca: None,
        };
        let client = runtime.block_on(fleet::connect(&settings)).unwrap();
        Self {
            runtime,
            client,
            id: id.to_owned(),
        }
    }

    /// A heartbeat with these fields, stored once this returns.
    pub(crate) fn beats(&self, fields: &Value) {
        let subject = format!("$KV.refit-devices.{}", self.id);
        let body = self.beat(fields).to_string();
        self.runtime.block_on(async {
            let jetstream = fleet::jetstream(&self.client);
            jetstream
                .publish(subject, body.into())
                .await
                .unwrap()
                .await
                .unwrap();
        });
    }

    /// Answers whoever asks.
    pub(crate) fn answers(&self, fields: &Value) -> Listening {
        self.hears(Some(self.beat(fields)))
    }

    /// Is connected, and answers nobody.
    pub(crate) fn listens(&self) -> Listening {
        self.hears(None)
    }

    fn hears(&self, answer: Option<Value>) -> Listening {
        let (client, subject) = (self.client.clone(), format!("refit.ping.{}", self.id));
        let runtime = runtime();
        let (ready, is_ready) = mpsc::channel();
        runtime.spawn(async move {
            let mut asked = client.subscribe(subject).await.unwrap();
            client.flush().await.unwrap();
            ready.send(()).unwrap();
            while let Some(request) = asked.next().await {
                if let (Some(answer), Some(reply)) = (&answer, request.reply) {
                    client
                        .publish(reply, answer.to_string().into())
                        .await
                        .unwrap();
                    client.flush().await.unwrap();
                }
            }
        });
        is_ready.recv().unwrap();
        Listening { _runtime: runtime }
    }

    fn beat(&self, fields: &Value) -> Value {
        let mut beat = json!({
            "device": self.id, "at": "1999-01-01T00:00:00Z", "bucket": 7, "uptimeSeconds": 1,
        });
        for (name, value) in fields.as_object().unwrap() {
            beat[name] = value.clone();
        }
        beat
    }
}

/// Its threads go on whether or not anybody waits.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}
