//! A package's index: which versions there are, what each is made of, and which tag names which.
//!
//! One stored form answers both of npm's `Accept`s: the abbreviated fields of every version, and
//! the few more that `npm view` shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollout::{Integrity, PackageName, Version};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::tarball_path;

/// What of a package.json goes into the packument: npm's abbreviated form, and what people read.
const MANIFEST_FIELDS: [&str; 18] = [
    "description",
    "license",
    "homepage",
    "bin",
    "directories",
    "engines",
    "os",
    "cpu",
    "libc",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "deprecated",
    "funding",
];

/// `<package>/index.json`. Fields of others are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Packument {
    #[serde(rename = "_id", default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The package.
    pub(crate) name: PackageName,
    /// Which version each tag names.
    #[serde(rename = "dist-tags", default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Every version, under its own name.
    pub(crate) versions: BTreeMap<String, Published>,
    /// When each version came, and `created` and `modified`.
    #[serde(default)]
    time: BTreeMap<String, Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<Timestamp>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// One published version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Published {
    /// `name@version`.
    #[serde(rename = "_id", default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: PackageName,
    /// The version as its package.json writes it.
    pub(crate) version: Version,
    /// Where its content is, and which.
    pub(crate) dist: Dist,
    #[serde(flatten)]
    manifest: Map<String, Value>,
}

/// npm's `dist`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dist {
    /// An absolute URL with `--url`, else a path from the registry's root.
    pub(crate) tarball: String,
    /// sha512 of the tarball.
    pub(crate) integrity: Integrity,
    /// Files in it.
    pub(crate) file_count: u64,
    /// Their bytes.
    pub(crate) unpacked_size: u64,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A tarball that was looked at and may be published.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) package: PackageName,
    pub(crate) version: Version,
    pub(crate) integrity: Integrity,
    pub(crate) files: u64,
    pub(crate) packed_bytes: u64,
    pub(crate) unpacked_bytes: u64,
    /// Its whole package.json.
    pub(crate) manifest: Map<String, Value>,
}

/// What publishing a release would mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The version is not there yet.
    New,
    /// It is there with the same content.
    Same,
    /// It is there, written like this, with other content.
    OtherContent(Version),
}

impl Packument {
    /// A package without versions.
    pub(crate) fn new(name: PackageName) -> Self {
        Self {
            id: Some(name.to_string()),
            name,
            tags: BTreeMap::new(),
            versions: BTreeMap::new(),
            time: BTreeMap::new(),
            modified: None,
            others: Map::new(),
        }
    }

    /// What publishing `release` would mean. Versions that could not be two folders on a device
    /// (letter case, build metadata) are one version here too.
    pub(crate) fn judge(&self, release: &Release) -> Verdict {
        self.versions
            .values()
            .find(|published| published.version == release.version)
            .map_or(Verdict::New, |published| {
                if published.dist.integrity == release.integrity
                    && published.version.as_str() == release.version.as_str()
                {
                    Verdict::Same
                } else {
                    Verdict::OtherContent(published.version.clone())
                }
            })
    }

    /// Adds a new release.
    pub(crate) fn add(&mut self, release: &Release, now: Timestamp) {
        let Release {
            package, version, ..
        } = release;
        let mut manifest: Map<String, Value> = MANIFEST_FIELDS
            .iter()
            .filter_map(|field| Some(((*field).to_owned(), release.manifest.get(*field)?.clone())))
            .collect();
        if has_install_script(&release.manifest) {
            manifest.insert("hasInstallScript".to_owned(), Value::Bool(true));
        }
        let tarball = format!(
            "{}{}",
            self.base().unwrap_or_else(|| "/".to_owned()),
            tarball_path(package, version)
        );
        self.versions.insert(
            version.to_string(),
            Published {
                id: Some(format!("{package}@{version}")),
                name: package.clone(),
                version: version.clone(),
                dist: Dist {
                    tarball,
                    integrity: release.integrity.clone(),
                    file_count: release.files,
                    unpacked_size: release.unpacked_bytes,
                    others: Map::new(),
                },
                manifest,
            },
        );
        self.time.insert(version.to_string(), now);
        self.touch(now);
    }

    /// Whether this very version is published.
    pub(crate) fn has(&self, version: &Version) -> bool {
        self.versions
            .values()
            .any(|there| there.version.as_str() == version.as_str())
    }

