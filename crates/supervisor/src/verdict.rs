//! What the end of a spawn that never became ready means. Pure.
//!
//! | end | scene | verdict |
//! |---|---|---|
//! | not spawned | | environment |
//! | any | no room on the disk | environment |
//! | exited | a stranger holds the port | another port, once; then environment |
//! | out of time | a stranger holds the port | environment |
//! | exited by itself, or by a signal of its own making | | exited |
//! | killed by a signal that was not ours, or its guard was | | killed |
//! | out of time | | timed out |
//!
//! `environment` condemns nobody. Whether the others do is the store's to say.

use runtime_store::{Failure, How, Source, WhyNot};

use crate::state::{FailureReport, Tried};

/// How a spawn ended before it was ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// There never was a process: why, for a person.
    NotSpawned(String),
    /// It ended; with one of the two where the platform tells.
    Exited {
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// Not ready in time; it was stopped.
    TimedOut,
    /// The guard died, so nobody can say how the runtime fared; it was stopped.
    GuardLost,
}

impl End {
    /// Ended by somebody else: that says nothing about the program.
    pub(crate) fn is_from_outside(&self) -> bool {
        match self {
            Self::Exited {
                signal: Some(signal),
                ..
            } => !OWN_SIGNALS.contains(signal),
            Self::GuardLost => true,
            Self::NotSpawned(_) | Self::Exited { signal: None, .. } | Self::TimedOut => false,
        }
    }
}

/// What else was so at that moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scene {
    /// Somebody else holds the port, now that every process of the launch is gone.
    pub(crate) stranger: bool,
    /// This choice was already given another port.
    pub(crate) moved: bool,
    /// Nothing can be written: why, for a person.
    pub(crate) no_room: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same choice once more, on another port, at no attempt.
    AnotherPort,
    /// This choice failed; go on with the next.
    Failed(How),
}

/// Signals that a process brings on itself (SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV,
/// SIGSYS): dying of one is exiting, not being killed. Numbers differ between platforms.
const OWN_SIGNALS: &[i32] = if cfg!(target_os = "linux") {
    &[4, 5, 6, 7, 8, 11, 31]
} else {
    &[4, 5, 6, 8, 10, 11, 12]
};

pub(crate) fn verdict(end: &End, scene: &Scene) -> Verdict {
    match end {
        End::NotSpawned(_) => Verdict::Failed(How::Environment),
        _ if scene.no_room.is_some() => Verdict::Failed(How::Environment),
        End::Exited { .. } if scene.stranger && !scene.moved => Verdict::AnotherPort,
        End::Exited { .. } | End::TimedOut if scene.stranger => Verdict::Failed(How::Environment),
        End::Exited { .. } if !end.is_from_outside() => Verdict::Failed(How::Exited),
        End::Exited { .. } | End::GuardLost => Verdict::Failed(How::Killed),
        End::TimedOut => Verdict::Failed(How::TimedOut),
    }
}

/// What was seen of a spawn that never became ready, for a person: one sentence, then the last
/// lines of output.
pub(crate) fn detail(end: &End, scene: &Scene, port: u16, tail: &str) -> String {
    let mut text = words(end);
    if let End::Exited { .. } = end {
        text.push_str(" before it was ready");
    }
    if let Some(no_room) = &scene.no_room {
        text = format!("{text}; {no_room}");
    } else if scene.stranger {
        text = format!("{text}; another program holds port {port}");
    }
    with_tail(text, tail)
}

/// The same of a crash after ready.
pub(crate) fn crash_detail(end: &End, tail: &str) -> String {
    with_tail(words(end), tail)
}

fn words(end: &End) -> String {
    match end {
        End::NotSpawned(why) => why.clone(),
        End::Exited {
            signal: Some(signal),
            ..
        } => format!("ended by signal {signal}"),
        End::Exited {
            code: Some(code), ..
        } => format!("exited with code {code}"),
        End::Exited { .. } => "exited".to_owned(),
        End::TimedOut => "not ready in time".to_owned(),
        End::GuardLost => "its guard process was ended from outside".to_owned(),
    }
}

pub(crate) fn with_tail(mut text: String, tail: &str) -> String {
    if !tail.is_empty() {
        text.push('\n');
        text.push_str(tail);
    }
    text
}

/// Why a version that another workspace runs is not launched in this one, for a person.
pub fn refusal(why: &WhyNot) -> String {
    match why {
        WhyNot::NotNewerThanBundled => "the version inside the app is as new".to_owned(),
        WhyNot::Bad => "it failed before".to_owned(),
        WhyNot::Recalled => "its publisher recalled it".to_owned(),
        WhyNot::MissingEntry => "it is not stored any more".to_owned(),
        WhyNot::Incompatible(why) => why.to_string(),
        WhyNot::Contract(unmet) => unmet.to_string(),
        WhyNot::Damaged(detail) => format!("its stored copy is damaged: {detail}"),
        WhyNot::CannotRead(why) | WhyNot::CannotWrite(why) | WhyNot::InvalidPointer(why) => {
            why.clone()
        }
        WhyNot::NewerSchema => "a newer release of this app stored it".to_owned(),
        WhyNot::Blocked(_)
        | WhyNot::FailedInThisLaunch
        | WhyNot::OnTrialElsewhere
        | WhyNot::NoVerdict
        | WhyNot::NotYet
        | WhyNot::TrialsOff => "it may not run now".to_owned(),
    }
}

/// Whether the launch has nothing left to try.
pub(crate) fn exhausted(failures: &[Failure]) -> bool {
    failures
        .iter()
        .any(|failure| failure.source == Source::Bundled)
}

/// What a person reads when every choice failed: the first error, since the later ones are most
/// often its consequence or the same once more.
pub(crate) fn report(failures: &[Failure]) -> FailureReport {
    let tried = failures
        .iter()
        .map(|failure| Tried {
            version: failure.version.clone(),
            source: failure.source,
            how: failure.how,
            detail: failure.detail.clone(),
        })
        .collect();
    let Some(first) = failures.first() else {
        return FailureReport {
            message: "The runtime could not be started".to_owned(),
            hint: "Try again".to_owned(),
            detail: String::new(),
            tried,
        };
    };
    let version = &first.version;
    let seen = first.detail.lines().next().unwrap_or_default();
    let (message, hint) = match first.how {
        How::Environment => (
            format!("The runtime {version} could not be started: {seen}"),
            "Install the program if it is missing, or free some room, then try again.".to_owned(),
        ),
        How::TimedOut => (
            format!("The runtime {version} was not ready in time"),
            "Try again; if it stays so, restart the computer or install the app again.".to_owned(),
        ),
        How::Killed => (
            format!("The runtime {version} was ended from outside: {seen}"),
            "Try again; if it stays so, free some memory.".to_owned(),
        ),
        How::CrashLoop => (
            format!("The runtime {version} keeps crashing: {seen}"),
            "Try again; if it stays so, install the app again.".to_owned(),
        ),
        How::Exited | How::NoVerdict => (
            format!("The runtime {version} did not start: {seen}"),
            "Try again; if it stays so, install the app again.".to_owned(),
        ),
    };
    FailureReport {
        message,
        hint,
        detail: first.detail.clone(),
        tried,
    }
}

#[cfg(test)]
mod tests;
