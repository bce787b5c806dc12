//! A site in a folder of this machine.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::durable;
use super::store::{Body, Expect, MOST_BYTES, Reading, Seen, meanwhile};
use crate::failure::Failure;

/// The folder, by its real path.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// A folder that is there.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let root =
            fs::canonicalize(dir).map_err(|error| Failure::file("open the folder", dir, &error))?;
        if !root.is_dir() {
            return Err(Failure::new(
                "file",
                format_args!("{} is not a folder", dir.display()),
                "Name the folder that `refit publish` fills.",
            ));
        }
        Ok(Self { root })
    }

    /// A folder that is made where it is missing.
    pub(crate) fn make(dir: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(dir).map_err(|error| Failure::file("make the folder", dir, &error))?;
        Self::open(dir)
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file of the site lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Reads a small file.
    pub(super) fn get(&self, name: &str) -> Result<Reading, Failure> {
        let path = self.path(name);
        let failed = |error: &io::Error| Failure::file("read", &path, error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => {
                return Ok(Reading {
                    bytes: None,
                    seen: Seen::Absent,
                });
            }
            Err(error) => return Err(failed(&error)),
        };
        let mut bytes = Vec::new();
        file.take(MOST_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|error| failed(&error))?;
        Ok(Reading {
            seen: Seen::content(&bytes),
            bytes: Some(bytes),
        })
    }

    /// Writes a file: synced, renamed into place, its folder synced.
    pub(super) fn put(&self, name: &str, body: Body, expect: &Expect) -> Result<(), Failure> {
        let path = self.path(name);
        let bytes = match body {
            Body::File(file) => {
                durable::make_dirs(path.parent().unwrap_or(&self.root))?;
                return durable::finish(file, &path);
            }
            Body::Bytes(bytes) => bytes,
        };
        // The site's lock is held, so what is found here stays until the rename.
        let there = match expect {
            Expect::Anything => None,
            Expect::New => Some((self.get(name)?, Seen::Absent)),
            Expect::Unchanged(seen) => Some((self.get(name)?, seen.clone())),
        };
        if let Some((there, expected)) = there
            && there.seen != expected
        {
            return if there.seen == Seen::content(&bytes) {
                Ok(())
            } else {
                Err(meanwhile(&path.display().to_string()))
            };
        }
        durable::make_dirs(path.parent().unwrap_or(&self.root))?;
        durable::replace(&path, &bytes)
    }

    /// The files right inside a folder of the site; none where there is no such folder.
    pub(super) fn list(&self, dir: &str) -> Result<Vec<String>, Failure> {
        self.entries(dir, Path::is_file)
    }

    /// The folders right inside a folder of the site.
    pub(super) fn dirs(&self, dir: &str) -> Result<Vec<String>, Failure> {
        self.entries(dir, Path::is_dir)
    }

    fn entries(&self, dir: &str, wanted: fn(&Path) -> bool) -> Result<Vec<String>, Failure> {
        let path = self.path(dir);
        let failed = |error: &io::Error| Failure::file("list", &path, error);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(failed(&error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(&error))?;
            if wanted(&entry.path())
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Waits until no other publisher holds it.
    pub(super) fn lock(&self) -> Result<File, Failure> {
        let path = self.path(".refit-publish.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| Failure::file("open", &path, &error))?;
        file.lock()
            .map_err(|error| Failure::file("lock", &path, &error))?;
        Ok(file)
    }
}

/// Whether an error says that there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        (dir, folder)
    }

    fn put(folder: &Folder, text: &str, expect: &Expect) -> Result<(), Failure> {
        folder.put("a/b.json", Body::Bytes(text.into()), expect)
    }

    fn text(folder: &Folder) -> String {
        String::from_utf8(folder.get("a/b.json").unwrap().bytes.unwrap()).unwrap()
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let (_dir, folder) = folder();
        let before = folder.get("a/b.json").unwrap().seen;
        assert_eq!(before, Seen::Absent);
        put(&folder, "theirs", &Expect::Unchanged(before.clone())).unwrap();
        let failure = put(&folder, "mine", &Expect::Unchanged(before)).unwrap_err();
        assert_eq!(failure.kind, "meanwhile");
        assert!(failure.message.contains("b.json"));
        assert_eq!(text(&folder), "theirs");
        let seen = folder.get("a/b.json").unwrap().seen;
        put(&folder, "mine", &Expect::Unchanged(seen)).unwrap();
        assert_eq!(text(&folder), "mine");
    }

    #[test]
    fn a_new_file_is_new_or_the_same() {
        let (_dir, folder) = folder();
        put(&folder, "one", &Expect::New).unwrap();
        put(&folder, "one", &Expect::New).unwrap();
        assert_eq!(
            put(&folder, "two", &Expect::New).unwrap_err().kind,
            "meanwhile"
        );
        assert_eq!(text(&folder), "one");
    }
}
