//! A person goes back to an earlier version, with the data that it left or without.

use std::sync::Arc;

use rollout::Version;
use runtime_store::{Asked, HistoryEvent, RollBack, RolledBack, Store, VersionId};
use updater::{Outcome as StageOutcome, Wanted};

use crate::device::{Device, DeviceEvent};
use crate::history;
use crate::with_data::DataBack;
use crate::{Applied, AppliedOutcome, Problem};

impl Device {
    /// A person's roll back: to `to`, which may have to be fetched, or to the version before.
    /// Its data folder goes back with it where `with_data` says so, to what was kept before the version
    /// that is left was launched for the first time.
    ///
    /// # Errors
    /// `no-snapshot` where nothing was kept; then nothing has changed.
    pub async fn roll_back(
        &self,
        to: Option<Version>,
        with_data: bool,
    ) -> Result<Applied, Problem> {
        self.may_change()?;
        if with_data {
            let to = match &to {
                Some(to) => to.clone(),
                None => self.lies_before().await?,
            };
            // Before anything is fetched or changed.
            self.data_back(&to).await?;
        }
        let order = to.map_or(RollBack::Person, RollBack::PersonTo);
        if let Some(missing) = self.missing_for(&order).await? {
            self.fetch_older(missing).await?;
        }
        let order = self.vouched_for(order).await?;
        let order_held = self.0.orders.lock().await;
        let recalled = match order {
            RollBack::Person => self.recalled_previous().await?,
            _ => None,
        };
        // What stands in for the version that is left is only known while that is pointed at.
        let data = match (with_data, &order) {
            (false, _) => None,
            (true, RollBack::PersonTo(to)) => Some(self.data_back(to).await?),
            (true, RollBack::PersonToSigned(to)) => Some(self.data_back(&to.version).await?),
            (true, _) => Some(self.data_back(&self.lies_before().await?).await?),
        };
        let (from, version) = match self.roll_back_pointer(order).await? {
            RolledBack::To { from, to, .. } => (from, to),
            RolledBack::Nothing => {
                return Ok(self.nothing("The bundled version runs; there is nothing before it."));
            }
            RolledBack::NotStored(version) => {
                return Err(Problem::new(
                    "not-stored",
                    format!("version {version} was staged and is gone again"),
                    "Something else removed it; roll back once more.",
                ));
            }
        };
        let store = self.0.local.store();
        history::write(
            store,
            HistoryEvent::RolledBack,
            &version,
            from.as_ref(),
            None,
        );
        self.refresh().await;
        let why = recalled
            .filter(|previous| *previous != version)
            .map(|previous| {
                format!(" Version {previous}, which was before it, was recalled by its publisher.")
            })
            .unwrap_or_default();
        let Some(supervisor) = self.supervisor() else {
            let data = match data {
                Some(data) => put_back(data).await.map_err(|why| not_put_back(&why))?,
                None => "",
            };
            return Ok(Applied {
                outcome: AppliedOutcome::RolledBack,
                reason: format!("The next launch runs version {version}.{why}{data}"),
                version: Some(version),
            });
        };
        let outcome = AppliedOutcome::RolledBack;
        let mut applied = match data {
            None => {
                let asked = Asked::ByPerson;
                self.restart_into(order_held, asked, &version, outcome)
                    .await?
            }
            Some(data) => {
                let (told, heard) = tokio::sync::oneshot::channel();
                let between = Box::pin(async move {
                    let done = put_back(data).await;
                    let said = done.as_ref().map(|_| ()).map_err(Clone::clone);
                    // Nobody asks any more: it is done all the same.
                    let _ = told.send(done);
                    said
                });
                let launched = supervisor.restart_with(Asked::ByPerson, between).await;
                let mut applied = self.restarted(launched, &version, outcome).await?;
                match heard.await {
                    Ok(Ok(data)) => applied.reason.push_str(data),
                    Ok(Err(why)) => return Err(not_put_back(&why)),
                    Err(_) => {}
                }
                applied
            }
        };
        applied.reason.push_str(&why);
        self.tell(DeviceEvent::RolledBack {
            version,
            reason: "You went back to this version.".to_owned(),
        });
        Ok(applied)
    }

    /// The version before, if it was recalled: a roll back passes it over.
    async fn recalled_previous(&self) -> Result<Option<Version>, Problem> {
        let snapshot = self.snapshot().await?;
        let previous = snapshot
            .pointer
            .as_ref()
            .and_then(|it| it.previous.as_ref());
        Ok(previous
            .map(|previous| previous.version.clone())
            .filter(|version| snapshot.recalls(version)))
    }

    /// The version that must be fetched before this order can be followed.
    async fn missing_for(&self, order: &RollBack) -> Result<Option<Version>, Problem> {
        let RollBack::PersonTo(version) = order else {
            return Ok(None);
        };
        let wanted = version.clone();
        let bundled = self.0.local.shell().bundled.version.clone();
        let stored = self.on_store(Store::versions).await?;
        let stored = stored.map_err(|error| Problem::from(&error))?;
        let is_here = wanted == bundled || stored.iter().any(|it| it.version == wanted);
        Ok((!is_here).then_some(wanted))
    }

    /// The order with the bytes that are signed, where only those are believed: what is stored under
    /// the version's name may have been staged on somebody else's word.
    async fn vouched_for(&self, order: RollBack) -> Result<RollBack, Problem> {
        let shell = self.0.local.shell();
        match order {
            RollBack::PersonTo(version)
                if shell.signed_only && version != shell.bundled.version =>
            {
                let signed = self.updater(false)?.described(&version).await;
                let integrity = signed.map_err(|error| Problem::from(&error))?;
                Ok(RollBack::PersonToSigned(VersionId { version, integrity }))
            }
            order => Ok(order),
        }
    }

    /// Fetches a version that may be older than what runs. The restart is another order's, so
    /// nobody who asks for one waits for the network.
    async fn fetch_older(&self, version: Version) -> Result<(), Problem> {
        let staged = self
            .updater(false)?
            .stage(Wanted::Version(version.clone()), true)
            .await;
        let report = staged.map_err(|error| Problem::from(&error))?;
        match report.outcome {
            StageOutcome::Staged | StageOutcome::AlreadyStaged => Ok(()),
            _ => Err(Problem::new(
                "not-staged",
                format!("version {version} could not be staged: {}", report.message),
                "Choose another version, or roll back without naming one.",
            )),
        }
    }

    async fn roll_back_pointer(&self, order: RollBack) -> Result<RolledBack, Problem> {
        let local = Arc::clone(&self.0.local);
        self.on_store(move |store| store.roll_back(local.shell(), order, runtime_store::now()))
            .await?
            .map_err(|error| Problem::from(&error))
    }
}

/// The sentence for a person who went back with the data.
async fn put_back(data: DataBack) -> Result<&'static str, String> {
    tokio::task::spawn_blocking(move || data.now())
        .await
        .map_err(|error| error.to_string())?
        .map(|()| " Its data are as it left them.")
}

fn not_put_back(why: &str) -> Problem {
    Problem::new(
        "data-not-put-back",
        format!("the version was rolled back, and its data were not: {why}"),
        "See `refit status` for what is kept, and the log for what is wrong.",
    )
}
