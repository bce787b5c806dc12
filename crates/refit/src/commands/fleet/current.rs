//! `refit fleet current`: what every scope is to have.

use fleet::operator::orders::{self, Standing};
use serde_json::{Value, json};

use super::broker::{Broker, Connected};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::rollouts::words::{plain, relative, span};

/// Show what every scope is to have
#[derive(Debug, clap::Args)]
pub(crate) struct Current {
    #[command(flatten)]
    broker: Broker,
}

impl Current {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Connected { client, names } = self.broker.connect(globals).await?;
        let all = orders::current(&fleet::jetstream(&client), &names).await?;
        let json = json!({ "targets": all.iter().map(json_of).collect::<Vec<_>>() });
        if all.is_empty() {
            return Ok(Answer::nothing_to_do(json, "Nothing was ever ordered"));
        }
        let heading = ["Of", "Scope", "Version", "Over", "Ramp", "Ordered", "By"];
        let now = runtime_store::now();
        let rows = all.iter().map(|it| row(it, now));
        let rows = std::iter::once(heading.map(str::to_owned)).chain(rows);
        Ok(Answer::done(json).data(table(rows)))
    }
}

fn json_of(standing: &Standing) -> Value {
    let mut json = match &standing.target {
        Ok(target) => json!(target),
        Err(error) => json!({ "error": error.to_string() }),
    };
    json["subject"] = json!(standing.subject);
    json["scope"] = json!(standing.scope);
    json
}

fn row(standing: &Standing, now: jiff::Timestamp) -> [String; 7] {
    let subject = standing.subject.as_str().to_owned();
    let scope = standing.scope.to_string();
    match &standing.target {
        Ok(target) => {
            let version = target.version.as_ref();
            let ramp = target.ramp.as_ref();
            let over = if target.jitter == 0 {
                "-".to_owned()
            } else {
                span(target.jitter.into())
            };
            [
                subject,
                scope,
                version.map_or("nothing".to_owned(), ToString::to_string),
                over,
                ramp.map_or("-".to_owned(), |it| {
                    format!("{} of {}", it.share, plain(&it.id))
                }),
                relative(target.at, now),
                plain(&target.by),
            ]
        }
        Err(error) => {
            let why = format!("cannot be read: {}", plain(&error.to_string()));
            [
                subject,
                scope,
                why,
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
            ]
        }
    }
}
