//! The guard: a small process between the shell and the runtime, the shell's own binary started
//! with `--refit-guard`.
//!
//! It joins the lease before the runtime exists, adopts every orphan below it where the platform
//! can (child subreaper, job object), and ends the whole tree when it is told to, when the runtime
//! exits, or when its standard input ends, which is what the death of the shell looks like. It
//! lets go of the lease only when nothing is left.
//!
//! # Protocol
//!
//! JSON lines. The first line on standard input is the [`Job`]; every later one is an [`Order`].
//! Standard output carries [`Report`]s. Both outputs of the runtime go to standard error.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
mod run;

use std::ffi::{OsStr, OsString};

use serde::{Deserialize, Serialize};

/// The argument that makes a shell's binary a guard.
pub const ARGUMENT: &str = "--refit-guard";

/// Turns this process into a guard, for good, if it was started as one. The first thing that every
/// binary does which names itself in [`crate::Spec::guard`].
pub fn run_if_asked() {
    if std::env::args_os().nth(1).as_deref() == Some(OsStr::new(ARGUMENT)) {
        std::process::exit(run::run());
    }
}

/// What to spawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) launch: String,
    /// The lease to join first; none for the bundled runtime of a shell without a store.
    pub(crate) lease: Option<OsString>,
    pub(crate) program: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: OsString,
    /// From the polite request to the kill.
    pub(crate) grace_ms: u64,
    /// Whatever else runs here comes first.
    #[serde(default)]
    pub(crate) low_priority: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// End the tree.
    Stop,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Report {
    /// The lease is held, or there is none to hold.
    Leased,
    /// The runtime exists.
    Spawned { pid: u32 },
    /// The runtime ended by itself; what it left behind is being ended.
    Exited {
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// Nothing is left of the tree. Without an [`Report::Exited`] before it, the guard was told to
    /// end it.
    Gone,
    /// There is no runtime, and why, for a person.
    Error { message: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_its_way_through_a_pipe_whatever_its_bytes() {
        #[cfg(unix)]
        let odd = {
            use std::os::unix::ffi::OsStringExt;
            OsString::from_vec(b"caf\xe9\n\"".to_vec())
        };
        #[cfg(not(unix))]
        let odd = OsString::from("odd\n\"");
        let job = Job {
            launch: "id-1".to_owned(),
            lease: Some(odd.clone()),
            program: "node".into(),
            args: vec![odd.clone(), "".into()],
            env: vec![("NAME".into(), odd.clone())],
            cwd: odd,
            grace_ms: 2_000,
            low_priority: true,
        };
        let line = serde_json::to_string(&job).expect("write");
        assert!(!line.contains('\n'), "one line: {line}");
        assert_eq!(serde_json::from_str::<Job>(&line).expect("read"), job);
    }

    #[test]
    fn orders_and_reports_are_short_words() {
        assert_eq!(
            serde_json::to_string(&Order::Stop).expect("write"),
            "\"stop\""
        );
        assert_eq!(
            serde_json::to_string(&Report::Exited {
                code: Some(1),
                signal: None
            })
            .expect("write"),
            r#"{"exited":{"code":1,"signal":null}}"#
        );
    }
}
