//! What a workspace may be called, and where it may be: plain functions over plain data.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::{MAIN, Schedule, Workspace};

/// The longest name: it is a file's name as well, and shown in narrow places.
const LONGEST_NAME: usize = 40;
/// A call to one path more often than this is a loop, not a schedule.
const OFTENEST: Duration = Duration::from_secs(1);
/// Folders of `<data>` that the app itself fills and empties.
const OWN: [&str; 7] = [
    "runtime-store",
    "apps",
    "logs",
    "ports",
    "schedules",
    "snapshots",
    "rehearsals",
];
/// Names that are no files' names on Windows, where a data folder may be carried to.
const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];

/// What is wrong with a name, if anything.
pub(crate) fn name_problem(name: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let device = |stem: &str| {
        name.strip_prefix(stem)
            .is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_digit()))
    };
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(is_allowed)
        && !name.starts_with('-');
    if !fits {
        return Some(format!(
            "`{name}` is no name for a workspace: 1 to {LONGEST_NAME} of a-z, 0-9 and -, the first no -"
        ));
    }
    (RESERVED.contains(&name) || device("com") || device("lpt"))
        .then(|| format!("`{name}` is no file's name on Windows; choose another"))
}

/// What is wrong with a folder, if anything. `data` and `folder` are at their real paths, as far as
/// they exist.
fn folder_problem(folder: &Path, data: &Path) -> Option<String> {
    let shown = folder.display();
    if !folder.is_absolute() || folder.components().any(|part| part == Component::ParentDir) {
        return Some(format!(
            "the folder {shown} must be absolute and without `..`"
        ));
    }
    let own = OWN.iter().map(|name| data.join(name));
    own.into_iter()
        .find(|own| folder.starts_with(own))
        .map(|own| {
            format!(
                "the folder {shown} is inside {}, which the app itself fills and empties",
                own.display()
            )
        })
}

fn schedule_problem(schedule: &Schedule) -> Option<String> {
    let path = &schedule.path;
    if !path.starts_with('/') || path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some(format!(
            "the timed call `{path}` must be a path that starts with `/`, without blanks"
        ));
    }
    (schedule.every < OFTENEST)
        .then(|| format!("the timed call `{path}` may come once a second at most"))
}

