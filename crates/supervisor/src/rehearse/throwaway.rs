//! The folder of one rehearsal: locked while it lasts, so that it is told from what one left behind.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::places::Copy;

/// More than this is not copied: a rehearsal must not fill the disk.
const MOST_BYTES: u64 = 1 << 30;
/// The length of a throw-away folder's name, in hexadecimal digits.
const NAME: usize = 8;
/// What a virus scanner holds is free soon.
const REMOVALS: u32 = 10;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(50);

/// A fresh folder, and the lock beside it.
#[derive(Debug)]
pub(super) struct Throwaway {
    path: PathBuf,
    lock: Option<File>,
}

impl Throwaway {
    /// The error says why there is none.
    pub(super) fn make(folder: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| {
            format!(
                "a folder for it could not be made in {}: {error}",
                folder.display()
            )
        };
        private_folder(folder).map_err(failed)?;
        loop {
            let id = uuid::Uuid::new_v4().simple().to_string();
            // Short: what a runtime makes in it may be a socket, whose path has to be.
            let path = folder.join(&id[..NAME]);
            let lock = match File::create_new(lock_of(&path)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                lock => lock.map_err(failed)?,
            };
            lock.lock().map_err(failed)?;
            // Somebody who swept just then may have taken it for a leftover.
            if !lock_of(&path).exists() {
                continue;
            }
            let made = Self {
                path,
                lock: Some(lock),
            };
            for folder in [made.path.clone(), made.data(), made.home()] {
                private_folder(&folder).map_err(failed)?;
            }
            return Ok(made);
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    /// Copies what is to be copied. The error says what could not be.
    pub(super) fn fill(&self, copies: &[Copy]) -> Result<(), String> {
        let mut room = MOST_BYTES;
        // Whoever names a folder above it does not want copies of copies.
        let own = self.path.parent().unwrap_or(&self.path);
        // From outside to inside, so that what is named twice is made once more.
        for copy in copies.iter().rev().filter(|copy| copy.filled) {
            copy_into(&copy.from, &copy.to, (copy.without, own), &mut room).map_err(|error| {
                format!(
                    "{} could not be copied for it: {error}",
                    copy.from.display()
                )
            })?;
        }
        Ok(())
    }

    pub(super) fn remove(mut self) -> io::Result<()> {
        self.clear()
    }

    fn clear(&mut self) -> io::Result<()> {
        let Some(lock) = self.lock.take() else {
            return Ok(());
        };
        let removed = remove(&self.path);
        drop(lock);
        if removed.is_ok() {
            fs::remove_file(lock_of(&self.path))?;
        }
        removed
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // What cannot be removed is swept later.
        let _ = self.clear();
    }
}

/// Removes what nobody holds the lock of.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_lock = path.extension().is_some_and(|found| found == "lock");
        let path = if is_lock {
            path.with_extension("")
        } else {
            path
        };
        if !is_ours(&path) {
            continue;
        }
        let lock = match File::open(lock_of(&path)) {
            Ok(lock) => match lock.try_lock() {
                Ok(()) => Some(lock),
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => continue,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => continue,
        };
        if remove(&path).is_ok() && lock.is_some() {
            let _ = fs::remove_file(lock_of(&path));
        }
    }
}

/// A runtime keeps its own things in the data folder too, under whatever names.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
    name.len() == NAME && name.bytes().all(digit)
}

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

/// For this user's eyes only: what is copied into it may be anything.
fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Leaves out the names in `without` right below `from`, and the folder `own` wherever it is.
fn copy_into(
    from: &Path,
    to: &Path,
    (without, own): (&[&str], &Path),
    room: &mut u64,
) -> io::Result<()> {
    if from == own {
        return Ok(());
    }
    let kind = match fs::symlink_metadata(from) {
        // It was never there, or is gone by now: the runtime goes on meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        kind => kind?,
    };
    if kind.is_dir() {
        private_folder(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let name = entry.file_name();
            if without.iter().any(|without| name == **without) {
                continue;
            }
            copy_into(&entry.path(), &to.join(name), (&[], own), room)?;
        }
    } else if kind.is_file() {
        *room = room.checked_sub(kind.len()).ok_or_else(|| {
            io::Error::other("it is larger than 1 GiB; name less in `rehearse.copy`")
        })?;
        if let Some(folder) = to.parent() {
            private_folder(folder)?;
        }
        match fs::copy(from, to) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            copied => drop(copied?),
        }
    }
    // A link leads back to what is the person's, and a socket or pipe to whoever has it open.
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    let mut left = REMOVALS;
    loop {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if left == 0 => return Err(error),
            Err(_) => {
                make_writable(path);
                std::thread::sleep(BETWEEN_REMOVALS);
            }
            Ok(()) => return Ok(()),
        }
        left -= 1;
    }
}

/// A runtime may leave folders behind that nobody may write.
fn make_writable(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let Ok(kind) = fs::symlink_metadata(path) else {
            return;
        };
        if !kind.is_dir() {
            return;
        }
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            make_writable(&entry.path());
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests;
