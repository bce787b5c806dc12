//! Runs the chosen version of the runtime, judges it, and falls back within the same launch.
//!
//! ```text
//! Supervisor (handle) ──orders──► actor: one task, one launch at a time
//!                                   │ store.begin_launch: an attempt and a lease, on disk
//!                                   │   (follow_launch where another workspace has chosen)
//!                                   │ mender, keeper: put right what was passed over, keep data
//!                                   │ port: the one this workspace had, while it is free
//!                                   ▼
//!                                 child ──stdin──► guard process ──► the runtime and its descendants
//!                                   │ ▲ events         (joins the lease first; ends them all)
//!                                   │ └─ output ─► log (capped file, last lines, wanted line)
//!                                   ▼
//!                                 probe: ready │ ended │ out of time │ an order
//!                                   ▼
//!                                 verdict (pure) ─► next choice │ another port │ failed
//!                                   ▼
//!                                 ready ─► store.ready condemns ─► watch: soak, crashes, back-off
//!
//! With a swap:
//! page ──► front (the workspace's port) ──► the one that serves       (each on a port of its own)
//!            a restart starts the next one beside it; ready ─► the front switches ─► what the old
//!            one was handed is answered, at most for the drain ─► the old one is ended
//! ```
//!
//! # Invariants
//!
//! * No runtime process exists before its lease is held by the guard that outlives this process.
//! * A verdict is about the version that was spawned, whatever the pointer says by then.
//! * Being alive is not being ready, and an answer from somebody else's process counts for nothing.
//! * The next choice is spawned only once every descendant of the last one is gone; in a swap, the
//!   last one is ended only once the next one serves, and where that fails it goes on.
//! * Nothing here marks a version bad; [`runtime_store::Store::ready`] does, when a later choice
//!   of the same launch became ready, or what served before it goes on.
//! * An instance that follows another workspace takes no attempt, falls back to nothing and
//!   condemns nothing: it is dead, and can be revived.
//! * Dropping every handle, ending the program, or losing it to SIGKILL ends the whole tree.

mod actor;
mod backoff;
mod child;
mod crashes;
mod env;
mod environment;
mod front;
pub mod guard;
mod hooks;
mod judging;
mod launch;
mod log;
mod mending;
mod plain;
mod port;
mod probe;
mod rehearse;
mod round;
mod running;
mod seat;
mod smoke;
mod soak;
mod spec;
mod state;
mod store;
mod supervisor;
mod swap;
mod template;
mod tree;
mod verdict;

pub use hooks::{BoxFuture, DataKeeper, Finding, Mender};
pub use rehearse::{
    RehearsalFailure, RehearsalSpec, bundled_launch, rehearse, rehearse_bundled, spare_resources,
    sweep_rehearsals, try_out,
};
pub use smoke::{Requests, SmokeError, Smoked, smoke};
pub use spec::{Readiness, Spec, SpecError, Swap};
pub use state::{Event, FailureReport, Outcome, Running, State, SupervisorError, Tried};
pub use supervisor::Supervisor;
pub use template::{TemplateError, check_template};
pub use verdict::refusal;
