//! `refit soak`: many requests, of which none may fail.

use std::time::Duration;

use device::Requests;

use super::smoke::{answer, ask, within};
use crate::failure::Failure;
use crate::output::Answer;

/// Ask a runtime many times, several at once, and fail if a single request fails
#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    /// An address that begins with `http://`
    #[arg(value_name = "URL")]
    url: String,
    /// How many requests
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    requests: u32,
    /// How many at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: u32,
    /// What is not answered by then has failed
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = within)]
    within: Duration,
}

impl Soak {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        let requests = Requests {
            count: self.requests,
            at_once: self.concurrency,
            within: self.within,
        };
        let smoked = ask(
            &self.url,
            &requests,
            "A stored version is asked by `refit smoke`.",
        )?;
        let smoke = &smoked.smoke;
        let line = format!("{smoke} failed={}", smoke.failed);
        let why = (smoke.failed > 0)
            .then(|| format!("{} of {} requests failed", smoke.failed, smoke.asked));
        Ok(answer(&self.url, &smoked, &line, why))
    }
}