fn env_problem(workspace: &Workspace) -> Option<String> {
    workspace
        .env
        .iter()
        .find(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0'))
        .map(|(name, _)| format!("`{name}` cannot be a variable's name and value"))
}

/// What is wrong with one workspace beside the others, if anything.
pub(crate) fn problem(workspace: &Workspace, others: &[Workspace], data: &Path) -> Option<String> {
    let is_main = workspace.name == MAIN;
    let twice = others.iter().any(|other| other.name == workspace.name);
    let folder = match (&workspace.folder, is_main) {
        (None, true) => None,
        (Some(_), true) => Some(
            "`main` has the folder that the configuration's `cwd` names; leave `folder` out".into(),
        ),
        (None, false) => Some(format!("`{}` has no folder", workspace.name)),
        (Some(folder), false) => folder_problem(folder, data).or_else(|| {
            let taken = |other: &&Workspace| other.folder.as_ref() == Some(folder);
            others.iter().find(taken).map(|other| {
                format!(
                    "the folder {} belongs to workspace `{}`",
                    folder.display(),
                    other.name
                )
            })
        }),
    };
    name_problem(&workspace.name)
        .or_else(|| twice.then(|| format!("there is a workspace `{}` already", workspace.name)))
        .or(folder)
        .or_else(|| env_problem(workspace))
        .or_else(|| workspace.schedules.iter().find_map(schedule_problem))
}

/// The workspaces that can be run, and what is wrong with the others, in words.
pub(crate) fn sift(listed: &[Workspace], data: &Path) -> (Vec<Workspace>, Vec<String>) {
    let mut usable: Vec<Workspace> = Vec::new();
    let mut problems = Vec::new();
    for workspace in listed {
        match problem(workspace, &usable, data) {
            None => usable.push(workspace.clone()),
            Some(problem) => problems.push(format!(
                "a workspace of workspaces.json is left out: {problem}"
            )),
        }
    }
    (usable, problems)
}

/// `path` at its real place, as far as it exists; what does not exist yet stays as it is written.
pub(crate) fn real(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    let mut there = path;
    loop {
        if let Ok(found) = std::fs::canonicalize(there) {
            return missing
                .iter()
                .rev()
                .fold(found, |path, name| path.join(name));
        }
        let (Some(parent), Some(name)) = (there.parent(), there.file_name()) else {
            return path.to_owned();
        };
        missing.push(name);
        there = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(name: &str, folder: Option<&str>) -> Workspace {
        Workspace {
            name: name.to_owned(),
            folder: folder.map(PathBuf::from),
            ..Workspace::default()
        }
    }

    fn wrong(name: &str, folder: Option<&str>) -> Option<String> {
        let others = [workspace("board", Some("/w/board"))];
        problem(&workspace(name, folder), &others, Path::new("/data"))
    }

    #[test]
    fn names_are_files_names_everywhere() {
        let longest = "a".repeat(40);
        for good in ["a", "0", "my-board-2", "console", "com10", longest.as_str()] {
            assert_eq!(name_problem(good), None, "{good}");
        }
        let longer = "a".repeat(41);
        for bad in [
            "",
            "A",
            "a b",
            "a/b",
            "..",
            "a.b",
            "ä",
            "-a",
            "con",
            "com1",
            "lpt9",
            longer.as_str(),
        ] {
            assert!(name_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn each_has_a_name_and_a_folder_of_its_own() {
        assert_eq!(wrong("other", Some("/w/other")), None);
        assert!(
            wrong("board", Some("/w/other"))
                .unwrap()
                .contains("already")
        );
        assert!(
            wrong("other", Some("/w/board"))
                .unwrap()
                .contains("`board`")
        );
        assert!(wrong("other", None).is_some());
        assert!(
            wrong("other", Some("w/other"))
                .unwrap()
                .contains("absolute")
        );
        assert!(wrong("other", Some("/w/../data/logs")).is_some());
    }

    #[test]
    fn main_has_the_configurations_folder() {
        assert_eq!(wrong("main", None), None);
        assert!(wrong("main", Some("/w/other")).unwrap().contains("cwd"));
    }

    #[test]
    fn no_folder_lies_in_what_the_app_empties() {
        for own in OWN {
            let folder = format!("/data/{own}/x");
            assert!(wrong("other", Some(&folder)).unwrap().contains(own));
        }
        assert_eq!(wrong("other", Some("/data/workspaces/other")), None);
        assert_eq!(wrong("other", Some("/data")), None);
    }

    #[test]
    fn timed_calls_have_a_path_and_a_pause() {
        let with = |every: u64, path: &str| {
            let mut workspace = workspace("other", Some("/w/other"));
            workspace.schedules = vec![Schedule {
                every: Duration::from_millis(every),
                path: path.to_owned(),
            }];
            problem(&workspace, &[], Path::new("/data"))
        };
        assert_eq!(with(1_000, "/tick?x=1"), None);
        assert!(with(999, "/tick").is_some());
        for path in ["tick", "", "http://h/", "/a b", "/a\r\nX: y"] {
            assert!(with(1_000, path).is_some(), "{path:?}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_left_out_and_named() {
        let listed = [
            workspace("a", Some("/w/a")),
            workspace("a", Some("/w/b")),
            workspace("c", Some("/w/c")),
        ];
        let (usable, problems) = sift(&listed, Path::new("/data"));
        let names: Vec<_> = usable.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(problems.len(), 1, "{problems:?}");
    }

    #[test]
    fn a_path_is_at_its_real_place_as_far_as_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        assert_eq!(real(&dir.path().join("a/b")), root.join("a/b"));
        assert_eq!(real(&root), root);
    }
}
