//! Where everything of a store lies, below one folder at its real path.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rollout::Version;

use crate::{StoreError, durable};

/// The paths of one store. Below `root` the layout is fixed and holds no link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    data: PathBuf,
    root: PathBuf,
}

/// The folders that a store consists of.
const FOLDERS: [&str; 5] = ["versions", "records", "partial", "trash", "leases"];

impl Layout {
    /// Makes what is missing of the store below `data` and resolves it to its real path once.
    ///
    /// A store on a read-only disk opens too: what is missing there is missing when it is read.
    pub(crate) fn open(data: &Path) -> Result<Self, StoreError> {
        if let Err(error) = fs::create_dir_all(data)
            && !data.is_dir()
        {
            return Err(StoreError::io("make the data folder", data, error));
        }
        let data = data
            .canonicalize()
            .map_err(|error| StoreError::io("resolve the data folder", data, error))?;
        if data.to_str().is_none() {
            return Err(StoreError::NotUtf8 { path: data });
        }
        let layout = Self {
            root: data.join("runtime-store"),
            data,
        };
        make_folder(&layout.root)?;
        for name in FOLDERS {
            make_folder(&layout.root.join(name))?;
        }
        Ok(layout)
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn pointer(&self) -> PathBuf {
        self.root.join("current.json")
    }

    pub(crate) fn bad_list(&self) -> PathBuf {
        self.root.join("bad-versions.json")
    }

    pub(crate) fn versions(&self) -> PathBuf {
        self.root.join("versions")
    }

    /// `versions/<v>`: nothing but a whole version ever has this name.
    pub(crate) fn version(&self, version: &Version) -> PathBuf {
        self.versions().join(version.as_str())
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.root.join("records")
    }

    pub(crate) fn record(&self, version: &Version) -> PathBuf {
        self.records().join(format!("{version}.json"))
    }

    pub(crate) fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    /// `partial/<v>`: what is being staged. Only the holder of [`Self::partial_lock`] writes in it.
    pub(crate) fn partial(&self, version: &Version) -> PathBuf {
        self.partials().join(version.as_str())
    }

    /// `partial/<v>~lock`: made, locked and removed only under the store lock.
    pub(crate) fn partial_lock(&self, version: &Version) -> PathBuf {
        self.partials().join(format!("{version}{PARTIAL_LOCK}"))
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub(crate) fn leases(&self) -> PathBuf {
        self.root.join("leases")
    }

    pub(crate) fn releases(&self) -> PathBuf {
        self.root.join("releases.json")
    }

    pub(crate) fn device_id(&self) -> PathBuf {
        self.root.join("device-id")
    }

    /// There until the first launch was reported.
    pub(crate) fn first_launch(&self) -> PathBuf {
        self.root.join("first-launch")
    }

    pub(crate) fn fingerprints(&self) -> PathBuf {
        self.root.join("fingerprints.json")
    }

    pub(crate) fn rollout_log(&self) -> PathBuf {
        self.root.join("rollout.log")
    }

    pub(crate) fn history(&self) -> PathBuf {
        self.root.join("history.log")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Every folder in `versions/` that is this version, however its name is written: the same
    /// version can stand there under another letter case or other build metadata.
    pub(crate) fn folders_of(&self, version: &Version) -> Result<Vec<PathBuf>, StoreError> {
        Ok(names(&self.versions())?
            .into_iter()
            .filter(|name| name.parse::<Version>().is_ok_and(|other| other == *version))
            .map(|name| self.versions().join(name))
            .collect())
    }
}

/// What a partial's lock file has behind the version; no version can end like this.
pub(crate) const PARTIAL_LOCK: &str = "~lock";

/// The UTF-8 names in a folder, sorted; a folder that is not there is empty.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let read = |error| StoreError::io("read the folder", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(read)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    let made = fs::create_dir(path);
    if made.is_ok()
        && let Some(parent) = path.parent()
    {
        // Else a power cut could take the folder away with everything that is durable in it.
        durable::sync_folder(parent)?;
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(StoreError::NotAFolder {
            path: path.to_owned(),
        }),
        Err(error) if unwritable(made.as_ref().err()) => {
            tracing::debug!(path = %path.display(), %error, "left out on a disk that cannot be written");
            Ok(())
        }
        Err(error) => Err(StoreError::io(
            "make the folder",
            path,
            made.err().unwrap_or(error),
        )),
    }
}

/// Whether the disk, and not a defect, keeps a folder from being made.
fn unwritable(error: Option<&io::Error>) -> bool {
    use io::ErrorKind::{
        NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    error.is_some_and(|error| {
        matches!(
            error.kind(),
            NotFound | PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_makes_every_folder_and_resolves_links_above_the_store() {
        let scratch = tempfile::tempdir().unwrap();
        let real = scratch.path().join("real");
        fs::create_dir(&real).unwrap();
        #[cfg(unix)]
        let way = {
            let link = scratch.path().join("link");
            std::os::unix::fs::symlink(&real, &link).unwrap();
            link.join("app")
        };
        #[cfg(not(unix))]
        let way = real.join("app");

        let layout = Layout::open(&way).unwrap();
        assert_eq!(
            layout.data(),
            real.join("app").canonicalize().unwrap(),
            "the data folder is not its real path"
        );
        for name in FOLDERS {
            assert!(layout.root().join(name).is_dir(), "{name}");
        }
        assert_eq!(Layout::open(&way).unwrap(), layout);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_below_the_store_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let elsewhere = scratch.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let data = scratch.path().join("data");
        Layout::open(&data).unwrap();
        let versions = data.join("runtime-store/versions");
        fs::remove_dir(&versions).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &versions).unwrap();

        let error = Layout::open(&data).unwrap_err();
        assert!(matches!(error, StoreError::NotAFolder { .. }), "{error}");
    }

    #[test]
    fn a_file_where_the_data_folder_should_be_is_an_error_that_names_it() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("data");
        fs::write(&file, "").unwrap();
        let error = Layout::open(&file).unwrap_err().to_string();
        assert!(error.contains("data`"), "{error}");
    }

    #[test]
    fn a_version_is_found_under_every_spelling_of_its_name() {
        let scratch = tempfile::tempdir().unwrap();
        let layout = Layout::open(scratch.path()).unwrap();
        for name in ["1.0.0-RC", "1.0.0-rc+b", "1.0.0", "no version"] {
            fs::create_dir(layout.versions().join(name)).unwrap();
        }
        let found = layout.folders_of(&"1.0.0-rc".parse().unwrap()).unwrap();
        assert_eq!(
            found,
            [
                layout.versions().join("1.0.0-RC"),
                layout.versions().join("1.0.0-rc+b")
            ]
        );
    }
}
