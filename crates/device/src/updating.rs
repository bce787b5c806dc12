//! The updater of this device, and whom it follows.

use std::sync::Arc;

use rollout::{AgentRelease, Candidate, Description, Terms, Version};
use runtime_store::Store;
use tokio::sync::watch;
use trust::Trust;
use updater::{Follow, NpmSettings, Policy, Registry, Timeouts, Updater, UpdaterSpec};
use url::Url;

use crate::config::TrustAnchor;
use crate::fleet::Steering;
use crate::local::Local;
use crate::rehearser::Rehearser;
use crate::{Problem, Updates, trust_root};

/// The updater, or why there is none.
pub(crate) fn updater(
    local: &Local,
    running: watch::Receiver<Option<Version>>,
    passive: bool,
    steering: &Steering,
) -> Result<Updater, Problem> {
    if local.switches.updates == Updates::DevelopmentBuild {
        return Err(Problem::new(
            "updates-off",
            "this is a development build: updates are off",
            "Build the app for release to try its updates.",
        ));
    }
    let Some(store) = local.store() else {
        return Err(no_store(local));
    };
    let config = local.config();
    let home = dirs::home_dir();
    let npm = NpmSettings::read(&local.options.env, home.as_deref());
    let registry = Registry::new(
        config.package.clone(),
        config.registry.clone(),
        npm,
        Timeouts::default(),
    )
    .map_err(|error| Problem::from_error(error.kind(), &error, error.hint()))?;
    let spec = UpdaterSpec {
        policy: policy(local, store)?,
        registry,
        channel: config.channel.clone(),
        entry: config.entry.clone(),
        carry: config.carry.clone(),
        limits: runtime_store::Limits::default(),
        passive,
        after: config.check.after,
        every: config.check.every,
        rehearser: Rehearser::of(local).map(|rehearser| Arc::new(rehearser) as _),
        mirror: config
            .fleet
            .is_some()
            .then(|| Arc::new(steering.near.clone()) as _),
        steered: steering.is_steered(),
    };
    Ok(Updater::start(
        spec,
        store.clone(),
        Arc::new(local.shell().clone()),
        running,
    ))
}

/// Who is followed: the configuration alone says so. A trust root that is of no use means nobody,
/// and never somebody else.
fn policy(local: &Local, store: &Store) -> Result<Policy, Problem> {
    let config = local.config();
    let follow = match (&config.trust, &config.manifest) {
        (Some(anchor), _) => {
            let (trust, site) = believed(local, store, anchor)?;
            Follow::Tuf {
                trust: Arc::new(trust),
                site,
            }
        }
        (None, Some(manifest)) => Follow::Manifest {
            manifest: manifest.clone(),
            latest: config.latest.clone(),
        },
        (None, None) => Follow::Registry,
    };
    Ok(Policy {
        follow,
        experimental: local.switches.experimental,
        built_at: local.shell().built_at,
        pin: config.pin(),
        minimum_age: local.minimum_age(),
    })
}

/// What this device believes of its signed repository, and the root of the site that has it.
fn believed(local: &Local, store: &Store, anchor: &TrustAnchor) -> Result<(Trust, Url), Problem> {
    let root = match &local.trust_root {
        Some(Ok(root)) => root.clone(),
        Some(Err(why)) => {
            return Err(Problem::new(
                "trust-root",
                why,
                trust_root::hint(local.config()),
            ));
        }
        None => {
            return Err(Problem::new(
                "trust-root",
                "the trust root was not read",
                trust_root::hint(local.config()),
            ));
        }
    };
    let below = |folder: &str| {
        anchor.url.join(folder).map_err(|error| {
            Problem::from_error("config", &error, "Mend `trust.url` in the configuration.")
        })
    };
    let trust = Trust::new(
        root,
        store.root().join("trust"),
        below("metadata/")?,
        below("targets/")?,
        trust::Limits::default(),
    );
    Ok((trust, below("..")?))
}

impl Local {
    /// What the signed repository, as it was last verified here, says of `version`. Asks nobody and
    /// changes nothing. None where that is not kept, or nothing signed is followed.
    pub async fn described(&self, version: &Version) -> Option<Candidate> {
        let (store, config) = (self.store()?, self.config());
        let (trust, _) = believed(self, store, config.trust.as_ref()?).ok()?;
        let repository = trust.kept().await.ok()??;
        let name = Description::target_name(&config.package, version);
        let bytes = repository
            .read(&name, Description::MOST_BYTES)
            .await
            .ok()??;
        let description = Description::parse(&bytes, &config.package, version).ok()?;
        let tarball = description.tarball.clone().unwrap_or_default();
        Some(description.candidate(tarball))
    }
}

impl Local {
    /// What the signed repository says now of the agent's binary of this version and platform: its host is asked,
    /// and what it answers is verified. None where the repository does not name it.
    ///
    /// # Errors
    /// Nothing signed is followed (`no-trust`), the host cannot be asked or is not believed, or what it has
    /// under that name is no description of this binary.
    pub async fn described_agent(
        &self,
        version: &Version,
        platform: &str,
    ) -> Result<Option<AgentRelease>, Problem> {
        let Some(anchor) = &self.config().trust else {
            return Err(Problem::new(
                "no-trust",
                "no signed repository is configured that could name the agent's binary",
                "Set `trust`, or let `fleet.selfUpdate` say whose word counts instead.",
            ));
        };
        let store = self.store().ok_or_else(|| no_store(self))?;
        let (trust, _) = believed(self, store, anchor)?;
        let npm = NpmSettings::read(&self.options.env, dirs::home_dir().as_deref());
        let now = Terms::corrected(None, runtime_store::now(), self.shell().built_at);
        let name = AgentRelease::target_name(version, platform);
        let most = AgentRelease::MOST_BYTES;
        let read = updater::read_signed(&trust, &npm, Timeouts::default(), &name, most, now).await;
        let Some(bytes) = read.map_err(|error| Problem::from(&error))? else {
            return Ok(None);
        };
        AgentRelease::parse(&bytes, version, platform)
            .map(Some)
            .map_err(|error| {
                Problem::new(
                    "agent-description",
                    format!("the signed target {name} cannot be used: {error}"),
                    "Publish the agent again; it may need a newer agent here.",
                )
            })
    }
}

/// Why there is no store, in the words of what went wrong when it was opened.
pub(crate) fn no_store(local: &Local) -> Problem {
    let mut why = format!("there is no store in {}", local.data_dir().display());
    for problem in &local.problems {
        why.push_str("; ");
        why.push_str(problem);
    }
    Problem::new(
        "no-store",
        why,
        "See that this is a folder that can be written, then try again.",
    )
}
