//! Where a rehearsal works: whatever would be the person's is somewhere in the throw-away folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use super::RehearsalSpec;
use super::throwaway::Throwaway;
use crate::Spec;

/// What points at the person's own folders; all of it points into the throw-away home.
const HOMES: &[(&str, &str)] = &[
    ("HOME", ""),
    ("USERPROFILE", ""),
    ("APPDATA", "AppData/Roaming"),
    ("LOCALAPPDATA", "AppData/Local"),
    ("XDG_CACHE_HOME", ".cache"),
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
];

/// What is not handed on at all: it names the person's folders too, and a runtime does without.
const DROPPED: &[&str] = &[
    "HOMEDRIVE",
    "HOMEPATH",
    "INIT_CWD",
    "OLDPWD",
    "PWD",
    "XDG_RUNTIME_DIR",
];

/// What the shell keeps beside a runtime's data: of no use to a rehearsal, and large.
const NOT_DATA: &[&str] = &[
    "apps",
    "logs",
    "ports",
    "rehearsals",
    "runtime-store",
    "snapshots",
];

/// One thing that a rehearsal has its own of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    /// The person's.
    pub(super) from: PathBuf,
    /// The rehearsal's.
    pub(super) to: PathBuf,
    /// The same as a template, which is safe however the folder is called.
    template: String,
    /// Whether the rehearsal's begins as a copy, or as nothing.
    pub(super) filled: bool,
    /// Names right below it that are left out.
    pub(super) without: &'static [&'static str],
}

#[cfg(test)]
impl Copy {
    /// All of `from`.
    pub(super) fn whole(from: &Path, to: &Path) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            template: String::new(),
            filled: true,
            without: &[],
        }
    }
}

/// What is copied, and the data folder, which is not by itself; the innermost come first.
pub(super) fn copies(spec: &Spec, wanted: &[String], throwaway: &Throwaway) -> Vec<Copy> {
    let data = spec.data.as_path();
    let mut copies = vec![Copy {
        from: data.to_owned(),
        to: throwaway.data(),
        template: "{data}".to_owned(),
        filled: false,
        without: NOT_DATA,
    }];
    for (n, wanted) in wanted.iter().enumerate() {
        let from = match wanted.strip_prefix("{data}") {
            Some(below) => data.join(below.trim_start_matches(['/', MAIN_SEPARATOR])),
            None => PathBuf::from(wanted),
        };
        if from == data {
            copies[0].filled = true;
            continue;
        }
        let below = from.strip_prefix(data).ok();
        let below = below.filter(|below| is_plain(below));
        let (to, template) = match below {
            Some(below) => (
                throwaway.data().join(below),
                format!("{{data}}/{}", slashes(below)),
            ),
            None => (
                throwaway.path().join("copies").join(n.to_string()),
                format!("{{data}}/../copies/{n}"),
            ),
        };
        copies.push(Copy {
            from,
            to,
            template,
            filled: true,
            without: &[],
        });
    }
    copies.sort_by_key(|copy| std::cmp::Reverse(copy.from.components().count()));
    copies
}

fn is_plain(path: &Path) -> bool {
    let plain = |part| matches!(part, std::path::Component::Normal(_));
    path.components().all(plain)
}

fn slashes(path: &Path) -> String {
    let parts = path.iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

/// How the rehearsal is launched: as in earnest, but for every place.
pub(super) fn own(spec: &RehearsalSpec, throwaway: &Throwaway, copies: &[Copy]) -> Spec {
    let real = &spec.spec;
    let folder = real
        .folder
        .clone()
        .or_else(|| working_folder(&real.cwd, &real.data))
        .and_then(|folder| mapped(&folder, copies))
        .unwrap_or_else(|| throwaway.path().join("work"));
    let home = throwaway.home();
    let mut env: BTreeMap<String, String> = real
        .env
        .iter()
        .map(|(name, value)| (name.clone(), elsewhere(value, copies, Form::Path)))
        .collect();
    let own_home = |below: &str| home.join(below).to_string_lossy().into_owned();
    env.extend(
        HOMES
            .iter()
            .map(|(name, below)| ((*name).to_owned(), own_home(below))),
    );
    env.insert("REFIT_REHEARSAL".to_owned(), "1".to_owned());
    let data = throwaway.data();
    let fill = |value: &String| value.replace("{data}", &data.to_string_lossy());
    env.extend(
        spec.env
            .iter()
            .map(|(name, value)| (name.clone(), fill(value))),
    );
    Spec {
        args: real
            .args
            .iter()
            .map(|arg| elsewhere(arg, copies, Form::Template))
            .collect(),
        folder: Some(folder),
        env,
        inherited: handed_on(&real.inherited),
        data,
        logs: real.logs.join("rehearsals"),
        port_file: throwaway.path().join("port"),
        swap: None,
        mender: None,
        keeper: None,
        ..real.clone()
    }
}

/// Where it would work in earnest; none where that hangs on the launch.
fn working_folder(cwd: &str, data: &Path) -> Option<PathBuf> {
    let folder = match cwd.strip_prefix("{data}") {
        Some(below) => data.join(below.trim_start_matches(['/', MAIN_SEPARATOR])),
        None => PathBuf::from(cwd),
    };
    let known = !cwd.trim_start_matches("{data}").contains('{');
    (known && folder.is_absolute()).then_some(folder)
}

fn handed_on(inherited: &BTreeMap<OsString, OsString>) -> BTreeMap<OsString, OsString> {
    let theirs = |name: &OsString| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        DROPPED.contains(&name.as_str()) || HOMES.iter().any(|(home, _)| *home == name)
    };
    inherited
        .iter()
        .filter(|(name, _)| !theirs(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The rehearsal's own of a path that lies in something it has its own of.
fn mapped(path: &Path, copies: &[Copy]) -> Option<PathBuf> {
    copies.iter().find_map(|copy| {
        let below = path.strip_prefix(&copy.from).ok()?;
        // What climbs out again is not in it.
        is_plain(below).then(|| copy.to.join(below))
    })
}

#[derive(Clone, Copy)]
enum Form {
    /// As it is.
    Path,
    /// With `{data}` in it.
    Template,
}

/// A text that is a path, or ends in one after a `=`, with the rehearsal's own in its place.
fn elsewhere(text: &str, copies: &[Copy], form: Form) -> String {
    let (option, path) = match text.split_once('=') {
        Some((option, path)) if !option.contains(['/', MAIN_SEPARATOR]) => (Some(option), path),
        _ => (None, text),
    };
    let found = copies.iter().find_map(|copy| {
        let from = copy.from.to_str()?;
        let below = path.strip_prefix(from.trim_end_matches(['/', MAIN_SEPARATOR]))?;
        let inside = below.is_empty() || below.starts_with(['/', MAIN_SEPARATOR]);
        let climbs = below.split(['/', MAIN_SEPARATOR]).any(|part| part == "..");
        (inside && !climbs).then(|| match form {
            Form::Path => format!("{}{below}", copy.to.to_string_lossy()),
            Form::Template => format!("{}{below}", copy.template),
        })
    });
    match (option, found) {
        (Some(option), Some(path)) => format!("{option}={path}"),
        (None, Some(path)) => path,
        (_, None) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
