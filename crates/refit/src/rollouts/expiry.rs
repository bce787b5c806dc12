//! Until when what a site signed holds, as its metadata says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::failure::Failure;
use crate::site::Site;

/// The repository's metadata.
const METADATA: &str = "repo/metadata/";

/// When each role's file expires: `timestamp`, and all that it leads to. Empty on a plain site. Only
/// for showing: no signature is checked here.
pub(crate) async fn expiries(site: &Site) -> Result<BTreeMap<&'static str, Timestamp>, Failure> {
    let mut expiries = BTreeMap::new();
    let Some(timestamp) = signed(site, "timestamp.json").await? else {
        return Ok(expiries);
    };
    let version = |of: &Value, file: &str| of["meta"][file]["version"].as_u64();
    let mut add = |role, signed: &Value| {
        if let Some(at) = signed["expires"].as_str().and_then(|at| at.parse().ok()) {
            expiries.insert(role, at);
        }
    };
    add("timestamp", &timestamp);
    if let Some(number) = version(&timestamp, "snapshot.json")
        && let Some(snapshot) = signed(site, &format!("{number}.snapshot.json")).await?
    {
        add("snapshot", &snapshot);
        if let Some(number) = version(&snapshot, "targets.json")
            && let Some(targets) = signed(site, &format!("{number}.targets.json")).await?
        {
            add("targets", &targets);
        }
    }
    let names = site.store().list(METADATA.trim_end_matches('/')).await?;
    let newest = names
        .iter()
        .filter_map(|name| name.strip_suffix(".root.json")?.parse::<u64>().ok())
        .max();
    if let Some(number) = newest
        && let Some(root) = signed(site, &format!("{number}.root.json")).await?
    {
        add("root", &root);
    }
    Ok(expiries)
}

async fn signed(site: &Site, file: &str) -> Result<Option<Value>, Failure> {
    let bytes = site.get(&format!("{METADATA}{file}")).await?.bytes;
    Ok(bytes
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .map(|mut whole| whole["signed"].take()))
}
