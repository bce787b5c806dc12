//! A client of a runtime on loopback.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// The body of the answer to `GET url`, over a connection of its own.
pub async fn get(url: &str) -> Result<String> {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .with_context(|| format!("{url} is no address"))?;
    let exchange = async {
        let mut stream = TcpStream::connect(host).await?;
        let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = tokio::time::timeout(ANSWER, exchange)
        .await
        .with_context(|| format!("no answer from {url}"))??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{url} answers {head}");
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return Ok(unchunked(body));
    }
    Ok(body.to_owned())
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        match (size, rest.get(..size)) {
            (1.., Some(chunk)) => whole.push_str(chunk),
            _ => break,
        }
        body = rest
            .get(size..)
            .and_then(|rest| rest.strip_prefix("\r\n"))
            .unwrap_or("");
    }
    whole
}

/// What an [`Hammer`] saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Requests that were answered.
    pub answered: u32,
    /// What went wrong with the others.
    pub failed: Vec<String>,
}

/// A client that asks every 10 ms until it is told to end.
#[derive(Debug)]
pub struct Hammer {
    end: watch::Sender<bool>,
    asking: JoinHandle<Seen>,
}

impl Hammer {
    /// Asks for this.
    pub fn on(url: String) -> Self {
        let (end, ended) = watch::channel(false);
        let asking = tokio::spawn(async move {
            let mut seen = Seen::default();
            let mut ticks = tokio::time::interval(Duration::from_millis(10));
            while !*ended.borrow() {
                ticks.tick().await;
                match get(&url).await {
                    Ok(_) => seen.answered += 1,
                    Err(error) => seen.failed.push(format!("{error:#}")),
                }
            }
            seen
        });
        Self { end, asking }
    }

    /// Ends it.
    pub async fn end(self) -> Result<Seen> {
        self.end.send_replace(true);
        Ok(self.asking.await?)
    }
}
