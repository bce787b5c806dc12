//! Paths as a runtime can take them. Windows resolves a path to its verbatim form (`\\?\C:\app`),
//! which Node, for one, cannot load a script from.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The path without its verbatim prefix, on Windows; elsewhere, as it is.
pub(crate) fn plain(path: &Path) -> Cow<'_, Path> {
    match path.to_str() {
        Some(text) if cfg!(windows) => Cow::Owned(PathBuf::from(&*without_verbatim(text))),
        _ => Cow::Borrowed(path),
    }
}

/// Only of a drive and of a share is there another form; a volume's or a device's path stays.
fn without_verbatim(path: &str) -> Cow<'_, str> {
    const SHARE: &str = r"UNC\";
    let Some(rest) = path.strip_prefix(r"\\?\") else {
        return Cow::Borrowed(path);
    };
    match rest.as_bytes() {
        [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic() => Cow::Borrowed(rest),
        _ => match rest.split_at_checked(SHARE.len()) {
            Some((share, rest)) if share.eq_ignore_ascii_case(SHARE) => {
                Cow::Owned(format!(r"\\{rest}"))
            }
            _ => Cow::Borrowed(path),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_and_a_share_lose_their_verbatim_prefix() {
        for (verbatim, plain) in [
            (r"\\?\C:\app\cli.js", r"C:\app\cli.js"),
            (r"\\?\d:\", r"d:\"),
            (r"\\?\UNC\server\share\cli.js", r"\\server\share\cli.js"),
            (r"\\?\unc\server\share", r"\\server\share"),
        ] {
            assert_eq!(without_verbatim(verbatim), plain);
        }
    }

    #[test]
    fn what_has_no_other_form_stays_as_it_is() {
        for path in [
            r"C:\app\cli.js",
            r"\\server\share",
            r"\\.\pipe\name",
            r"\\?\Volume{b75e2c83-0000-0000-0000-602f00000000}\cli.js",
            r"\\?\GLOBALROOT\Device",
            r"\\?\C:",
            r"\\?\é:\x",
            r"\\?\",
            "/data/app",
            "",
        ] {
            assert_eq!(without_verbatim(path), path);
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn elsewhere_such_a_name_is_a_name() {
        let path = Path::new(r"\\?\C:\app");
        assert_eq!(plain(path), path);
    }

    #[cfg(windows)]
    #[test]
    fn a_runtime_gets_the_plain_form() {
        assert_eq!(plain(Path::new(r"\\?\C:\app")), Path::new(r"C:\app"));
    }
}
