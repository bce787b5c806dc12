//! `workspaces.json`, durable: see `docs/formats/workspaces.json.md`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Workspace;
use crate::Problem;

/// The schema that is written here.
const SCHEMA: u32 = 1;
/// Far more than any list of workspaces; more than this is something else.
const MOST_BYTES: u64 = 1024 * 1024;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    schema: u32,
    pub(crate) workspaces: Vec<Workspace>,
    /// What a newer app may have written: kept.
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            workspaces: Vec::new(),
            more: serde_json::Map::new(),
        }
    }
}

/// What stands where the file should be.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    List(Document),
    /// A newer app wrote it.
    Newer(u32),
    /// It is no list of workspaces.
    Invalid(String),
}

fn path(data: &Path) -> PathBuf {
    data.join("workspaces.json")
}

/// The list, with what was odd about it, in words. What is no list is set aside, for a person to
/// mend; one that a newer app wrote stays as it is, and only `main` runs.
pub(crate) fn read(data: &Path, now: Timestamp) -> (Document, Option<String>) {
    let path = path(data);
    let shown = path.display();
    match found(&path) {
        Ok(Found::Nothing) => (Document::default(), None),
        Ok(Found::List(list)) => (list, None),
        Ok(Found::Newer(schema)) => (
            Document::default(),
            Some(format!(
                "{shown} has schema {schema}, of a newer version of this app; its workspaces are left alone"
            )),
        ),
        Ok(Found::Invalid(why)) => {
            let place = match set_aside(&path, now) {
                Ok(aside) => format!("it is kept as {}", aside.display()),
                Err(error) => format!("it cannot be set aside: {error}"),
            };
            let problem = format!("{shown} is no list of workspaces ({why}); {place}");
            tracing::error!("{problem}");
            (Document::default(), Some(problem))
        }
        Err(error) => (
            Document::default(),
            Some(format!("{shown} cannot be read: {error}")),
        ),
    }
}

/// The list as it is, for who only looks: sets nothing aside.
pub(crate) fn look(data: &Path) -> (Document, Option<String>) {
    let path = path(data);
    let shown = path.display();
    match found(&path) {
        Ok(Found::Nothing) => (Document::default(), None),
        Ok(Found::List(list)) => (list, None),
        Ok(Found::Newer(schema)) => (
            Document::default(),
            Some(format!(
                "{shown} has schema {schema}, of a newer version of this app"
            )),
        ),
        Ok(Found::Invalid(why)) => (
            Document::default(),
            Some(format!("{shown} is no list of workspaces ({why})")),
        ),
        Err(error) => (
            Document::default(),
            Some(format!("{shown} cannot be read: {error}")),
        ),
    }
}

/// Changes the list durably: all of it or nothing. One process at a time.
pub(crate) fn change<T>(
    data: &Path,
    now: Timestamp,
    edit: impl FnOnce(&mut Document) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let path = path(data);
    let failed = |error: &io::Error| {
        Problem::new(
            "file",
            format!("could not change {}: {error}", path.display()),
            "See that the disk is writable and not full, then try again.",
        )
    };
    fs::create_dir_all(data).map_err(|error| failed(&error))?;
    let lock = File::create(data.join("workspaces.lock")).map_err(|error| failed(&error))?;
    lock.lock().map_err(|error| failed(&error))?;
    let mut list = match found(&path).map_err(|error| failed(&error))? {
        Found::Nothing => Document::default(),
        Found::List(list) => list,
        Found::Newer(schema) => {
            return Err(Problem::new(
                "newer-schema",
                format!(
                    "{} has schema {schema}, of a newer version of this app",
                    path.display()
                ),
                "Use the newer version of the app that wrote it.",
            ));
        }
        Found::Invalid(why) => {
            let aside = set_aside(&path, now).map_err(|error| failed(&error))?;
            tracing::error!(%why, aside = %aside.display(), "no list of workspaces; it is set aside");
            Document::default()
        }
    };
    let done = edit(&mut list)?;
    write(&path, &list).map_err(|error| failed(&error))?;
    Ok(done)
}

fn found(path: &Path) -> io::Result<Found> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
        Ok(meta) if !meta.is_file() => return Ok(Found::Invalid("it is no file".to_owned())),
        Ok(meta) if meta.len() > MOST_BYTES => {
            return Ok(Found::Invalid("it is far too long".to_owned()));
        }
        Ok(_) => {}
    }
    Ok(parse(&fs::read(path)?))
}

