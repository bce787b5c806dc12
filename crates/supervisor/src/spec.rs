//! What to spawn, and how to tell that it is ready.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::hooks::{DataKeeper, Mender};
use crate::template::{TemplateError, check_template, names_workspace};

/// Everything about a launch that does not depend on the version chosen.
///
/// Plain data, but for the two hooks: nothing in this crate reads the environment of its own process.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The program. It knows `{entry}`, `{port}`, `{data}`, `{bundled}`, `{launch}` and
    /// `{workspace}`; one without them is resolved already.
    pub program: PathBuf,
    /// Its arguments, which know the same names.
    pub args: Vec<String>,
    /// The working folder, which knows them too, but for `{workspace}`; made where it is missing.
    /// Where it cannot be made, the folder of what is launched takes its place. Of no use where
    /// there is a [`Spec::folder`].
    pub cwd: String,
    /// Variables to set, as they are, over what is inherited.
    pub env: BTreeMap<String, String>,
    /// The environment to scrub and hand on.
    pub inherited: BTreeMap<OsString, OsString>,
    /// What being ready means.
    pub ready: Readiness,
    /// How much running confirms a trial.
    pub soak: Duration,
    /// `{data}`.
    pub data: PathBuf,
    /// `{bundled}`: the folder of the bundled runtime.
    pub bundled: PathBuf,
    /// Where the log of each version goes.
    pub logs: PathBuf,
    /// Remembers this workspace's port. Workspaces that share a store keep these files in one
    /// folder: a new port is never one that a neighbour remembers.
    pub port_file: PathBuf,
    /// Program and arguments that end up in [`crate::guard::run_if_asked`].
    pub guard: Vec<OsString>,
    /// From the polite request to end, to the kill.
    pub grace: Duration,
    /// The name of the workspace that this is an instance for; `main` is the first.
    pub workspace: String,
    /// The folder of an added workspace: where the runtime works, instead of [`Spec::cwd`], and
    /// what `{workspace}` stands for; made where it is missing, and where it cannot be made nothing
    /// is launched. None: `{workspace}` is the working folder.
    pub folder: Option<PathBuf>,
    /// A restart starts the next version beside the one that runs, which is ended only once the
    /// next one serves. None: a restart ends what runs first.
    pub swap: Option<Swap>,
    /// Asked to put right what keeps a stored version from being launched.
    pub mender: Option<Arc<dyn Mender>>,
    /// Asked to keep, and to put back, the data that a new version may spoil.
    pub keeper: Option<Arc<dyn DataKeeper>>,
}

/// How one version takes over from another that still runs.
///
/// All that runs is reached through a front on the workspace's own port, which hands on what it is
/// asked to the version that serves; each version listens on a port of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// How long the version that was taken over from may go on answering what it was asked before
    /// it is ended. Streams and sockets that last longer are cut.
    pub drain: Duration,
}

/// What being ready means, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// `GET path` on the loopback port is answered below 400 by the launch's own process.
    Http {
        /// Starts with `/`.
        path: String,
        /// From the spawn.
        timeout: Duration,
    },
    /// The launch's own process listens on the port.
    Tcp {
        /// From the spawn.
        timeout: Duration,
    },
    /// A line of its output contains this text.
    Line {
        /// The text, as it is.
        contains: String,
        /// From the spawn.
        timeout: Duration,
    },
}

impl Readiness {
    /// How long it may take, from the spawn.
    pub fn timeout(&self) -> Duration {
        match self {
            Self::Http { timeout, .. } | Self::Tcp { timeout } | Self::Line { timeout, .. } => {
                *timeout
            }
        }
    }
}

/// Why a [`Spec`] can launch nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The program, an argument or the working folder asks for something that is not there.
    #[error("in `{text}`: {source}")]
    Template {
        /// The program, argument or working folder.
        text: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// The working folder is to be inside of itself.
    #[error("the working folder `{0}` cannot name `{{workspace}}`, which is that folder")]
    Circular(String),
    /// No guard to start the runtime under.
    #[error("no guard program is named; pass the shell's own binary and `--refit-guard`")]
    NoGuard,
    /// A readiness path that is no path.
    #[error("the readiness path `{0}` must start with `/` and hold no spaces")]
    Path(String),
    /// A text that every output contains.
    #[error("the line that tells readiness is empty; name a text that is printed once it is ready")]
    EmptyLine,
}

