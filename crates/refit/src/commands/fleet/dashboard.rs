//! `refit fleet dashboard`: the fleet on a page of this machine.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use tokio::net::TcpListener;

use super::aim::By;
use super::broker::{Broker, Connected};
use crate::args::Globals;
use crate::commands::serve::{no_port, stop_signal};
use crate::dashboard::Dashboard as Server;
use crate::failure::Failure;
use crate::output::{Answer, say, tell};

/// Show the fleet on a web page of this machine, live: versions, ramps, failures, devices
///
/// Prints an address; open it in a browser. The key behind its # lets that browser in, and nobody else: keep it to
/// yourself. Goes on until Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct Dashboard {
    /// The port, on 127.0.0.1 only; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    broker: Broker,
}

impl Dashboard {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Connected { client, names } = self.broker.connect(globals).await?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| no_port(address, &error))?;
        let address = listener
            .local_addr()
            .map_err(|error| no_port(address, &error))?;
        let by = format!("{}, at the dashboard", self.by.name());
        let server = Server::new(address, client, names, &by)?;
        // Signals first: whoever reads the address may end us at once.
        let stop = stop_signal()?;
        let url = server.address();
        tell(globals.json, &json!({ "url": url }), &url);
        if !globals.json {
            say("Open this address in a browser on this machine. Ctrl-C ends it.");
        }
        tokio::select! {
            ended = axum::serve(listener, server.router()).into_future() => {
                ended.map_err(|error| no_port(address, &error))?;
            }
            () = server.run() => {}
            () = stop => {}
        }
        Ok(Answer::silent())
    }
}
