//! What differs between a stored version and its tree manifest. Pure.

use std::cmp::Ordering;
use std::fmt;

use rollout::{Integrity, Version};
use serde::Serialize;

use crate::pointer::VersionId;
use crate::tree_manifest::{Kind, Seen, TreeManifest};

mod finding;

pub(crate) use finding::Finding;

/// How many paths a finding names.
const MOST_NAMED: usize = 5;
/// Where as many are added, not all may have been seen.
pub(crate) const MOST_ADDED: usize = 1000;

/// How much of a path is shown.
const MOST_SHOWN: usize = 120;

/// A stored version that is not what was staged. That is nothing the version did: it is never
/// listed as bad, and the same content may take its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Which version.
    pub version: Version,
    /// Of which content.
    pub integrity: Integrity,
    /// What is wrong, in words, with up to five paths.
    pub detail: String,
}

impl Damage {
    pub(crate) fn new(id: &VersionId, detail: String) -> Self {
        Self {
            version: id.version.clone(),
            integrity: id.integrity.clone(),
            detail,
        }
    }

    /// Of which content.
    pub fn id(&self) -> VersionId {
        VersionId {
            version: self.version.clone(),
            integrity: self.integrity.clone(),
        }
    }

    pub(crate) fn is_about(&self, id: &VersionId) -> bool {
        self.version == id.version && self.integrity == id.integrity
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} is damaged: {}", self.version, self.detail)
    }
}

/// One thing that is not as it was staged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Missing,
    Added,
    /// Its content.
    Changed,
    Mode {
        was: u32,
        is: u32,
    },
    /// A folder in place of a file, or the other way round, or a link.
    Kind,
    Unreadable,
}

/// What a look at names, modes, sizes and times comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) differences: Vec<Difference>,
    /// Files of the right size, by their place in the manifest, with the time they have now.
    pub(crate) alike: Vec<(usize, i64)>,
}

/// How many entries are looked at: where there are so many more than there should be, it does not
/// matter how many.
pub(crate) fn most_seen(manifest: &TreeManifest) -> usize {
    manifest.folders.len() + manifest.files.len() + MOST_ADDED
}

/// Something that belongs there.
struct Expected<'a> {
    path: &'a str,
    mode: Option<u32>,
    /// Its place in the manifest, for a file.
    file: Option<usize>,
}

/// Holds what was seen, in the order of the paths, against the manifest. Of what lies in a `closed`
/// folder nothing is known.
pub(crate) fn compare(manifest: &TreeManifest, seen: &[Seen], closed: &[String]) -> Comparison {
    let mut comparison = Comparison::default();
    let saw_all = seen.len() < most_seen(manifest);
    let is_closed = |path: &str| closed.iter().any(|closed| closed == path);
    let is_hidden = |path: &str| {
        is_closed(path)
            || path
                .match_indices('/')
                .any(|(end, _)| is_closed(&path[..end]))
    };
    for path in closed {
        comparison.differ(path, What::Unreadable);
    }
    let expected = expected(manifest);
    let mut expected = expected.iter().peekable();
    let mut seen = seen.iter().peekable();
    loop {
        let order = match (expected.peek(), seen.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(expected), Some(seen)) => expected.path.cmp(&seen.path),
        };
        let expected = expected.next_if(|_| order.is_le());
        let seen = seen.next_if(|_| order.is_ge());
        match (expected, seen) {
            (Some(expected), Some(seen)) => comparison.look_at(manifest, expected, seen),
            (None, Some(seen)) => comparison.differ(&seen.path, What::Added),
            (Some(expected), None) if saw_all && !is_hidden(expected.path) => {
                comparison.differ(expected.path, What::Missing);
            }
            (_, None) => {}
        }
    }
    comparison
}

impl Comparison {
    pub(crate) fn differ(&mut self, path: &str, what: What) {
        self.differences.push(Difference {
            path: path.to_owned(),
            what,
        });
    }

    fn look_at(&mut self, manifest: &TreeManifest, expected: &Expected<'_>, seen: &Seen) {
        match (expected.file, &seen.kind) {
            (None, Kind::Folder) => {}
            (Some(index), Kind::File { size, mtime }) => {
                if manifest.files[index].size == *size {
                    self.alike.push((index, *mtime));
                } else {
                    self.differ(&seen.path, What::Changed);
                }
            }
            _ => return self.differ(&seen.path, What::Kind),
        }
        if let (Some(was), Some(is)) = (expected.mode, seen.mode)
            && was != is
        {
            self.differ(&seen.path, What::Mode { was, is });
        }
    }
}

fn expected(manifest: &TreeManifest) -> Vec<Expected<'_>> {
    let folders = manifest.folders.iter().map(|folder| Expected {
        path: &folder.path,
        mode: folder.mode,
        file: None,
    });
    let files = manifest.files.iter().enumerate();
    let files = files.map(|(index, file)| Expected {
        path: &file.path,
        mode: file.mode,
        file: Some(index),
    });
    let mut expected: Vec<_> = folders.chain(files).collect();
    expected.sort_by(|a, b| a.path.cmp(b.path));
    expected
}

/// What differs, in words: the first few by path, and how many there are.
pub(crate) fn in_words(differences: &[Difference]) -> String {
    let mut differences: Vec<_> = differences.iter().collect();
    differences.sort();
    let mut words: Vec<_> = differences
        .iter()
        .take(MOST_NAMED)
        .map(ToString::to_string)
        .collect();
    if differences.len() > MOST_NAMED {
        words.push(format!("and {} more", differences.len() - MOST_NAMED));
    }
    words.join(", ")
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut path: String = self.path.escape_debug().take(MOST_SHOWN).collect();
        if path.len() < self.path.len() {
            path.push('…');
        }
        match self.what {
            What::Missing => write!(f, "`{path}` is missing"),
            What::Added => write!(f, "`{path}` was added"),
            What::Changed => write!(f, "`{path}` was changed"),
            What::Mode { was, is } => write!(f, "`{path}` has mode {is:o} and should have {was:o}"),
            What::Kind => write!(f, "`{path}` is something else than it was"),
            What::Unreadable => write!(f, "`{path}` cannot be read"),
        }
    }
}

#[cfg(test)]
mod tests;
