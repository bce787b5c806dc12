//! A device whose runtimes are real processes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use device::{Device, DeviceOptions, Local, Phase, Status};
use serde_json::{Value, json};
use supervisor::guard;

use crate::host::{Host, options};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A device in a folder of its own, and the registry that it asks.
pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) host: Host,
    /// Keys of the configuration besides the usual ones.
    pub(crate) news: Value,
    /// The package.json of the bundled version.
    pub(crate) bundled: &'static str,
    /// Switches.
    pub(crate) env: Vec<(&'static str, &'static str)>,
    /// Whether nobody sits in front of it.
    pub(crate) headless: bool,
    /// The root of the signed repository that it is built with, where `trust` is configured.
    pub(crate) trust_root: Option<Vec<u8>>,
}

impl Bench {
    pub(crate) async fn new(news: Value) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            host: Host::start().await,
            news,
            bundled: r#"{"version":"1.0.0"}"#,
            env: Vec::new(),
            headless: false,
            trust_root: None,
        }
    }

    fn options(&self) -> DeviceOptions {
        let fixture = env!("CARGO_BIN_EXE_device-fixture");
        let mut config = json!({
            "command": [fixture, "run", "{entry}"], "cwd": "{data}/files",
            "ready": { "http": "/", "timeout": "20s" },
        });
        for (key, value) in self.news.as_object().unwrap() {
            config[key] = value.clone();
        }
        let mut options = options(self.dir.path(), &self.host, &config, &self.env);
        let bundled = options.bundled_dir.join("package.json");
        std::fs::write(bundled, self.bundled).unwrap();
        options.headless = self.headless;
        options.trust_root.clone_from(&self.trust_root);
        options.guard = vec![fixture.into(), guard::ARGUMENT.into()];
        options
    }

    /// A device that is not started.
    pub(crate) fn open(&self) -> Device {
        Device::open(Local::open(self.options()))
    }

    /// A device that was started.
    pub(crate) async fn start(&self) -> Device {
        let device = self.open();
        device.start().await;
        device
    }

    /// A device on which `version` is ready.
    pub(crate) async fn running(&self, version: &str) -> Device {
        let device = self.start().await;
        until(&device, |status| runs(status, version)).await;
        device
    }

    /// The runtime's own folder.
    pub(crate) fn files(&self) -> PathBuf {
        self.dir.path().join("data/files")
    }

    pub(crate) fn stored(&self, version: &str) -> PathBuf {
        self.dir
            .path()
            .join("data/runtime-store/versions")
            .join(version)
    }
}

pub(crate) fn runs(status: &Status, version: &str) -> bool {
    let running = status.running.as_ref();
    status.phase == Phase::Running && running.is_some_and(|it| it.version.as_str() == version)
}

/// The first status that is `wanted`.
pub(crate) async fn until(
    device: &Device,
    wanted: impl FnMut(&Arc<Status>) -> bool,
) -> Arc<Status> {
    let mut status = device.status();
    let found = tokio::time::timeout(PATIENCE, status.wait_for(wanted)).await;
    let Ok(found) = found else {
        panic!("never: {:#?}", device.status().borrow());
    };
    Arc::clone(&*found.unwrap())
}

/// What a file holds; nothing where there is none.
pub(crate) fn held(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}
