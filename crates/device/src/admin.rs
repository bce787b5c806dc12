//! The machine's administrator: the policy file, whether it may be believed, and what follows here.
//!
//! ```text
//! /etc/<identifier>/policy.json ─► trust: the administrator's alone? ─no─► ignored aloud
//!                                     └yes─► AdminPolicy ─► settle ─► channel, updates, minimum age
//!                                     └yes, and not readable ─► managed, and why
//! ```
//!
//! # Invariants
//!
//! * A file that anybody but the administrator could have written decides nothing.
//! * A file that only the administrator could have written, and that cannot be understood, takes
//!   the right to change versions from everybody, and says so.

// Asked on macOS alone; judged in tests everywhere.
#[cfg(any(target_os = "macos", test))]
mod acl;
mod place;
mod read;
// Asked on Windows alone; judged in tests everywhere.
#[cfg(any(windows, test))]
mod sddl;
mod trust;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rollout::admin::{
    self, AdminPolicy, AdminUpdates, Asked, SettingSource, Settled, Updating, settle,
};
use rollout::{Setting, Version};

use crate::switches::{Switches, Updates};
use crate::{Config, Managed, Problem};

pub(crate) use read::Reading;

/// The policy of the machine, and what counts here because of it.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    /// Where a policy would be; none where the app has no name that could be looked for.
    paths: Vec<PathBuf>,
    /// What is read now: who may change what follows a change of the file at once.
    now: Arc<Mutex<Reading>>,
    /// What counts since the start.
    pub(crate) settled: Settled,
    /// What everybody else says, besides a fleet.
    no_auto_update: bool,
    experimental: bool,
    channel: String,
}

impl Admin {
    /// Reads the policies for `names`, under any of which an administrator may know this app, and
    /// settles whose word counts.
    pub(crate) fn open(names: &[String], config: &Config, switches: &Switches) -> Self {
        let paths: Vec<_> = names.iter().filter_map(|name| place::of(name)).collect();
        let reading = read::all(&paths);
        let no_auto_update = switches.updates == Updates::NoAutoUpdate;
        let settled = settle(
            reading.policy.as_ref(),
            &Asked {
                fleet: None,
                no_auto_update,
                experimental: switches.experimental,
                channel: &config.channel,
            },
        );
        for problem in &reading.problems {
            tracing::warn!("{problem}");
        }
        Self {
            paths,
            now: Arc::new(Mutex::new(reading)),
            settled,
            no_auto_update,
            experimental: switches.experimental,
            channel: config.channel.clone(),
        }
    }

    /// Reads the policy again. Channel, pin and age count from the next start on; who may change
    /// versions counts at once.
    pub(crate) fn look_again(&self) {
        let reading = read::all(&self.paths);
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = reading;
    }

    /// What was odd about the file, in words.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.reading().problems
    }

    fn reading(&self) -> Reading {
        self.now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn policy(&self) -> Option<AdminPolicy> {
        self.reading().policy
    }

    /// For the status: who decides, where that is not the user.
    pub(crate) fn managed(&self) -> Option<Managed> {
        let policy = self.policy().filter(|policy| !policy.people_may_change())?;
        Some(Managed {
            updates: policy.updates.as_str().to_owned(),
            message: admin::MANAGED.to_owned(),
            source: self.shown(),
        })
    }

    /// Whether a person may stage, go back and try again.
    pub(crate) fn may_change(&self) -> Result<(), Problem> {
        self.look_again();
        match self.policy() {
            Some(policy) if !policy.people_may_change() => Err(self.refusal()),
            _ => Ok(()),
        }
    }

    /// Whether a person may restart into what is staged: also where the timer alone stages.
    pub(crate) fn may_apply(&self) -> Result<(), Problem> {
        self.look_again();
        match self.policy() {
            Some(policy) if policy.updates == AdminUpdates::Off => Err(self.refusal()),
            _ => Ok(()),
        }
    }

    fn refusal(&self) -> Problem {
        Problem::new(
            "managed",
            format!("{}: {} says so", admin::MANAGED, self.shown()),
            "Ask whoever looks after this machine. `refit explain` says what is laid down.",
        )
    }

    fn shown(&self) -> String {
        let path = self.reading().path.or_else(|| self.paths.first().cloned());
        path.map(|path| path.display().to_string())
            .unwrap_or_default()
    }

    /// What this device does about versions, with the administrator's word in it.
    pub(crate) fn updates(&self, switches: Updates) -> Updates {
        match (switches, self.settled.updates.value) {
            (Updates::DevelopmentBuild, _) => Updates::DevelopmentBuild,
            (_, Updating::On) => Updates::On,
            (_, Updating::OnlyAsked) => Updates::NoAutoUpdate,
            (_, Updating::Managed) => Updates::Managed,
            (_, Updating::Off) => Updates::Off,
        }
    }

    /// What counts where a fleet orders this version.
    pub(crate) fn with_fleet(&self, fleet: Option<&Version>) -> Settled {
        let asked = Asked {
            fleet,
            no_auto_update: self.no_auto_update,
            experimental: self.experimental,
            channel: &self.channel,
        };
        settle(self.reading().policy.as_ref(), &asked)
    }

    /// Whether the administrator says which version, or which channel, this device follows: a fleet comes after that.
    pub(crate) fn names_versions(&self) -> bool {
        self.settled.channel.source == SettingSource::Policy
    }

    /// Every setting that several may make, and whose word counts. `configuration` names its file, and `fleet` what a
    /// fleet orders, and where it stands.
    pub(crate) fn settings(
        &self,
        configuration: &str,
        fleet: Option<(&Version, &str)>,
    ) -> Vec<Setting> {
        let settled = self.with_fleet(fleet.map(|(version, _)| version));
        let order = fleet.map_or("", |(_, order)| order);
        rollout::settings(&settled, |name, source| match source {
            SettingSource::Policy => self.shown(),
            SettingSource::Environment if name == "experimental" => "REFIT_EXPERIMENTAL".to_owned(),
            SettingSource::Environment => "REFIT_NO_AUTO_UPDATE".to_owned(),
            SettingSource::Configuration => configuration.to_owned(),
            SettingSource::Fleet => order.to_owned(),
            SettingSource::Default => String::new(),
        })
    }
}
