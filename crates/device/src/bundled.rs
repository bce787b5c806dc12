//! The runtime inside the installer, as this shell finds it.

use std::path::{Path, PathBuf};

use rollout::Version;
use runtime_store::Bundled;
use serde::Deserialize;

/// What was found, and what is odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) bundled: Bundled,
    /// In words, for the runtime page: its version is the shell's because it has none of its own.
    pub(crate) note: Option<String>,
}

/// Reads the bundled runtime's version from its package.json. One that is missing or no semver
/// counts as the shell's own version and is reported: bundled runs whatever is wrong with it.
pub(crate) fn find(dir: &Path, entry: &str, shell: &Version) -> Found {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let package_json = dir.join("package.json");
    let (version, note) = match read_version(&package_json) {
        Ok(version) => (version, None),
        Err(problem) => (
            shell.clone(),
            Some(format!(
                "{} {problem}; the bundled runtime counts as {shell}, the shell's own version",
                package_json.display()
            )),
        ),
    };
    let entry = join(&dir, entry);
    Found {
        bundled: Bundled {
            dir,
            version,
            entry,
        },
        note,
    }
}

/// `REFIT_RUNTIME` of a development build: that file runs as if it were bundled.
pub(crate) fn named(entry: &Path, shell: &Version) -> Result<Bundled, String> {
    let entry = std::path::absolute(entry).unwrap_or_else(|_| entry.to_owned());
    match (entry.is_file(), entry.parent()) {
        (true, Some(dir)) => {
            let version = read_version(&dir.join("package.json")).unwrap_or_else(|_| shell.clone());
            Ok(Bundled {
                dir: dir.to_owned(),
                version,
                entry,
            })
        }
        _ => Err(format!(
            "REFIT_RUNTIME names {}, which is not a file",
            entry.display()
        )),
    }
}

fn read_version(package_json: &Path) -> Result<Version, String> {
    #[derive(Deserialize)]
    struct PackageJson {
        version: String,
    }
    let text = std::fs::read_to_string(package_json)
        .map_err(|error| format!("cannot be read ({error})"))?;
    let parsed: PackageJson = serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text))
        .map_err(|error| format!("names no version ({error})"))?;
    parsed
        .version
        .parse()
        .map_err(|error| format!("names no usable version ({error})"))
}

/// Joins a configured `a/b` path component by component, so that it is native everywhere.
fn join(dir: &Path, relative: &str) -> PathBuf {
    relative
        .split('/')
        .fold(dir.to_owned(), |path, part| path.join(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Version {
        "2.0.0".parse().unwrap()
    }

    #[test]
    fn its_version_is_its_own() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("package.json"), r#"{"version":"1.4.0"}"#).unwrap();
        let found = find(dir.path(), "dist/cli.js", &shell());
        assert_eq!(
            (found.bundled.version.as_str(), found.note),
            ("1.4.0", None)
        );
        assert_eq!(found.bundled.entry, dir.path().join("dist").join("cli.js"));
    }

    #[test]
    fn a_version_that_is_no_semver_counts_as_the_shells_and_is_reported() {
        for content in [r#"{"version":"nightly"}"#, "{}", "garbage", ""] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("package.json"), content).unwrap();
            let found = find(dir.path(), "cli.js", &shell());
            assert_eq!(found.bundled.version, shell(), "{content}");
            assert!(found.note.unwrap().contains("package.json"), "{content}");
        }
    }

    #[test]
    fn a_named_runtime_that_is_not_a_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let error = named(&dir.path().join("none.js"), &shell()).unwrap_err();
        assert!(error.contains("none.js"), "{error}");
        assert!(
            named(dir.path(), &shell()).is_err(),
            "a folder is not a file"
        );
    }
}