fn parse(bytes: &[u8]) -> Found {
    #[derive(Deserialize)]
    struct Versioned {
        schema: u32,
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice::<Versioned>(bytes) {
        Ok(Versioned { schema }) if schema > SCHEMA => return Found::Newer(schema),
        Ok(Versioned { schema: SCHEMA }) => {}
        Ok(Versioned { schema }) => return Found::Invalid(format!("schema {schema} never was")),
        Err(error) => return Found::Invalid(error.to_string()),
    }
    match serde_json::from_slice(bytes) {
        Ok(list) => Found::List(list),
        Err(error) => Found::Invalid(error.to_string()),
    }
}

fn write(path: &Path, list: &Document) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".workspaces-")
        .tempfile_in(folder)?;
    let mut text = serde_json::to_vec_pretty(list)?;
    text.push(b'\n');
    temporary.write_all(&text)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Moves what is no list beside its place, under a name that is free.
fn set_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let name = format!("workspaces.json.invalid-{stamp}");
    let mut aside = path.with_file_name(&name);
    let mut count = 1;
    while fs::symlink_metadata(&aside).is_ok() {
        count += 1;
        aside = path.with_file_name(format!("{name}-{count}"));
    }
    fs::rename(path, &aside)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))?;
    Ok(aside)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(name: &str) -> impl FnOnce(&mut Document) -> Result<(), Problem> {
        let workspace = Workspace {
            name: name.to_owned(),
            folder: Some(PathBuf::from("/w").join(name)),
            ..Workspace::default()
        };
        move |list| {
            list.workspaces.push(workspace);
            Ok(())
        }
    }

    fn names(list: &Document) -> Vec<&str> {
        list.workspaces.iter().map(|it| it.name.as_str()).collect()
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn what_is_added_is_there_again() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path(), NOW), (Document::default(), None));
        change(dir.path(), NOW, add("a")).unwrap();
        change(dir.path(), NOW, add("b")).unwrap();
        assert_eq!(names(&read(dir.path(), NOW).0), ["a", "b"]);
    }

    #[test]
    fn a_refused_change_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        change(dir.path(), NOW, add("a")).unwrap();
        let before = fs::read(path(dir.path())).unwrap();
        let refused = change::<()>(dir.path(), NOW, |list| {
            list.workspaces.clear();
            Err(Problem::new("x", "y", "z"))
        });
        assert!(refused.is_err());
        assert_eq!(fs::read(path(dir.path())).unwrap(), before);
    }

    #[test]
    fn what_is_no_list_is_set_aside_and_told() {
        for garbage in [
            "",
            "[]",
            "{}",
            r#"{"schema":0,"workspaces":[]}"#,
            r#"{"schema":1}"#,
            r#"{"schema":1,"workspaces":[{"name":1}]}"#,
            r#"{"schema":1,"workspaces":[{"name":"a","schedules":[{"every":"soon","path":"/"}]}]}"#,
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(path(dir.path()), garbage).unwrap();
            let (list, problem) = read(dir.path(), NOW);
            assert_eq!(list, Document::default());
            let aside = "workspaces.json.invalid-19700101T000000Z";
            assert!(problem.unwrap().contains(aside), "{garbage}");
            assert_eq!(fs::read_to_string(dir.path().join(aside)).unwrap(), garbage);
            assert!(!path(dir.path()).exists());
        }
    }

    #[test]
    fn who_only_looks_moves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(path(dir.path()), "garbage").unwrap();
        assert!(look(dir.path()).1.is_some());
        assert_eq!(fs::read_to_string(path(dir.path())).unwrap(), "garbage");
    }

    #[test]
    fn a_newer_apps_list_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let newer = r#"{"schema":2,"workspaces":{}}"#;
        fs::write(path(dir.path()), newer).unwrap();
        let (list, problem) = read(dir.path(), NOW);
        assert_eq!(list, Document::default());
        assert!(problem.unwrap().contains("newer"));
        let refused = change(dir.path(), NOW, add("a")).unwrap_err();
        assert_eq!(refused.kind, "newer-schema");
        assert_eq!(fs::read_to_string(path(dir.path())).unwrap(), newer);
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"schema":1,"workspaces":[{"name":"a","folder":"/w/a","colour":"red"}],"order":[1]}"#;
        fs::write(path(dir.path()), text).unwrap();
        change(dir.path(), NOW, add("b")).unwrap();
        let written: serde_json::Value =
            serde_json::from_slice(&fs::read(path(dir.path())).unwrap()).unwrap();
        assert_eq!(written["workspaces"][0]["colour"], "red");
        assert_eq!(written["order"][0], 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_no_list() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("elsewhere"),
            r#"{"schema":1,"workspaces":[]}"#,
        )
        .unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), path(dir.path())).unwrap();
        assert!(read(dir.path(), NOW).1.is_some());
    }
}