impl Spec {
    /// Checks what can be checked before any choice is made.
    ///
    /// # Errors
    /// The first thing that is wrong, by name.
    pub fn check(&self) -> Result<(), SpecError> {
        let texts = self.args.iter().chain([&self.cwd]).map(String::as_str);
        for text in self.program.to_str().into_iter().chain(texts) {
            check_template(text).map_err(|source| SpecError::Template {
                text: text.to_owned(),
                source,
            })?;
        }
        if self.folder.is_none() && names_workspace(&self.cwd) {
            return Err(SpecError::Circular(self.cwd.clone()));
        }
        if self.guard.is_empty() {
            return Err(SpecError::NoGuard);
        }
        match &self.ready {
            Readiness::Http { path, .. }
                if !path.starts_with('/') || path.contains(char::is_whitespace) =>
            {
                Err(SpecError::Path(path.clone()))
            }
            Readiness::Line { contains, .. } if contains.is_empty() => Err(SpecError::EmptyLine),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec {
            program: "node".into(),
            args: vec!["{entry}".into(), "--port={port}".into()],
            cwd: "{data}".into(),
            env: BTreeMap::new(),
            inherited: BTreeMap::new(),
            ready: Readiness::Tcp {
                timeout: Duration::from_secs(1),
            },
            soak: Duration::from_mins(10),
            data: "/data".into(),
            bundled: "/bundled".into(),
            logs: "/logs".into(),
            port_file: "/port".into(),
            guard: vec!["shell".into(), "--refit-guard".into()],
            grace: Duration::from_secs(2),
            workspace: "main".into(),
            folder: None,
            swap: None,
            mender: None,
            keeper: None,
        }
    }

    #[test]
    fn an_unknown_name_in_an_argument_is_an_error_that_names_it() {
        let mut spec = spec();
        assert_eq!(spec.check(), Ok(()));
        spec.args.push("--home={home}".into());
        let error = spec.check().expect_err("{home} was accepted").to_string();
        assert!(error.contains("--home={home}"), "{error}");
        assert!(error.contains("`{home}`"), "{error}");
    }

    #[test]
    fn an_unknown_name_in_the_program_is_an_error_that_names_it() {
        let mut spec = spec();
        spec.program = "{bundled}/node".into();
        assert_eq!(spec.check(), Ok(()));
        spec.program = "{home}/node".into();
        let error = spec.check().expect_err("{home} was accepted").to_string();
        assert!(error.contains("{home}/node"), "{error}");
    }

    #[test]
    fn the_working_folder_cannot_be_inside_of_itself() {
        let mut spec = spec();
        spec.args.push("{workspace}/x".into());
        assert_eq!(spec.check(), Ok(()));
        spec.cwd = "{workspace}/x".into();
        assert_eq!(spec.check(), Err(SpecError::Circular(spec.cwd.clone())));
        spec.folder = Some("/boards/one".into());
        assert_eq!(spec.check(), Ok(()), "the folder takes its place");
    }

    #[test]
    fn a_spec_without_a_guard_is_an_error() {
        let mut spec = spec();
        spec.guard.clear();
        assert_eq!(spec.check(), Err(SpecError::NoGuard));
    }

    #[test]
    fn a_readiness_path_must_be_a_path() {
        for path in ["", "health", "/a b", "http://127.0.0.1/"] {
            let mut spec = spec();
            spec.ready = Readiness::Http {
                path: path.into(),
                timeout: Duration::from_secs(1),
            };
            assert_eq!(spec.check(), Err(SpecError::Path(path.into())));
        }
    }

    #[test]
    fn an_empty_line_would_match_anything_and_is_refused() {
        let mut spec = spec();
        spec.ready = Readiness::Line {
            contains: String::new(),
            timeout: Duration::from_secs(1),
        };
        assert_eq!(spec.check(), Err(SpecError::EmptyLine));
    }
}
