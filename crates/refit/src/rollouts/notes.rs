//! Small texts from files: no more of them is read than could be used.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rollout::Manifest;

use crate::failure::Failure;

/// What `--notes` or `--notes-file` say, without blank ends. None where that is nothing.
pub(crate) fn read_notes(
    text: Option<String>,
    file: Option<&Path>,
) -> Result<Option<String>, Failure> {
    let text = match file {
        None => text,
        Some(file) => {
            let bytes = read_at_most(file)?;
            let text = String::from_utf8(bytes).map_err(|_| {
                Failure::new(
                    "file",
                    format_args!("{} is not text in UTF-8", file.display()),
                    "Save it as UTF-8, then try again.",
                )
            })?;
            Some(text)
        }
    };
    Ok(text
        .map(|text| text.trim_end().to_owned())
        .filter(|text| !text.is_empty()))
}

/// A file of at most the size of a manifest. One that does not end is not read to its end.
pub(crate) fn read_at_most(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::file("read", file, &error);
    let mut bytes = Vec::new();
    File::open(file)
        .map_err(failed)?
        .take(Manifest::MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > Manifest::MOST_BYTES {
        return Err(Failure::new(
            "file",
            format_args!(
                "{} is larger than {} bytes, which is the most that devices read",
                file.display(),
                Manifest::MOST_BYTES
            ),
            "Check that it is the right file.",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_text_without_blank_ends() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("notes.md");
        std::fs::write(&file, "# New\n\nFaster.\n\n").unwrap();
        let read = |text: Option<&str>, file| read_notes(text.map(str::to_owned), file).unwrap();
        assert_eq!(read(None, Some(&file)).as_deref(), Some("# New\n\nFaster."));
        assert_eq!(read(Some("Faster.\n"), None).as_deref(), Some("Faster."));
        assert_eq!(read(Some(" \n"), None), None);
        assert_eq!(read(None, None), None);
        std::fs::write(&file, b"\xff").unwrap();
        assert_eq!(read_notes(None, Some(&file)).unwrap_err().kind, "file");
    }

    #[test]
    fn what_is_larger_than_any_manifest_is_not_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("large");
        let most = usize::try_from(Manifest::MOST_BYTES).unwrap();
        std::fs::write(&file, vec![b'a'; most]).unwrap();
        assert_eq!(read_at_most(&file).unwrap().len(), most);
        std::fs::write(&file, vec![b'a'; most + 1]).unwrap();
        let error = read_at_most(&file).unwrap_err();
        assert!(error.message.contains("larger than"), "{error}");
        #[cfg(unix)]
        assert!(read_at_most(Path::new("/dev/zero")).is_err());
    }
}
