//! Files and folders below a folder handle, and nowhere else.
//!
//! The handle of the folder written to last is kept: archives list a folder's files together. To
//! get to another, its whole path is opened in one call, never component by component, so that deep
//! folders named in turns cost no more than shallow ones.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, DirBuilder, File, OpenOptions};

use super::flusher::Flusher;
use super::tree::{Place, ROOT};
use super::{UnpackError, shown_path};

pub(super) struct Writer<'a> {
    root: &'a Dir,
    shown: &'a Path,
    /// The folder written to last, and its number.
    current: (u32, Dir),
    flusher: Flusher,
}

/// A file being filled.
pub(super) struct Filling<'a> {
    file: File,
    path: PathBuf,
    written: u64,
    flusher: &'a mut Flusher,
}

impl<'a> Writer<'a> {
    pub(super) fn new(root: &'a Dir, shown: &'a Path) -> Result<Self, UnpackError> {
        let current = root
            .try_clone()
            .map_err(|error| UnpackError::write("open", shown, error))?;
        Ok(Self {
            root,
            shown,
            current: (ROOT, current),
            flusher: Flusher::default(),
        })
    }

    /// Makes a folder, and those above it that are missing.
    pub(super) fn folder(&mut self, place: &Place, path: &[&str]) -> Result<(), UnpackError> {
        if self.current.0 == place.folder || place.existing == path.len() {
            return Ok(());
        }
        let mut dir = self.open(&path[..place.existing])?;
        for (index, name) in path.iter().enumerate().skip(place.existing) {
            let failed = |error| {
                UnpackError::write(
                    "make the folder",
                    &shown_path(self.shown, &path[..=index]),
                    error,
                )
            };
            make_folder(&dir, name).map_err(failed)?;
            dir = dir.open_dir(name).map_err(failed)?;
        }
        self.current = (place.folder, dir);
        Ok(())
    }

    /// Makes an empty file, and the folders above it that are missing.
    pub(super) fn file(
        &mut self,
        place: &Place,
        path: &[&str],
        executable: bool,
    ) -> Result<Filling<'_>, UnpackError> {
        let (name, parents) = path.split_last().unwrap_or((&"", &[]));
        if self.current.0 != place.folder {
            if place.existing == parents.len() {
                self.current = (place.folder, self.open(parents)?);
            } else {
                self.folder(place, parents)?;
            }
        }
        let shown = shown_path(self.shown, path);
        let file = create(&self.current.1, name, executable)
            .map_err(|error| UnpackError::write("make the file", &shown, error))?;
        Ok(Filling {
            file,
            path: shown,
            written: 0,
            flusher: &mut self.flusher,
        })
    }

    /// Waits for what is still on its way to disk.
    pub(super) fn finish(self) -> Result<(), UnpackError> {
        self.flusher.finish()
    }

    fn open(&self, folder: &[&str]) -> Result<Dir, UnpackError> {
        let opened = if folder.is_empty() {
            self.root.try_clone()
        } else {
            self.root.open_dir(folder.join("/"))
        };
        opened.map_err(|error| {
            UnpackError::write("open the folder", &shown_path(self.shown, folder), error)
        })
    }
}

impl Filling<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), UnpackError> {
        self.file
            .write_all(bytes)
            .map_err(|error| UnpackError::write("write", &self.path, error))?;
        let added = bytes.len() as u64;
        self.written += added;
        self.flusher
            .grew(&self.file, &self.path, self.written, added);
        Ok(())
    }

    /// After its last byte.
    pub(super) fn end(self) {
        self.flusher.ended(&self.file, &self.path, self.written);
    }
}

#[cfg(unix)]
fn create(dir: &Dir, name: &str, executable: bool) -> std::io::Result<File> {
    use cap_std::fs::{OpenOptionsExt as _, Permissions, PermissionsExt as _};
    let mode = if executable { 0o755 } else { 0o644 };
    let file = dir.open_with(
        name,
        OpenOptions::new().write(true).create_new(true).mode(mode),
    )?;
    // The umask took its part of the mode; a runtime must not depend on who unpacked it.
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

#[cfg(not(unix))]
fn create(dir: &Dir, name: &str, _executable: bool) -> std::io::Result<File> {
    dir.open_with(name, OpenOptions::new().write(true).create_new(true))
}

#[cfg(unix)]
fn make_folder(dir: &Dir, name: &str) -> std::io::Result<()> {
    use cap_std::fs::DirBuilderExt as _;
    use rustix::fs::{AtFlags, Mode, chmodat};
    let mut builder = DirBuilder::new();
    builder.mode(0o755);
    dir.create_dir_with(name, &builder)?;
    Ok(chmodat(
        dir,
        name,
        Mode::from_raw_mode(0o755),
        AtFlags::empty(),
    )?)
}

#[cfg(not(unix))]
fn make_folder(dir: &Dir, name: &str) -> std::io::Result<()> {
    dir.create_dir_with(name, &DirBuilder::new())
}
