//! A reader of a signed site that takes no word for anything but the digests in it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::publisher::bytes;

/// What a site said when all of it was there and fitted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// The timestamp's own version.
    pub timestamp: u64,
    /// The version that `latest.json` names, where there is one.
    pub newest: Option<String>,
}

/// Follows a site from its timestamp to the last tarball that is described, as it lies there at this
/// moment: each file is there, and is what the one before says.
pub fn whole(site: &Path, package: &str) -> Result<Seen> {
    let timestamp = json(site, "/repo/metadata/timestamp.json", None)?;
    let snapshot = role(site, &timestamp, "snapshot")?;
    let targets = role(site, &snapshot, "targets")?;
    let mut newest = None;
    let named = targets["signed"]["targets"].as_object();
    for (name, target) in named.into_iter().flatten() {
        let hash = target["hashes"]["sha256"].as_str();
        let hash = hash.with_context(|| format!("{name} has no digest"))?;
        let path = format!("/repo/targets/{hash}.{name}");
        let content = json(site, &path, Some(hash))?;
        if name == "latest.json" {
            newest = content["version"].as_str().map(str::to_owned);
        } else {
            released(site, package, &content).with_context(|| name.clone())?;
        }
    }
    if let Some(newest) = &newest {
        let described = format!("{package}-{newest}.json");
        ensure!(
            targets["signed"]["targets"][&described].is_object(),
            "latest.json names {newest}, which is not described"
        );
    }
    Ok(Seen {
        timestamp: timestamp["signed"]["version"].as_u64().unwrap_or_default(),
        newest,
    })
}

/// What a description says is there: the tarball, and the packument's word on it.
fn released(site: &Path, package: &str, description: &Value) -> Result<()> {
    let path = description["tarball"].as_str().context("no tarball")?;
    let length = std::fs::metadata(site.join(path)).with_context(|| path.to_owned())?;
    ensure!(description["packedSize"] == length.len(), "{path} is torn");
    let version = description["version"].as_str().unwrap_or_default();
    let packument = json(site, &format!("/{package}/index.json"), None)?;
    let said = &packument["versions"][version]["dist"]["integrity"];
    ensure!(
        *said == description["integrity"],
        "the packument says {said}"
    );
    Ok(())
}

/// The metadata of a role that another role's metadata names.
fn role(site: &Path, named: &Value, role: &str) -> Result<Value> {
    let meta = &named["signed"]["meta"][format!("{role}.json")];
    let version = meta["version"]
        .as_u64()
        .with_context(|| format!("no {role}"))?;
    let path = format!("/repo/metadata/{version}.{role}.json");
    json(site, &path, meta["hashes"]["sha256"].as_str())
}

fn json(site: &Path, path: &str, sha256: Option<&str>) -> Result<Value> {
    let bytes = bytes(site, path)?;
    if let Some(sha256) = sha256 {
        let found = hex::encode(Sha256::digest(&bytes));
        ensure!(found == sha256, "{path} is not what is signed");
    }
    serde_json::from_slice(&bytes).with_context(|| format!("{path} is torn"))
}
