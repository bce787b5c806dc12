//! A registry on loopback, a folder for everything, and runtimes that are real processes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use device::{Config, Device, DeviceOptions, Integrity, Local, Status, WorkspaceState};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::host::{Host, packed};

/// A runtime that says who it is, writes down when it started and listened, counts `/tick`, and does
/// not start where the file `fail` names its version.
pub(crate) fn code(version: &str) -> String {
    format!(
        r"const fs = require('fs');
        const note = (word) => fs.appendFileSync('notes', `{version} ${{word}} ${{Date.now()}} ${{process.pid}}\n`);
        let fail = '';
        try {{ fail = fs.readFileSync('fail', 'utf8'); }} catch {{}}
        if (fail.split('\n').includes('{version}')) {{ console.error('not here'); process.exit(3); }}
        note('starts');
        if (fs.existsSync('hang-' + '{version}')) {{ setInterval(() => {{}}, 1000); return; }}
        require('http').createServer((ask, answer) => {{
            if (ask.url === '/tick') note('ticks');
            if (ask.url === '/die') process.exit(5);
            answer.end(ask.url === '/who'
                ? JSON.stringify({{ version: '{version}', pid: process.pid, cwd: process.cwd(), board: process.env.BOARD, all: process.env.ALL }})
                : '{version}');
        }}).listen(process.env.REFIT_PORT, '127.0.0.1', () => note('listens'));"
    )
}

/// Bundled 1.0.0, and a folder for each workspace.
pub(crate) struct Scene {
    dir: TempDir,
    pub(crate) host: Host,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let scene = Self {
            dir: tempfile::tempdir().unwrap(),
            host: Host::start().await,
        };
        bundle(&scene.path().join("bundled"), "1.0.0");
        scene
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        match name {
            "main" => self.path().join("main"),
            name => self.path().join("boards").join(name),
        }
    }

    /// Where nothing of this version starts in this workspace from now on.
    pub(crate) fn fails(&self, name: &str, versions: &str) {
        let folder = self.folder(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("fail"), versions).unwrap();
    }

    pub(crate) fn works(&self, name: &str) {
        std::fs::remove_file(self.folder(name).join("fail")).unwrap();
    }

    pub(crate) fn config(&self) -> Value {
        json!({
            "package": "demo", "entry": "cli.js", "command": ["node", "{entry}"],
            "cwd": self.folder("main"), "env": { "ALL": "all", "BOARD": "nobody" },
            "registry": self.host.url, "check": { "after": "1h", "every": "1h" },
            "ready": { "http": "/", "timeout": "20s" }, "soak": "1h", "rehearse": false,
        })
    }

    pub(crate) fn options(&self, config: Value) -> DeviceOptions {
        let env = ["PATH", "HOME"].map(|name| {
            let value = std::env::var_os(name).unwrap_or_default();
            (OsString::from(name), value)
        });
        DeviceOptions {
            config: Config::parse(config, "test").unwrap(),
            data_dir: self.data(),
            bundled_dir: self.path().join("bundled"),
            trust_root: None,
            shell_version: "2.0.0".parse().unwrap(),
            development: false,
            headless: false,
            guard: vec![
                env!("CARGO_BIN_EXE_device-guard").into(),
                "--refit-guard".into(),
            ],
            env: BTreeMap::from(env),
        }
    }

    pub(crate) fn open(&self) -> Device {
        Device::open(Local::open(self.options(self.config())))
    }

    /// A started device with these workspaces besides `main`.
    pub(crate) async fn start(&self, names: &[&str]) -> Device {
        let shut = self.open();
        for name in names {
            let env = BTreeMap::from([("BOARD".to_owned(), (*name).to_owned())]);
            shut.workspace_add(name, Some(self.folder(name)), env)
                .await
                .unwrap();
        }
        let device = self.open();
        device.start().await;
        everywhere(&device, "1.0.0").await;
        device
    }

    /// Publishes these versions of a package; the last one is the newest.
    pub(crate) fn publish_as(&self, package: &str, versions: &[&str]) {
        let mut all = serde_json::Map::new();
        for version in versions {
            let manifest = json!({ "name": package, "version": version });
            let tarball = packed(&manifest, &code(version));
            let integrity = Integrity::from_digest(Sha512::digest(&tarball).into());
            let path = format!("/{package}/-/{package}-{version}.tgz");
            let url = format!("{}{path}", self.host.url.trim_end_matches('/'));
            self.host.put(&path, tarball);
            let dist = json!({ "tarball": url, "integrity": integrity.to_string() });
            let entry = json!({ "name": package, "version": version, "dist": dist });
            all.insert((*version).to_owned(), entry);
        }
        let packument = json!({
            "name": package, "dist-tags": { "latest": versions.last() }, "versions": all,
        });
        self.host.put(&format!("/{package}"), packument.to_string());
    }

    pub(crate) fn publish(&self, versions: &[&str]) {
        self.publish_as("demo", versions);
    }

    /// What the runtimes in a folder noted of this version: milliseconds.
    pub(crate) fn noted(&self, name: &str, version: &str, word: &str) -> Vec<u64> {
        let notes = std::fs::read_to_string(self.folder(name).join("notes")).unwrap_or_default();
        notes
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                let ours = words.next() == Some(version) && words.next() == Some(word);
                ours.then(|| words.next().unwrap().parse().unwrap())
            })
            .collect()
    }

    pub(crate) fn notes(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder(name).join("notes")).unwrap_or_default()
    }
}

