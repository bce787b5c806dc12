//! `refit rollout recall`: a version must no longer run.

use rollout::Version;
use rollout::ramp;

use crate::failure::Failure;
use crate::output::Answer;
use crate::rollouts::work::{Agreement, Place, Told};

/// Take a version back from the devices that run it
///
/// It is not offered to anybody, and who runs it goes to the version behind --to, or to the bundled one, at
/// the next launch. The recall is over when it is undone; then the version may run again and, to be
/// offered again, has to be started again.
#[derive(Debug, clap::Args)]
pub(crate) struct Recall {
    #[command(flatten)]
    place: Place,
    /// The version
    #[arg(value_name = "VERSION")]
    version: Version,
    /// What devices go to instead; everyone may have it
    #[arg(long, value_name = "VERSION", required_unless_present = "undo")]
    to: Option<Version>,
    /// Take the recall back
    #[arg(long, conflicts_with = "to")]
    undo: bool,
    #[command(flatten)]
    agreement: Agreement,
}

impl Recall {
    pub(super) async fn run(self, json: bool) -> Result<Answer, Failure> {
        let work = self.place.open().await?;
        let document = work.document()?;
        let (package, version) = (&work.package, &self.version);
        let Some(to) = &self.to else {
            let change = ramp::unrecall(document, version, work.now);
            let told = Told {
                outcome: "recall-undone",
                title: format!("Taking back the recall of {package}@{version}"),
                done: format!("{package}@{version} is no longer recalled"),
                also: vec![format!(
                    "Devices that still have {version} may run it again."
                )],
                agreement: &self.agreement,
                json,
            };
            return work.make(change, told).await;
        };
        work.must_be_published(to).await?;
        let change = ramp::recall(document, version, to, work.now);
        let mut also = vec![format!(
            "Every device that runs {version} goes to {to}, or to its bundled version, at its next launch \
             after it heard of this."
        )];
        if !work.desk.published(package, version).await? {
            also.push(format!(
                "{version} is not published on this site; is it the version that you mean?"
            ));
        }
        if document
            .halted()
            .is_some_and(|halted| halted.version == *version)
        {
            also.push(format!(
                "The halted rollout of {version} cannot be resumed then."
            ));
        }
        let told = Told {
            outcome: "recalled",
            title: format!("Recalling {package}@{version}"),
            done: format!("Recalled {package}@{version}; devices go to {to}"),
            also,
            agreement: &self.agreement,
            json,
        };
        work.make(change, told).await
    }
}
