use std::fs;

use tempfile::TempDir;

use super::*;

const PTY: &str = "node_modules/node-pty";

/// A bundled runtime with one dependency, and an empty version beside it.
struct Room {
    scratch: TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        let dependency = room.bundled().join(PTY);
        fs::create_dir_all(dependency.join("lib")).unwrap();
        fs::create_dir(room.version()).unwrap();
        fs::write(
            dependency.join("package.json"),
            r#"{"name": "node-pty", "version": "1.2.0-beta.11"}"#,
        )
        .unwrap();
        fs::write(dependency.join("lib/index.js"), "pty").unwrap();
        room
    }

    fn bundled(&self) -> PathBuf {
        self.scratch.path().join("bundled")
    }

    fn version(&self) -> PathBuf {
        self.scratch.path().join("version")
    }

    fn copy(&self) -> Result<Carried, CarryError> {
        copy(&self.bundled(), PTY, &self.version())
    }

    fn print(&self) -> String {
        fingerprint(&self.bundled(), PTY).unwrap().unwrap()
    }
}

#[test]
fn a_dependency_is_copied_and_its_copy_has_the_fingerprint_of_its_source() {
    let room = Room::new();
    let carried = room.copy().unwrap();
    assert_eq!(carried.path, PTY);
    assert_eq!(
        (carried.name.as_str(), carried.version.as_str()),
        ("node-pty", "1.2.0-beta.11")
    );
    assert_eq!(carried.fingerprint, room.print());
    assert_eq!(
        fingerprint(&room.version(), PTY).unwrap().as_ref(),
        Some(&carried.fingerprint)
    );
    assert_eq!(
        fs::read(room.version().join(PTY).join("lib/index.js")).unwrap(),
        b"pty"
    );
}

#[test]
fn the_fingerprint_tells_names_content_and_the_way_it_is_divided_apart() {
    let room = Room::new();
    let first = room.print();
    let lib = room.bundled().join(PTY).join("lib");
    fs::write(lib.join("index.js"), "ptz").unwrap();
    let changed = room.print();
    assert_ne!(changed, first);
    fs::rename(lib.join("index.js"), lib.join("indey.js")).unwrap();
    assert_ne!(room.print(), changed);
    fs::rename(lib.join("indey.js"), lib.join("index.js")).unwrap();
    assert_eq!(room.print(), changed);
    fs::create_dir(lib.join("empty")).unwrap();
    assert_ne!(room.print(), changed);
}

#[test]
fn a_path_that_leads_elsewhere_is_refused() {
    let room = Room::new();
    for path in [
        "", "/etc", "../x", "a/../b", "./a", "a//b", "a/", "a\\b", "C:a",
    ] {
        assert!(
            matches!(
                copy(&room.bundled(), path, &room.version()),
                Err(CarryError::BadPath(_))
            ),
            "{path:?}"
        );
    }
}

#[test]
fn what_the_bundled_runtime_does_not_have_is_missing_by_name() {
    let room = Room::new();
    let path = "node_modules/@acme/pty";
    assert_eq!(fingerprint(&room.bundled(), path).unwrap(), None);
    let error = copy(&room.bundled(), path, &room.version()).unwrap_err();
    assert!(
        matches!(&error, CarryError::Missing { name, .. } if name == "@acme/pty"),
        "{error}"
    );
}

#[test]
fn a_dependency_without_a_package_json_is_refused() {
    let room = Room::new();
    fs::remove_file(room.bundled().join(PTY).join("package.json")).unwrap();
    assert!(matches!(room.copy(), Err(CarryError::Manifest(_))));
}

#[cfg(unix)]
mod with_links {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn links_are_resolved_to_content_wherever_they_lead() {
        let room = Room::new();
        let store = room.scratch.path().join("elsewhere");
        fs::rename(room.bundled().join(PTY), &store).unwrap();
        symlink(&store, room.bundled().join(PTY)).unwrap();
        fs::write(room.scratch.path().join("native"), "binary").unwrap();
        symlink(room.scratch.path().join("native"), store.join("pty.node")).unwrap();
        symlink("lib", store.join("alias")).unwrap();

        room.copy().unwrap();
        let copied = room.version().join(PTY);
        for (path, content) in [("pty.node", "binary"), ("alias/index.js", "pty")] {
            assert_eq!(fs::read_to_string(copied.join(path)).unwrap(), content);
        }
        for path in ["", "pty.node", "alias"] {
            assert!(
                !copied.join(path).symlink_metadata().unwrap().is_symlink(),
                "{path}"
            );
        }
    }

    #[test]
    fn a_link_back_into_itself_is_refused() {
        let room = Room::new();
        symlink("..", room.bundled().join(PTY).join("lib/up")).unwrap();
        assert!(matches!(room.copy(), Err(CarryError::Loop(_))));
    }

    #[test]
    fn a_link_to_nothing_is_refused_by_name() {
        let room = Room::new();
        symlink("nowhere", room.bundled().join(PTY).join("broken")).unwrap();
        let error = room.copy().unwrap_err();
        assert!(
            matches!(&error, CarryError::Read { path, .. } if path.ends_with("broken")),
            "{error}"
        );
    }

    #[test]
    fn pipes_and_devices_are_refused_without_being_opened() {
        let room = Room::new();
        symlink("/dev/zero", room.bundled().join(PTY).join("zero")).unwrap();
        assert!(matches!(room.copy(), Err(CarryError::Special(_))));
    }

    #[test]
    fn modes_become_0644_or_0755() {
        let room = Room::new();
        let tool = room.bundled().join(PTY).join("spawn-helper");
        fs::write(&tool, "").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o500)).unwrap();
        let read_only = room.bundled().join(PTY).join("lib/index.js");
        fs::set_permissions(&read_only, fs::Permissions::from_mode(0o444)).unwrap();
        let before = room.print();
        room.copy().unwrap();
        let mode = |path: &str| {
            let found = fs::metadata(room.version().join(PTY).join(path)).unwrap();
            found.permissions().mode() & 0o7777
        };
        assert_eq!(mode("spawn-helper"), 0o755);
        assert_eq!(mode("lib/index.js"), 0o644);
        assert_eq!(mode(""), 0o755);
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o400)).unwrap();
        assert_ne!(room.print(), before, "a lost mode goes unnoticed");
    }
}
