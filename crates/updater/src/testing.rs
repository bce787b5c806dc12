//! A server that does what real ones never admit to, and packages for it to serve.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollout::Integrity;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method and target, such as `GET /demo`.
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What a head says about its body's length.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Length {
    #[default]
    Right,
    Said(usize),
    Chunked,
}

/// One answer, wrong in whatever way a test wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// What is announced.
    length: Length,
    /// Sends this many bytes of the body and no more.
    cut: Option<usize>,
    /// Says nothing more after what was sent, and keeps the connection.
    silent: bool,
    /// The body in pieces of this size, with this pause between them.
    dripping: Option<(usize, Duration)>,
    /// Sends the body again and again, so often.
    repeat: usize,
    /// Sent once before all of that, of chunked bodies.
    before: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
            repeat: 1,
            ..Self::default()
        }
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::new(200, value.to_string()).with("content-type", "application/json")
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn announcing(mut self, length: usize) -> Self {
        self.length = Length::Said(length);
        self
    }

    pub(crate) fn chunked(mut self) -> Self {
        self.length = Length::Chunked;
        self
    }

    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    pub(crate) fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    pub(crate) fn dripping(mut self, piece: usize, pause: Duration) -> Self {
        self.dripping = Some((piece, pause));
        self
    }

    pub(crate) fn repeated(mut self, times: usize) -> Self {
        self.repeat = times;
        self
    }

    pub(crate) fn after(mut self, before: Vec<u8>) -> Self {
        self.before = before;
        self
    }

    async fn send(&self, stream: &mut TcpStream, sent: &Mutex<u64>) -> std::io::Result<()> {
        let chunked = self.length == Length::Chunked;
        let length = match self.length {
            Length::Right => format!("content-length: {}", self.body.len() * self.repeat),
            Length::Said(length) => format!("content-length: {length}"),
            Length::Chunked => "transfer-encoding: chunked".to_owned(),
        };
        let lines = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        let lines: Vec<_> = lines
            .chain([length, "connection: close".to_owned()])
            .collect();
        let head = format!("HTTP/1.1 {} x\r\n{}\r\n", self.status, lines.join("\r\n"));
        stream.write_all((head + "\r\n").as_bytes()).await?;
        let body = &self.body[..self.cut.unwrap_or(self.body.len())];
        let (size, pause) = self.dripping.unwrap_or((64 << 10, Duration::ZERO));
        let pieces = (0..self.repeat).flat_map(|_| body.chunks(size));
        for piece in self.before.chunks(size).chain(pieces) {
            if chunked {
                stream
                    .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
                    .await?;
            }
            stream.write_all(piece).await?;
            *sent.lock().unwrap() += piece.len() as u64;
            if chunked {
                stream.write_all(b"\r\n").await?;
            }
            stream.flush().await?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        if self.silent {
            // Until the other side has had enough.
            let _ = stream.read(&mut [0]).await;
        } else if chunked && self.cut.is_none() {
            stream.write_all(b"0\r\n\r\n").await?;
        }
        stream.shutdown().await
    }
}

/// A server on loopback; it ends with the test's runtime.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) origin: String,
    seen: Arc<Mutex<Vec<Request>>>,
    sent: Arc<Mutex<u64>>,
}

impl Server {
    /// `answer` gets each request and how many came before it.
    pub(crate) async fn start(
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = Self {
            origin,
            seen: Arc::default(),
            sent: Arc::default(),
        };
        let (seen, sent) = (Arc::clone(&server.seen), Arc::clone(&server.sent));
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, sent, answer) =
                    (Arc::clone(&seen), Arc::clone(&sent), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else {
                        return;
                    };
                    let before = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    // A client that hangs up in the middle is what some tests are about.
                    let _ = answer(&request, before).send(&mut stream, &sent).await;
                });
            }
        });
        server
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen()
            .into_iter()
            .map(|request| request.line)
            .collect()
    }

    /// Bytes of bodies sent so far.
    pub(crate) fn sent(&self) -> u64 {
        *self.sent.lock().unwrap()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head).ok()?;
    let mut lines = text.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Some(Request { line, headers })
}

/// A package's tarball, as `npm pack` lays it out.
pub(crate) fn tarball(files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let path = format!("package/{path}");
        archive
            .append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// The tarball of a whole, startable version of `name`.
pub(crate) fn version(name: &str, version: &str) -> Vec<u8> {
    let manifest = json!({ "name": name, "version": version }).to_string();
    tarball(&[("package.json", &manifest), ("cli.js", "// starts")])
}

pub(crate) fn integrity(bytes: &[u8]) -> Integrity {
    Integrity::from_digest(Sha512::digest(bytes).into())
}

/// A packument whose `latest` is the last of `versions`: (version, its tarball's bytes).
pub(crate) fn packument(name: &str, origin: &str, versions: &[(&str, &[u8])]) -> Value {
    let entries: serde_json::Map<_, _> = versions
        .iter()
        .map(|(version, bytes)| {
            let tarball = format!("{origin}/{name}/-/{name}-{version}.tgz");
            let dist = json!({ "integrity": integrity(bytes).to_string(), "tarball": tarball });
            let entry = json!({ "name": name, "version": version, "dist": dist });
            ((*version).to_owned(), entry)
        })
        .collect();
    let latest = versions.last().map(|(version, _)| *version);
    json!({ "name": name, "dist-tags": { "latest": latest }, "versions": entries })
}
