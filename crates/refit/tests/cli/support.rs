//! What every test here needs: the binary, packages made on the spot, a folder being served.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const REFIT: &str = env!("CARGO_BIN_EXE_refit");

/// `refit`, with nothing of this machine's npm in its environment.
pub(crate) fn refit() -> Command {
    let mut command = Command::new(REFIT);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_lowercase();
        if text.starts_with("npm_") || text.starts_with("refit_") {
            command.env_remove(name);
        }
    }
    command.env("COLUMNS", "100");
    command
}

/// Runs `refit --json` and returns its exit code and its one object.
pub(crate) fn json_of(args: &[&str]) -> (i32, Value) {
    let output = refit().args(args).arg("--json").output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(&stdout).unwrap_or_else(|error| {
        panic!(
            "no single JSON object ({error}): {stdout}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code().unwrap(), value)
}

/// A package to be packed.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    manifest: Value,
    files: Vec<(String, Vec<u8>, u32)>,
}

impl Package {
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self {
            manifest: json!({ "name": name, "version": version }),
            files: Vec::new(),
        }
    }

    /// Adds a field to its package.json.
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.manifest[field] = value;
        self
    }

    pub(crate) fn file(mut self, name: &str, content: &str) -> Self {
        self.files
            .push((name.to_owned(), content.as_bytes().to_vec(), 0o644));
        self
    }

    pub(crate) fn program(mut self, name: &str, content: &str) -> Self {
        self.files
            .push((name.to_owned(), content.as_bytes().to_vec(), 0o755));
        self
    }

    /// Packs it as `npm pack` does: everything below `package/`.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let manifest = self.manifest.to_string().into_bytes();
        let mut files = vec![("package.json".to_owned(), manifest, 0o644)];
        files.extend(self.files.clone());
        pack(|tar| {
            for (name, content, mode) in &files {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                header.set_mode(*mode);
                header.set_mtime(499_162_500);
                tar.append_data(&mut header, format!("package/{name}"), content.as_slice())
                    .unwrap();
            }
        })
    }

    /// Packs it into `dir`.
    pub(crate) fn tgz(&self, dir: &Path) -> PathBuf {
        let name = self.manifest["name"].as_str().unwrap().replace('/', "-");
        let path = dir.join(format!(
            "{}-{}.tgz",
            name.trim_start_matches('@'),
            self.manifest["version"].as_str().unwrap()
        ));
        std::fs::write(&path, self.pack()).unwrap();
        path
    }
}

/// A gzipped tar of whatever `fill` puts into it.
pub(crate) fn pack(fill: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    fill(&mut tar);
    let bytes = tar.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap()
}

/// A temporary folder for one test: `site/` to publish into, and room beside it.
#[derive(Debug)]
pub(crate) struct Room {
    dir: TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("site")).unwrap();
        Self { dir }
    }

    /// Its real path: macOS keeps temporary folders behind a link.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub(crate) fn site(&self) -> PathBuf {
        self.path().join("site")
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }

    /// Everything in a folder of the room: each file's path and content, each link's and folder's path.
    pub(crate) fn tree(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut dirs = vec![self.path().join(name)];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path.clone());
                    found.insert(path, Vec::new());
                } else {
                    let content = std::fs::read(&path).unwrap();
                    found.insert(path, content);
                }
            }
        }
        found
    }

    /// Publishes packages, which must go well.
    pub(crate) fn publish(&self, packages: &[Package]) {
        let tarballs = packages.iter().map(|package| package.tgz(self.dir.path()));
        refit()
            .arg("publish")
            .arg(self.site())
            .args(tarballs)
            .assert()
            .success();
    }

    /// A package's stored index.
    pub(crate) fn packument(&self, package: &str) -> Value {
        let path = self.site().join(package).join("index.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// `text` with this room's path, which differs every time, taken out.
    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(self.path().to_str().unwrap(), "ROOM")
            .replace(self.dir.path().to_str().unwrap(), "ROOM")
            .replace("\\\\", "/")
    }
}

/// `refit serve`, ended when dropped.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    /// `http://127.0.0.1:PORT/`.
    pub(crate) url: String,
}

impl Served {
    pub(crate) fn start(dir: &Path) -> Self {
        let mut child = Process::new(REFIT)
            .arg("serve")
            .arg(dir)
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let url = told["url"].as_str().unwrap().to_owned();
        Self { child, url }
    }

    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    /// One GET with these headers besides `Host`.
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, self.host(), headers)
    }

    /// One request, `Host` and all.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        host: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        let mut stream = TcpStream::connect(self.host()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::parse(&bytes)
    }

    /// From now on nobody answers.
    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    #[cfg(unix)]
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("an HTTP answer");
        let headers = String::from_utf8(bytes[..end].to_vec()).unwrap();
        Self {
            status: headers[9..12].parse().unwrap(),
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
