//! Where a workspace's instance works, and what it is started with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use supervisor::Spec;

use super::{MAIN, Workspace, check, file};
use crate::local::Local;
use crate::mender::Mender;
use crate::{Device, spec};

/// The folder of a workspace that was given none.
pub(crate) fn default_folder(data: &Path, name: &str) -> PathBuf {
    data.join("workspaces").join(name)
}

/// The folder that is shown for `main`: the configuration's `cwd`.
pub(crate) fn main_folder(local: &Local) -> PathBuf {
    let data = local.data_dir();
    let bundled = &local.shell().bundled.dir;
    let text = local.config().cwd.clone();
    let filled = text
        .replace("{data}", &data.to_string_lossy())
        .replace("{bundled}", &bundled.to_string_lossy());
    PathBuf::from(filled)
}

/// What `main` is started with: the configuration, and the variables that `workspaces.json` has
/// for it.
pub(crate) fn main_spec(local: &Local, mut spec: Spec) -> Spec {
    if local.store().is_some() {
        let (list, _) = file::look(local.data_dir());
        let (usable, _) = check::sift(&list.workspaces, local.data_dir());
        if let Some(main) = usable.into_iter().find(|it| it.name == MAIN) {
            spec.env.extend(main.env);
        }
    }
    spec
}

/// What another workspace is started with.
pub(crate) fn spec_of(device: &Device, workspace: &Workspace) -> Spec {
    let local = &device.0.local;
    let name = &workspace.name;
    let mut spec = spec::spec(local);
    spec.env.extend(workspace.env.clone());
    spec.port_file = local.data_dir().join("ports").join(name);
    spec.logs = local.logs_dir().join(name);
    spec.workspace.clone_from(name);
    spec.folder.clone_from(&workspace.folder);
    spec.mender = Some(Arc::new(Mender::of(device)));
    // What one workspace keeps before a trial is the leader's: here nothing is on trial.
    spec.keeper = None;
    spec
}
