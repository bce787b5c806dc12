//! One secret key: an Ed25519 key as PKCS#8 in PEM, in a file of its own.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use aws_lc_rs::signature::Ed25519KeyPair;
use tough::key_source::KeySource;
use tough::schema::key::Key;
use tough::sign::Sign;

use crate::failure::Failure;
use crate::output::say;

/// What stands in the first line of a key file.
const LABEL: &str = "PRIVATE KEY";

/// A key as it was read from a file. The file alone says which one it is, in words.
#[derive(Clone)]
pub(crate) struct SecretKey {
    path: PathBuf,
    /// PKCS#8. Never shown.
    document: Vec<u8>,
}

impl SecretKey {
    /// Makes a new key at `path`, readable by its owner only. What is there already stays.
    pub(crate) fn make(path: &Path) -> Result<Self, Failure> {
        let document = Ed25519KeyPair::generate()
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(|_| {
                Failure::new(
                    "keys",
                    "Could not make a key: the system gave no random numbers",
                    "Try again.",
                )
            })?;
        Self {
            path: PathBuf::new(),
            document: document.as_ref().to_vec(),
        }
        .copy_to(path)
    }

    /// Writes the same key to `path`, readable by its owner only. What is there already stays.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<Self, Failure> {
        let failed = |error: &std::io::Error| Failure::file("write", path, error);
        let document = self.document.clone();
        let text = pem::encode(&pem::Pem::new(LABEL, document.clone()));
        let dir = path.parent().unwrap_or(Path::new("."));
        // For its owner only: that is how temporary files are made.
        let mut file = tempfile::Builder::new()
            .prefix(".refit-")
            .suffix(".tmp")
            .tempfile_in(dir)
            .map_err(|error| Failure::file("write into", dir, &error))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| failed(&error))?;
        file.persist_noclobber(path)
            .map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => taken(path),
                _ => failed(&error.error),
            })?;
        sync_dir(dir)?;
        Ok(Self {
            path: path.to_path_buf(),
            document,
        })
    }

    /// Reads the key at `path`. None where there is no such file.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, Failure> {
        match Self::read(path) {
            Ok(key) => Ok(Some(key)),
            Err(_) if !path.exists() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Reads the key at `path`, and warns if others may read it too.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read(path).map_err(|error| Failure::file("read the key", path, &error))?;
        let no_key = || {
            Failure::new(
                "keys",
                format_args!("{} holds no Ed25519 key as PKCS#8 in PEM", path.display()),
                "Name a key file that `refit keys new` made, or restore it from a backup.",
            )
        };
        // The parser's own words could quote the file.
        let pem = pem::parse(text).map_err(|_| no_key())?;
        if pem.tag() != LABEL {
            return Err(no_key());
        }
        let key = Self {
            path: path.to_path_buf(),
            document: pem.into_contents(),
        };
        key.pair().map_err(|()| no_key())?;
        if readable_by_others(path) && is_news(path) {
            say(&format!(
                "Warning: {} can be read by others on this machine. `chmod 600` it.",
                path.display()
            ));
        }
        Ok(key)
    }

    /// Its file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its public half, as metadata names it.
    pub(crate) fn public(&self) -> Result<Key, Failure> {
        Ok(self.pair().map_err(|()| self.unusable())?.tuf_key())
    }

    /// What metadata calls its public half: the sha256 of it, in hex.
    pub(crate) fn id(&self) -> Result<String, Failure> {
        let id = self.public()?.key_id().map_err(|_| self.unusable())?;
        Ok(hex::encode(id.into_vec()))
    }

    fn pair(&self) -> Result<Ed25519KeyPair, ()> {
        Ed25519KeyPair::from_pkcs8(&self.document).map_err(|_| ())
    }

    fn unusable(&self) -> Failure {
        Failure::new(
            "keys",
            format_args!("{} cannot be used to sign", self.path.display()),
            "Restore it from a backup.",
        )
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl KeySource for SecretKey {
    async fn as_sign(
        &self,
    ) -> Result<Box<dyn Sign>, Box<dyn std::error::Error + Send + Sync + 'static>> {
        let pair = self.pair().map_err(|()| self.unusable())?;
        Ok(Box::new(pair))
    }

    async fn write(
        &self,
        _value: &str,
        _key_id_hex: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        Err(taken(&self.path).into())
    }
}

/// No key is ever overwritten.
pub(super) fn taken(path: &Path) -> Failure {
    Failure::new(
        "keys",
        format_args!("{} is there already", path.display()),
        "Choose another folder, or move what is there to a safe place: a key cannot be made again.",
    )
}

/// Whether this was not said of `path` before: a key may be read more than once by one command.
fn is_news(path: &Path) -> bool {
    static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    TOLD.lock()
        .is_ok_and(|mut told| told.insert(path.to_path_buf()))
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// Windows' access lists are not judged.
#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> bool {
    false
}

/// Windows cannot sync a folder, and need not: NTFS journals names.
pub(super) fn sync_dir(dir: &Path) -> Result<(), Failure> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| Failure::file("sync the folder", dir, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("targets.pem");
        let made = SecretKey::make(&path).unwrap();
        let read = SecretKey::read(&path).unwrap();
        assert_eq!(made.public().unwrap(), read.public().unwrap());
        let text = fs::read_to_string(&path).unwrap();
        let secret = text.lines().nth(1).unwrap();
        assert!(!format!("{read:?}").contains(secret));
        assert!(!format!("{read:?}").contains("document"));
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("targets.pem");
        SecretKey::make(&path).unwrap();
        let before = fs::read(&path).unwrap();
        assert_eq!(SecretKey::make(&path).unwrap_err().kind, "keys");
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("targets.pem");
        SecretKey::make(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!readable_by_others(&path));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(readable_by_others(&path));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("targets.pem");
        for text in [
            "secret",
            "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n-----END PUBLIC KEY-----\n",
        ] {
            fs::write(&path, text).unwrap();
            let failure = SecretKey::read(&path).unwrap_err();
            assert!(failure.message.contains("targets.pem"));
            assert!(!failure.message.contains("secret"), "{}", failure.message);
            assert!(!failure.message.contains("c2Vj"), "{}", failure.message);
        }
    }
}
