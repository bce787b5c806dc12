//! What the supervisor is to spawn, out of the settings.

use std::time::Duration;

use supervisor::{Readiness, Spec, Swap};

use crate::local::Local;

/// From the polite request to end, to the kill. The guard's own limit after a shell's death is the
/// same, so that nothing outlives it by more than 5 s.
const GRACE: Duration = Duration::from_secs(2);

/// How `main` is spawned, before anybody keeps or mends anything for it.
pub(crate) fn spec(local: &Local) -> Spec {
    let config = local.config();
    let timeout = config.ready.timeout;
    let ready = match (&config.ready.http, &config.ready.line) {
        (Some(path), _) => Readiness::Http {
            path: path.clone(),
            timeout,
        },
        (None, Some(line)) => Readiness::Line {
            contains: line.clone(),
            timeout,
        },
        (None, None) => Readiness::Tcp { timeout },
    };
    Spec {
        program: local.program.clone(),
        args: config.command.iter().skip(1).cloned().collect(),
        cwd: config.cwd.clone(),
        env: config.env.clone(),
        inherited: local.options.env.clone(),
        ready,
        soak: config.soak,
        data: local.data_dir().to_owned(),
        bundled: local.shell().bundled.dir.clone(),
        logs: local.logs_dir(),
        port_file: local.data_dir().join("ports").join("main"),
        guard: local.options.guard.clone(),
        grace: GRACE,
        workspace: "main".into(),
        folder: None,
        swap: config.swap.then_some(Swap {
            drain: config.drain,
        }),
        mender: None,
        keeper: None,
    }
}
