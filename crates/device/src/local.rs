//! The part of a device that needs no network, no task and no child: settings, folders, facts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use rollout::contract::Offers;
use rollout::{Host, Version};
use runtime_store::{Choice, Shell, Source, Store};
use updater::{Follow, LastCheck};

use crate::admin::Admin;
use crate::board::{Facts, compose};
use crate::past::Past;
use crate::status::{BundledVersion, Failure, Status};
use crate::switches::Switches;
use crate::{Config, Managed, built_at, bundled, program, trust_root};

/// What a shell, or the command line, says of itself.
#[derive(Clone)]
pub struct DeviceOptions {
    /// The checked configuration.
    pub config: Config,
    /// `<data>`: the app's user-data folder.
    pub data_dir: PathBuf,
    /// The runtime inside the installer.
    pub bundled_dir: PathBuf,
    /// The shell's own version, for `engines.refit`.
    pub shell_version: Version,
    /// The trusted `root.json` itself, in place of the file that `trust.root` names.
    pub trust_root: Option<Vec<u8>>,
    /// Whether this is a development build (`tauri::is_dev()`).
    pub development: bool,
    /// Program and arguments that start the guard: this very binary, with
    /// [`GUARD_ARGUMENT`](supervisor::guard::ARGUMENT).
    pub guard: Vec<OsString>,
    /// Whether nobody sits in front of it: what a fleet orders is applied without asking anybody.
    pub headless: bool,
    /// The environment to read switches from and to hand on, scrubbed, to the runtime.
    pub env: BTreeMap<OsString, OsString>,
}

impl fmt::Debug for DeviceOptions {
    /// Without the environment: tokens are kept there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceOptions")
            .field("config", &self.config)
            .field("data_dir", &self.data_dir)
            .field("bundled_dir", &self.bundled_dir)
            .field("shell_version", &self.shell_version)
            .field("trust_root", &self.trust_root.as_ref().map(Vec::len))
            .field("development", &self.development)
            .field("guard", &self.guard)
            .field("headless", &self.headless)
            .finish_non_exhaustive()
    }
}

impl DeviceOptions {
    /// The guard is this process's own binary.
    pub fn own_guard() -> Vec<OsString> {
        let own = std::env::current_exe().unwrap_or_default().into_os_string();
        vec![own, supervisor::guard::ARGUMENT.into()]
    }
}

/// A device's settings, folders and facts, and its store where there is one.
#[derive(Debug, Clone)]
pub struct Local {
    /// Which of the shell's runtimes it is about.
    pub(crate) app: String,
    pub(crate) options: DeviceOptions,
    pub(crate) switches: Switches,
    pub(crate) program: PathBuf,
    /// `<data>`, absolute, at its real path where there is a store.
    pub(crate) data: PathBuf,
    /// `None` in a development build, and where the folder cannot be made.
    pub(crate) store: Option<Store>,
    pub(crate) shell: Shell,
    pub(crate) bundled: BundledVersion,
    /// The `root.json` to believe, where one is configured, or why there is none.
    pub(crate) trust_root: Option<Result<Vec<u8>, String>>,
    /// The machine's administrator.
    pub(crate) admin: Admin,
    /// What was odd on the way, in words.
    pub(crate) problems: Vec<String>,
    /// Why nothing may be started at all.
    pub(crate) refusal: Option<Failure>,
}

impl Local {
    /// Looks around. Nothing that is missing or broken stops it: bundled runs without a store.
    pub fn open(options: DeviceOptions) -> Self {
        Self::with_store(options, true)
    }

    /// Looks around like [`Local::open`] and makes nothing: where there is no store yet, bundled is
    /// what would run.
    pub fn look(options: DeviceOptions) -> Self {
        let there = options.data_dir.join("runtime-store").is_dir();
        Self::with_store(options, there)
    }

