//! A start out of sight: by the real guard and with a lease, but on a port of its own, over a
//! throw-away copy of what the runtime works on, and at low priority.
//!
//! # Invariants
//!
//! * Nothing of the person's is written: not the data folder, not the working folder, not the home.
//! * However it comes out, no process of it is left, and the throw-away folder is gone.
//! * An answer of somebody else's process counts for nothing, as in any launch.

mod places;
mod spare;
mod throwaway;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollout::rehearsal::{Limits, Smoke, Unfit};
use runtime_store::{Launch, Shell};

use crate::child::{Child, Priority};
use crate::probe::{self, Target};
use crate::smoke::{self, Place, Requests, Smoked};
use crate::verdict::{self, End, Scene};
use crate::{Readiness, Spec, environment, port, store};

pub use spare::spare_resources;
use throwaway::Throwaway;

/// How long it has to go on after its smoke check: who ends just after it was seen is not well.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Between the first answer that fails and the news that the process behind it is gone.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How to rehearse.
#[derive(Debug, Clone)]
pub struct RehearsalSpec {
    /// How it would be launched in earnest. Its `data`, `cwd`, `port_file` and `logs` are not used as
    /// they are: the log of a rehearsal is `<logs>/rehearsals/<version>.log`.
    pub spec: Spec,
    /// Where throw-away folders are made: `<data>/rehearsals`.
    pub folder: PathBuf,
    /// What is copied into the throw-away folder before: `{data}/…`, or an absolute path. Links in it
    /// are left out, and so is what is not there.
    pub copy: Vec<String>,
    /// Variables to set on top, where `{data}` is the throw-away data folder.
    pub env: BTreeMap<String, String>,
    /// What it has to show.
    pub limits: Limits,
    /// How long the smoke check may take in all.
    pub within: Duration,
}

impl RehearsalSpec {
    /// For the smoke check, where nobody says otherwise.
    pub const WITHIN: Duration = Duration::from_secs(30);
}

/// Why a rehearsal was not passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalFailure {
    /// It could not even be begun, and the version has no part in that.
    #[error("could not be rehearsed: {0}")]
    Machine(String),
    /// What was seen of the version, with the last lines of its output.
    #[error("{0}")]
    Runtime(String),
    /// Whoever asked wanted it ended.
    #[error("the rehearsal was ended before it came to a result")]
    Stopped,
}

/// Rehearses what `launch` names, until it is over or `stop` resolves; either way nothing is left of
/// it. Hold the launch's lease until then.
///
/// It takes the time that becoming ready may take, that of the smoke check, and a few seconds; twice
/// the first where another program took its port.
///
/// # Errors
/// Whatever was not as it has to be.
pub async fn rehearse(
    spec: &RehearsalSpec,
    launch: Arc<Launch>,
    stop: impl Future<Output = ()> + Send,
) -> Result<Smoke, RehearsalFailure> {
    match wherever(spec, &launch, Look::Settled, stop).await {
        Came::Out(result) => result,
        Came::Unfit { detail, .. } => Err(RehearsalFailure::Runtime(detail)),
        Came::PortTaken { detail, .. } => Err(RehearsalFailure::Machine(detail)),
    }
}

/// As [`rehearse`], for whoever wants the numbers also where they are not good enough.
///
/// # Errors
/// As there, but for what the smoke check found.
pub async fn try_out(
    spec: &RehearsalSpec,
    launch: Arc<Launch>,
    stop: impl Future<Output = ()> + Send,
) -> Result<Smoked, RehearsalFailure> {
    match wherever(spec, &launch, Look::Whole, stop).await {
        Came::Out(result) => result.map(|smoke| Smoked {
            smoke,
            trouble: None,
        }),
        Came::Unfit { smoked, .. } => Ok(smoked),
        Came::PortTaken { detail, .. } => Err(RehearsalFailure::Machine(detail)),
    }
}

/// A launch of the bundled runtime, for [`try_out`].
pub fn bundled_launch(shell: &Shell) -> Arc<Launch> {
    Arc::new(store::bundled(shell))
}

