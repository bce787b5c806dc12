//! A broker with the configuration in `packaging/nats`, as it is shipped, and who may use it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use broker::{Broker, Options};
use fleet::agent::{Agent, Pace, Prepared, Spec};
use fleet::{Login, Names, Settings};
use futures_util::StreamExt as _;
use jiff::Timestamp;

use crate::played::Played;
use crate::support::name;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A broker with the shipped configuration, and who may use it.
pub(crate) struct House {
    pub(crate) broker: Broker,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) operator: Client,
    pub(crate) names: Names,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(false).await
    }

    /// With the `tls` of `server.conf`, or as it is tried out on one machine.
    pub(crate) async fn with(tls: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let extra = if tls {
            secured(dir.path())
        } else {
            String::new()
        };
        let [operator, device] = [nkeys::KeyPair::new_user(), nkeys::KeyPair::new_user()];
        for (file, seed) in [("operator.nk", &operator), ("device.nk", &device)] {
            std::fs::write(dir.path().join(file), seed.seed().unwrap()).unwrap();
        }
        std::fs::write(dir.path().join("password"), "of-kiosk-8\n").unwrap();
        let shipped = shipped();
        for file in ["accounts.conf", "operators.conf", "devices.conf"] {
            let text = std::fs::read_to_string(shipped.join(file)).unwrap();
            let text = text
                .replace("OPERATOR_NKEY", &operator.public_key())
                .replace("OPERATOR_PASSWORD", "of-operator")
                .replace("DEVICE_NKEY", &device.public_key())
                .replace("DEVICE_PASSWORD", "of-kiosk-8");
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        // The server takes even an absolute path from where its own configuration is.
        let folder = dir.path().file_name().unwrap().to_str().unwrap();
        let extra = format!("{extra}\ninclude \"../{folder}/accounts.conf\"\n");
        let broker = Broker::with(&Options { extra });
        let names = Names::of(&name("refit"));
        let login = Login::Nkey(dir.path().join("operator.nk"));
        let mut settings = settings(&broker, login);
        if tls {
            settings.servers = vec![broker.url().replace("nats://", "tls://")];
            settings.ca = Some(dir.path().join("ca.pem"));
        }
        let operator = fleet::connect(&settings).await.unwrap();
        fleet::ensure(&fleet::jetstream(&operator), &names, 1)
            .await
            .unwrap();
        Self {
            broker,
            dir,
            operator,
            names,
        }
    }

    /// The device `kiosk-7`, which signs in by key, as a client that does what it likes.
    pub(crate) async fn kiosk_7(&self) -> Client {
        let seed = std::fs::read_to_string(self.dir.path().join("device.nk")).unwrap();
        let options = ConnectOptions::with_nkey(seed).custom_inbox_prefix("_INBOX.kiosk-7");
        options.connect(self.broker.url()).await.unwrap()
    }

    pub(crate) async fn kiosk_8(&self) -> Client {
        let options = ConnectOptions::with_user_and_password("kiosk-8".into(), "of-kiosk-8".into());
        let options = options.custom_inbox_prefix("_INBOX.kiosk-8");
        options.connect(self.broker.url()).await.unwrap()
    }

    /// The other device, as it is, which signs in by password.
    pub(crate) fn agent_of_kiosk_8(&self, folder: &Path, steered: Arc<Played>) -> Agent {
        let login = Login::Password {
            user: "kiosk-8".to_owned(),
            file: self.dir.path().join("password"),
        };
        let spec = Spec {
            settings: settings(&self.broker, login),
            device: name("kiosk-8"),
            groups: vec![name("kiosks")],
            folder: folder.to_owned(),
            clock: Arc::new(Timestamp::now),
            pace: Pace {
                every: Duration::from_secs(1),
                soon: Duration::from_millis(50),
            },
        };
        Prepared::open(spec).unwrap().follow(steered, None)
    }

    /// Everything that all streams hold: subject and content, in order.
    pub(crate) async fn everything(&self) -> Vec<(String, String)> {
        let jetstream = fleet::jetstream(&self.operator);
        let mut all = Vec::new();
        let mut streams = jetstream.streams();
        while let Some(info) = streams.next().await {
            let info = info.unwrap();
            let stream = jetstream.get_stream(&info.config.name).await.unwrap();
            for sequence in info.state.first_sequence..=info.state.last_sequence {
                if let Ok(message) = stream.get_raw_message(sequence).await {
                    let text = String::from_utf8_lossy(&message.payload).into_owned();
                    all.push((message.subject.to_string(), text));
                }
            }
        }
        all
    }

    /// Whether the server said to somebody that they may not.
    pub(crate) fn refused(&self, what: &str) -> bool {
        self.broker.log().contains(what)
    }
}

/// The `tls` of `server.conf`, with a certificate for this machine.
fn secured(dir: &Path) -> String {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(dir.join("ca.pem"), key.cert.pem()).unwrap();
    std::fs::write(dir.join("server.key"), key.signing_key.serialize_pem()).unwrap();
    let shipped = std::fs::read_to_string(shipped().join("server.conf")).unwrap();
    let begin = shipped.find("\ntls {").unwrap();
    let end = begin + shipped[begin..].find("\n}\n").unwrap() + 3;
    shipped[begin..end]
        .replace(
            "/etc/nats/tls/server.pem",
            dir.join("ca.pem").to_str().unwrap(),
        )
        .replace(
            "/etc/nats/tls/server.key",
            dir.join("server.key").to_str().unwrap(),
        )
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/nats")
}

pub(crate) fn settings(broker: &Broker, login: Login) -> Settings {
    crate::support::settings(broker, login)
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "never: {what}");
}
