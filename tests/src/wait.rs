//! Waiting for something to be so.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The end of every wait that has no better one: far beyond what a slow machine needs.
pub const LONG: Duration = Duration::from_mins(1);

/// How often a thing without events is looked at.
const LOOK: Duration = Duration::from_millis(60);

/// Looks until `seen` has something, and says what was looked for and seen last if it never does.
///
/// `seen` gives `Ok(found)` or `Err(what is there instead)`.
pub async fn until<T>(what: &str, mut seen: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    loop {
        let last = match seen().await {
            Ok(found) => return Ok(found),
            Err(instead) => instead,
        };
        if began.elapsed() > LONG {
            bail!("waited {} s for {what}; last: {last:#}", LONG.as_secs());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until a loopback port accepts.
pub async fn port(port: u16) -> Result<()> {
    until(&format!("port {port} to accept"), async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        Ok(())
    })
    .await
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}
