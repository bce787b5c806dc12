//! Is it ready? Only an answer of the launch's own process counts: the answer carries the launch
//! id, or the listening socket belongs to the launch's tree. A stranger who happens to hold the
//! port is asked again and again, and never believed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::Request;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use listeners::{Protocol, SocketState};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::{Readiness, tree};

/// Between two looks at a port.
const EVERY: Duration = Duration::from_millis(50);
/// Between two looks at a port that a stranger answers on, since finding that out costs more.
const EVERY_WITH_STRANGER: Duration = Duration::from_millis(250);
/// For one answer; a server that is still loading may accept long before it answers.
const ANSWER: Duration = Duration::from_secs(10);
/// The response header by which a runtime says which launch it is of.
const HEADER: &str = "refit-launch-id";

/// The launch whose readiness is in question.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) launch_id: String,
    pub(crate) guard_pid: u32,
}

/// Returns once it is ready, and never if it never is. Cancel-safe.
pub(crate) async fn until_ready(
    readiness: &Readiness,
    target: &Target,
    mut seen: watch::Receiver<bool>,
) {
    match readiness {
        Readiness::Line { .. } => {
            if seen.wait_for(|seen| *seen).await.is_err() {
                // The output ended without that line; the exit will tell the rest.
                std::future::pending::<()>().await;
            }
        }
        Readiness::Tcp { .. } => poll(target, || connects(target.port)).await,
        Readiness::Http { path, .. } => poll(target, || asks(path, target)).await,
    }
}

/// What a look at the port found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// Somebody answers; whether it is ours has to be found out.
    Somebody,
    Ours,
}

async fn poll<F: Future<Output = Found>>(target: &Target, look: impl Fn() -> F) {
    loop {
        let pause = match look().await {
            Found::Ours => return,
            Found::Nothing => EVERY,
            Found::Somebody if is_ours(target).await => return,
            Found::Somebody => EVERY_WITH_STRANGER,
        };
        tokio::time::sleep(pause).await;
    }
}

async fn connects(port: u16) -> Found {
    match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(_) => Found::Somebody,
        Err(_) => Found::Nothing,
    }
}

async fn asks(path: &str, target: &Target) -> Found {
    let asked = tokio::time::timeout(ANSWER, ask(path, target)).await;
    asked.ok().flatten().unwrap_or(Found::Nothing)
}

async fn ask(path: &str, target: &Target) -> Option<Found> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, target.port))
        .await
        .ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    // Dropped, and so closed, together with this future.
    let mut connection = std::pin::pin!(connection);
    let request = Request::get(path)
        .header(HOST, format!("127.0.0.1:{}", target.port))
        .body(String::new())
        .ok()?;
    let answer = sender.send_request(request);
    let mut answer = std::pin::pin!(answer);
    let answer = tokio::select! {
        answer = &mut answer => answer.ok()?,
        _ = &mut connection => answer.await.ok()?,
    };
    if answer.status().as_u16() >= 400 {
        return Some(Found::Nothing);
    }
    let says = answer.headers().get(HEADER);
    Some(if says.is_some_and(|id| id == target.launch_id.as_str()) {
        Found::Ours
    } else {
        Found::Somebody
    })
}

/// Whether what answers there is of the launch's own tree, however ready it said it was.
pub(crate) async fn still_ours(readiness: &Readiness, target: &Target) -> bool {
    match readiness {
        // Nothing says that it listens at all.
        Readiness::Line { .. } => true,
        Readiness::Tcp { .. } | Readiness::Http { .. } => is_ours(target).await,
    }
}

/// Off the async threads: this walks the process table.
async fn is_ours(target: &Target) -> bool {
    let target = target.clone();
    tokio::task::spawn_blocking(move || {
        let owners = owners(target.port);
        if owners.is_empty() {
            return false;
        }
        let tree = tree::members(&tree::processes(None), &[target.guard_pid]);
        if owners.iter().all(|owner| tree.contains(owner)) {
            return true;
        }
        // Re-parented away, where there is no child subreaper.
        let marked = tree::processes(Some(&target.launch_id));
        let tree = tree::members(&marked, &[target.guard_pid]);
        owners.iter().all(|owner| tree.contains(owner))
    })
    .await
    .unwrap_or(false)
}

/// The processes that a connection to 127.0.0.1 at this port reaches.
fn owners(port: u16) -> Vec<u32> {
    let Ok(all) = listeners::get_all() else {
        return Vec::new();
    };
    answering(
        port,
        all.into_iter()
            .filter(|one| one.protocol == Protocol::TCP && one.state == SocketState::Listen)
            .map(|one| (one.socket, one.process.pid)),
    )
}

/// A socket bound to the very address comes before one bound to all of them.
fn answering(port: u16, listening: impl Iterator<Item = (SocketAddr, u32)>) -> Vec<u32> {
    let (mut exact, mut any) = (Vec::new(), Vec::new());
    for (socket, pid) in listening.filter(|(socket, _)| socket.port() == port) {
        match socket.ip().to_canonical() {
            IpAddr::V4(Ipv4Addr::LOCALHOST) => exact.push(pid),
            ip if ip.is_unspecified() => any.push(pid),
            _ => {}
        }
    }
    if exact.is_empty() { any } else { exact }
}

#[cfg(test)]
mod tests;
