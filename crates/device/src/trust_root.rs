//! The `root.json` that the app was shipped with: who is believed about versions.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::Config;

/// What to do where there is none: whoever has an app gets it from the installer, whoever has a
/// configuration file has to put it there.
pub(crate) fn hint(config: &Config) -> &'static str {
    if config.from_file {
        "Put the root.json that `refit repo init --root-out` wrote there; a relative `trust.root` is sought beside the configuration."
    } else {
        "Repair the app by installing it again."
    }
}

/// No root is larger; what is, is something else.
const MOST_BYTES: u64 = 1 << 20;

/// Its bytes, or why they are of no use. A device without them has no updates: never unsigned ones.
pub(crate) fn read(path: &Path, given: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let (bytes, name) = match given {
        Some(bytes) => (bytes.to_vec(), "the trust root of this app".to_owned()),
        None => (
            from(path)
                .map_err(|error| unusable(&format!("the trust root {}", path.display()), &error))?,
            format!("the trust root {}", path.display()),
        ),
    };
    if is_root(&bytes) {
        Ok(bytes)
    } else {
        Err(unusable(&name, &"it is no root.json of a repository"))
    }
}

fn from(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether they look like one. Signatures are judged where they are used.
fn is_root(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok_and(|root| {
        root.pointer("/signed/_type")
            .is_some_and(|kind| kind == "root")
    })
}

fn unusable(name: &str, why: &dyn std::fmt::Display) -> String {
    format!("there are no updates: {name} cannot be used: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &[u8] = br#"{"signed":{"_type":"root"},"signatures":[]}"#;

    #[test]
    fn given_bytes_come_before_the_file() {
        assert_eq!(read(Path::new("/nowhere"), Some(ROOT)).unwrap(), ROOT);
    }

    #[test]
    fn what_is_no_root_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.json");
        let missing = read(&path, None).unwrap_err();
        assert!(
            missing.contains("root.json") && missing.contains("no updates"),
            "{missing}"
        );
        for content in [&b""[..], b"<html>", br#"{"signed":{"_type":"targets"}}"#] {
            std::fs::write(&path, content).unwrap();
            assert!(read(&path, None).unwrap_err().contains("root.json"));
            assert!(read(&path, Some(content)).is_err());
        }
        std::fs::write(&path, ROOT).unwrap();
        assert_eq!(read(&path, None).unwrap(), ROOT);
        assert!(read(dir.path(), None).is_err(), "a folder");
    }
}
