//! Values of `rehearse`, `busy`, `snapshot`, `host`, `identifier` and `apps` that cannot be meant.

use std::path::Path;
use std::time::Duration;

use super::check::Problem;
use super::{Apply, Config};

/// More requests than this say no more, and a rehearsal ends some time.
const MOST_REQUESTS: u32 = 10_000;

/// The longest that a swap may wait for the old version's last answers.
const LONGEST_DRAIN: Duration = Duration::from_mins(10);

impl Config {
    /// How a version is tried, applied and taken back.
    pub(super) fn keeping_problem(&self) -> Option<Problem> {
        self.rehearse_problem()
            .or_else(|| self.applying_problem())
            .or_else(|| self.folders_problem())
            .or_else(|| self.host_problem())
            .or_else(|| self.apps_problem())
    }

    fn rehearse_problem(&self) -> Option<Problem> {
        let how = self.rehearse.as_ref()?;
        let problem = if how.requests == 0 || how.requests > MOST_REQUESTS {
            format!("`requests` must be from 1 to {MOST_REQUESTS}")
        } else if how.p50.is_zero() || how.p95 < how.p50 {
            "`p50` must be longer than nothing, and `p95` no shorter than `p50`".to_owned()
        } else {
            let text = how.copy.iter().find(|text| !is_copied(text))?;
            format!(
                "`copy` has `{text}`; name what lies below {{data}}, such as `{{data}}/files`, or an absolute path"
            )
        };
        Some(("rehearse", problem))
    }

    fn applying_problem(&self) -> Option<Problem> {
        if let Some(busy) = &self.busy {
            let problem = match (&busy.http, &busy.file) {
                (Some(path), None) if !path.starts_with('/') => {
                    Some("`http` must be a path that starts with `/`".to_owned())
                }
                (None, Some(path)) if !is_place(path) => Some(format!(
                    "`file` must lie below {{data}} or {{workspace}}, such as `{{data}}/busy.json`, or be an absolute path; it is `{path}`"
                )),
                (Some(_), None) | (None, Some(_)) => None,
                _ => Some("needs exactly one of `http` and `file`".to_owned()),
            };
            if let Some(problem) = problem {
                return Some(("busy", problem));
            }
        }
        if self.apply == Apply::Idle && self.busy.is_none() {
            let problem =
                "is `idle`, which needs `busy`: say where the runtime tells that it is busy";
            return Some(("apply", problem.to_owned()));
        }
        if self.ceiling.is_zero() {
            return Some(("ceiling", "must be longer than nothing".to_owned()));
        }
        (self.drain > LONGEST_DRAIN).then(|| ("drain", "must be at most 10m".to_owned()))
    }

    fn folders_problem(&self) -> Option<Problem> {
        let snapshot = self.snapshot.as_ref()?;
        // One folder is kept, not one of each workspace: they would be left behind by a put back.
        if !is_in_data(&snapshot.folder) || !snapshot.folder.starts_with("{data}/") {
            let problem = format!(
                "`folder` must lie below {{data}}, such as `{{data}}/files`; it is `{}`",
                snapshot.folder
            );
            return Some(("snapshot", problem));
        }
        // The store would be put back with it, and the snapshots be part of themselves.
        let own = [
            "runtime-store",
            "logs",
            "ports",
            "schedules",
            "snapshots",
            "rehearsals",
            "workspaces",
            "apps",
        ];
        let below = snapshot.folder.strip_prefix("{data}/").unwrap_or_default();
        let first = below.split('/').next().unwrap_or_default();
        own.iter()
            .any(|own| first.eq_ignore_ascii_case(own))
            .then(|| {
                let problem = format!(
                    "`folder` is `{}`, which is not the runtime's own",
                    snapshot.folder
                );
                ("snapshot", problem)
            })
    }

    fn host_problem(&self) -> Option<Problem> {
        if self.host.from == 0 || self.host.from > self.host.contract {
            let problem = "`from` must be at least 1 and at most `contract`";
            return Some(("host", problem.to_owned()));
        }
        if self.host.offers.iter().any(|name| name.trim().is_empty()) {
            return Some(("host", "`offers` has an empty name".to_owned()));
        }
        let identifier = self.identifier.as_ref()?;
        (!is_identifier(identifier)).then(|| {
            let problem =
                "must be a name such as `org.example.app`: letters, digits, `-`, `_` and `.`";
            ("identifier", problem.to_owned())
        })
    }

    fn apps_problem(&self) -> Option<Problem> {
        self.apps.iter().find_map(|(name, app)| {
            let problem = if !is_name(name) {
                "a name has at most 40 of a to z, 0 to 9 and `-`".to_owned()
            } else if name == "main" {
                "`main` is what the configuration around it is called".to_owned()
            } else if !app.apps.is_empty() {
                "`apps` has no apps of its own".to_owned()
            } else {
                let (key, problem) = app.problem()?;
                format!("`{key}` {problem}")
            };
            Some(("apps", format!("has `{name}`: {problem}")))
        })
    }
}

/// Whether a text names something below `{data}` or `{workspace}`, or has its place without them.
fn is_place(text: &str) -> bool {
    is_in_data(text) || (Path::new(text).is_absolute() && !text.contains(['{', '}', '\0']))
}

/// Whether a rehearsal can have a copy of it: of a workspace's folder it has none, but for `{data}`.
fn is_copied(text: &str) -> bool {
    is_place(text) && !text.starts_with("{workspace}")
}

/// Whether a text names something below `{data}` or `{workspace}`, whatever these are.
fn is_in_data(text: &str) -> bool {
    let below = text
        .strip_prefix("{data}/")
        .or_else(|| text.strip_prefix("{workspace}/"));
    below.is_some_and(|path| super::check::is_inside(path) && !path.contains(['{', '}']))
}

/// Whether it can be a folder's name on every system.
fn is_identifier(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty()
        && text.len() <= 128
        && text.chars().all(plain)
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !text.contains("..")
}

/// Whether it can name an app: it is a folder's name too.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= 40 && text.chars().all(plain)
}
