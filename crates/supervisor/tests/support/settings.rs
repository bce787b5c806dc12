//! A shell and a spec for a test's folder, the same in the test and in the fixture's shell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollout::{Host, NodeFact};
use runtime_store::{Bundled, Shell};
use supervisor::{Readiness, Spec};

/// A bundled runtime 1.0.0 whose entry is `<folder>/bundled/dist/cli.js`.
pub(crate) fn shell(folder: &Path) -> Shell {
    let dir = folder.join("bundled");
    Shell {
        bundled: Bundled {
            entry: dir.join("dist/cli.js"),
            dir,
            version: "1.0.0".parse().expect("version"),
        },
        host: Host {
            node: NodeFact::NotUsed,
            shell: "0.1.0".parse().expect("version"),
        },
        attempts: 2,
        launch_trials: true,
        not_before: runtime_store::NotBefore::default(),
        experimental: false,
        built_at: jiff::Timestamp::UNIX_EPOCH,
        offers: rollout::contract::Offers::default(),
        signed_only: false,
        source: Some("a test".into()),
    }
}

/// Runs entries as scripts of the fixture.
pub(crate) fn spec(folder: &Path, fixture: PathBuf) -> Spec {
    Spec {
        program: fixture.clone(),
        args: vec!["run".into(), "{entry}".into()],
        cwd: "{data}/workspace".into(),
        env: BTreeMap::new(),
        inherited: std::env::vars_os().collect(),
        ready: Readiness::Http {
            path: "/".into(),
            timeout: Duration::from_secs(20),
        },
        soak: Duration::from_mins(10),
        data: folder.join("data"),
        bundled: folder.join("bundled"),
        logs: folder.join("logs"),
        port_file: folder.join("ports/test"),
        guard: vec![fixture.into(), supervisor::guard::ARGUMENT.into()],
        grace: Duration::from_millis(500),
        workspace: "main".into(),
        folder: None,
        swap: None,
        mender: None,
        keeper: None,
    }
}
