//! A manifest of what stands in a folder.

use std::io;
use std::path::{Path, PathBuf};

use super::digest::{Digester, Digests, Pace};
use super::survey::{Kind, survey};
use super::{TreeFile, TreeFolder, TreeManifest};
use crate::pointer::VersionId;

/// What came of building.
#[derive(Debug)]
pub(crate) enum Built {
    Whole(TreeManifest),
    /// Something in it is what no staged version has.
    NotATree(PathBuf),
}

/// Describes the folder `root` as the content `id`. Files whose digests are `known`, because they
/// were taken while they were written, are not read again.
pub(crate) fn build(
    root: &Path,
    id: &VersionId,
    known: &Digests,
    pace: Pace,
) -> Result<Built, (PathBuf, io::Error)> {
    let failed = |path: &Path, error| (path.to_owned(), error);
    let (seen, closed) = survey(root, usize::MAX).map_err(|error| failed(root, error))?;
    if let Some(closed) = closed.first() {
        return Ok(Built::NotATree(root.join(closed)));
    }
    let mut digester = Digester::new(pace);
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for seen in seen {
        let (path, mode) = (seen.path, seen.mode);
        match seen.kind {
            Kind::Folder => folders.push(TreeFolder { path, mode }),
            Kind::Other => return Ok(Built::NotATree(root.join(path))),
            Kind::File { size, mtime } => {
                let sha256 = match known.get(&path) {
                    Some(known) => *known,
                    None => digester
                        .digest(&root.join(&path))
                        .map_err(|error| failed(&root.join(&path), error))?,
                };
                files.push(TreeFile {
                    path,
                    size,
                    mode,
                    sha256,
                    mtime,
                });
            }
        }
    }
    Ok(Built::Whole(TreeManifest::new(id, folders, files)))
}
