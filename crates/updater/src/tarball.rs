//! A tarball on this machine, described by what is in it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use rollout::{Candidate, Engines, Integrity, PackageName, Version};
use runtime_store::Limits;
use serde::Deserialize;
use sha2::{Digest, Sha512};

use crate::error::UpdateError;

/// The most bytes a package.json may have.
const MANIFEST_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
struct Manifest {
    name: String,
    version: Version,
    #[serde(default)]
    engines: Engines,
}

/// Reads `file` as a version of `package`. Its bytes must have `integrity` where one is given;
/// else what they have is what staging will insist on.
pub(crate) fn describe(
    package: &PackageName,
    file: &Path,
    integrity: Option<&Integrity>,
    limits: &Limits,
) -> Result<Candidate, UpdateError> {
    let refused = |why: String| UpdateError::Tarball {
        file: file.to_owned(),
        why,
    };
    let unreadable = |error: io::Error| unreadable(file, error.to_string());
    // Before it is opened: a pipe would keep us waiting, and a device may never end.
    let metadata = std::fs::metadata(file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(self::unreadable(file, "it is no regular file".into()));
    }
    let open = || File::open(file).map_err(unreadable);
    let size = metadata.len();
    if size > limits.packed_bytes {
        let limit = limits.packed_bytes;
        return Err(refused(format!("it has {size} bytes; {limit} are allowed")));
    }
    let has = digest(open()?).map_err(unreadable)?;
    if let Some(wanted) = integrity
        && *wanted != has
    {
        return Err(refused(format!("its sha512 is {has}, not {wanted}")));
    }
    let manifest = manifest(open()?, limits)
        .map_err(|error| refused(format!("no package.json could be read in it: {error}")))?;
    let manifest: Manifest = serde_json::from_slice(&manifest)
        .map_err(|error| refused(format!("its package.json is no package's: {error}")))?;
    if manifest.name != package.as_str() {
        return Err(refused(format!(
            "it is the package `{}`, not `{package}`",
            manifest.name
        )));
    }
    Ok(Candidate {
        package: package.clone(),
        version: manifest.version,
        integrity: has,
        engines: manifest.engines,
        tarball: file.display().to_string(),
        unpacked_size: None,
    })
}

pub(crate) fn unreadable(file: &Path, why: String) -> UpdateError {
    UpdateError::File {
        file: file.to_owned(),
        why,
    }
}

fn digest(mut file: File) -> io::Result<Integrity> {
    let mut hash = Sha512::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Integrity::from_digest(hash.finalize().into())),
            n => hash.update(&piece[..n]),
        }
    }
}

/// The package.json at the top of the archive. Names are taken from the plain headers alone, so
/// that no hostile extension is followed; the unpacker judges the archive properly later.
fn manifest(file: File, limits: &Limits) -> io::Result<Vec<u8>> {
    let most = limits.total_bytes.saturating_mul(2);
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)).take(most));
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let name = entry.header().path_bytes().into_owned();
        let mut parts = name
            .split(|byte| *byte == b'/')
            .filter(|part| *part != b".");
        let found = parts.next().is_some()
            && parts.next() == Some(b"package.json")
            && parts.next().is_none();
        if found && entry.header().entry_type().is_file() {
            if entry.size() > MANIFEST_BYTES {
                return Err(io::Error::other("it is too big"));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
    }
    Err(io::Error::other("there is none"))
}
