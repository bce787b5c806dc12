//! The folder that `--keys` names.

use std::fs;
use std::path::{Path, PathBuf};

use super::secret::{sync_dir, taken};
use super::{Role, SecretKey, Versions};
use crate::failure::Failure;
use crate::output::say;

/// The root that everything must lead back to. Public: the same file is built into the shell.
const TRUSTED_ROOT: &str = "trusted-root.json";

/// The versions that were signed last with these keys.
const LAST_SIGNED: &str = "last-signed.json";

/// There while the keys are being made: whoever was stopped goes on.
const BEGUN: &str = ".refit-keys-begun";

/// A folder of key files. Nothing is read before it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct KeyDir {
    dir: PathBuf,
}

impl KeyDir {
    /// A folder that is there.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let found = fs::metadata(dir)
            .map_err(|error| Failure::file("open the folder of keys", dir, &error))?;
        if found.is_dir() {
            Ok(Self {
                dir: dir.to_path_buf(),
            })
        } else {
            Err(Failure::new(
                "keys",
                format_args!("{} is not a folder", dir.display()),
                "Name the folder that `refit keys new` made.",
            ))
        }
    }

    /// Makes the folder where it is missing, and a new key for each role in it. Nothing is made
    /// where anything of that name is there already.
    pub(crate) fn make(dir: &Path) -> Result<(Self, Vec<(Role, SecretKey)>), Failure> {
        crate::site::must_be_outside(dir)?;
        make_private(dir)?;
        let keys = Self {
            dir: dir.to_path_buf(),
        };
        let begun = keys.dir.join(BEGUN);
        let resumed = begun.symlink_metadata().is_ok();
        let occupied = Role::ALL
            .iter()
            .flat_map(|role| [keys.current(*role), keys.next(*role)])
            .chain([keys.dir.join(TRUSTED_ROOT)])
            .find(|path| path.symlink_metadata().is_ok());
        if let Some(path) = occupied.filter(|_| !resumed) {
            return Err(taken(&path));
        }
        crate::site::replace_file(&begun, b"")?;
        let made = Role::ALL
            .iter()
            .map(|role| {
                let path = keys.current(*role);
                let left = if resumed {
                    SecretKey::find(&path)?
                } else {
                    None
                };
                Ok((*role, left.map_or_else(|| SecretKey::make(&path), Ok)?))
            })
            .collect::<Result<_, Failure>>()?;
        fs::remove_file(&begun).map_err(|error| Failure::file("remove", &begun, &error))?;
        Ok((keys, made))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// `ROLE.pem`.
    pub(crate) fn current(&self, role: Role) -> PathBuf {
        self.dir.join(format!("{role}.pem"))
    }

    /// `ROLE.next.pem`: the key that a rotation is about to put in place.
    pub(crate) fn next(&self, role: Role) -> PathBuf {
        self.dir.join(format!("{role}.next.pem"))
    }

    /// `ROLE.retired-N.pem`: a key that root N was the last to name.
    pub(crate) fn retired(&self, role: Role, root: u64) -> PathBuf {
        self.dir.join(format!("{role}.retired-{root}.pem"))
    }

    /// The keys of a role that are here: the current one, and one that a stopped rotation left.
    pub(crate) fn secrets(&self, role: Role) -> Result<Vec<SecretKey>, Failure> {
        [self.current(role), self.next(role)]
            .iter()
            .filter_map(|path| SecretKey::find(path).transpose())
            .collect()
    }

    /// The trusted root's file.
    pub(crate) fn trusted_root_path(&self) -> PathBuf {
        self.dir.join(TRUSTED_ROOT)
    }

    /// The trusted root, where there is one yet.
    pub(crate) fn trusted_root(&self) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.trusted_root_path();
        match fs::read(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::file("read", &path, &error)),
        }
    }

    /// The keys that lie here as retired.
    pub(crate) fn retired_keys(&self) -> Result<Vec<SecretKey>, Failure> {
        let failed = |error: &std::io::Error| Failure::file("list", &self.dir, error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.contains(".retired-") && name.ends_with(".pem") {
                found.extend(SecretKey::find(&entry.path())?);
            }
        }
        Ok(found)
    }

    /// Keeps a root as the trusted one.
    pub(crate) fn trust(&self, root: &[u8]) -> Result<(), Failure> {
        crate::site::replace_file(&self.trusted_root_path(), root)
    }

    /// The same; where that cannot be, says so and goes on: the root is on the site, and whoever starts
    /// at the one before finds it.
    pub(crate) fn trust_if_possible(&self, root: &[u8]) {
        if let Err(failure) = self.trust(root) {
            say(&format!(
                "Warning: the new root was published, and not kept here. {} Copy it there from the site.",
                failure.message
            ));
        }
    }

    /// Refuses a repository that is older than what was signed here last: its host shows an old state,
    /// and signing anew would make that the newest.
    pub(crate) fn check_not_older(
        &self,
        found: &Versions,
        seen: &Versions,
        place: &str,
    ) -> Result<(), Failure> {
        match found.behind(seen) {
            None => Ok(()),
            Some(role) => Err(Failure::new(
                "repository",
                format_args!(
                    "{place} is at {role} {}, and {} was signed with these keys: an old state is shown",
                    found.of(role),
                    seen.of(role)
                ),
                format!(
                    "Find out who put it back, and restore the newest state. Devices refuse the old one too. \
                     If {} is wrong, remove it.",
                    self.dir.join(LAST_SIGNED).display()
                ),
            )),
        }
    }

    /// Remembers what was signed. A folder that cannot be written to signs all the same.
    pub(crate) fn remember(&self, signed: Versions) {
        let before = self.last_signed().ok().flatten().unwrap_or_default();
        let path = self.dir.join(LAST_SIGNED);
        let written = serde_json::to_vec(&before.later(signed))
            .map_err(std::io::Error::from)
            .map_err(|error| Failure::file("write", &path, &error))
            .and_then(|text| crate::site::replace_file(&path, &text));
        if let Err(failure) = written {
            say(&format!(
                "Warning: what was signed was not remembered. {}",
                failure.message
            ));
        }
    }

    /// What was signed last with these keys. None where nobody remembers.
    pub(crate) fn last_signed(&self) -> Result<Option<Versions>, Failure> {
        let path = self.dir.join(LAST_SIGNED);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", &path, &error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Failure::new(
                "keys",
                format_args!("{} cannot be read: {error}", path.display()),
                "Restore it from a backup, or remove it to go on without.",
            )
        })
    }

    /// Takes `ROLE.next.pem` into use and keeps the old key, which root `last` named, under a name
    /// that says so. Stopped in between, running it again finishes it.
    pub(crate) fn retire(&self, role: Role, last: u64) -> Result<Option<PathBuf>, Failure> {
        let (current, next) = (self.current(role), self.next(role));
        if !next.exists() {
            return Ok(None);
        }
        let mut kept = None;
        if current.exists() {
            let retired = self.retired(role, last);
            if retired.exists() {
                return Err(taken(&retired));
            }
            fs::rename(&current, &retired)
                .map_err(|error| Failure::file("rename", &current, &error))?;
            kept = Some(retired);
        }
        fs::rename(&next, &current).map_err(|error| Failure::file("rename", &next, &error))?;
        sync_dir(&self.dir)?;
        Ok(kept)
    }
}

