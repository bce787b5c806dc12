//! `tauri-driver` in front of WebKit's own driver: one of each per session.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};

use crate::{parts, processes, wait};

/// A running driver. Whatever it started ends with it.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    /// Starts one; what it starts gets this environment on top of ours, and writes to `log`.
    pub async fn start(env: &BTreeMap<OsString, OsString>, log: &Path) -> Result<Self> {
        let driver = parts::on_path("tauri-driver")
            .or_else(|| Some(parts::root().join("target/tools/bin/tauri-driver")))
            .filter(|path| path.is_file())
            .context("tauri-driver is missing; run ./scripts/setup first")?;
        let native = parts::on_path("WebKitWebDriver")
            .context("WebKitWebDriver is missing; run ./scripts/setup first")?;
        let (port, native_port) = (wait::free_port()?, wait::free_port()?);
        let child = Command::new(driver)
            .args([
                "--port",
                &port.to_string(),
                "--native-port",
                &native_port.to_string(),
            ])
            .arg("--native-driver")
            .arg(native)
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(log)?,
            )
            .kill_on_drop(true)
            .spawn()
            .context("cannot start tauri-driver")?;
        wait::port(native_port).await?;
        wait::port(port).await?;
        Ok(Self { child, port })
    }

    /// Opens the app in a session.
    pub async fn session(&self, program: &Path, args: &[OsString]) -> Result<Client> {
        let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
        let options = json!({ "application": program, "args": args });
        let capabilities = Map::from_iter([("tauri:options".to_owned(), options)]);
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .with_context(|| format!("{} did not open in a session", program.display()))
    }

    /// The app that the session opened.
    pub fn app(&self, program: &Path) -> Result<i32> {
        let below = processes::below(self.pid());
        let ours = |process: &&processes::Process| process.program.as_deref() == Some(program);
        // The guard is the same program; the app is the one the driver started.
        below
            .iter()
            .filter(ours)
            .find(|process| !process.args.iter().any(|arg| arg == "--refit-guard"))
            .map(|process| process.pid)
            .with_context(|| format!("{} is not running", program.display()))
    }

    fn pid(&self) -> i32 {
        self.child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or(-1)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.pid() > 0 {
            for process in processes::below(self.pid()) {
                let _ = processes::kill(process.pid);
            }
        }
    }
}

/// A `WebDriver` answer as text, for messages.
pub(crate) fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
