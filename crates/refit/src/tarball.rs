//! A tarball that a person names.

use std::fs::File;
use std::path::Path;

use runtime_store::{Limits, StageError, UnpackError};

use crate::failure::Failure;

/// Opens a tarball. A pipe would be waited for and a device never ends, so it must be a file, and
/// one of a size that devices accept.
pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    let unreadable = |error| Failure::file("read", path, &error);
    // Before it is opened: opening a pipe waits already.
    let found = path.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(Failure::new(
            "file",
            format_args!("{} is not a file", path.display()),
            "Name a tarball as `npm pack` makes it.",
        ));
    }
    let most = Limits::default().packed_bytes;
    if found.len() > most {
        let error = StageError::Unpack(UnpackError::TooLarge(most));
        return Err(refused(path, &error));
    }
    File::open(path).map_err(unreadable)
}

/// Why a tarball was not unpacked: the disk's fault, or a tarball that devices would refuse as well.
pub(crate) fn refused(tarball: &Path, error: &StageError) -> Failure {
    use std::io::{Error, ErrorKind};
    match error {
        StageError::Write {
            doing,
            path,
            source,
        } => Failure::file(doing, path, source),
        StageError::DiskFull { doing, path } => {
            Failure::file(doing, path, &Error::from(ErrorKind::StorageFull))
        }
        StageError::ReadOnly { doing, path } => {
            Failure::file(doing, path, &Error::from(ErrorKind::PermissionDenied))
        }
        StageError::Unpack(UnpackError::Read(source)) => Failure::file("read", tarball, source),
        _ => Failure::new(
            "refused",
            format_args!("{} cannot be unpacked: {error}", tarball.display()),
            "Make it with `npm pack`: regular files and folders only, all inside one folder.",
        ),
    }
}
