//! `refit fleet ping`: how one device is, from itself.

use std::time::{Duration, Instant};

use fleet::operator::ping::ping;
use rollout::fleet::Name;
use serde_json::json;

use super::broker::{Broker, Connected};
use super::words;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Ask a device which version it has, and how it stands
#[derive(Debug, clap::Args)]
pub(crate) struct Ping {
    /// The device's id
    device: Name,
    /// How long to wait for its answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    broker: Broker,
}

impl Ping {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Connected { client, names } = self.broker.connect(globals).await?;
        let (begun, now) = (Instant::now(), runtime_store::now());
        let beat = ping(&client, &names, &self.device, self.timeout, now).await?;
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut lines = vec![format!(
            "{}: {}",
            beat.device,
            words::standing(&beat.runtime)
        )];
        if let Some(agent) = &beat.agent {
            lines.push(format!("its agent: {}", words::standing(agent)));
        }
        let mut json = json!(beat);
        json["answeredInMs"] = json!(took);
        Ok(Answer::done(json)
            .data(lines.join("\n"))
            .words(format!("It answered in {took} ms")))
    }
}