    fn with_store(mut options: DeviceOptions, with_store: bool) -> Self {
        let mut switches = Switches::read(&options.env, options.development);
        let admin = settled(&mut options, &mut switches);
        let config = &options.config;
        let found = bundled::find(&options.bundled_dir, &config.entry, &options.shell_version);
        let mut problems: Vec<String> = found.note.iter().cloned().collect();
        problems.extend(admin.problems());
        let mut bundled = found.bundled;
        let mut refusal = None;
        if let Some(named) = &switches.runtime {
            match bundled::named(named, &options.shell_version) {
                Ok(runtime) => bundled = runtime,
                Err(problem) => {
                    tracing::error!("{problem}");
                    refusal = Some(Failure {
                        message: problem,
                        hint: "Point REFIT_RUNTIME at the file to run, or unset it.".to_owned(),
                        detail: String::new(),
                    });
                }
            }
        }
        let trust_root = config
            .trust
            .as_ref()
            .map(|trust| trust_root::read(&trust.root, options.trust_root.as_deref()));
        if let Some(Err(problem)) = &trust_root {
            tracing::error!("{problem}");
            problems.push(format!("{problem}. {}", trust_root::hint(config)));
        }
        let store = if with_store && !options.development {
            open_store(&options, &mut problems)
        } else {
            None
        };
        let data = match &store {
            Some(store) => store.data_dir().to_owned(),
            None => absolute(&options.data_dir),
        };
        let program = program::find(
            &config.command[0],
            &absolute(&options.bundled_dir),
            &options.env,
        );
        let node = program::node(&program, &data.join("node.json"));
        let shell = Shell {
            host: Host {
                node,
                shell: options.shell_version.clone(),
            },
            attempts: config.attempts,
            launch_trials: switches.updates.is_passive(),
            not_before: runtime_store::NotBefore::default(),
            experimental: switches.experimental,
            built_at: built_at(),
            offers: offers(config),
            signed_only: config.trust.is_some(),
            source: source(config),
            bundled: bundled.clone(),
        };
        // It runs all the same, where nothing else does: something always runs.
        problems.extend(shell.bundled_unmet().map(|unmet| {
            format!(
                "version {}, which came with the app, {unmet}; it runs where nothing else may",
                bundled.version
            )
        }));
        let bundled = BundledVersion {
            version: bundled.version,
            note: found.note,
        };
        Self {
            app: crate::MAIN_APP.to_owned(),
            options,
            switches,
            program,
            data,
            store,
            shell,
            bundled,
            trust_root,
            admin,
            problems,
            refusal,
        }
    }

    /// The same for another of the shell's runtimes; see [`DeviceOptions::of_app`].
    #[must_use]
    pub fn named(self, app: &str) -> Self {
        Self {
            app: app.to_owned(),
            ..self
        }
    }

    /// Why nobody is believed although somebody should be, and what to do: there are no updates then.
    pub fn no_trust(&self) -> Option<String> {
        match &self.trust_root {
            Some(Err(problem)) => Some(format!("{problem}. {}", trust_root::hint(self.config()))),
            Some(Ok(_)) | None => None,
        }
    }

    /// The status of a device whose app is not running, from its files alone; changes nothing.
    pub fn at_rest(&self, last_check: Option<LastCheck>) -> Status {
        let snapshot = self
            .store
            .as_ref()
            .map(|store| store.snapshot_for(&self.shell))
            .unwrap_or_default();
        let trial = snapshot
            .pointer
            .as_ref()
            .is_some_and(|pointer| pointer.trial.is_some());
        let mut facts = Facts::stopped(snapshot);
        if let Some(store) = &self.store {
            facts.past = Past::read(self, store);
        }
        facts.updater.last_check = last_check;
        let mut status = compose(&facts, self, 0);
        // A confirmed version has run; it does not wait.
        let starts = self.resolve().source == Source::Pointer;
        status.staged = status
            .staged
            .filter(|staged| trial && (starts || !staged.is_offered()));
        status
    }

    /// The store, where there is one.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// The version of the configured Node, where that is what runs the runtime.
    pub fn node(&self) -> Option<String> {
        match &self.shell.host.node {
            rollout::NodeFact::Is(version) => Some(version.to_string()),
            _ => None,
        }
    }

    /// What the store is asked with.
    pub fn shell(&self) -> &Shell {
        &self.shell
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.options.config
    }

    /// `<data>`.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// A configured place below `{data}` or `{workspace}`, the folder in which the runtime works, or
    /// an absolute one.
    pub(crate) fn place(&self, text: &str) -> PathBuf {
        if let Some(below) = text.strip_prefix("{data}/") {
            return self.data.join(below);
        }
        match text.strip_prefix("{workspace}/") {
            Some(below) => self.workspace().join(below),
            None => PathBuf::from(text),
        }
    }

    /// The folder in which the runtime works.
    pub(crate) fn workspace(&self) -> PathBuf {
        let data = self.data.to_string_lossy();
        let bundled = self.shell.bundled.dir.to_string_lossy();
        let cwd = self.config().cwd.replace("{data}", &data);
        PathBuf::from(cwd.replace("{bundled}", &bundled))
    }