/// A bundled runtime.
pub(crate) fn bundle(folder: &Path, version: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let manifest = json!({ "version": version }).to_string();
    std::fs::write(folder.join("package.json"), manifest).unwrap();
    std::fs::write(folder.join("cli.js"), code(version)).unwrap();
}

pub(crate) async fn until(
    device: &Device,
    wanted: impl FnMut(&Arc<Status>) -> bool,
) -> Arc<Status> {
    let mut status = device.status();
    let found = tokio::time::timeout(std::time::Duration::from_secs(90), status.wait_for(wanted));
    let found = found.await.map(|found| Arc::clone(&*found.unwrap()));
    found.unwrap_or_else(|_| panic!("not in time: {:?}", device.status().borrow().workspaces))
}

/// Waits until every workspace runs this version.
pub(crate) async fn everywhere(device: &Device, version: &str) -> Arc<Status> {
    but(device, version, &[]).await
}

/// Waits until every workspace runs this version, and these are dead.
pub(crate) async fn but(device: &Device, version: &str, dead: &[&str]) -> Arc<Status> {
    until(device, |status| {
        let first = status.running.as_ref().map(|it| it.version.as_str());
        // What runs in the first is told twice, by two who need not hear of it at once.
        (dead.contains(&"main") || first == Some(version))
            && !status.workspaces.is_empty()
            && status.workspaces.iter().all(|it| {
                if dead.contains(&it.name.as_str()) {
                    it.state == WorkspaceState::Dead
                } else {
                    it.version.as_ref().map(device::Version::as_str) == Some(version)
                }
            })
    })
    .await
}

/// How a workspace is.
pub(crate) fn named(status: &Status, name: &str) -> device::WorkspaceStatus {
    let found = status.workspaces.iter().find(|it| it.name == name);
    found.unwrap_or_else(|| panic!("no {name}")).clone()
}

/// What is answered at a path of an address.
pub(crate) async fn get(url: &str, path: &str) -> String {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).await.unwrap();
    let ask = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // One that dies of the question answers nothing.
    let _ = stream.read_to_string(&mut answer).await;
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default()
}

pub(crate) async fn who(status: &Status, name: &str) -> Value {
    let url = named(status, name).url.unwrap();
    serde_json::from_str(&get(&url, "/who").await).unwrap()
}
