//! What the rest of the shell hears: where the runtime stands, and what just happened to it.

use jiff::Timestamp;
use rollout::{Integrity, Version};
use runtime_store::{How, PassedOver, Source};

/// Where the runtime stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// A choice was spawned, or is about to be, and is not ready yet.
    Starting {
        /// What is starting; the bundled version until the first choice is made.
        version: Version,
        /// Where it comes from.
        source: Source,
    },
    /// A choice became ready and still runs.
    Running(Running),
    /// The last one is being stopped, or waits out its back-off, before a new launch.
    Restarting {
        /// What ran last.
        version: Version,
        /// Where that came from.
        source: Source,
    },
    /// Every choice failed. Nothing runs until somebody asks for a restart.
    Failed(FailureReport),
    /// Ended in order. Final.
    Stopped,
}

/// A runtime that is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its version.
    pub version: Version,
    /// Its content; none for bundled.
    pub integrity: Option<Integrity>,
    /// Where it comes from.
    pub source: Source,
    /// Where its page is, ending in `/`.
    pub url: String,
    /// The loopback port of that page: the front's, where versions swap.
    pub port: u16,
    /// The launch it belongs to. Another one at the same address means that the page is to be
    /// loaded again.
    pub launch_id: String,
    /// When it became ready.
    pub since: Timestamp,
    /// Whether it still soaks.
    pub trial: bool,
    /// What came before it and was not chosen, in order, with the reasons: a version that its
    /// publisher recalled, or one whose turn has not come.
    pub passed_over: Vec<PassedOver>,
}

/// Why nothing runs, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureReport {
    /// One sentence about the first error.
    pub message: String,
    /// The next step.
    pub hint: String,
    /// What was seen: an exit code, the last lines of output.
    pub detail: String,
    /// Every choice that was tried, in order.
    pub tried: Vec<Tried>,
}

/// One choice that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its version.
    pub version: Version,
    /// Where it comes from.
    pub source: Source,
    /// How it failed.
    pub how: How,
    /// What was seen.
    pub detail: String,
}

/// Something that just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A choice is about to be spawned.
    Launching {
        /// Its version.
        version: Version,
        /// Where it comes from.
        source: Source,
        /// Its launch id.
        launch_id: String,
        /// Choices that did not pass before it.
        passed_over: Vec<PassedOver>,
    },
    /// It became ready.
    Ready(Running),
    /// A choice of this launch failed and another one is ready. One event for each that failed;
    /// the one about the first choice, which a person had hoped for, comes last.
    FellBack {
        /// What failed.
        from: Version,
        /// What runs instead.
        to: Version,
        /// Where that comes from.
        source: Source,
        /// How it failed.
        reason: How,
        /// What was seen.
        detail: String,
        /// Whether it is on the bad list now.
        condemned: bool,
    },
    /// A runtime that had been ready died. It is restarted, or what follows says otherwise.
    Crashed {
        /// Its version.
        version: Version,
        /// What was seen.
        detail: String,
        /// Crashes of its soak so far; 0 when it does not soak, or was ended from outside.
        crashes: u32,
    },
    /// It soaked long enough: the trial is over.
    Confirmed {
        /// Its version.
        version: Version,
    },
    /// Every choice of a launch failed.
    Failed(FailureReport),
    /// Something beside the launch went wrong, in a sentence for a person: data could not be kept
    /// or put back. The launch goes on.
    Trouble(String),
}

/// What a restart led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What is ready now.
    pub version: Version,
    /// Where it comes from.
    pub source: Source,
    /// The first choice of the launch, if that failed.
    pub fell_back_from: Option<Version>,
    /// What came before it and was not chosen, in order, with the reasons.
    pub passed_over: Vec<PassedOver>,
}

/// Why a restart led to nothing that runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// Every choice failed.
    #[error("{}. {}", .0.message, .0.hint)]
    Failed(FailureReport),
    /// The supervisor was stopped, before or meanwhile.
    #[error("the runtime was stopped; open the app again to start it")]
    Stopped,
}
