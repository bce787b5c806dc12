//! `refit rollout recall`: a version must no longer run.

use clap::ArgGroup;
use rollout::ramp::{self, Change, Document, Outlook};
use rollout::{Share, Version};

use crate::failure::Failure;
use crate::output::Answer;
use crate::rollouts::words;
use crate::rollouts::work::{Agreement, Place, Told, Work};

/// Take a version back from the devices that run it
///
/// It is not offered to anybody, and who runs it goes to the newest that is theirs, else to the version behind
/// --to, or to the bundled one, at the next launch. The recall is over when it is undone; then the version may
/// run again and, to be offered again, has to be started again.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").args(["to", "undo"]).required(true))]
pub(crate) struct Recall {
    #[command(flatten)]
    place: Place,
    /// The version
    #[arg(value_name = "VERSION")]
    version: Version,
    /// What devices go to instead: everyone's, or once everyone's
    #[arg(long, value_name = "VERSION")]
    to: Option<Version>,
    /// Take the recall back
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    agreement: Agreement,
}

impl Recall {
    pub(super) async fn run(self, json: bool) -> Result<Answer, Failure> {
        let work = self.place.open(self.agreement.consent(json)).await?;
        let document = work.document()?;
        let (package, version) = (&work.package, &self.version);
        let Some(to) = &self.to else {
            let change = ramp::unrecall(document, version, work.now);
            let told = Told {
                outcome: "recall-undone",
                title: format!("Taking back the recall of {package}@{version}"),
                done: format!("{package}@{version} is no longer recalled"),
                also: vec![undone(&work, version)],
                stops: true,
                agreement: &self.agreement,
                json,
            };
            return work.make(change, told).await;
        };
        work.must_be_published(to).await?;
        let change = ramp::recall(document, version, to, work.now);
        let mut also = Vec::new();
        if let Ok(change) = &change {
            also.push(moves(document, change, version, self.agreement.devices));
        }
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
            done: format!("Recalled {package}@{version}"),
            also,
            stops: true,
            agreement: &self.agreement,
            json,
        };
        work.make(change, told).await
    }
}

/// How many devices move, and where to.
fn moves(before: &Document, change: &Change, version: &Version, devices: u64) -> String {
    let manifest = before.manifest();
    let halted = before.halted().filter(|it| it.version == *version);
    // Whatever is older than the newest may have been everyone's.
    let share = match halted {
        Some(halted) => halted.share(),
        None if manifest.version == *version => Outlook::of(manifest, change.at).now,
        None => Share::ALL,
    };
    let outlook = change.outlook();
    let newest = &outlook.version;
    let to = match &outlook.meanwhile {
        _ if outlook.now == Share::ALL => newest.to_string(),
        Some(stable) if outlook.now == Share::NONE => stable.to_string(),
        Some(stable) => format!("{newest} where that is theirs already, else to {stable}"),
        None => newest.to_string(),
    };
    format!(
        "Of {}, at most {} may run {version}. At the next launch after they heard of this they go to {to}; \
         to the bundled version until that is there.",
        words::devices(devices),
        words::count(words::of(share, devices)),
    )
}

fn undone(work: &Work, version: &Version) -> String {
    let newest = work.document.as_ref().map(|it| &it.manifest().version);
    let others = match newest {
        Some(newest) if newest != version => {
            format!("; the others go on with {newest}, until {version} is started again")
        }
        _ => String::new(),
    };
    format!("Devices that still have {version} may run it again at their next start{others}.")
}
