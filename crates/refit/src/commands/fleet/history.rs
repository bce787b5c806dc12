//! `refit fleet history`: what was ordered before.

use fleet::operator::orders::{self, Past};
use rollout::fleet::Scope;
use serde_json::{Value, json};

use super::aim::Of;
use super::broker::{Broker, Connected};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::rollouts::words::{plain, span};

/// Show what was ordered, the last 64 orders of each scope
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// Only this scope: global, group.NAME or device.ID
    #[arg(long)]
    scope: Option<Scope>,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    broker: Broker,
}

impl History {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Connected { client, names } = self.broker.connect(globals).await?;
        let (subject, scope) = (self.of.subject(), self.scope.as_ref());
        let jetstream = fleet::jetstream(&client);
        let all = orders::history(&jetstream, &names, Some(subject), scope).await?;
        let json = json!({ "orders": all.iter().map(json_of).collect::<Vec<_>>() });
        if all.is_empty() {
            return Ok(Answer::nothing_to_do(json, "Nothing was ever ordered"));
        }
        let heading = ["At", "Scope", "Version", "Over", "Ramp", "By"].map(str::to_owned);
        let rows = std::iter::once(heading).chain(all.iter().map(row));
        Ok(Answer::done(json).data(table(rows)))
    }
}

fn json_of(past: &Past) -> Value {
    let mut json = match &past.target {
        Ok(target) => json!(target),
        Err(error) => json!({ "error": error.to_string() }),
    };
    json["subject"] = json!(past.subject);
    json["scope"] = json!(past.scope);
    json
}

fn row(past: &Past) -> [String; 6] {
    let none = || "-".to_owned();
    let scope = past.scope.to_string();
    match &past.target {
        Ok(target) => {
            let version = target.version.as_ref();
            let ramp = target.ramp.as_ref();
            [
                target.at.to_string(),
                scope,
                version.map_or("nothing".to_owned(), ToString::to_string),
                if target.jitter == 0 {
                    none()
                } else {
                    span(target.jitter.into())
                },
                ramp.map_or_else(none, |it| format!("{} of {}", it.share, plain(&it.id))),
                plain(&target.by),
            ]
        }
        Err(error) => {
            let why = format!("cannot be read: {}", plain(&error.to_string()));
            [none(), scope, why, none(), none(), none()]
        }
    }
}
