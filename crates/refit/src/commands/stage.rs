//! `refit stage`: fetch, verify and durably place a version, and point at it.

use std::path::PathBuf;

use device::{Device, Integrity, StageOutcome, Version, Wanted};
use serde_json::json;

use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, say};
use crate::{progress, tarball};

/// Fetch, verify, rehearse and place a version, so that the next launch tries it
#[derive(Debug, clap::Args)]
pub(crate) struct Stage {
    /// The version; left out, the newest that the channel names
    #[arg(value_name = "VERSION", conflicts_with = "tarball")]
    version: Option<Version>,
    /// Take it from this file instead of the registry
    #[arg(long, value_name = "FILE")]
    tarball: Option<PathBuf>,
    /// What the file must be: its sha512, as `sha512-…`
    #[arg(long, value_name = "SRI", requires = "tarball")]
    integrity: Option<Integrity>,
}

/// What was decided, in the words of `check`.
fn decision(outcome: StageOutcome) -> &'static str {
    match outcome {
        StageOutcome::Staged => "stage",
        StageOutcome::UpToDate | StageOutcome::AlreadyStaged => "none",
        StageOutcome::BadVersion | StageOutcome::Held | StageOutcome::Incompatible => "hold",
    }
}

impl Stage {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let wanted = match (self.tarball, self.version) {
            (Some(file), _) => Wanted::Tarball {
                file,
                integrity: self.integrity,
            },
            (None, Some(version)) => Wanted::Version(version),
            (None, None) => Wanted::Latest,
        };
        if let Wanted::Tarball { file, .. } = &wanted {
            tarball::open(file)?;
        }
        let local = local::open(globals)?;
        block_on(async {
            let device = Device::open(local);
            let report = progress::show(&device, "staging", device.stage(wanted)).await?;
            local::tell_owner(device.local().data_dir()).await;
            let status = device.status().borrow().clone();
            // A rollout is about one version: of another it says nothing.
            let rollout = status
                .rollout
                .as_ref()
                .filter(|it| it.version.is_some() && it.version == report.version);
            let json = json!({
                "outcome": report.outcome,
                "decision": decision(report.outcome),
                "version": report.version,
                "reason": report.reason,
                "bucket": rollout.and_then(|it| it.bucket),
                "delaySeconds": rollout.and_then(|it| it.delay_seconds),
                "eligibleAt": rollout.and_then(|it| it.eligible_at),
                "trouble": report.trouble,
                "message": report.message,
            });
            // The answer stands on what was heard before: whoever asks is to know.
            if let Some(trouble) = &report.trouble {
                say(&format!("Nothing new was heard: {}", trouble.message));
            }
            Ok(if report.outcome == StageOutcome::Staged {
                Answer::done(json).words(report.message)
            } else {
                Answer::nothing_to_do(json, report.message)
            })
        })
    }
}