async fn wherever(
    spec: &RehearsalSpec,
    launch: &Arc<Launch>,
    look: Look,
    stop: impl Future<Output = ()> + Send,
) -> Came {
    let mut stop = std::pin::pin!(stop);
    match once(spec, launch, look, None, stop.as_mut()).await {
        // Once more elsewhere, as a launch does.
        Came::PortTaken { port, .. } => once(spec, launch, look, Some(port), stop.as_mut()).await,
        came => came,
    }
}

/// [`rehearse`] of the bundled runtime, for comparison.
///
/// # Errors
/// As there.
pub async fn rehearse_bundled(
    spec: &RehearsalSpec,
    shell: &Shell,
    stop: impl Future<Output = ()> + Send,
) -> Result<Smoke, RehearsalFailure> {
    rehearse(spec, bundled_launch(shell), stop).await
}

/// Removes what rehearsals left behind that were cut off. Those that still run, in whatever
/// process, are left alone. Best effort, and blocks.
pub fn sweep_rehearsals(folder: &Path) {
    throwaway::sweep(folder);
}

/// How long it is asked.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// Until it is certain how the smoke check comes out: nobody waits longer for a version that fails.
    Settled,
    /// To the end, for the numbers.
    Whole,
}

/// How one start came out.
enum Came {
    Out(Result<Smoke, RehearsalFailure>),
    /// It was ready, and its smoke check was not passed.
    Unfit {
        detail: String,
        smoked: Smoked,
    },
    PortTaken {
        port: u16,
        detail: String,
    },
}

async fn once(
    spec: &RehearsalSpec,
    launch: &Arc<Launch>,
    look: Look,
    avoid: Option<u16>,
    stop: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
) -> Came {
    let prepared = {
        let (spec, launch) = (spec.clone(), Arc::clone(launch));
        let work = move || prepare(&spec, &launch, avoid);
        tokio::task::spawn_blocking(work).await
    };
    let (throwaway, own, port) = match prepared {
        Ok(Ok(prepared)) => prepared,
        Ok(Err(why)) => return Came::Out(Err(RehearsalFailure::Machine(why))),
        Err(error) => return Came::Out(Err(RehearsalFailure::Machine(error.to_string()))),
    };
    let own = Arc::new(own);
    let came = perform(spec, &own, launch, look, port, stop).await;
    // Nothing runs in it any more.
    let removed = tokio::task::spawn_blocking(move || throwaway.remove()).await;
    if !matches!(removed, Ok(Ok(()))) {
        tracing::warn!(folder = %spec.folder.display(), ?removed, "a rehearsal's folder is left over");
    }
    came
}

fn prepare(
    spec: &RehearsalSpec,
    launch: &Launch,
    avoid: Option<u16>,
) -> Result<(Throwaway, Spec, u16), String> {
    throwaway::sweep(&spec.folder);
    let throwaway = Throwaway::make(&spec.folder)?;
    let copies = places::copies(&spec.spec, &spec.copy, &throwaway);
    throwaway.fill(&copies)?;
    let own = places::own(spec, &throwaway, &copies);
    let port = port::fresh(&spec.spec.port_file, avoid).map_err(|error| error.to_string())?;
    tracing::info!(version = %launch.choice.version, port, folder = %throwaway.path().display(), "rehearsing");
    Ok((throwaway, own, port))
}

