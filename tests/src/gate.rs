//! A gate in front of a registry: counts what passes, and can hold a body back in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A loopback relay to another loopback port.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    connections: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    tarballs: Arc<AtomicU64>,
    /// Bytes of one connection's answers that pass before it is held.
    limit: watch::Sender<u64>,
    /// How many connections are being held.
    held: watch::Receiver<u64>,
}

impl Gate {
    /// One that leads to `upstream`; `None` only counts and answers nothing.
    pub async fn to(upstream: Option<u16>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (limit, limits) = watch::channel(u64::MAX);
        let (holds, held) = watch::channel(0);
        let holds = Arc::new(holds);
        let connections = Arc::new(AtomicU64::new(0));
        let requests = Arc::new(AtomicU64::new(0));
        let tarballs = Arc::new(AtomicU64::new(0));
        let counters = (connections.clone(), requests.clone(), tarballs.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counters.0.fetch_add(1, Ordering::SeqCst);
                let counters = (counters.1.clone(), counters.2.clone());
                let (limits, holds) = (limits.clone(), holds.clone());
                if let Some(upstream) = upstream {
                    tokio::spawn(relay(client, upstream, counters, limits, holds));
                }
            }
        });
        Ok(Self {
            port,
            connections,
            requests,
            tarballs,
            limit,
            held,
        })
    }

    /// As a registry's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Connections that were opened so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// Requests that went through so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Of these, those for a tarball.
    pub fn tarballs(&self) -> u64 {
        self.tarballs.load(Ordering::SeqCst)
    }

    /// From now on, holds every connection whose answers grow beyond `bytes`.
    pub fn hold_after(&self, bytes: u64) {
        self.limit.send_replace(bytes);
    }

    /// Lets everything through again.
    pub fn open(&self) {
        self.limit.send_replace(u64::MAX);
    }

    /// Waits until a connection is being held.
    pub async fn holding(&self) -> Result<()> {
        self.held.clone().wait_for(|held| *held > 0).await?;
        Ok(())
    }
}

async fn relay(
    client: TcpStream,
    upstream: u16,
    (requests, tarballs): (Arc<AtomicU64>, Arc<AtomicU64>),
    mut limits: watch::Receiver<u64>,
    holds: Arc<watch::Sender<u64>>,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(("127.0.0.1", upstream))
        .await?
        .into_split();
    let ask = async move {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return to_server.shutdown().await;
            }
            if buffer.starts_with(b"GET ") || buffer.starts_with(b"HEAD ") {
                requests.fetch_add(1, Ordering::SeqCst);
                let line = buffer.split(|byte| *byte == b'\r').next().unwrap_or(&[]);
                if line.windows(4).any(|four| four == b".tgz") && line.starts_with(b"GET ") {
                    tarballs.fetch_add(1, Ordering::SeqCst);
                }
            }
            to_server.write_all(&buffer[..read]).await?;
        }
    };
    let answer = async move {
        let mut buffer = vec![0; 16 * 1024];
        let mut passed = 0;
        loop {
            let read = from_server.read(&mut buffer).await?;
            if read == 0 {
                return to_client.shutdown().await;
            }
            passed += read as u64;
            if passed > *limits.borrow() {
                holds.send_modify(|held| *held += 1);
                let released = limits.wait_for(|limit| passed <= *limit).await.is_ok();
                holds.send_modify(|held| *held -= 1);
                if !released {
                    return Ok(());
                }
            }
            to_client.write_all(&buffer[..read]).await?;
        }
    };
    let (asked, answered) = tokio::join!(ask, answer);
    asked.and(answered)
}
