//! Whether metadata may be taken over: pure, one function for each role.

use jiff::Timestamp;
use tough::schema::{
    Delegations, Hashes, Metafile, Role, Root, Signed, Snapshot, Targets, Timestamp as Stamp,
};

use crate::TrustError;
use crate::held::Held;
use crate::target::sha256;

/// What is wrong with metadata, without where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    Malformed(String),
    Signatures(String),
    Mismatch(String),
    Rollback {
        role: String,
        seen: u64,
        offered: u64,
    },
}

impl Flaw {
    /// As the error about the file at `url`, a URL that may be shown.
    pub(crate) fn at(self, url: String) -> TrustError {
        match self {
            Self::Malformed(why) => TrustError::Malformed { url, why },
            Self::Signatures(why) => TrustError::Signatures { url, why },
            Self::Mismatch(why) => TrustError::Mismatch { url, why },
            Self::Rollback {
                role,
                seen,
                offered,
            } => TrustError::Rollback {
                url,
                role,
                seen,
                offered,
            },
        }
    }

    /// In words, for what lies on disk.
    pub(crate) fn why(self) -> String {
        match self {
            Self::Malformed(why) | Self::Signatures(why) | Self::Mismatch(why) => why,
            Self::Rollback { role, .. } => format!("the {role} metadata goes back"),
        }
    }
}

/// Which of the two a newer timestamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// To be taken over.
    Newer,
    /// The version that is known already; what it says now does not matter.
    Same,
}

/// A first root stands by itself: signed as it demands.
pub(crate) fn first_root(root: &Signed<Root>) -> Result<(), Flaw> {
    signed_by(&root.signed, root)
}

/// The root after `current`: signed as both demand, one version on.
pub(crate) fn next_root(current: &Signed<Root>, next: &Signed<Root>) -> Result<(), Flaw> {
    signed_by(&current.signed, next)?;
    signed_by(&next.signed, next)?;
    let wanted = current.signed.version.get().saturating_add(1);
    if next.signed.version.get() != wanted {
        return Err(Flaw::Mismatch(format!(
            "it calls itself version {} instead of {wanted}",
            next.signed.version
        )));
    }
    Ok(())
}

/// A timestamp against the newest one seen, if any.
pub(crate) fn timestamp(
    root: &Root,
    seen: Option<&Signed<Stamp>>,
    offered: &Signed<Stamp>,
) -> Result<News, Flaw> {
    signed_by(root, offered)?;
    let snapshot = snapshot_of(&offered.signed)?;
    let Some(seen) = seen else {
        return Ok(News::Newer);
    };
    not_back("timestamp", seen.signed.version(), offered.signed.version())?;
    // The one seen may be of a time when fewer signatures were enough: then it is taken again.
    if seen.signed.version == offered.signed.version && signed_by(root, seen).is_ok() {
        return Ok(News::Same);
    }
    let seen = snapshot_of(&seen.signed)?;
    not_back("snapshot", seen.version, snapshot.version)?;
    Ok(News::Newer)
}

/// A snapshot against what the timestamp says of it and the newest one seen, if any. That its own
/// version does not go back is the timestamp's to say.
pub(crate) fn snapshot(
    root: &Root,
    meta: &Metafile,
    seen: Option<&Signed<Snapshot>>,
    offered: &Held<Snapshot>,
) -> Result<(), Flaw> {
    is_what(meta, offered)?;
    signed_by(root, offered.signed())?;
    let now = &offered.role().meta;
    if !now.contains_key(TARGETS) {
        return Err(Flaw::Malformed("it does not list targets.json".into()));
    }
    let Some(seen) = seen else {
        return Ok(());
    };
    for (file, before) in &seen.signed.meta {
        let role = file.strip_suffix(".json").unwrap_or(file);
        let Some(meta) = now.get(file) else {
            return Err(Flaw::Rollback {
                role: role.into(),
                seen: before.version.get(),
                offered: 0,
            });
        };
        not_back(role, before.version, meta.version)?;
    }
    Ok(())
}

/// The targets against what the snapshot says of them.
pub(crate) fn targets(root: &Root, meta: &Metafile, offered: &Held<Targets>) -> Result<(), Flaw> {
    is_what(meta, offered)?;
    signed_by(root, offered.signed())
}

/// A delegated role against what the snapshot says of it, by the keys of who delegates to it.
pub(crate) fn delegated(
    delegator: &Delegations,
    name: &str,
    meta: &Metafile,
    offered: &Held<Targets>,
) -> Result<(), Flaw> {
    is_what(meta, offered)?;
    delegator
        .verify_role(offered.signed(), name)
        .map_err(|error| Flaw::Signatures(error.to_string()))
}

/// Whether `role` may still be believed at `now`. Its last second is the one before `expires`.
pub(crate) fn in_time(name: &str, role: &impl Role, now: Timestamp) -> Result<(), TrustError> {
    if role.expires() > now {
        return Ok(());
    }
    Err(TrustError::Expired {
        role: name.to_owned(),
        at: whole_seconds(role.expires()),
    })
}

/// `at` without the fraction of its second.
pub(crate) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// What a timestamp says of the snapshot.
pub(crate) fn snapshot_of(timestamp: &Stamp) -> Result<&Metafile, Flaw> {
    match timestamp.meta.get(SNAPSHOT) {
        Some(meta) if timestamp.meta.len() == 1 => Ok(meta),
        _ => Err(Flaw::Malformed(
            "it has to list snapshot.json and nothing else".into(),
        )),
    }
}

/// The name of the snapshot in a timestamp.
pub(crate) const SNAPSHOT: &str = "snapshot.json";
/// The name of the targets in a snapshot.
pub(crate) const TARGETS: &str = "targets.json";

/// The length before anything is parsed; the digest.
pub(crate) fn are_bytes(meta: &Metafile, bytes: &[u8]) -> Result<(), Flaw> {
    if let Some(length) = meta.length
        && bytes.len() as u64 != length
    {
        return Err(Flaw::Mismatch(format!(
            "{} bytes instead of {length}",
            bytes.len()
        )));
    }
    match &meta.hashes {
        Some(Hashes { sha256: wanted, .. }) if sha256(bytes) != hex::encode(&**wanted) => {
            Err(Flaw::Mismatch(format!(
                "its sha256 is {} instead of {}",
                sha256(bytes),
                hex::encode(&**wanted)
            )))
        }
        _ => Ok(()),
    }
}

fn is_what<T: Role>(meta: &Metafile, offered: &Held<T>) -> Result<(), Flaw> {
    are_bytes(meta, offered.bytes())?;
    if offered.version() != meta.version.get() {
        return Err(Flaw::Mismatch(format!(
            "it calls itself version {} instead of {}",
            offered.version(),
            meta.version
        )));
    }
    Ok(())
}

fn signed_by<T: Role>(root: &Root, role: &Signed<T>) -> Result<(), Flaw> {
    root.verify_role(role)
        .map_err(|error| Flaw::Signatures(error.to_string()))
}

fn not_back(
    role: &str,
    seen: std::num::NonZeroU64,
    offered: std::num::NonZeroU64,
) -> Result<(), Flaw> {
    if offered >= seen {
        return Ok(());
    }
    Err(Flaw::Rollback {
        role: role.to_owned(),
        seen: seen.get(),
        offered: offered.get(),
    })
}
