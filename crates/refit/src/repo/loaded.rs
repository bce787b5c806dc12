//! A repository as it stands on a site, verified as a device would.
//!
//! Expiry is not judged: signing again is the way out of it. What is signed next is made from what is
//! read here, so it must lead back to the publisher's own copy of the trusted root, and must not be
//! older than what these keys signed last: else a host could have anything, or anything old, signed.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tough::schema::{Root, Signed, Snapshot, Targets, Timestamp as Newest};
use tough::{
    ExpirationEnforcement, RepositoryLoader, Transport, TransportError, TransportErrorKind,
    TransportStream,
};
use url::Url;

use super::layout;
use crate::failure::Failure;
use crate::keys::{KeyDir, Role, Versions};
use crate::site::{Seen, Site};

/// The base under which tough asks for files; nothing but names.
pub(super) const BASE: &str = "site:///repo/";

/// A verified repository.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) root: Signed<Root>,
    pub(crate) targets: Targets,
    pub(crate) snapshot: Snapshot,
    pub(crate) timestamp: Newest,
    /// `timestamp.json` as it was read.
    pub(crate) seen: Seen,
    /// The highest numbers that are taken, by a file that counts or by one that was left behind.
    pub(crate) taken: Taken,
}

/// Numbers of metadata files that are taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    pub(crate) targets: u64,
    pub(crate) snapshot: u64,
}

impl Taken {
    /// What the site's metadata folder holds.
    pub(crate) async fn of(site: &Site) -> Result<Self, Failure> {
        let names = site.store().list(layout::METADATA).await?;
        Ok(Self {
            targets: layout::highest(Role::Targets, &names),
            snapshot: layout::highest(Role::Snapshot, &names),
        })
    }
}

impl Loaded {
    /// The versions of its four files.
    pub(crate) fn versions(&self) -> Versions {
        Versions {
            root: self.root.signed.version.get(),
            targets: self.targets.version.get(),
            snapshot: self.snapshot.version.get(),
            timestamp: self.timestamp.version.get(),
        }
    }

    /// When it was last signed, as its timestamp says.
    pub(crate) fn signed_at(&self) -> Option<Timestamp> {
        self.timestamp
            ._extra
            .get(super::editor::SIGNED_AT)?
            .as_str()?
            .parse()
            .ok()
    }
}

/// Whether a site has a repository, also one whose making was stopped.
pub(crate) async fn is_signed(site: &Site) -> Result<bool, Failure> {
    Ok(site
        .get(&layout::metadata(Role::Root, 1))
        .await?
        .bytes
        .is_some()
        || site.get(layout::TIMESTAMP).await?.bytes.is_some())
}

/// Keys were named for a site that has no repository.
pub(super) fn unsigned(place: &str) -> Failure {
    Failure::usage(
        format_args!("{place} is not there, so there is nothing to sign with --keys"),
        "Make the repository with `refit repo init`, or leave --keys out.",
    )
}

/// Loads and verifies the site's repository.
pub(crate) async fn load(site: &Site, keys: &KeyDir) -> Result<Loaded, Failure> {
    load_until(site, keys, None).await
}

/// The same, as if no root after `last` were there.
pub(crate) async fn load_until(
    site: &Site,
    keys: &KeyDir,
    last: Option<u64>,
) -> Result<Loaded, Failure> {
    if !is_signed(site).await? {
        return Err(unsigned(&site.store().place("repo/")));
    }
    let trusted = keys.trusted_root()?.ok_or_else(|| {
        Failure::new(
            "keys",
            format_args!(
                "{} is missing: nothing says which repository these keys belong to",
                keys.trusted_root_path().display()
            ),
            "Put the root.json that `refit repo init` wrote there; the shell has the same file built in.",
        )
    })?;
    // Before the site is: whatever was signed since then only makes that newer.
    let last_signed = keys.last_signed()?;
    let newest = site.get(layout::TIMESTAMP).await?;
    let Some(timestamp) = newest.bytes else {
        return Err(Failure::new(
            "repository",
            format_args!(
                "{} is not there: making the repository was stopped half way",
                site.store().place(layout::TIMESTAMP)
            ),
            "Run `refit repo init` again with the same keys.",
        ));
    };
    // Listed after the timestamp was read: a number that is taken later makes the write fail.
    let taken = Taken::of(site).await?;
    let shelf = Shelf {
        site: site.clone(),
        timestamp: timestamp.into(),
        last,
    };
    let refused = |error: &dyn std::error::Error| refused(site, error);
    let url = |end: &str| Url::parse(&format!("{BASE}{end}")).map_err(|error| refused(&error));
    let asked = RepositoryLoader::new(&trusted, url("metadata/")?, url("targets/")?)
        .transport(shelf)
        .expiration_enforcement(ExpirationEnforcement::Unsafe);
    let repository = Box::pin(asked.load())
        .await
        .map_err(|error| refused(&error))?;
    let loaded = Loaded {
        root: repository.root().clone(),
        targets: repository.targets().signed.clone(),
        snapshot: repository.snapshot().signed.clone(),
        timestamp: repository.timestamp().signed.clone(),
        seen: newest.seen,
        taken,
    };
    if let (None, Some(seen)) = (last, last_signed) {
        keys.check_not_older(&loaded.versions(), &seen, &site.store().place("repo/"))?;
    }
    Ok(loaded)
}

/// tough's error, with what lies below it.
fn refused(site: &Site, error: &dyn std::error::Error) -> Failure {
    let mut said = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let more = error.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        below = error.source();
    }
    Failure::new(
        "repository",
        format_args!(
            "The repository in {} was not accepted: {said}",
            site.store().place("repo/")
        ),
        "Check that --keys names the folder this repository was made with, and that nobody changed its files.",
    )
}

/// The site's files, as tough asks for them.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    pub(super) site: Site,
    /// What was read once is what is verified and what is insisted on later.
    pub(super) timestamp: Bytes,
    /// No root after this one is there.
    pub(super) last: Option<u64>,
}

#[async_trait]
impl Transport for Shelf {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let name = url
            .as_str()
            .strip_prefix("site:///")
            .unwrap_or_default()
            .to_owned();
        let absent = || TransportError::new(TransportErrorKind::FileNotFound, url.as_str());
        let root = name
            .rsplit('/')
            .next()
            .and_then(|file| file.strip_suffix(".root.json"))
            .and_then(|number| number.parse::<u64>().ok());
        if let (Some(root), Some(last)) = (root, self.last)
            && root > last
        {
            return Err(absent());
        }
        let found = if name == layout::TIMESTAMP {
            Ok(Some(self.timestamp.clone()))
        } else {
            let reading = self.site.get(&name).await;
            reading.map(|reading| reading.bytes.map(Bytes::from))
        };
        let item = match found {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => return Err(absent()),
            // Inside the stream: an error here would end the chain of roots as if there were no more.
            Err(failure) => Err(TransportError::new_with_cause(
                TransportErrorKind::Other,
                url.as_str(),
                failure,
            )),
        };
        Ok(Box::pin(futures_util::stream::iter([item])))
    }
}