    /// Where the runtime's output is kept, a file per version.
    pub fn logs_dir(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// Who decides about versions, where that is not the user: as the policy says now.
    pub fn managed(&self) -> Option<Managed> {
        self.admin.managed()
    }

    /// Every setting that several may make, and whose word counts. `configuration` names its file.
    pub fn settings(&self, configuration: &str) -> Vec<rollout::Setting> {
        let folder = self.data.join("fleet");
        let place = folder.join("memory-runtime.json").display().to_string();
        let ordered = self.fleet_order();
        let fleet = ordered.as_ref().map(|version| (version, &*place));
        self.admin.settings(configuration, fleet)
    }

    /// What the fleet ordered last for this device, as far as it is in one.
    pub fn fleet_order(&self) -> Option<Version> {
        self.config().fleet.as_ref()?;
        fleet::agent::ordered(&self.data.join("fleet"))
    }

    /// The one version that this device is to have: what its administrator pins, else what its fleet orders, else what
    /// the configuration pins.
    pub fn wanted_version(&self) -> Option<Version> {
        match self
            .admin
            .with_fleet(self.fleet_order().as_ref())
            .channel
            .value
        {
            rollout::admin::Channel::Pin(version) => Some(version),
            rollout::admin::Channel::Tag(_) => None,
        }
    }

    /// How old releases must be, where an administrator says so.
    pub fn minimum_age(&self) -> Option<std::time::Duration> {
        self.admin.settled.minimum_age.value
    }

    /// What was odd when it was opened, in words.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// What the next launch would run; changes nothing.
    pub fn resolve(&self) -> Choice {
        match &self.store {
            Some(store) => store.resolve(&self.shell, runtime_store::now()),
            None => Choice {
                version: self.shell.bundled.version.clone(),
                integrity: None,
                source: Source::Bundled,
                dir: self.shell.bundled.dir.clone(),
                entry: self.shell.bundled.entry.clone(),
                trial: None,
                passed_over: Vec::new(),
            },
        }
    }
}

/// Puts the administrator's word in the place of settings and switches.
fn settled(options: &mut DeviceOptions, switches: &mut Switches) -> Admin {
    let names = names(options.config.identifier.as_deref(), &options.data_dir);
    let admin = Admin::open(&names, &options.config, switches);
    options.config.channel = admin.settled.channel.value.to_string();
    switches.updates = admin.updates(switches.updates);
    switches.experimental = admin.settled.experimental.value;
    admin
}

/// Under which names an administrator may have a policy for this app: its identifier, and the name of
/// the data folder, so that another configuration for the same data is no other app. What lies in
/// `apps` of a data folder is that app's too.
fn names(identifier: Option<&str>, data: &Path) -> Vec<String> {
    let mut names: Vec<String> = identifier.map(str::to_owned).into_iter().collect();
    let mut of_folder = |folder: &Path| {
        let whole = folder
            .parent()
            .filter(|apps| apps.file_name().is_some_and(|name| name == "apps"))
            .and_then(Path::parent);
        for folder in [Some(folder), whole].into_iter().flatten() {
            let name = folder.file_name().and_then(|name| name.to_str());
            names.extend(name.map(str::to_owned));
        }
    };
    of_folder(&absolute(data));
    // A link to it is not another folder.
    if let Ok(real) = std::fs::canonicalize(data) {
        of_folder(&real);
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// What a runtime may expect of this shell.
fn offers(config: &Config) -> Offers {
    let host = &config.host;
    Offers {
        contract: host.contract,
        from: host.from,
        offers: host.offers.clone(),
    }
}

/// Whose terms count: of whom the configuration says.
fn source(config: &Config) -> Option<String> {
    match (&config.trust, &config.manifest) {
        (Some(trust), _) => {
            let site = trust.url.join("..").ok()?;
            Some(Follow::site_source(&site, &config.channel))
        }
        (None, Some(manifest)) => Some(Follow::manifest_source(manifest)),
        (None, None) => None,
    }
}

fn open_store(options: &DeviceOptions, problems: &mut Vec<String>) -> Option<Store> {
    match Store::open(&options.data_dir) {
        Ok(store) => Some(store),
        Err(error) => {
            tracing::error!(%error, "there is no store; the bundled runtime runs");
            problems.push(format!("{error}; only the bundled runtime can run"));
            None
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_looked_for_under_every_name_that_the_app_has() {
        let names = |identifier, data: &str| names(identifier, Path::new(data)).join(" ");
        assert_eq!(names(None, "/nowhere/org.app"), "org.app");
        assert_eq!(names(Some("org.app"), "/nowhere/org.app"), "org.app");
        assert_eq!(names(Some("other"), "/nowhere/org.app"), "other org.app");
        let inside = names(Some("other"), "/nowhere/org.app/apps/clock");
        assert_eq!(inside, "other clock org.app");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_data_folder_is_the_same_app() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("org.app");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, dir.path().join("link")).unwrap();
        assert_eq!(names(None, &dir.path().join("link")), ["link", "org.app"]);
    }
}
