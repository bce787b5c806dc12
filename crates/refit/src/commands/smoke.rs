//! `refit smoke`: what a rehearsal looks at, of an address or of a version.

use std::time::Duration;

use device::{Requests, SmokeLimits, Smoked, Version};
use serde_json::{Value, json};

use super::serve::stop_signal;
use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Ask a runtime a few times, as a rehearsal does, and fail if it answers wrongly or slowly
///
/// With a version, that stored version, or the bundled one, is started out of sight for it: on a port
/// of its own and over a throw-away folder. Nothing is written down about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Smoke {
    /// An address that begins with `http://`, or a version
    #[arg(value_name = "URL|VERSION")]
    what: String,
    /// How many requests, one after the other
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    requests: u32,
    /// What half of the answers may take at most
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    p50: Duration,
    /// What 95 % of the answers may take at most
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    p95: Duration,
    /// What is not answered by then has failed
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = within)]
    within: Duration,
}

impl Smoke {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let requests = Requests {
            count: self.requests,
            at_once: 1,
            within: self.within,
        };
        let limits = SmokeLimits {
            requests: self.requests,
            p50: self.p50,
            p95: self.p95,
        };
        let smoked = match self.what.parse::<Version>() {
            Ok(version) => {
                let local = local::look(globals)?;
                block_on(async {
                    let stop = stop_signal()?;
                    let smoked = device::smoke_version(&local, &version, &requests, stop);
                    Ok(smoked.await?)
                })?
            }
            Err(_) => ask(
                &self.what,
                &requests,
                "A version of this app's runtime does as well.",
            )?,
        };
        let why = limits.judge(&smoked.smoke).err();
        let why = why.map(|unfit| unfit.to_string());
        Ok(answer(&self.what, &smoked, &smoked.smoke.to_string(), why))
    }
}

/// Asks an address. `hint` is for whoever gave none.
pub(super) fn ask(url: &str, requests: &Requests, hint: &str) -> Result<Smoked, Failure> {
    block_on(async {
        let stop = stop_signal()?;
        tokio::select! {
            smoked = device::smoke(url, requests) => {
                smoked.map_err(|error| Failure::usage(error, hint))
            }
            () = stop => Err(Failure::new(
                "interrupted",
                format_args!("Asking {url} was ended before it came to a result"),
                "Run it again.",
            )),
        }
    })
}

/// The line, and why it is not good enough, if it is not.
pub(super) fn answer(what: &str, smoked: &Smoked, line: &str, why: Option<String>) -> Answer {
    let json = object(what, smoked, why.as_deref());
    let answer = match why {
        None => Answer::done(json),
        Some(mut why) => {
            if let Some(trouble) = &smoked.trouble {
                why = format!("{why}; the first: {trouble}");
            }
            Answer::unwell(json, format!("{what}: {why}"))
        }
    };
    answer.data(line)
}

fn object(what: &str, smoked: &Smoked, why: Option<&str>) -> Value {
    let smoke = &smoked.smoke;
    let some = smoke.ok > 0;
    json!({
        "what": what,
        "asked": smoke.asked,
        "ok": smoke.ok,
        "failed": smoke.failed,
        "p50Ms": some.then(|| millis(smoke.p50)),
        "p95Ms": some.then(|| millis(smoke.p95)),
        "passed": why.is_none(),
        "why": why,
        "trouble": smoked.trouble,
    })
}

/// To the hundredth.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

/// From a second to a day: whatever is asked for comes to an end.
pub(super) fn within(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let bounds = Duration::from_secs(1)..=Duration::from_hours(24);
    if bounds.contains(&time) {
        Ok(time)
    } else {
        Err("give a time from 1s to 24h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use device::Smoke;

    use super::*;

    #[test]
    fn the_object_has_numbers_only_where_there_are_any() {
        let smoked = Smoked {
            smoke: Smoke::of(2, vec![Duration::from_micros(12_345)]),
            trouble: Some("connection refused".into()),
        };
        let object = object("http://127.0.0.1/", &smoked, Some("1 of 2 requests failed"));
        assert_eq!(object["p50Ms"], 12.35);
        assert_eq!((&object["asked"], &object["ok"]), (&json!(2), &json!(1)));
        assert_eq!(object["passed"], false);
        let smoked = Smoked {
            smoke: Smoke::of(2, Vec::new()),
            trouble: None,
        };
        let object = super::object("x", &smoked, None);
        assert_eq!(object["p95Ms"], Value::Null);
        assert_eq!(object["passed"], true);
    }

    #[test]
    fn whatever_is_asked_for_comes_to_an_end() {
        assert_eq!(within("10m"), Ok(Duration::from_mins(10)));
        for wrong in ["0s", "500ms", "25h", "soon", ""] {
            assert!(within(wrong).is_err(), "{wrong}");
        }
    }
}
