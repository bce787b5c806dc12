//! The folder itself: made beside its place, then put there in one rename.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rollout::{Candidate, PackageName};
use runtime_store::{Limits, unpack_into};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::{MANIFEST, Manifest};
use crate::failure::Failure;

/// A bundled-runtime folder being made, next to the place it is for. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Building {
    scratch: TempDir,
    root: PathBuf,
    into: PathBuf,
}

impl Building {
    /// Refuses a place that holds something which is not a bundled runtime.
    pub(crate) fn begin(into: &Path) -> Result<Self, Failure> {
        let into = std::path::absolute(into)
            .map_err(|error| Failure::file("find the folder", into, &error))?;
        if !may_replace(&into) {
            return Err(Failure::new(
                "exists",
                format_args!(
                    "{} is there already, and `refit bundle` did not make it",
                    into.display()
                ),
                "Name another folder, or remove this one.",
            ));
        }
        let parent = into.parent().unwrap_or(Path::new("/")).to_path_buf();
        fs::create_dir_all(&parent)
            .map_err(|error| Failure::file("make the folder", &parent, &error))?;
        let scratch = tempfile::Builder::new()
            .prefix(".refit-bundle-")
            .tempdir_in(&parent)
            .map_err(|error| Failure::file("write into", &parent, &error))?;
        Ok(Self {
            root: scratch.path().join("runtime"),
            scratch,
            into,
        })
    }

    /// The package at the root.
    pub(crate) fn runtime(
        &self,
        candidate: &Candidate,
        tarball: impl Read,
    ) -> Result<Map<String, Value>, Failure> {
        unpack(candidate, tarball, &self.root)
    }

    /// A package in `node_modules`. One asked for by name replaces a copy that the runtime brought.
    pub(crate) fn module(&self, candidate: &Candidate, tarball: impl Read) -> Result<(), Failure> {
        let dir = module_dir(&self.root, &candidate.package);
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(|error| Failure::file("replace", &dir, &error))?;
        }
        make_parent(&dir)?;
        unpack(candidate, tarball, &dir).map(drop)
    }

    /// `bin/node`, out of npm's package of Node for this system.
    pub(crate) fn node(&self, candidate: &Candidate, tarball: impl Read) -> Result<(), Failure> {
        let tree = self.scratch.path().join("node");
        unpack(candidate, tarball, &tree)?;
        let program = format!("node{}", std::env::consts::EXE_SUFFIX);
        let found = [tree.join("bin").join(&program), tree.join(&program)]
            .into_iter()
            .find(|path| path.is_file())
            .ok_or_else(|| {
                Failure::new(
                    "no-node",
                    format_args!(
                        "{}@{} holds no bin/{program}",
                        candidate.package, candidate.version
                    ),
                    "Name another range with --node.",
                )
            })?;
        let to = node_path(&self.root);
        make_parent(&to)?;
        fs::rename(&found, &to).map_err(|error| Failure::file("write", &to, &error))?;
        executable(&to)
    }

    /// Puts the folder in its place.
    pub(crate) fn finish(self, manifest: &Manifest) -> Result<(), Failure> {
        let path = self.root.join(MANIFEST);
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| {
            Failure::new("internal", error, "Report this; nothing was replaced.")
        })?;
        fs::write(&path, text).map_err(|error| Failure::file("write", &path, &error))?;

        let failed = |error: &std::io::Error| Failure::file("replace", &self.into, error);
        let old = self.scratch.path().join("old");
        let replaced = self.into.exists();
        if replaced {
            fs::rename(&self.into, &old).map_err(|error| failed(&error))?;
        }
        fs::rename(&self.root, &self.into).map_err(|error| {
            if replaced {
                // What was there is better than nothing; the first error is the one to tell.
                let _ = fs::rename(&old, &self.into);
            }
            failed(&error)
        })
    }
}

/// `<dir>/node_modules/<package>`.
pub(crate) fn module_dir(dir: &Path, package: &PackageName) -> PathBuf {
    package
        .as_str()
        .split('/')
        .fold(dir.join("node_modules"), |path, part| path.join(part))
}

/// `<dir>/bin/node`.
pub(crate) fn node_path(dir: &Path) -> PathBuf {
    dir.join("bin")
        .join(format!("node{}", std::env::consts::EXE_SUFFIX))
}

/// The package.json of an unpacked package.
pub(crate) fn read_package(dir: &Path) -> Option<Map<String, Value>> {
    let text = fs::read_to_string(dir.join("package.json")).ok()?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
}

/// Nothing there, an empty folder (a placeholder's dotfile does not count), or one of ours.
fn may_replace(into: &Path) -> bool {
    match fs::read_dir(into) {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(mut entries) => {
            into.join(MANIFEST).is_file()
                || entries.all(|entry| {
                    entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."))
                })
        }
    }
}

/// Unpacks a tarball that must be exactly `candidate`.
fn unpack(
    candidate: &Candidate,
    tarball: impl Read,
    into: &Path,
) -> Result<Map<String, Value>, Failure> {
    let Candidate {
        package, version, ..
    } = candidate;
    let url = &candidate.tarball;
    let tree = unpack_into(tarball, into, &Limits::default()).map_err(|error| {
        Failure::new(
            "refused",
            format_args!("{package}@{version} from {url}: {error}"),
            "Nothing was replaced. Ask the package's publisher for a sound one.",
        )
    })?;
    if tree.integrity != candidate.integrity {
        return Err(Failure::new(
            "integrity",
            format_args!(
                "{package}@{version} from {url} is not what the registry describes: {} instead of {}",
                tree.integrity, candidate.integrity
            ),
            "Nothing was replaced. Try again; if it stays so, do not trust this registry.",
        ));
    }
    let manifest = read_package(into).unwrap_or_default();
    let field = |name: &str| manifest.get(name).and_then(Value::as_str);
    if field("name") == Some(package.as_str()) && field("version") == Some(version.as_str()) {
        Ok(manifest)
    } else {
        Err(Failure::new(
            "manifest",
            format_args!("{url} is not {package}@{version} by its own package.json"),
            "Nothing was replaced. Ask whoever runs the registry.",
        ))
    }
}

fn make_parent(path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), |parent| {
        fs::create_dir_all(parent).map_err(|error| Failure::file("make the folder", parent, &error))
    })
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(|error| Failure::file("make executable", path, &error))
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same shape as where it can fail"
)]
fn executable(_: &Path) -> Result<(), Failure> {
    Ok(())
}
