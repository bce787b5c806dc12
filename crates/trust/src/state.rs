//! What a device believes, in memory and as the files of one generation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tough::schema::{Root, Snapshot, Targets, Timestamp};

use crate::TrustError;
use crate::chain::{Roots, rotated};
use crate::held::Held;
use crate::judge::{self, Flaw};
use crate::target::TargetInfo;

/// The contents of files by their names in a generation's folder, with `/`.
pub(crate) type Files = BTreeMap<String, Bytes>;

/// Everything verified so far.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) roots: Roots,
    /// The newest of each role that was taken over. They need not belong together: the host may
    /// have failed between two of them.
    pub(crate) timestamp: Option<Held<Timestamp>>,
    pub(crate) snapshot: Option<Held<Snapshot>>,
    pub(crate) targets: Option<Held<Targets>>,
    /// Delegated roles by name.
    pub(crate) delegated: BTreeMap<String, Held<Targets>>,
    /// The last ones that did belong together.
    pub(crate) whole: Option<Whole>,
}

/// A timestamp, the snapshot it names and the targets that one names.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) timestamp: Held<Timestamp>,
    pub(crate) snapshot: Held<Snapshot>,
    pub(crate) targets: Held<Targets>,
}

impl Whole {
    /// Whether `root` still stands for all of it, and its parts for each other.
    pub(crate) fn check(&self, root: &Root) -> Result<(), Flaw> {
        judge::timestamp(root, None, self.timestamp.signed())?;
        let meta = judge::snapshot_of(self.timestamp.role())?;
        judge::snapshot(root, meta, None, &self.snapshot)?;
        let meta = targets_of(self.snapshot.role())?;
        judge::targets(root, meta, &self.targets)
    }
}

/// What a snapshot says of the targets.
pub(crate) fn targets_of(snapshot: &Snapshot) -> Result<&tough::schema::Metafile, Flaw> {
    snapshot
        .meta
        .get(judge::TARGETS)
        .ok_or_else(|| Flaw::Malformed("it does not list targets.json".into()))
}

impl State {
    pub(crate) fn begin(root: Held<Root>) -> Result<Self, Flaw> {
        Ok(Self {
            roots: Roots::begin(root)?,
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: BTreeMap::new(),
            whole: None,
        })
    }

    pub(crate) fn root(&self) -> &Root {
        self.roots.newest().role()
    }

    /// Goes over to the app's own root where that takes the place of the stored ones.
    pub(crate) fn heed(&mut self, shipped: &Held<Root>) -> Result<bool, Flaw> {
        if !self.roots.give_way_to(shipped) {
            return Ok(false);
        }
        let before = self.roots.newest().clone();
        self.roots = Roots::begin(shipped.clone())?;
        self.after_root(before.role());
        Ok(true)
    }

    /// Forgets what does not outlast the step from the root `before` to the newest.
    pub(crate) fn after_root(&mut self, before: &Root) {
        if rotated(before, self.root()) {
            self.timestamp = None;
            self.snapshot = None;
        }
        if let Some(whole) = &self.whole
            && let Err(flaw) = whole.check(self.root())
        {
            tracing::info!(
                why = flaw.why(),
                "the newest root no longer stands for the repository kept so far"
            );
            self.whole = None;
        }
    }

    /// As the files of a generation.
    pub(crate) fn files(&self) -> Files {
        let mut files = Files::new();
        for root in self.roots.iter() {
            files.insert(
                format!("roots/{}.root.json", root.version()),
                root.bytes().clone(),
            );
        }
        let mut put = |name: &str, bytes: Option<&Bytes>| {
            if let Some(bytes) = bytes {
                files.insert(name.to_owned(), bytes.clone());
            }
        };
        put("timestamp.json", self.timestamp.as_ref().map(Held::bytes));
        put("snapshot.json", self.snapshot.as_ref().map(Held::bytes));
        put("targets.json", self.targets.as_ref().map(Held::bytes));
        let whole = self.whole.as_ref();
        put("whole/timestamp.json", whole.map(|w| w.timestamp.bytes()));
        put("whole/snapshot.json", whole.map(|w| w.snapshot.bytes()));
        put("whole/targets.json", whole.map(|w| w.targets.bytes()));
        for (name, role) in &self.delegated {
            put(
                &format!("delegated/{}.json", encoded(name)),
                Some(role.bytes()),
            );
        }
        files
    }

