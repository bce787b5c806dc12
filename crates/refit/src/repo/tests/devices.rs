//! What devices make of a site: one without a manifest, one with a plain one, one that trusts a root.

use jiff::Timestamp;
use rollout::{Description, Integrity, Manifest, PackageName, Version};
use sha2::{Digest as _, Sha512};
use tough::schema::{RoleType, Signed};
use tough::{ExpirationEnforcement, IntoVec as _, RepositoryLoader};
use url::Url;

use super::story::Publisher;
use crate::repo::loaded::Shelf;
use crate::repo::{layout, loaded};
use crate::site::{Site, shelf, tarball_path};

#[derive(Debug)]
pub(super) struct Devices {
    root: Option<Vec<u8>>,
    may_refuse: bool,
}

/// What they see.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) plain: Option<String>,
    pub(super) signed: Option<String>,
    pub(super) timestamp: Option<u64>,
}

impl Seen {
    pub(super) fn plain_and_signed(self) -> (Option<String>, Option<String>) {
        (self.plain, self.signed)
    }
}

fn demo() -> PackageName {
    "@acme/demo".parse().unwrap()
}

impl Devices {
    pub(super) fn with_root_of(publisher: &Publisher) -> Self {
        Self {
            root: publisher.first_root(),
            may_refuse: false,
        }
    }

    /// Devices that may come between a new root and its timestamp.
    pub(super) fn may_refuse(mut self) -> Self {
        self.may_refuse = true;
        self
    }

    /// Looks at a site in all three ways; whatever is there must be whole.
    pub(super) async fn look(&self, site: &Site, when: &str) -> Seen {
        self.registry(site, when).await;
        let plain = self.plain(site, when).await;
        let (signed, timestamp) = match &self.root {
            Some(root) => self.signed(site, root, when).await,
            None => (None, None),
        };
        Seen {
            plain,
            signed,
            timestamp,
        }
    }

    /// npm, and a device without a manifest: each version that is named is there, and each tag names one.
    async fn registry(&self, site: &Site, when: &str) {
        let (packument, _) = shelf::load(site, &demo()).await.unwrap();
        for published in packument.versions.values() {
            let found = tarball(site, &published.version).await;
            assert_eq!(found, Some(published.dist.integrity.clone()), "{when}");
        }
        for tag in packument.tags.values() {
            assert!(packument.versions.contains_key(tag), "{when}");
        }
        if !packument.versions.is_empty() {
            assert!(packument.tags.contains_key("latest"), "{when}");
        }
    }

    async fn plain(&self, site: &Site, when: &str) -> Option<String> {
        let text = site.get("latest.json").await.unwrap().bytes?;
        let manifest = Manifest::parse(&text, &demo()).unwrap();
        let (packument, _) = shelf::load(site, &demo()).await.unwrap();
        let version = manifest.version.to_string();
        assert!(packument.versions.contains_key(&version), "{when}");
        Some(version)
    }

    /// A device that has only the root it was built with.
    async fn signed(&self, site: &Site, root: &[u8], when: &str) -> (Option<String>, Option<u64>) {
        let Some(timestamp) = site.get(layout::TIMESTAMP).await.unwrap().bytes else {
            return (None, None);
        };
        let url = |end: &str| Url::parse(&format!("{}{end}", loaded::BASE)).unwrap();
        let loaded = RepositoryLoader::new(&root, url("metadata/"), url("targets/"))
            .transport(Shelf {
                site: site.clone(),
                timestamp: timestamp.into(),
                last: None,
            })
            .expiration_enforcement(ExpirationEnforcement::Unsafe)
            .load()
            .await;
        let repository = match loaded {
            Ok(repository) => repository,
            // It keeps what it has, and comes again.
            Err(_) if self.may_refuse => return (None, None),
            Err(error) => panic!("{when}: {error}"),
        };
        check_signed_at(repository.timestamp());
        for role in [
            RoleType::Root,
            RoleType::Targets,
            RoleType::Snapshot,
            RoleType::Timestamp,
        ] {
            assert!(repository.root().signed.roles.contains_key(&role));
        }
        let mut named = None;
        for name in repository.targets().signed.targets.keys() {
            let stream = repository.read_target(name).await.unwrap();
            let bytes = stream
                .unwrap_or_else(|| panic!("{when}: {name:?}"))
                .into_vec()
                .await
                .unwrap_or_else(|error| panic!("{when}: {error}"));
            if name.raw() == "latest.json" {
                named = Some(Manifest::parse(&bytes, &demo()).unwrap().version);
                continue;
            }
            let version = name
                .raw()
                .strip_prefix("@acme+demo-")
                .and_then(|rest| rest.strip_suffix(".json"))
                .unwrap();
            let version: Version = version.parse().unwrap();
            let described = Description::parse(&bytes, &demo(), &version).unwrap();
            assert_eq!(described.tarball, Some(tarball_path(&demo(), &version)));
            assert_eq!(described.engines.node.as_deref(), Some(">=22"));
            assert_eq!(
                tarball(site, &version).await,
                Some(described.integrity),
                "{when}"
            );
        }
        let version = repository.timestamp().signed.version.get();
        (named.map(|version| version.to_string()), Some(version))
    }
}

fn check_signed_at(timestamp: &Signed<tough::schema::Timestamp>) {
    let text = timestamp.signed._extra["x-signedAt"].as_str().unwrap();
    let time: Timestamp = text.parse().unwrap();
    assert_eq!(time.subsec_nanosecond(), 0);
    assert_eq!(timestamp.signed.expires.subsec_nanosecond(), 0);
}

/// What a tarball's content is, if it is there.
async fn tarball(site: &Site, version: &Version) -> Option<Integrity> {
    let bytes = site
        .get(&tarball_path(&demo(), version))
        .await
        .unwrap()
        .bytes?;
    Some(Integrity::from_digest(Sha512::digest(bytes).into()))
}