/// Start, readiness, smoke check, and the second after it; then nothing of it runs any more.
async fn perform(
    spec: &RehearsalSpec,
    own: &Arc<Spec>,
    launch: &Arc<Launch>,
    look: Look,
    port: u16,
    stop: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
) -> Came {
    let mut child = match Child::spawn_at(own, launch, port, Priority::Low).await {
        Ok(child) => child,
        Err(why) => return Came::Out(Err(RehearsalFailure::Machine(why))),
    };
    let target = Target {
        port,
        launch_id: launch.id.clone(),
        guard_pid: child.guard_pid(),
    };
    let seen = child.seen();
    let watched = async {
        let ready = probe::until_ready(&own.ready, &target, seen);
        if tokio::time::timeout(own.ready.timeout(), ready)
            .await
            .is_err()
        {
            return Seen::NeverReady;
        }
        let (smoked, fit) = ask(&own.ready, port, spec, look).await;
        if let Err(unfit) = fit {
            if smoked.smoke.failed > 0 {
                // That it ended, and how, says more than that it did not answer.
                tokio::time::sleep(LAST_WORDS).await;
            }
            return Seen::Unfit(unfit.to_string(), smoked);
        }
        tokio::time::sleep(AFTERWARDS).await;
        if probe::still_ours(&own.ready, &target).await {
            Seen::Well(smoked.smoke)
        } else {
            Seen::Replaced
        }
    };
    let seen = tokio::select! {
        // An exit comes first: what has ended has not passed, whatever it answered before.
        biased;
        end = child.ended() => Seen::Ended(end),
        () = stop => Seen::Stopped,
        seen = watched => seen,
    };
    match &seen {
        Seen::Ended(End::NotSpawned(_) | End::Exited { .. }) => child.wait_until_gone().await,
        _ => child.stop().await,
    }
    conclude(seen, &mut child, own, port).await
}

/// What was seen of one start.
enum Seen {
    Well(Smoke),
    NeverReady,
    Unfit(String, Smoked),
    /// Somebody else answers on its port now.
    Replaced,
    Ended(End),
    Stopped,
}

async fn conclude(seen: Seen, child: &mut Child, own: &Spec, port: u16) -> Came {
    let end = match seen {
        Seen::Well(smoke) => return Came::Out(Ok(smoke)),
        Seen::Stopped => return Came::Out(Err(RehearsalFailure::Stopped)),
        Seen::Unfit(why, smoked) => {
            let mut detail = format!("its smoke check failed: {why} ({})", smoked.smoke);
            if let Some(trouble) = &smoked.trouble {
                detail = format!("{detail}; {trouble}");
            }
            let detail = verdict::with_tail(detail, &child.tail().await);
            return Came::Unfit { detail, smoked };
        }
        Seen::Replaced => {
            let detail = format!("it no longer listens on port {port} itself");
            return failed(verdict::with_tail(detail, &child.tail().await));
        }
        Seen::NeverReady => End::TimedOut,
        Seen::Ended(End::NotSpawned(why)) => {
            return Came::Out(Err(RehearsalFailure::Machine(why)));
        }
        Seen::Ended(end) => end,
    };
    let scene = {
        let data = own.data.clone();
        let look = move || Scene {
            stranger: port::is_taken(port),
            moved: false,
            no_room: environment::no_room(&data),
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    };
    let detail = verdict::detail(&end, &scene, port, &child.tail().await);
    if scene.no_room.is_some() || end.is_from_outside() {
        Came::Out(Err(RehearsalFailure::Machine(detail)))
    } else if scene.stranger {
        Came::PortTaken { port, detail }
    } else {
        failed(detail)
    }
}

fn failed(detail: String) -> Came {
    Came::Out(Err(RehearsalFailure::Runtime(detail)))
}

/// The smoke check, by whatever readiness is told by: a line that was printed cannot be asked again.
async fn ask(
    ready: &Readiness,
    port: u16,
    spec: &RehearsalSpec,
    look: Look,
) -> (Smoked, Result<(), Unfit>) {
    match ready {
        Readiness::Http { path, .. } => {
            let place = Place::local(port, path);
            look_with(spec, look, || smoke::get(&place)).await
        }
        Readiness::Tcp { .. } => look_with(spec, look, || smoke::connect(port)).await,
        Readiness::Line { .. } => look_with(spec, look, || async { Ok(()) }).await,
    }
}

async fn look_with<F>(
    spec: &RehearsalSpec,
    look: Look,
    one: impl Fn() -> F,
) -> (Smoked, Result<(), Unfit>)
where
    F: Future<Output = Result<(), String>>,
{
    match look {
        Look::Settled => smoke::until_settled(&spec.limits, spec.within, one).await,
        Look::Whole => {
            let requests = Requests {
                count: spec.limits.requests,
                at_once: 1,
                within: spec.within,
            };
            let smoked = smoke::many(&requests, one).await;
            let fit = spec.limits.judge(&smoked.smoke);
            (smoked, fit)
        }
    }
}
