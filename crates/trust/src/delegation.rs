//! Who speaks for a target: the roles that the targets delegate to, in the specification's order.

use std::collections::BTreeSet;

use tough::TargetName;
use tough::schema::{Snapshot, Targets};

use crate::TrustError;
use crate::address::shown;
use crate::held::Held;
use crate::pattern::covers;
use crate::state::State;
use crate::target::TargetInfo;
use crate::update::Update;

/// What the role itself says of `name`, not those it delegates to.
pub(crate) fn own(targets: &Targets, name: &str) -> Option<TargetInfo> {
    let name = TargetName::new(name).ok()?;
    targets.targets.get(&name).and_then(TargetInfo::of)
}

/// The first to speak for `name`: the targets, then whom they delegate to, depth first in the order
/// of the lists. A terminating delegation ends the search below it. Every role is verified by the
/// keys of the very role it is reached from; one that cannot be had ends the search with an error.
pub(crate) async fn find(
    update: &Update<'_>,
    state: &mut State,
    snapshot: &Snapshot,
    top: &Held<Targets>,
    name: &str,
) -> Result<Option<TargetInfo>, TrustError> {
    if let Some(found) = own(top.role(), name) {
        return Ok(Some(found));
    }
    let mut visited = BTreeSet::new();
    let mut open: Vec<(String, Held<Targets>)> = Vec::new();
    descend(top, name, &mut open);
    while let Some((role, delegator)) = open.pop() {
        if !visited.insert(role.clone()) {
            continue;
        }
        if visited.len() > update.limits.delegations {
            return Err(TrustError::TooMany {
                url: shown(update.base),
                what: "delegated roles",
                limit: update.limits.delegations,
            });
        }
        let file = format!("{role}.json");
        let (Some(delegations), Some(meta)) =
            (&delegator.role().delegations, snapshot.meta.get(&file))
        else {
            return Err(TrustError::Mismatch {
                url: shown(update.base),
                why: format!("the snapshot does not list {file}"),
            });
        };
        let targets = update.delegated(state, delegations, &role, meta).await?;
        if let Some(found) = own(targets.role(), name) {
            return Ok(Some(found));
        }
        descend(&targets, name, &mut open);
    }
    Ok(None)
}

/// Puts the roles that `from` delegates `name` to on top, the first of them uppermost.
fn descend(from: &Held<Targets>, name: &str, open: &mut Vec<(String, Held<Targets>)>) {
    let Some(delegations) = &from.role().delegations else {
        return;
    };
    let mut below = Vec::new();
    for role in &delegations.roles {
        if covers(&role.paths, name) {
            below.push((role.name.clone(), from.clone()));
            if role.terminating {
                open.clear();
                break;
            }
        }
    }
    open.extend(below.into_iter().rev());
}
