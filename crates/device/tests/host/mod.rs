//! A registry and a site on loopback, and a device that follows them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use device::{Config, Device, DeviceOptions, Integrity, Local};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Answers what it was given, and writes down what it was asked for.
#[derive(Clone)]
pub(crate) struct Host {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    pub(crate) url: String,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Self {
            files: Arc::default(),
            asked: Arc::default(),
            url: format!("http://{}/", listener.local_addr().unwrap()),
        };
        let serving = host.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().answer(stream));
            }
        });
        host
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let found = self.files.lock().unwrap().get(&path).cloned();
        self.asked.lock().unwrap().push(path);
        let (status, body) = match found {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", Vec::new()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&body).await;
    }

    pub(crate) fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_owned(), body.into());
    }

    /// Answers nothing any more but 404.
    pub(crate) fn clear(&self) {
        self.files.lock().unwrap().clear();
    }

    /// What was asked for whose path contains `part`.
    pub(crate) fn asked_for(&self, part: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|path| path.contains(part)).count()
    }

    /// Publishes versions of `demo`; the last one is the registry's newest.
    pub(crate) fn publish(&self, versions: &[&str]) {
        let releases: Vec<_> = versions
            .iter()
            .map(|it| Release::new(it, "// never started"))
            .collect();
        self.release(&releases);
    }

    /// The same, each with what it does.
    pub(crate) fn release(&self, releases: &[Release<'_>]) {
        let mut all = serde_json::Map::new();
        for release in releases {
            let version = release.version;
            let tarball = release.pack();
            let integrity = Integrity::from_digest(Sha512::digest(&tarball).into());
            let path = format!("/demo/-/demo-{version}.tgz");
            let url = format!("{}{path}", self.url.trim_end_matches('/'));
            self.put(&path, tarball);
            let dist = json!({ "tarball": url, "integrity": integrity.to_string() });
            let entry = json!({ "name": "demo", "version": version, "dist": dist });
            all.insert(version.to_owned(), entry);
        }
        let packument = json!({
            "name": "demo",
            "dist-tags": { "latest": releases.last().map(|it| it.version) },
            "versions": all,
        });
        self.put("/demo", packument.to_string());
    }

    pub(crate) fn say(&self, manifest: &Value) {
        self.put("/latest.json", manifest.to_string());
    }
}

/// A version of `demo`, what it does, and what it needs of its host.
#[derive(Clone)]
pub(crate) struct Release<'a> {
    pub(crate) version: &'a str,
    pub(crate) code: &'a str,
    pub(crate) needs: Value,
}

impl<'a> Release<'a> {
    pub(crate) fn new(version: &'a str, code: &'a str) -> Self {
        let needs = Value::Null;
        Self {
            version,
            code,
            needs,
        }
    }

    pub(crate) fn pack(&self) -> Vec<u8> {
        let package = json!({ "name": "demo", "version": self.version, "refit": self.needs });
        packed(&package, self.code)
    }
}

/// A tarball of a package with this package.json, whose entry holds `code`.
pub(crate) fn packed(package: &Value, code: &str) -> Vec<u8> {
    let files = [
        ("package.json", package.to_string()),
        ("cli.js", code.to_owned()),
    ];
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let name = format!("package/{name}");
        tar.append_data(&mut header, name, content.as_bytes())
            .unwrap();
    }
    let bytes = tar.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap()
}

/// A device with bundled 1.0.0 that cannot launch anything, and looks by itself `after` its start.
pub(crate) fn options(
    dir: &Path,
    host: &Host,
    news: &Value,
    env: &[(&str, &str)],
) -> DeviceOptions {
    let mut config = json!({
        "package": "demo", "entry": "cli.js", "command": ["no-such-program"],
        "registry": host.url, "check": { "after": "1h", "every": "1h" },
        // Nothing can be launched here, so nothing could be rehearsed either.
        "rehearse": false,
    });
    for (key, value) in news.as_object().unwrap() {
        config[key] = value.clone();
    }
    let bundled = dir.join("bundled");
    std::fs::create_dir_all(&bundled).unwrap();
    std::fs::write(bundled.join("package.json"), r#"{"version":"1.0.0"}"#).unwrap();
    std::fs::write(bundled.join("cli.js"), "").unwrap();
    DeviceOptions {
        config: Config::parse(config, "test").unwrap(),
        data_dir: dir.join("data"),
        bundled_dir: bundled,
        trust_root: None,
        shell_version: "2.0.0".parse().unwrap(),
        development: false,
        headless: false,
        guard: vec![dir.join("no-guard").into_os_string()],
        env: env
            .iter()
            .map(|(key, value)| (OsString::from(key), OsString::from(value)))
            .collect(),
    }
}

pub(crate) fn open(dir: &Path, host: &Host, news: &Value, env: &[(&str, &str)]) -> Device {
    Device::open(Local::open(options(dir, host, news, env)))
}
