//! Reading the store's small files, whatever stands in their place, and setting aside what is
//! unreadable.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{StoreError, durable};

/// The most bytes that one of the store's JSON files may have. A pointer has under 1 KiB.
const MOST_BYTES: u64 = 16 << 20;

/// What stands behind a name in [`set_aside`] file names.
const INVALID: &str = ".invalid-";

/// What was found where one of the store's JSON files belongs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found<T> {
    /// There is no such file.
    Missing,
    /// A higher schema: the file is left alone for the newer shell that wrote it. Its whole
    /// content, for those who can use a part of it.
    Newer(u64, Value),
    /// Not what belongs there, and why.
    Invalid(String),
    /// What belongs there.
    Valid(T),
}

/// Reads a JSON file with a `schema`. An error means that the file could not even be read, which
/// says nothing about what is in it.
pub(crate) fn read_schema<T: DeserializeOwned>(
    path: &Path,
    schema: u64,
) -> Result<Found<T>, StoreError> {
    let bytes = match read(path)? {
        Found::Missing => return Ok(Found::Missing),
        Found::Newer(schema, value) => return Ok(Found::Newer(schema, value)),
        Found::Invalid(why) => return Ok(Found::Invalid(why)),
        Found::Valid(bytes) => bytes,
    };
    let value: Value = match serde_json::from_slice(without_mark(&bytes)) {
        Ok(value) => value,
        Err(_) if bytes.is_empty() => return Ok(Found::Invalid("it is empty".to_owned())),
        Err(error) => return Ok(Found::Invalid(format!("it is not JSON: {error}"))),
    };
    match value.get("schema").and_then(Value::as_u64) {
        Some(found) if found > schema => return Ok(Found::Newer(found, value)),
        Some(found) if found == schema => {}
        _ => return Ok(Found::Invalid(format!("its `schema` is not {schema}"))),
    }
    Ok(match serde_json::from_value(value) {
        Ok(value) => Found::Valid(value),
        Err(error) => Found::Invalid(error.to_string()),
    })
}

/// Reads a whole small file. Never waits (a pipe is not opened) and never follows a link.
pub(crate) fn read(path: &Path) -> Result<Found<Vec<u8>>, StoreError> {
    read_up_to(path, MOST_BYTES)
}

/// As [`read`], of a file of at most `most` bytes.
pub(crate) fn read_up_to(path: &Path, most: u64) -> Result<Found<Vec<u8>>, StoreError> {
    let failed = |error| StoreError::io("read", path, error);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(failed(error)),
    };
    if !found.is_file() {
        return Ok(Found::Invalid("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        return Ok(Found::Invalid(format!("it is larger than {most} bytes")));
    }
    Ok(Found::Valid(bytes))
}

/// Without the byte order mark that some editors put in front.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Moves what is no `path` to `<path>.invalid-<time>`, durably, and says where it is now.
pub(crate) fn set_aside(path: &Path, why: &str, now: Timestamp) -> Result<PathBuf, StoreError> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut aside = path.with_file_name(format!("{name}{INVALID}{stamp}"));
    let mut copy = 1_u64;
    while fs::symlink_metadata(&aside).is_ok() {
        copy += 1;
        aside = path.with_file_name(format!("{name}{INVALID}{stamp}-{copy}"));
    }
    durable::rename(path, &aside)?;
    tracing::warn!(file = %path.display(), aside = %aside.display(), why, "set aside what could not be read");
    Ok(aside)
}

/// Whether a name in the store's folder is that of something set aside, and of what.
pub(crate) fn aside_of(name: &str) -> Option<&str> {
    name.split_once(INVALID).map(|(of, _)| of)
}

/// In words, what a person reads about a file that is not what belongs there.
pub(crate) fn not_readable(path: &Path, why: &str) -> String {
    format!(
        "`{}` cannot be used: {why}. It is set aside at the next launch",
        path.display()
    )
}

/// In words, that a newer shell wrote a file.
pub(crate) fn newer(path: &Path, schema: u64) -> String {
    StoreError::NewerSchema {
        path: path.to_owned(),
        schema,
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Found<Value> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        fs::write(&path, bytes).unwrap();
        read_schema(&path, 1).unwrap()
    }

    #[test]
    fn a_byte_order_mark_does_not_make_a_file_unreadable() {
        assert!(matches!(
            found(b"\xEF\xBB\xBF{\"schema\":1}"),
            Found::Valid(_)
        ));
    }

    #[test]
    fn empty_truncated_and_garbage_files_are_invalid() {
        for bytes in [
            &b""[..],
            b"{\"schema\":",
            b"\xFF\xFE{\0}\0",
            b"null",
            b"[]",
            b"{}",
            b"{\"schema\":0}",
            b"{\"schema\":-1}",
            b"{\"schema\":\"1\"}",
            b"{\"schema\":1.5}",
            &vec![b'['; 100_000],
        ] {
            assert!(matches!(found(bytes), Found::Invalid(_)), "{bytes:?}");
        }
    }

    #[test]
    fn a_higher_schema_is_newer_whatever_else_is_in_it() {
        assert!(matches!(found(b"{\"schema\":7}"), Found::Newer(7, _)));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_a_link_or_a_pipe_in_place_of_a_file_is_invalid_and_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        fs::create_dir(&path).unwrap();
        assert!(matches!(read(&path).unwrap(), Found::Invalid(_)));
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(matches!(read(&path).unwrap(), Found::Invalid(_)));
        fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert!(matches!(read(&path).unwrap(), Found::Invalid(_)));
    }

    #[test]
    fn setting_aside_twice_within_a_second_keeps_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("current.json");
        for text in ["one", "two"] {
            fs::write(&path, text).unwrap();
            set_aside(&path, "test", Timestamp::UNIX_EPOCH).unwrap();
        }
        let aside = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(aside("current.json.invalid-19700101T000000Z"), "one");
        assert_eq!(aside("current.json.invalid-19700101T000000Z-2"), "two");
        assert_eq!(
            aside_of("current.json.invalid-19700101T000000Z"),
            Some("current.json")
        );
    }
}
