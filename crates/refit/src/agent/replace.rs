//! The replacement of the agent's own binary, in steps of which each uses only what the last one verified.
//!
//! ```text
//! stage  1 may it be replaced at all, and by this?        nothing written
//!        2 fetch into <exe>.new: count, cap, hash         O_EXCL; a leftover is removed first
//!        3 size and sha256 are the ones recorded
//!        4 its label: the version wanted, this platform, no development build
//!        5 mode 0755, to disk
//!        6 it starts here: `<exe>.new --version` says its version
//! swap   7 what runs is on trial no more; all of 3 to 6 again     (what lies on a disk may change)
//!        8 keep the old one as <exe>.old
//!        9 the sentinel says what is about to happen
//!       10 rename <exe>.new over <exe>, folder to disk
//! ```
//!
//! What fails before 10 leaves the old binary in place. What is refused leaves nothing beside it; what fails for
//! want of network or disk leaves nothing either, and may be tried again. After 10 the program has to end so
//! that the service manager starts it anew ([`super::RESTART`]).

mod stopped;

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rollout::Version;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::files::{self, FileError, cut};
use super::label::{self, Label, LabelError};
use super::place::Place;
use super::quarantine;
use super::sentinel::{self, Replacement};
use super::starts::{self, Silent};

pub(crate) use stopped::{Refusal, Stopped, Trouble};

/// Bytes that are fetched at once.
const BLOCK: usize = 64 << 10;
/// How long somebody else's replacement is waited for, and how often it is looked.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_STEP: Duration = Duration::from_millis(10);

/// What is to take the binary's place, as whoever is believed recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its version.
    pub(crate) version: Version,
    /// The sha256 of the binary, in lowercase hexadecimal.
    pub(crate) sha256: String,
    /// Its length in bytes.
    pub(crate) size: u64,
}

/// Replaces one binary: that of this very program.
#[derive(Debug, Clone)]
pub(crate) struct Replacer {
    place: Place,
    own: Label,
    /// Whether what lies there starts and says that it is this version.
    starts: fn(&Path, &Version) -> Result<(), Silent>,
    /// Whether a fleet orders it.
    is_ordered: bool,
}

/// A verified binary that waits as `<exe>.new`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staged {
    wanted: Wanted,
}

/// The binary was replaced: this program has to end, and to be started anew.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the old program still runs"]
pub(crate) struct Swapped {
    /// What is in place now.
    pub(crate) to: Version,
}

impl Replacer {
    /// Of the binary that runs.
    ///
    /// # Errors
    /// Where the system does not say which that is.
    pub(crate) fn own() -> io::Result<Self> {
        Ok(Self::new(Place::own()?, label::own(), starts::says))
    }

    /// Of the binary at `place`, which says `own` of itself.
    pub(super) fn new(
        place: Place,
        own: Label,
        starts: fn(&Path, &Version) -> Result<(), Silent>,
    ) -> Self {
        Self {
            place,
            own,
            starts,
            is_ordered: false,
        }
    }

    /// The same, on the order of a fleet.
    #[must_use]
    pub(super) fn ordered(self) -> Self {
        Self {
            is_ordered: true,
            ..self
        }
    }