/// A folder for its owner only, where it is made here.
fn make_private(dir: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder
        .create(dir)
        .map_err(|error| Failure::file("make the folder", dir, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_key_for_each_role_and_each_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let (_, made) = KeyDir::make(&dir.path().join("keys")).unwrap();
        let mut seen = Vec::new();
        for (role, key) in &made {
            assert!(key.path().ends_with(format!("{role}.pem")));
            let public = key.public().unwrap();
            assert!(!seen.contains(&public));
            seen.push(public);
        }
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn making_keys_goes_on_where_it_was_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let root = SecretKey::make(&dir.path().join("root.pem")).unwrap();
        fs::write(dir.path().join(BEGUN), "").unwrap();
        let (_, made) = KeyDir::make(dir.path()).unwrap();
        assert_eq!(made.len(), 4);
        assert_eq!(made[0].1.public().unwrap(), root.public().unwrap());
        assert!(KeyDir::make(dir.path()).is_err(), "they are finished");
    }

    #[test]
    fn keys_are_not_made_inside_a_site() {
        for (mark, is_dir) in [(".refit-publish.lock", false), ("repo/metadata", true)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(mark);
            if is_dir {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::write(path, "").unwrap();
            }
            for below in ["keys", "a/b/keys"] {
                let failure = KeyDir::make(&dir.path().join(below)).unwrap_err();
                assert!(failure.message.contains("inside the site"), "{failure}");
            }
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn one_file_in_the_way_is_enough_to_make_none() {
        for there in ["timestamp.pem", "root.next.pem", TRUSTED_ROOT] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(there), "kept").unwrap();
            let failure = KeyDir::make(dir.path()).unwrap_err();
            assert!(failure.message.contains(there), "{}", failure.message);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_rotation_stopped_between_its_two_renames_is_finished_later() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, made) = KeyDir::make(&dir.path().join("keys")).unwrap();
        let next = SecretKey::make(&keys.next(Role::Targets)).unwrap();
        let retired = keys.retired(Role::Targets, 1);
        // Where the first rename was done and the second was not.
        fs::rename(keys.current(Role::Targets), &retired).unwrap();
        assert_eq!(keys.retire(Role::Targets, 1).unwrap(), None);
        let public = |path: &Path| SecretKey::read(path).unwrap().public().unwrap();
        assert_eq!(public(&keys.current(Role::Targets)), next.public().unwrap());
        assert_eq!(public(&retired), made[1].1.public().unwrap());
        assert_eq!(keys.retire(Role::Targets, 1).unwrap(), None);
    }
}
