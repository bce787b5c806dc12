//! The names of a repository's files, relative to the site. Metadata is versioned and targets are named
//! by their content (`consistent_snapshot`), so all but `timestamp.json` never change.

use sha2::{Digest as _, Sha256};

use crate::keys::Role;

/// The folder of the metadata.
pub(crate) const METADATA: &str = "repo/metadata";

/// The one file of the metadata that changes.
pub(crate) const TIMESTAMP: &str = "repo/metadata/timestamp.json";

/// `repo/metadata/N.ROLE.json`; the timestamp has no number.
pub(crate) fn metadata(role: Role, version: u64) -> String {
    match role {
        Role::Timestamp => TIMESTAMP.to_owned(),
        _ => format!("{METADATA}/{version}.{role}.json"),
    }
}

/// `repo/targets/<sha256>.<name>`.
pub(crate) fn target(name: &str, content: &[u8]) -> String {
    target_of(name, &hex::encode(Sha256::digest(content)))
}

/// The same, where the digest is known.
pub(crate) fn target_of(name: &str, sha256: &str) -> String {
    format!("repo/targets/{sha256}.{name}")
}

/// Whether a target's name is a manifest's: `latest.json` or another channel's. Release descriptions
/// have a version in their names, and so a dot.
pub(crate) fn is_manifest(name: &str) -> bool {
    name.strip_suffix(".json").is_some_and(|channel| {
        !channel.is_empty()
            && channel
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

/// The highest number that a file of `role` among `names` has; 0 where there is none. Also numbers
/// that no timestamp leads to: a stopped publisher's file keeps its name.
pub(crate) fn highest(role: Role, names: &[String]) -> u64 {
    let end = format!(".{role}.json");
    names
        .iter()
        .filter_map(|name| name.strip_suffix(&end)?.parse().ok())
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_told_from_a_description_by_its_name() {
        for name in ["latest.json", "beta-2_x.json"] {
            assert!(is_manifest(name), "{name}");
        }
        for name in [
            "demo-1.0.0.json",
            "@acme+demo-1.0.0.json",
            ".json",
            "latest",
            "a/b.json",
        ] {
            assert!(!is_manifest(name), "{name}");
        }
    }

    #[test]
    fn the_highest_number_is_compared_as_a_number() {
        let names: Vec<String> = [
            "1.targets.json",
            "10.targets.json",
            "9.targets.json",
            "12.snapshot.json",
            "x.targets.json",
            "timestamp.json",
        ]
        .map(str::to_owned)
        .to_vec();
        assert_eq!(highest(Role::Targets, &names), 10);
        assert_eq!(highest(Role::Snapshot, &names), 12);
        assert_eq!(highest(Role::Root, &names), 0);
    }
}
