//! `refit rollout start`: a version is let out, batch by batch.

use std::path::PathBuf;

use rollout::ramp::{self, Outlook, plan_text};
use rollout::{Plan, Share, Version};

use crate::failure::Failure;
use crate::output::Answer;
use crate::rollouts::work::{Agreement, Place, Told, Work};
use crate::rollouts::{plan_arg, read_notes};

/// Let a published version out, batch by batch
///
/// A plan is a list of batches, each a percentage of all devices and how long after now it waits:
/// 30%,30%@12h,40%@24h. The first may leave its delay out. No device waits longer than 24 hours,
/// and what the plan leaves out waits just that. Whoever waits may have what was everyone's before.
#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    place: Place,
    /// The version
    #[arg(value_name = "VERSION")]
    version: Version,
    /// Who waits how long; 100% is everyone at once
    #[arg(long, value_parser = plan_arg, allow_hyphen_values = true)]
    plan: Plan,
    /// What is new, for the people who use the app
    #[arg(long, value_name = "TEXT", conflicts_with = "notes_file")]
    notes: Option<String>,
    /// The same, from a file
    #[arg(long, value_name = "FILE")]
    notes_file: Option<PathBuf>,
    /// Everyone may have it at once, whatever the plan says
    #[arg(long)]
    critical: bool,
    /// What the others may have meanwhile [default: what everyone could have until now]
    #[arg(long, value_name = "VERSION")]
    stable: Option<Version>,
    /// Start the present version over, from its first batch
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    agreement: Agreement,
}

impl Start {
    pub(super) async fn run(self, json: bool) -> Result<Answer, Failure> {
        let notes = read_notes(self.notes, self.notes_file.as_deref())?;
        let work = self.place.open(self.agreement.consent(json)).await?;
        work.must_be_published(&self.version).await?;
        if let Some(stable) = &self.stable {
            work.must_be_published(stable).await?;
        }
        let known = match &work.document {
            Some(_) => None,
            None => work.desk.latest(&work.package).await?,
        };
        let wish = ramp::Start {
            package: work.package.clone(),
            version: self.version.clone(),
            plan: self.plan.clone(),
            notes,
            critical: self.critical,
            stable: self.stable.clone(),
            known,
            again: self.again,
        };
        let change = ramp::start(work.document.as_ref(), &wish, work.now);
        let mut also = Vec::from_iter(stopped(&work, &self.version));
        if self.critical {
            also.push("It is critical: the plan counts for nobody.".to_owned());
        } else {
            also.extend(left_out(&self.plan));
        }
        let (package, version) = (&work.package, &self.version);
        let told = Told {
            outcome: "started",
            title: format!("Starting {package}@{version} by {}", plan_text(&self.plan)),
            done: format!("Started {package}@{version}"),
            also,
            stops: false,
            agreement: &self.agreement,
            json,
        };
        work.make(change, told).await
    }
}

/// What this rollout puts an end to.
fn stopped(work: &Work, version: &Version) -> Option<String> {
    let manifest = work.document.as_ref()?.manifest();
    let outlook = Outlook::of(manifest, work.now);
    (manifest.version != *version && outlook.now < Share::ALL).then(|| {
        format!(
            "{} is no longer let out: it had come to {}. Who has it keeps it.",
            outlook.version, outlook.now
        )
    })
}

fn left_out(plan: &Plan) -> Option<String> {
    let named = plan
        .0
        .iter()
        .fold(Share::NONE, |sum, batch| sum.and(batch.share));
    let rest = Share::ALL.less(named);
    (rest > Share::NONE && !plan.0.is_empty()).then(|| {
        format!(
            "The plan leaves out {rest} of the devices: they wait 24 hours, as long as anybody may."
        )
    })
}
