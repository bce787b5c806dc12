//! Gives an order to scopes, and says what came of it.

use std::collections::BTreeMap;

use fleet::operator::orders::{self, Order, Placed, must_be_published};
use fleet::operator::{Overview, observe, ping};
use rollout::fleet::{Name, Scope};
use serde_json::{Value, json};

use super::broker::Connected;
use crate::failure::Failure;
use crate::output::Answer;
use crate::rollouts::words::span;

/// Gives the order for each of the scopes.
pub(super) async fn give(
    connected: &Connected,
    order: &Order,
    scopes: Vec<Scope>,
) -> Result<Answer, Failure> {
    let Connected { client, names } = connected;
    let jetstream = fleet::jetstream(client);
    let mut warnings = Vec::new();
    if let Some(version) = &order.version {
        let releases = must_be_published(&jetstream, names, order.subject, version).await?;
        let platforms = releases.iter().filter_map(|it| it.platform.as_ref());
        let platforms: Vec<_> = platforms.map(Name::to_string).collect();
        if !platforms.is_empty() {
            warnings.push(format!(
                "It is published for {}, and for no other.",
                platforms.join(", ")
            ));
        }
        warnings.extend(unknown(connected, &scopes).await?);
    }
    let (mut placed, mut failed) = (Vec::new(), BTreeMap::new());
    for scope in &scopes {
        match orders::place(&jetstream, names, order, scope).await {
            Ok(one) => {
                if let Some(ramp) = one.ended_ramp() {
                    warnings.push(format!("This ended the ramp {ramp} on {scope}."));
                }
                placed.push(one);
            }
            // One scope is refused as any order is; of several, the others stand.
            Err(error) if scopes.len() == 1 => return Err(error.into()),
            Err(error) => {
                failed.insert(scope.clone(), Failure::from(error));
            }
        }
    }
    let json = json!({
        "subject": order.subject,
        "version": order.version,
        "orders": placed.iter().map(told).collect::<Vec<_>>(),
        "failed": failed.iter().map(|(scope, error)| json!({ "scope": scope, "error": error })).collect::<Vec<_>>(),
        "warnings": warnings,
    });
    let mut lines: Vec<_> = placed.iter().map(words).collect();
    lines.extend(warnings);
    lines.extend(
        failed
            .iter()
            .map(|(scope, error)| format!("Not ordered for {scope}: {error}")),
    );
    let lines = lines.join("\n");
    Ok(if failed.is_empty() {
        Answer::done(json).words(lines)
    } else {
        Answer::unwell(json, lines)
    })
}

/// Devices and groups that nobody ever heard of: most often a slip of the pen.
async fn unknown(connected: &Connected, scopes: &[Scope]) -> Result<Vec<String>, Failure> {
    let Connected { client, names } = connected;
    let mut warnings = Vec::new();
    let mut overview = None;
    for scope in scopes {
        match scope {
            Scope::Global => {}
            Scope::Device(device) => {
                if ping::last_heard(client, names, device).await?.is_none() {
                    warnings.push(format!("No device {device} was heard of yet."));
                }
            }
            Scope::Group(group) => {
                if overview.is_none() {
                    let jetstream = fleet::jetstream(client);
                    let mut seen = Overview::default();
                    let mut watch = observe::Watch::open(&jetstream, names).await?;
                    let now = watch.now();
                    watch.catch_up(&mut seen, now).await?;
                    overview = Some(seen);
                }
                if !overview
                    .as_ref()
                    .is_some_and(|it| it.groups().contains_key(group))
                {
                    warnings.push(format!("No device in the group {group} was heard of yet."));
                }
            }
        }
    }
    Ok(warnings)
}

fn told(placed: &Placed) -> Value {
    let before = placed.before.as_ref().and_then(|it| it.version.as_ref());
    json!({
        "scope": placed.scope,
        "generation": placed.target.generation,
        "jitter": placed.target.jitter,
        "before": before,
        "endedRamp": placed.ended_ramp(),
    })
}

fn words(placed: &Placed) -> String {
    let before = placed.before.as_ref().and_then(|it| it.version.as_ref());
    let was = before.map_or(String::new(), |it| format!(" (it was {it})"));
    let scope = &placed.scope;
    match &placed.target.version {
        None => format!("Nothing is ordered for {scope} any more{was}"),
        Some(version) => {
            let over = match placed.target.jitter {
                0 => String::new(),
                jitter => format!(", over {}", span(jitter.into())),
            };
            format!("Ordered {version} for {scope}{over}{was}")
        }
    }
}
