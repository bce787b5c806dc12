//! What is to be written to a site, in the one order that is safe to stop, and to read, anywhere.
//!
//! A file is written after everything it names. Devices begin at one of three files: the packument
//! (no manifest), `timestamp.json` (a signed repository) or `latest.json` (a plain manifest).
//!
//! ```text
//! tarballs ─► target files ─► N.root ─► N.targets ─► N.snapshot ─► packuments ─► timestamp ─► manifests
//! ```
//!
//! The packument comes before the other two because both lead a device to it; the plain manifest comes
//! last because, where there is a repository, the signed one is the truth, and a plain one that is left
//! behind is put right by the next change.

use super::Site;
use super::store::{Body, Caching, Expect, Lock};
use crate::failure::Failure;

/// What a file is. The order is the order of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Tarball,
    Target,
    Root,
    Targets,
    Snapshot,
    Packument,
    Timestamp,
    Manifest,
}

impl Kind {
    /// How caches may keep it.
    fn caching(self) -> Caching {
        match self {
            Self::Tarball | Self::Target | Self::Root | Self::Targets | Self::Snapshot => {
                Caching::Immutable
            }
            Self::Packument | Self::Timestamp | Self::Manifest => Caching::Revalidate,
        }
    }
}

/// One file to be written.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) kind: Kind,
    /// Its path below the site.
    pub(crate) name: String,
    pub(crate) body: Body,
    pub(crate) expect: Expect,
}

/// Files to be written together.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    uploads: Vec<Upload>,
}

impl Changes {
    /// Adds a file.
    pub(crate) fn add(&mut self, kind: Kind, name: impl Into<String>, body: Body, expect: Expect) {
        self.uploads.push(Upload {
            kind,
            name: name.into(),
            body,
            expect,
        });
    }

    /// Adds files.
    pub(crate) fn extend(&mut self, uploads: Vec<Upload>) {
        self.uploads.extend(uploads);
    }

    /// The files in the order of writing.
    fn in_order(mut self) -> Vec<Upload> {
        self.uploads.sort_by_key(|upload| upload.kind);
        self.uploads
    }

    /// Whether a file of this name is among them.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.uploads.iter().any(|upload| upload.name == name)
    }

    /// Writes them, one after the other. `_lock` shows that no other publisher on this machine is at it.
    /// Nothing is written where any of them was changed meanwhile, as far as that can be seen before.
    pub(crate) async fn write(self, site: &Site, _lock: &Lock) -> Result<(), Failure> {
        let uploads = self.in_order();
        for Upload {
            name, body, expect, ..
        } in &uploads
        {
            site.store().check(name, body, expect)?;
        }
        let mut live = false;
        for Upload {
            kind,
            name,
            body,
            expect,
        } in uploads
        {
            let put = site.store().put(&name, body, &expect, kind.caching()).await;
            put.map_err(|failure| {
                if live {
                    behind(&name, &failure)
                } else {
                    failure
                }
            })?;
            live |= kind == Kind::Timestamp;
        }
        Ok(())
    }
}

/// A failure after the timestamp: the signed change is there already.
fn behind(name: &str, failure: &Failure) -> Failure {
    Failure {
        usage: false,
        ..Failure::new(
            &failure.kind,
            format_args!(
                "The signed change is live, and devices that trust a root have it; {name}, for all others, \
                 is still the old one. {}",
                failure.message
            ),
            format!(
                "{} Then run the command again, or `refit repo refresh`: either puts {name} right.",
                failure.hint.as_deref().unwrap_or_default()
            )
            .trim_start(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [Kind; 8] = [
        Kind::Tarball,
        Kind::Target,
        Kind::Root,
        Kind::Targets,
        Kind::Snapshot,
        Kind::Packument,
        Kind::Timestamp,
        Kind::Manifest,
    ];

    /// What a file of a kind names, directly.
    fn names(kind: Kind) -> &'static [Kind] {
        match kind {
            Kind::Tarball | Kind::Root => &[],
            Kind::Target | Kind::Packument => &[Kind::Tarball],
            Kind::Targets => &[Kind::Target, Kind::Root],
            Kind::Snapshot => &[Kind::Targets],
            Kind::Timestamp => &[Kind::Snapshot, Kind::Packument],
            Kind::Manifest => &[Kind::Packument],
        }
    }

    proptest! {
        #[test]
        fn whatever_a_file_names_is_written_before_it(
            picked in proptest::collection::vec(0usize..8, 0..30)
        ) {
            let mut changes = Changes::default();
            for (number, kind) in picked.iter().enumerate() {
                let body = Body::Bytes(Vec::new());
                changes.add(KINDS[*kind], number.to_string(), body, Expect::Anything);
            }
            let order = changes.in_order();
            for (at, upload) in order.iter().enumerate() {
                for later in &order[at..] {
                    prop_assert!(!names(upload.kind).contains(&later.kind));
                }
            }
        }
    }

    #[test]
    fn only_what_never_changes_under_its_name_is_kept_by_caches() {
        for kind in KINDS {
            let changes = matches!(kind, Kind::Packument | Kind::Timestamp | Kind::Manifest);
            assert_eq!(kind.caching() == Caching::Revalidate, changes, "{kind:?}");
        }
    }
}