    /// From the files of the generation in `folder`; the roots are checked one by one.
    pub(crate) fn of(files: &Files, folder: &Path) -> Result<Self, TrustError> {
        let mut roots: Vec<(&String, Held<Root>)> = Vec::new();
        let mut delegated = BTreeMap::new();
        for (name, bytes) in files {
            if name.starts_with("roots/") {
                roots.push((name, parse(bytes, folder, name)?));
            } else if let Some(file) = name.strip_prefix("delegated/") {
                let role = file
                    .strip_suffix(".json")
                    .and_then(decoded)
                    .ok_or_else(|| {
                        TrustError::damaged(&folder.join(name), "it is not the name of a role")
                    })?;
                delegated.insert(role, parse(bytes, folder, name)?);
            }
        }
        roots.sort_by_key(|(_, root)| root.version());
        let mut roots = roots.into_iter();
        let broken = |name: &str| {
            let path = folder.join(name);
            move |flaw: Flaw| TrustError::damaged(&path, flaw.why())
        };
        let (name, first) = roots
            .next()
            .ok_or_else(|| TrustError::damaged(&folder.join("roots"), "it holds no root"))?;
        let mut state = Self::begin(first).map_err(broken(name))?;
        for (name, root) in roots {
            state.roots.push(root).map_err(broken(name))?;
        }
        state.delegated = delegated;
        state.timestamp = optional(files, folder, "timestamp.json")?;
        state.snapshot = optional(files, folder, "snapshot.json")?;
        state.targets = optional(files, folder, "targets.json")?;
        state.whole = match (
            optional(files, folder, "whole/timestamp.json")?,
            optional(files, folder, "whole/snapshot.json")?,
            optional(files, folder, "whole/targets.json")?,
        ) {
            (Some(timestamp), Some(snapshot), Some(targets)) => Some(Whole {
                timestamp,
                snapshot,
                targets,
            }),
            (None, None, None) => None,
            _ => {
                return Err(TrustError::damaged(
                    &folder.join("whole"),
                    "a file is missing",
                ));
            }
        };
        if let Some(whole) = &state.whole {
            whole.check(state.root()).map_err(broken("whole"))?;
        }
        Ok(state)
    }

    /// The digests of all targets named by anything that is believed.
    pub(crate) fn named(&self) -> BTreeSet<String> {
        self.targets
            .iter()
            .chain(self.whole.as_ref().map(|whole| &whole.targets))
            .chain(self.delegated.values())
            .flat_map(|role| role.role().targets.values())
            .filter_map(TargetInfo::of)
            .map(|target| target.sha256)
            .collect()
    }
}

fn parse<T: DeserializeOwned>(
    bytes: &Bytes,
    folder: &Path,
    name: &str,
) -> Result<Held<T>, TrustError> {
    Held::parse(bytes.clone()).map_err(|error| TrustError::damaged(&folder.join(name), error))
}

fn optional<T: DeserializeOwned>(
    files: &Files,
    folder: &Path,
    name: &str,
) -> Result<Option<Held<T>>, TrustError> {
    files
        .get(name)
        .map(|bytes| parse(bytes, folder, name))
        .transpose()
}

/// A role's name as a file name that no file system mistakes for another one.
fn encoded(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut file, byte| {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_' {
            file.push(char::from(byte));
        } else {
            // Writing to text cannot fail.
            let _ = write!(file, "%{byte:02X}");
        }
        file
    })
}

fn decoded(file: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = file.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.extend(hex::decode(digits).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_roles_file_name_is_plain_and_leads_back(name in ".*") {
            let file = encoded(&name);
            prop_assert!(file.bytes().all(|b| b.is_ascii_alphanumeric() || b"%-_".contains(&b)));
            prop_assert_eq!(decoded(&file), Some(name));
        }
    }

    #[test]
    fn names_that_differ_in_case_are_different_files() {
        assert_eq!(encoded("Team/A"), "%54eam%2F%41");
        assert_eq!(encoded("a"), "a");
        assert_eq!(decoded("%4"), None);
        assert_eq!(decoded("%zz"), None);
    }
}
