//! Looks at a tarball before it is published: what a device would refuse is refused here.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rollout::{PackageName, Version};
use runtime_store::{Limits, unpack_into};
use serde_json::{Map, Value};
use tempfile::NamedTempFile;

use super::durable;
use super::packument::Release;
use crate::failure::Failure;
use crate::tarball::{self, refused};

/// A release, and a copy of the very bytes that were looked at, already inside the site if that is a folder.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Where the tarball came from.
    pub(crate) from: PathBuf,
    pub(crate) release: Release,
    pub(crate) copy: NamedTempFile,
}

/// Copies `tarball` to `beside`, under a hidden name, and unpacks that copy whole elsewhere.
pub(crate) fn prepare(beside: &Path, tarball: &Path) -> Result<Prepared, Failure> {
    let limits = Limits::default();
    // One byte more than is accepted, so that a file that grew meanwhile is refused, not cut.
    let mut file = tarball::open(tarball)?.take(limits.packed_bytes + 1);
    let mut copy = durable::begin(beside)?;
    io::copy(&mut file, copy.as_file_mut())
        .map_err(|error| Failure::file("copy", tarball, &error))?;
    let bytes = copy
        .reopen()
        .map_err(|error| Failure::file("read", copy.path(), &error))?;

    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::file("write into", &std::env::temp_dir(), &error))?;
    let tree = scratch.path().join("package");
    let unpacked = unpack_into(bytes, &tree, &limits).map_err(|error| refused(tarball, &error))?;
    let (package, version, manifest) = read_manifest(&tree, tarball)?;
    has_a_place(&package, tarball)?;
    Ok(Prepared {
        from: tarball.to_path_buf(),
        release: Release {
            package,
            version,
            integrity: unpacked.integrity,
            files: unpacked.files,
            packed_bytes: unpacked.packed_bytes,
            unpacked_bytes: unpacked.unpacked_bytes,
            manifest,
        },
        copy,
    })
}

/// Refuses a package whose folder on a site would be the repository's, or where a manifest is to be.
fn has_a_place(package: &PackageName, tarball: &Path) -> Result<(), Failure> {
    let name = package.to_string().to_ascii_lowercase();
    if name != "repo" && (name.contains('/') || name.strip_suffix(".json").is_none()) {
        return Ok(());
    }
    Err(Failure::new(
        "manifest",
        format_args!(
            "package.json in {}: a package called {package} has no place on a site, which has {}",
            tarball.display(),
            if name == "repo" {
                "its signed repository there"
            } else {
                "its manifests there"
            }
        ),
        "Give the package another name, or a scope.",
    ))
}

/// The package.json in an unpacked package. `tarball` is for the error.
pub(crate) fn read_manifest(
    tree: &Path,
    tarball: &Path,
) -> Result<(PackageName, Version, Map<String, Value>), Failure> {
    let wrong = |what: String| {
        Failure::new(
            "manifest",
            format_args!("package.json in {}: {what}", tarball.display()),
            "Mend the package's package.json, then make the tarball again with `npm pack`.",
        )
    };
    let text = fs::read_to_string(tree.join("package.json"))
        .map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    // npm, too, reads past a byte order mark.
    let manifest: Map<String, Value> = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| wrong(format!("it is not a JSON object: {error}")))?;
    let field = |name: &str| {
        manifest
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| wrong(format!("it has no `{name}`")))
    };
    let package = field("name")?
        .parse()
        .map_err(|error| wrong(format!("{error}")))?;
    let version = field("version")?
        .parse()
        .map_err(|error| wrong(format!("{error}")))?;
    Ok((package, version, manifest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_package_takes_the_place_of_the_repository_or_of_a_manifest() {
        let place = |name: &str| has_a_place(&name.parse().unwrap(), Path::new("a.tgz"));
        for wrong in ["repo", "latest.json", "beta.json"] {
            let failure = place(wrong).unwrap_err();
            assert!(failure.message.contains(wrong), "{failure}");
            assert!(failure.message.contains("a.tgz"), "{failure}");
        }
        for good in ["demo", "json", "@acme/repo", "@acme/latest.json", "repos"] {
            assert_eq!(place(good), Ok(()), "{good}");
        }
    }
}
