//! A site in a folder of this machine.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rollout::Integrity;
use sha2::{Digest, Sha256, Sha512};

use super::durable;
use super::store::{Body, Expect, MOST_BYTES, Reading, Seen, meanwhile};
use crate::failure::Failure;

/// Held while the site is changed.
pub(super) const LOCK: &str = ".refit-publish.lock";

/// The folder, by its real path.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    /// So many more writes go well.
    #[cfg(test)]
    left: Option<std::sync::Arc<std::sync::atomic::AtomicUsize>>,
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
        Ok(Self {
            root,
            #[cfg(test)]
            left: None,
        })
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

    /// The same folder, whose writes fail once `left` is spent.
    #[cfg(test)]
    pub(super) fn failing(self, left: std::sync::Arc<std::sync::atomic::AtomicUsize>) -> Self {
        Self {
            left: Some(left),
            ..self
        }
    }

    #[cfg(test)]
    fn spend(&self, path: &Path) -> Result<(), Failure> {
        use std::sync::atomic::Ordering::SeqCst;
        let spent = self.left.as_ref().is_some_and(|left| {
            left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
                .is_err()
        });
        if spent {
            return Err(Failure::file(
                "write",
                path,
                &io::ErrorKind::StorageFull.into(),
            ));
        }
        Ok(())
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
        // The site's lock is held, so what is found here stays until the rename.
        if self.check(name, &body, expect)? == Found::Done {
            return Ok(());
        }
        #[cfg(test)]
        self.spend(&path)?;
        durable::make_dirs(path.parent().unwrap_or(&self.root))?;
        match body {
            Body::File(file) => durable::finish(file, &path),
            Body::Bytes(bytes) => durable::replace(&path, &bytes),
        }
    }

    /// Whether a file may be written, as far as what is expected of it says.
    pub(super) fn check(&self, name: &str, body: &Body, expect: &Expect) -> Result<Found, Failure> {
        let expected = match expect {
            Expect::Anything | Expect::Unnamed => return Ok(Found::Free),
            Expect::New => Seen::Absent,
            Expect::Unchanged(seen) => seen.clone(),
        };
        let path = self.path(name);
        let there =
            digest::<Sha256>(&path)?.map_or(Seen::Absent, |digest| Seen::Content(digest.into()));
        if there == expected {
            return Ok(Found::Free);
        }
        let wanted = match body {
            Body::Bytes(bytes) => Some(Seen::content(bytes)),
            Body::File(file) => {
                digest::<Sha256>(file.path())?.map(|digest| Seen::Content(digest.into()))
            }
        };
        if wanted == Some(there) {
            Ok(Found::Done)
        } else {
            Err(meanwhile(&path.display().to_string()))
        }
    }

    /// The sha512 of a file of any size.
    pub(super) fn integrity(&self, name: &str) -> Result<Option<Integrity>, Failure> {
        let digest = digest::<Sha512>(&self.path(name))?;
        Ok(digest.map(|digest| Integrity::from_digest(digest.into())))
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
        let path = self.path(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| Failure::file("open", &path, &error))?;
        file.lock()
            .map_err(|error| Failure::file("lock", &path, &error))?;
        self.sweep();
        Ok(file)
    }

    /// Removes what publishers that were stopped left half written. Whoever is only copying a tarball
    /// holds no lock yet, hence the age.
    fn sweep(&self) {
        for dir in ["", "repo/metadata", "repo/targets"] {
            let Ok(names) = self.list(dir) else { continue };
            for name in names.iter().filter(|name| durable::is_unfinished(name)) {
                let path = self.path(dir).join(name);
                let old = fs::symlink_metadata(&path)
                    .and_then(|found| found.modified())
                    .is_ok_and(|modified| is_left(modified, SystemTime::now()));
                if old {
                    // Left once more at worst.
                    let _ = fs::remove_file(&path);
                }
            }
        }
    }
}

/// What [`Folder::check`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It may be written.
    Free,
    /// It holds what is to be written already.
    Done,
}

/// Whether a half-written file is nobody's any more. No tarball takes a day to be looked at.
fn is_left(modified: SystemTime, now: SystemTime) -> bool {
    now.duration_since(modified)
        .is_ok_and(|age| age > Duration::from_hours(24))
}

/// The digest of a file of any size. None where there is no such file.
fn digest<D: Digest>(path: &Path) -> Result<Option<sha2::digest::Output<D>>, Failure> {
    let failed = |error: &io::Error| Failure::file("read", path, error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    let mut digest = D::new();
    let mut block = vec![0; 64 << 10];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(Some(digest.finalize())),
            Ok(read) => digest.update(&block[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(&error)),
        }
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

    fn file(dir: &Path, text: &str) -> Body {
        use std::io::Write as _;
        let mut file = durable::begin(dir).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Body::File(file)
    }

    #[test]
    fn a_large_file_that_is_to_be_new_replaces_nothing_either() {
        let (dir, folder) = folder();
        for (content, expect, then) in [
            ("one", Expect::New, Ok("one")),
            ("one", Expect::New, Ok("one")),
            ("two", Expect::New, Err("one")),
            ("two", Expect::Unnamed, Ok("two")),
        ] {
            let result = folder.put("a/b.json", file(dir.path(), content), &expect);
            assert_eq!(result.is_ok(), then.is_ok(), "{content} {expect:?}");
            let (Ok(there) | Err(there)) = then;
            assert_eq!(text(&folder), there, "{content} {expect:?}");
        }
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 1, "no copy is left");
    }

    #[test]
    fn a_large_file_is_known_by_its_content() {
        let (_dir, folder) = folder();
        assert_eq!(folder.integrity("a/b.json").unwrap(), None);
        put(&folder, "one", &Expect::New).unwrap();
        let known = Integrity::from_digest(Sha512::digest("one").into());
        assert_eq!(folder.integrity("a/b.json").unwrap(), Some(known));
    }

    #[test]
    fn what_a_stopped_publisher_left_is_swept_once_it_is_old() {
        let (dir, folder) = folder();
        let old = SystemTime::now() - Duration::from_hours(25);
        for (name, then) in [
            (".refit-old.tmp", old),
            (".refit-new.tmp", SystemTime::now()),
            ("latest.json", old),
            (".other.tmp", old),
        ] {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_modified(then).unwrap();
        }
        let lock = folder.lock().unwrap();
        let mut names = folder.list("").unwrap();
        names.retain(|name| name != ".refit-publish.lock");
        assert_eq!(names, [".other.tmp", ".refit-new.tmp", "latest.json"]);
        drop(lock);
    }
}
