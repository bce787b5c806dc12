//! Reading the policy.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rollout::admin::{AdminPolicy, AdminUpdates, MOST_BYTES};

use super::trust::{self, Doubt};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The policy that counts, where one does.
    pub(crate) policy: Option<AdminPolicy>,
    /// The file that it stands in.
    pub(crate) path: Option<PathBuf>,
    /// What is odd about the file, in words that name it.
    pub(crate) problems: Vec<String>,
}

/// Reads all that may be about this app. Where there are several, the strictest counts, and of equals
/// the first.
pub(super) fn all(paths: &[PathBuf]) -> Reading {
    paths.iter().map(|path| read(path)).fold(
        Reading::default(),
        |mut counts: Reading, mut found| {
            counts.problems.append(&mut found.problems);
            if strictness(&found) > strictness(&counts) {
                (counts.policy, counts.path) = (found.policy, found.path);
            }
            counts
        },
    )
}

fn strictness(reading: &Reading) -> u8 {
    match reading.policy.as_ref().map(|policy| policy.updates) {
        None => 0,
        Some(AdminUpdates::User) => 1,
        Some(AdminUpdates::Managed) => 2,
        Some(AdminUpdates::Off) => 3,
    }
}

/// Reads the policy in `path`, if it can be believed.
fn read(path: &Path) -> Reading {
    match trust::check(path) {
        Ok(()) => understand(path, text(path)),
        Err(Doubt::Missing) => Reading::default(),
        Err(Doubt::Closed(why)) => unreadable(path, &why),
        Err(Doubt::Others(why)) => Reading {
            policy: None,
            path: None,
            problems: vec![format!(
                "the policy {} is ignored: {why}. Only an administrator may be able to write it and \
                 its folder",
                path.display()
            )],
        },
    }
}

fn understand(path: &Path, text: io::Result<Vec<u8>>) -> Reading {
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Reading::default(),
        Err(error) => return unreadable(path, &error.to_string()),
    };
    match AdminPolicy::parse(&text) {
        Ok(policy) => Reading {
            policy: Some(policy),
            path: Some(path.to_owned()),
            problems: Vec::new(),
        },
        Err(error) => unreadable(path, &error.to_string()),
    }
}

/// Nobody but an administrator can have written it: to be on the safe side, nobody else changes
/// anything until it is mended.
fn unreadable(path: &Path, why: &str) -> Reading {
    Reading {
        policy: Some(AdminPolicy::unreadable()),
        path: Some(path.to_owned()),
        problems: vec![format!(
            "the policy {} cannot be understood, so nobody may change versions: {why}. An \
             administrator has to mend it",
            path.display()
        )],
    }
}

fn text(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!(
            "it is larger than {MOST_BYTES} bytes"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
