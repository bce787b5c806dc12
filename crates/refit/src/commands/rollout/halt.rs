//! `refit rollout halt` and `resume`: a ramp is stopped, and goes on.

use rollout::ramp::{self, Outlook};

use crate::failure::Failure;
use crate::output::Answer;
use crate::rollouts::work::{Agreement, Place, Told};

/// Stop letting devices have the version
///
/// What was everyone's before is the newest again. Who runs the version keeps it (`recall` takes it
/// back); who has it staged and has never run it does not run it, unless a person asked for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Halt {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    agreement: Agreement,
}

/// Go on with a halted rollout, at the share at which it stopped
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    agreement: Agreement,
}

impl Halt {
    pub(super) async fn run(self, json: bool) -> Result<Answer, Failure> {
        let work = self.place.open(self.agreement.consent(json)).await?;
        let document = work.document()?;
        let change = ramp::halt(document, work.now);
        let outlook = Outlook::of(document.manifest(), work.now);
        let version = &outlook.version;
        let mut also = vec![format!(
            "Nobody goes back: who runs {version} keeps it. `refit rollout resume` goes on at {}.",
            outlook.now
        )];
        if outlook.meanwhile.is_none() {
            also.push(format!(
                "No older version is known, so {version} stays the newest and is nobody's from now on."
            ));
        }
        let told = Told {
            outcome: "halted",
            title: format!("Halting {}@{version} at {}", work.package, outlook.now),
            done: format!("Halted {}@{version} at {}", work.package, outlook.now),
            also,
            stops: true,
            agreement: &self.agreement,
            json,
        };
        work.make(change, told).await
    }
}

impl Resume {
    pub(super) async fn run(self, json: bool) -> Result<Answer, Failure> {
        let work = self.place.open(self.agreement.consent(json)).await?;
        let document = work.document()?;
        let change = ramp::resume(document, work.now);
        let halted = document.halted().map(|halted| &halted.version);
        let version = halted.unwrap_or(&document.manifest().version);
        if halted.is_some() {
            work.must_be_published(version).await?;
        }
        let told = Told {
            outcome: "resumed",
            title: format!("Resuming {}@{version}", work.package),
            done: format!("Resumed {}@{version}", work.package),
            also: Vec::new(),
            stops: false,
            agreement: &self.agreement,
            json,
        };
        work.make(change, told).await
    }
}