    /// Points `tag` at a version. True if that changed something.
    pub(crate) fn tag(&mut self, tag: &str, version: &Version, now: Timestamp) -> bool {
        let before = self.tags.insert(tag.to_owned(), version.to_string());
        let changed = before.as_deref() != Some(version.as_str());
        if changed {
            self.touch(now);
        }
        changed
    }

    /// Writes every tarball's URL below `base`, which ends in `/`. True if that changed something.
    pub(crate) fn rebase(&mut self, base: &str) -> bool {
        let name = self.name.clone();
        let mut changed = false;
        for published in self.versions.values_mut() {
            let url = format!("{base}{}", tarball_path(&name, &published.version));
            if published.dist.tarball != url {
                published.dist.tarball = url;
                changed = true;
            }
        }
        changed
    }

    /// The base that the versions already there were published under.
    pub(crate) fn base(&self) -> Option<String> {
        let published = self.versions.values().next()?;
        published
            .dist
            .tarball
            .strip_suffix(&tarball_path(&self.name, &published.version))
            .map(str::to_owned)
    }

    fn touch(&mut self, now: Timestamp) {
        self.time.entry("created".to_owned()).or_insert(now);
        self.time.insert("modified".to_owned(), now);
        self.modified = Some(now);
    }
}

/// npm tells it apart in the abbreviated form; Refit itself never runs one.
fn has_install_script(manifest: &Map<String, Value>) -> bool {
    manifest
        .get("scripts")
        .and_then(Value::as_object)
        .is_some_and(|scripts| {
            ["preinstall", "install", "postinstall"]
                .iter()
                .any(|name| scripts.contains_key(*name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, content: u8) -> Release {
        let manifest = serde_json::json!({
            "name": "@acme/board", "version": version, "engines": {"node": ">=22"},
            "scripts": {"postinstall": "evil"}, "private": "unshown"
        });
        Release {
            package: "@acme/board".parse().unwrap(),
            version: version.parse().unwrap(),
            integrity: Integrity::from_digest([content; 64]),
            files: 2,
            packed_bytes: 10,
            unpacked_bytes: 30,
            manifest: manifest.as_object().unwrap().clone(),
        }
    }

    fn board() -> Packument {
        Packument::new("@acme/board".parse().unwrap())
    }

    #[test]
    fn a_version_is_new_then_the_same_and_never_another_content() {
        let mut packument = board();
        assert_eq!(packument.judge(&release("1.0.0", 1)), Verdict::New);
        packument.add(&release("1.0.0", 1), Timestamp::UNIX_EPOCH);
        assert_eq!(packument.judge(&release("1.0.0", 1)), Verdict::Same);
        assert_eq!(
            packument.judge(&release("1.0.0", 2)),
            Verdict::OtherContent("1.0.0".parse().unwrap())
        );
        assert!(matches!(
            packument.judge(&release("1.0.0+build.2", 2)),
            Verdict::OtherContent(_)
        ));
    }

    #[test]
    fn only_npms_fields_of_a_package_json_are_published() {
        let mut packument = board();
        packument.add(&release("1.0.0", 1), Timestamp::UNIX_EPOCH);
        packument.tag("latest", &"1.0.0".parse().unwrap(), Timestamp::UNIX_EPOCH);
        insta::assert_json_snapshot!(packument);
    }

    #[test]
    fn a_later_version_is_published_under_the_same_base_and_a_new_base_is_for_all() {
        let mut packument = board();
        packument.add(&release("1.0.0", 1), Timestamp::UNIX_EPOCH);
        assert!(packument.rebase("https://updates.example/npm/"));
        packument.add(&release("1.1.0", 2), Timestamp::UNIX_EPOCH);
        assert!(!packument.rebase("https://updates.example/npm/"));
        assert_eq!(
            packument.versions["1.1.0"].dist.tarball,
            "https://updates.example/npm/@acme/board/-/board-1.1.0.tgz"
        );
    }

    #[test]
    fn fields_that_others_wrote_are_kept() {
        let mut packument = board();
        packument.add(&release("1.0.0", 1), Timestamp::UNIX_EPOCH);
        let mut json = serde_json::to_value(&packument).unwrap();
        json["maintainers"] = serde_json::json!(["them"]);
        json["versions"]["1.0.0"]["dist"]["signatures"] = serde_json::json!([1]);
        let read: Packument = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), json);
    }
}
