//! `refit serve`: a published folder on loopback: registry, manifest and repository.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use tokio::net::TcpListener;

use super::block_on;
use crate::failure::Failure;
use crate::output::{Answer, tell};
use crate::site::{Address, Folder, http};

/// Serve a published folder on this machine only: registry, manifest and signed repository
///
/// For trying out. Hidden files are not served, nor are keys, which end in .pem.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The folder that `refit publish` fills
    #[arg(value_name = "SITE")]
    site: Address,
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

impl Serve {
    pub(crate) fn run(self, json: bool) -> Result<Answer, Failure> {
        let Address::Folder(dir) = &self.site else {
            return Err(Failure::usage(
                "A bucket is served by its own host",
                "Name a folder; a bucket's files can be read at its host's address.",
            ));
        };
        let site = Folder::open(dir)?;
        block_on(async move {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
            let listener = TcpListener::bind(address)
                .await
                .map_err(|error| no_port(address, &error))?;
            let address = listener
                .local_addr()
                .map_err(|error| no_port(address, &error))?;
            let url = format!("http://{address}/");
            // Signals first: whoever reads the URL may end us at once.
            let stop = stop_signal()?;
            tell(json, &json!({ "url": url }), &url);
            tokio::select! {
                served = axum::serve(listener, http::router(site)).into_future() => {
                    served.map_err(|error| no_port(address, &error))
                }
                () = stop => Ok(()),
            }
        })?;
        Ok(Answer::silent())
    }
}

pub(crate) fn no_port(address: SocketAddr, error: &std::io::Error) -> Failure {
    Failure::new(
        "port",
        format_args!("Could not serve on {address}: {error}"),
        "Choose another --port, or leave it out to take a free one.",
    )
}

/// Resolves at ctrl-c or SIGTERM. Handlers are in place once this returns.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(
                    "system",
                    format_args!("Could not listen for signals: {error}"),
                    "Try again.",
                )
            })
        };
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