    /// What it replaces.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Step 1: whether this binary may be replaced by `wanted` at all. Writes nothing that stays.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn may(&self, wanted: &Wanted) -> Result<(), Stopped> {
        if let Some(why) = self.place.development(&self.own) {
            return Err(Refusal::Development(why).into());
        }
        if wanted.version == self.own.version {
            return Err(Refusal::Runs(wanted.version.clone()).into());
        }
        if wanted.size > label::MOST_BYTES {
            return Err(Refusal::TooLarge(wanted.size).into());
        }
        let quarantined = quarantine::quarantined(&self.place).map_err(Trouble::from)?;
        let same = |it: &quarantine::Quarantined| {
            it.version == wanted.version && it.sha256 == wanted.sha256
        };
        if quarantined.iter().any(same) {
            return Err(Refusal::Quarantined(wanted.version.clone()).into());
        }
        self.writable()
    }

    /// Steps 1 to 6.
    ///
    /// # Errors
    /// Why it is not staged; nothing is left beside the binary then.
    pub(crate) async fn stage(
        &self,
        wanted: &Wanted,
        bytes: impl AsyncRead + Unpin,
    ) -> Result<Staged, Stopped> {
        self.may(wanted)?;
        let _lock = self.lock().await?;
        let staged = self.fetch_and_verify(wanted, bytes).await;
        if staged.is_err() {
            self.clear();
        }
        staged
    }

    async fn fetch_and_verify(
        &self,
        wanted: &Wanted,
        bytes: impl AsyncRead + Unpin,
    ) -> Result<Staged, Stopped> {
        let (found, size) = self.fetch(wanted, bytes).await?;
        must_be(wanted, found, size)?;
        self.in_own_thread(wanted, |it, wanted| {
            it.labelled(wanted)?;
            it.to_disk()?;
            it.starts_here(wanted)
        })
        .await?;
        Ok(Staged {
            wanted: wanted.clone(),
        })
    }

    /// What was staged before, perhaps by a program that ended since: steps 3 to 6 again, with what lies there
    /// now. None where that is not `wanted`; it is removed then.
    ///
    /// # Errors
    /// Why it must not be taken, or cannot be read.
    pub(crate) async fn staged(&self, wanted: &Wanted) -> Result<Option<Staged>, Stopped> {
        if !self.place.next().exists() {
            return Ok(None);
        }
        self.may(wanted)?;
        let _lock = self.lock().await?;
        match self.verified_again(wanted).await {
            Ok(()) => Ok(Some(Staged {
                wanted: wanted.clone(),
            })),
            Err(Stopped::Refused(refusal)) => {
                tracing::info!(%refusal, "what was staged of the agent is of no use");
                self.clear();
                Ok(None)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Removes what was staged.
    ///
    /// # Errors
    /// Where that is not possible.
    pub(crate) async fn discard(&self) -> Result<(), Stopped> {
        let _lock = self.lock().await?;
        Ok(files::remove(&self.place.next())?)
    }

    /// Steps 7 to 10.
    ///
    /// # Errors
    /// Why the old binary is still in place.
    pub(crate) async fn swap(&self, staged: Staged, now: Timestamp) -> Result<Swapped, Stopped> {
        let wanted = staged.wanted;
        self.may(&wanted)?;
        self.must_be_proved()?;
        let _lock = self.lock().await?;
        if let Err(stopped) = self.verified_again(&wanted).await {
            if matches!(stopped, Stopped::Refused(_)) {
                self.clear();
            }
            return Err(stopped);
        }
        self.in_own_thread(&wanted, move |it, wanted| it.put_in_place(wanted, now))
            .await?;
        Ok(Swapped { to: wanted.version })
    }

    /// Step 2. Returns sha256 and length of what came.
    async fn fetch(
        &self,
        wanted: &Wanted,
        mut bytes: impl AsyncRead + Unpin,
    ) -> Result<(String, u64), Stopped> {
        let next = self.place.next();
        files::remove(&next)?;
        let failed = |error| FileError::new("write", &next, error);
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&next).await.map_err(failed)?;
        cut::here();
        let (mut hash, mut length) = (Sha256::new(), 0_u64);
        let mut block = vec![0; BLOCK];
        loop {
            let read = bytes.read(&mut block).await.map_err(Trouble::Transfer)?;
            if read == 0 {
                break;
            }
            length += read as u64;
            if length > wanted.size {
                return Err(Refusal::Size {
                    wanted: wanted.size,
                    found: length,
                    more: true,
                }
                .into());
            }
            hash.update(&block[..read]);
            file.write_all(&block[..read]).await.map_err(failed)?;
            cut::here();
        }
        file.flush().await.map_err(failed)?;
        // Not left to a thread that closes it later: nobody can start what is open for writing.
        drop(file.into_std().await);
        Ok((hex::encode(hash.finalize()), length))
    }

    /// Step 4.
    fn labelled(&self, wanted: &Wanted) -> Result<(), Stopped> {
        let found = match label::of_file(&self.place.next()) {
            Ok(label) => label,
            Err(LabelError::Read { path, source }) => {
                return Err(FileError::new("read", &path, source).into());
            }
            Err(error) => return Err(Refusal::Label(error).into()),
        };
        // By their text: build metadata counts where a label is held against an order.
        if found.version.as_str() != wanted.version.as_str() {
            return Err(Refusal::Mislabelled {
                wanted: wanted.version.to_string(),
                found: found.version.to_string(),
            }
            .into());
        }
        if found.platform != self.own.platform {
            return Err(Refusal::Platform {
                here: self.own.platform.clone(),
                found: found.platform,
            }
            .into());
        }
        if found.development {
            return Err(Refusal::ForDevelopment(found.version).into());
        }
        Ok(())
    }

    /// Step 5.
    fn to_disk(&self) -> Result<(), Stopped> {
        let next = self.place.next();
        let done = || -> io::Result<()> {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(&next, std::fs::Permissions::from_mode(0o755))?;
            }
            File::options().write(true).open(&next)?.sync_all()
        };
        done().map_err(|error| FileError::new("bring to disk", &next, error))?;
        cut::here();
        Ok(files::sync_folder(&next)?)
    }

    /// Step 6.
    fn starts_here(&self, wanted: &Wanted) -> Result<(), Stopped> {
        (self.starts)(&self.place.next(), &wanted.version).map_err(|silent| match silent {
            Silent::Binary(why) => Refusal::DoesNotStart(why).into(),
            Silent::Machine(error) => Trouble::Start(error).into(),
        })
    }

    /// Steps 3 to 6 with what lies there.
    async fn verified_again(&self, wanted: &Wanted) -> Result<(), Stopped> {
        self.in_own_thread(wanted, |it, wanted| {
            let (found, size) = files::digest(&it.place.next())?;
            must_be(wanted, found, size)?;
            it.labelled(wanted)?;
            it.to_disk()?;
            it.starts_here(wanted)
        })
        .await
    }

    /// Steps 8 to 10.
    fn put_in_place(&self, wanted: &Wanted, now: Timestamp) -> Result<(), Stopped> {
        let (exe, old) = (self.place.exe(), self.place.old());
        let (from_sha256, _) = files::digest(exe)?;
        let before = sentinel::look(&self.place);
        files::keep_as(exe, &old)?;
        cut::here();
        let announced = sentinel::announce(
            &self.place,
            Replacement {
                version: wanted.version.clone(),
                sha256: wanted.sha256.clone(),
                from: self.own.version.clone(),
                from_sha256,
                at: now,
                ordered: self.is_ordered,
            },
        );
        cut::here();
        let swapped = announced.and_then(|()| files::put_in_place(&self.place.next(), exe));
        match swapped {
            // As before, so that nothing waits for a swap that did not happen. What of this fails too, the next
            // start puts right.
            Err(error) if self.place.next().exists() => {
                sentinel::take_back(&self.place, before);
                let _ = files::remove(&old);
                Err(error.into())
            }
            // It happened; only how durably is not known.
            Err(error) => {
                tracing::warn!(%error, "the agent's binary was replaced");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// What runs must not be on trial itself: with it as the way back there would be none to what is known to be good.
    fn must_be_proved(&self) -> Result<(), Trouble> {
        let own = &self.own.version;
        let trial = sentinel::look(&self.place).and_then(|boot| boot.replacement);
        match trial {
            Some(it) if it.version == *own => Err(Trouble::OnTrial(Box::new(own.clone()))),
            _ => Ok(()),
        }
    }

    /// Whether files can be made beside the binary.
    fn writable(&self) -> Result<(), Stopped> {
        let folder = self.place.folder();
        match tempfile::Builder::new()
            .prefix(".refit-")
            .tempfile_in(folder)
        {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                Err(Refusal::Folder {
                    folder: folder.to_owned(),
                    why: error.to_string(),
                }
                .into())
            }
            Err(error) => Err(FileError::new("write into", folder, error).into()),
        }
    }

    /// One replacement of a binary at a time, also among processes. A child that is just being started has a copy of
    /// every open file for a moment, and so of a lock that was let go.
    async fn lock(&self) -> Result<File, Stopped> {
        let path = self.place.lock();
        let failed = |error| FileError::new("lock", &path, error);
        let file = File::create(&path).map_err(failed)?;
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    tokio::time::sleep(LOCK_STEP).await;
                }
                Err(TryLockError::WouldBlock) => return Err(Trouble::Busy.into()),
                Err(TryLockError::Error(error)) => return Err(failed(error).into()),
            }
        }
    }

    /// Leaves nothing of what was fetched.
    fn clear(&self) {
        if let Err(error) = files::remove(&self.place.next()) {
            tracing::warn!(%error, "what was fetched of the agent is left behind");
        }
    }

    /// Work with the disk, away from the threads that must not wait.
    async fn in_own_thread<T: Send + 'static>(
        &self,
        wanted: &Wanted,
        work: impl FnOnce(&Self, &Wanted) -> Result<T, Stopped> + Send + 'static,
    ) -> Result<T, Stopped> {
        let (it, wanted) = (self.clone(), wanted.clone());
        tokio::task::spawn_blocking(move || work(&it, &wanted))
            .await
            .unwrap_or_else(|error| Err(Trouble::Task(error.to_string()).into()))
    }
}

/// Step 3.
fn must_be(wanted: &Wanted, found: String, size: u64) -> Result<(), Refusal> {
    if size != wanted.size {
        return Err(Refusal::Size {
            wanted: wanted.size,
            found: size,
            more: false,
        });
    }
    if found != wanted.sha256.to_ascii_lowercase() {
        return Err(Refusal::Digest {
            wanted: wanted.sha256.clone(),
            found,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
