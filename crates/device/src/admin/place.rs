//! Where a machine's administrator lays policies down.

use std::path::{Component, Path, PathBuf};

const FILE: &str = "policy.json";

/// The policy's path for the app called `identifier`; none where that cannot be a folder's name.
pub(super) fn of(identifier: &str) -> Option<PathBuf> {
    let mut parts = Path::new(identifier).components();
    let plain = matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(name)), None) if name == identifier
    );
    if !plain || identifier.contains([':', '/', '\\', '\0']) {
        return None;
    }
    Some(base()?.join(identifier).join(FILE))
}

/// No variable says where this is: whoever runs the app could set it.
#[cfg_attr(
    not(windows),
    expect(clippy::unnecessary_wraps, reason = "Windows may not know")
)]
fn base() -> Option<PathBuf> {
    #[cfg(windows)]
    return known_folders::get_known_folder_path(known_folders::KnownFolder::ProgramData);
    #[cfg(not(windows))]
    Some(PathBuf::from(if cfg!(target_os = "macos") {
        "/Library/Application Support"
    } else {
        "/etc"
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_one_folder_and_leads_nowhere_else() {
        let path = of("org.example.app").unwrap();
        assert!(path.ends_with("org.example.app/policy.json"));
        assert!(path.is_absolute());
        for name in [
            "", ".", "..", "/", "a/b", "../a", "/etc", "a\\b", "c:x", "a/", "a\0b", "./a",
        ] {
            assert_eq!(of(name), None, "{name:?}");
        }
    }
}
