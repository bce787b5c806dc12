//! The stable address of a workspace whose versions swap: a reverse proxy on its own loopback port,
//! before whichever version serves.
//!
//! HTTP/1.1, bodies streamed both ways, upgraded connections tunnelled. The path, the headers and
//! the name that the client asked for reach the runtime as they are, but for what belongs to one
//! connection.
//!
//! # Invariants
//!
//! * A request counts for the version that it was handed to in the same moment in which that one was
//!   found to be serving: once another one serves and the count is zero, nobody is left to lose.
//! * Nothing is sent twice but what asks only to read and has no body.
//! * While nobody serves (a crash, a start), requests wait a little; then they are told to come back
//!   (503 with `Retry-After`). Where nothing will serve, they are told at once.

mod backend;
mod headers;
mod proxy;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

pub(crate) use backend::Backend;
use proxy::Client;

use crate::port::{self, PortError};

/// How long a request waits for somebody who serves.
const PATIENCE: Duration = Duration::from_secs(5);
/// After an accept that failed, as it does where too many files are open.
const AFTER_ERROR: Duration = Duration::from_millis(50);
/// How often a port that was free when it was chosen may be taken when it is bound.
const DRAWS: usize = 4;

/// Who answers.
#[derive(Debug, Clone)]
enum Serving {
    /// Nobody now, somebody soon.
    Soon,
    /// Nobody, until a person does something.
    Nobody,
    By(Arc<Backend>),
}

/// Holds the port; dropped, it is free and every connection is cut.
#[derive(Debug)]
pub(crate) struct Front {
    port: u16,
    serving: watch::Sender<Serving>,
    accepting: AbortHandle,
}

impl Front {
    /// Binds the workspace's port, the one it had while that is free. Within a tokio runtime.
    pub(crate) async fn bind(port_file: &Path) -> Result<Self, PortError> {
        let file = port_file.to_owned();
        let listener = tokio::task::spawn_blocking(move || bind(&file))
            .await
            .unwrap_or(Err(PortError::Interrupted))?;
        let (listener, port) = listening(listener).map_err(PortError::None)?;
        let (serving, heard) = watch::channel(Serving::Soon);
        let accepting = tokio::spawn(accept(listener, port, heard)).abort_handle();
        Ok(Self {
            port,
            serving,
            accepting,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on this one is handed what comes in.
    pub(crate) fn serve(&self, backend: Arc<Backend>) {
        self.serving.send_replace(Serving::By(backend));
    }

    /// It is gone, and another one is to come.
    pub(crate) fn wait(&self) {
        self.serving.send_replace(Serving::Soon);
    }

    /// It is gone for good.
    pub(crate) fn close(&self) {
        self.serving.send_replace(Serving::Nobody);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A port that was free when it was chosen may be somebody's by now.
fn bind(file: &Path) -> Result<StdListener, PortError> {
    let mut avoid = None;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..DRAWS {
        let port = port::choose(file, avoid)?;
        match StdListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
        avoid = Some(port);
    }
    Err(PortError::None(last))
}

fn listening(listener: StdListener) -> io::Result<(TcpListener, u16)> {
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((TcpListener::from_std(listener)?, port))
}

/// Ends, with all its connections, when it is aborted.
async fn accept(listener: TcpListener, port: u16, serving: watch::Receiver<Serving>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            came = listener.accept() => match came {
                Ok((stream, _)) => {
                    clients.spawn(answer(stream, Client::new(port, serving.clone())));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the runtime was not accepted");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

/// One client's connection, until it goes.
async fn answer(stream: TcpStream, client: Client) {
    // Small answers are not to wait for more to be sent.
    let _ = stream.set_nodelay(true);
    let client = Arc::new(client);
    let service = service_fn(move |request| {
        let client = Arc::clone(&client);
        async move { Ok::<_, Infallible>(client.ask(request).await) }
    });
    let connection = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a client's connection ended");
    }
}

#[cfg(test)]
mod tests;
