//! A client as pages are: one connection for many requests, or one for each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

pub(crate) struct Client(BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// None where its length is not said.
    length: Option<usize>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes()).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await?;
        self.answer().await
    }

    /// With its body, where its length is said.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = Answer {
            status: 0,
            head: String::new(),
            length: None,
            body: String::new(),
        };
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if answer.status == 0 {
                let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
                answer.status = status.ok_or(io::ErrorKind::InvalidData)?;
            } else if let Some(length) = lower.strip_prefix("content-length: ") {
                answer.length = length.parse().ok();
            }
            answer.head.push_str(&lower);
            answer.head.push('\n');
        }
        if let Some(length) = answer.length {
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await?;
            answer.body = String::from_utf8_lossy(&body).into_owned();
        }
        Ok(answer)
    }

    /// Without its end; an error where the connection ended.
    pub(crate) async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Asks every 10 ms until told to stop.
pub(crate) struct Asking {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(usize, Vec<String>)>,
}

impl Asking {
    pub(crate) fn start(port: u16, keep_alive: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let (mut asked, mut failed) = (0, Vec::new());
            let mut client: Option<Client> = None;
            while !stopped.load(Ordering::Relaxed) {
                let answer = match client.take() {
                    Some(client) => Ok(client),
                    None => Client::connect(port).await,
                };
                let answer = match answer {
                    Ok(mut open) => open.get("/").await.map(|answer| (open, answer)),
                    Err(error) => Err(error),
                };
                asked += 1;
                match answer {
                    Ok((open, answer)) if answer.status == 200 => {
                        client = keep_alive.then_some(open);
                    }
                    Ok((_, answer)) => failed.push(format!("{asked}: {answer:?}")),
                    Err(error) => failed.push(format!("{asked}: {error}")),
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            (asked, failed)
        });
        Self { stop, task }
    }

    /// How many requests there were, and those that failed.
    pub(crate) async fn stop(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the client")
    }
}
