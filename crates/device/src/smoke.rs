//! What a rehearsal looks at, for whoever wants to see the numbers: of an address, or of a version
//! that is started out of sight for it.

use std::sync::Arc;
use std::time::Duration;

use rollout::Version;
use rollout::rehearsal::Limits;
use runtime_store::Launch;
use supervisor::{RehearsalFailure, Requests, Smoked, bundled_launch, refusal, try_out};

use crate::error::Problem;
use crate::local::Local;
use crate::rehearser;

/// Starts a stored version, or the bundled one, as a rehearsal does, and asks it so often. It writes
/// down nothing and condemns nothing. Ends early, in order, once `stop` resolves.
///
/// # Errors
/// Why it was not started, or never ready, or ended by itself. Answers that were wrong or slow are
/// no error.
pub async fn smoke_version(
    local: &Local,
    version: &Version,
    requests: &Requests,
    stop: impl Future<Output = ()> + Send,
) -> Result<Smoked, Problem> {
    let how = local.config().rehearse.clone().unwrap_or_default();
    let mut spec = rehearser::spec(local, &how);
    spec.limits = Limits {
        requests: requests.count,
        p50: Duration::MAX,
        p95: Duration::MAX,
    };
    spec.within = requests.within;
    let launch = launch(local, version)?;
    let tried = try_out(&spec, launch, stop).await;
    tried.map_err(|failure| {
        let (kind, hint) = match failure {
            RehearsalFailure::Machine(_) => (
                "not-tried",
                "Free some memory and disk space, and see that the program is there; then try again.",
            ),
            RehearsalFailure::Runtime(_) => (
                "not-ready",
                "Its whole output is in the log folder, in `rehearsals`.",
            ),
            RehearsalFailure::Stopped => ("interrupted", "Run it again."),
        };
        let message = format!("Version {version} was tried out of sight: {failure}");
        Problem::new(kind, message, hint)
    })
}

fn launch(local: &Local, version: &Version) -> Result<Arc<Launch>, Problem> {
    let shell = local.shell();
    if *version == shell.bundled.version {
        return Ok(bundled_launch(shell));
    }
    let missing = || {
        Problem::new(
            "not-stored",
            format!("Version {version} is not stored here"),
            "`refit verify` lists those that are; `refit stage` fetches another.",
        )
    };
    let store = local.store().ok_or_else(missing)?;
    let records = store.versions().map_err(|error| Problem::from(&error))?;
    let record = records.iter().find(|record| record.version == *version);
    let id = record.ok_or_else(missing)?.id();
    let begun = store.follow_launch(shell, Some(&id), runtime_store::now());
    begun.map(Arc::new).map_err(|why| {
        Problem::new(
            "not-launched",
            format!(
                "Version {version} would not be launched here: {}",
                refusal(&why)
            ),
            "`refit status` says more.",
        )
    })
}
