//! One change of a site's rollout, from what is there to what was written.

use std::path::PathBuf;

use jiff::Timestamp;
use rollout::ramp::{Change, Document, DocumentError, RampError};
use rollout::{PackageName, Version};
use serde_json::json;

use super::ask::Consent;
use super::preview::Preview;
use super::unusable;
use crate::failure::Failure;
use crate::output::Answer;
use crate::repo::{self, Desk};
use crate::site::Address;

/// Which rollout, of which site, and whose keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The folder, or s3://…, gs://… or az://…
    #[arg(value_name = "SITE")]
    pub(crate) site: Address,
    /// The keys of the site's repository, where it has one
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Option<PathBuf>,
    /// The manifest that devices follow: NAME.json
    #[arg(long, value_name = "NAME", default_value = "latest", value_parser = channel)]
    pub(crate) channel: String,
    /// The package, where neither the manifest nor the site says
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Option<PackageName>,
}

/// How a change is agreed to.
#[derive(Debug, clap::Args)]
pub(crate) struct Agreement {
    /// How many devices to reckon with when saying what it does
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) devices: u64,
    /// Do it without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A site, and its manifest as it is.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) desk: Desk,
    pub(crate) document: Option<Document>,
    /// `latest.json`.
    pub(crate) file: String,
    pub(crate) package: PackageName,
    pub(crate) now: Timestamp,
}

impl Place {
    /// `latest.json`.
    pub(crate) fn file(&self) -> String {
        format!("{}.json", self.channel)
    }

    /// Looks at the site.
    pub(crate) async fn open(&self) -> Result<Work, Failure> {
        let mut desk = Desk::open(self.site.open()?, self.keys.as_deref()).await?;
        let file = self.file();
        let bytes = desk.manifest(&file).await?;
        let place = desk.site().store().place(&file);
        let named = match bytes
            .as_deref()
            .map(|bytes| Document::parse(bytes, self.package.as_ref()))
        {
            Some(Err(DocumentError::NoPackage)) | None => None,
            Some(Ok(document)) => Some(document),
            Some(Err(error)) => return Err(unusable(&place, &error)),
        };
        let package = match (&named, &self.package) {
            (Some(document), _) => document.package().clone(),
            (None, Some(package)) => package.clone(),
            (None, None) => only_package(&desk).await?,
        };
        let document = match (named, bytes) {
            (Some(document), _) => Some(document),
            (None, Some(bytes)) => Some(
                Document::parse(&bytes, Some(&package))
                    .map_err(|error| unusable(&place, &error))?,
            ),
            (None, None) => None,
        };
        Ok(Work {
            desk,
            document,
            file,
            package,
            now: runtime_store::now(),
        })
    }
}

/// The site's package, where it has just one.
async fn only_package(desk: &Desk) -> Result<PackageName, Failure> {
    let packages = desk.packages().await?;
    match packages.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::new(
            "not-published",
            "The site has no package yet",
            "Publish one first: `refit publish SITE TGZ`.",
        )),
        _ => Err(Failure::usage(
            "The site has several packages, and no manifest says which of them is rolled out",
            "Say --package NAME.",
        )),
    }
}

impl Work {
    /// The manifest, which there must be.
    pub(crate) fn document(&self) -> Result<&Document, Failure> {
        self.document.as_ref().ok_or_else(|| {
            let place = self.desk.site().store().place(&self.file);
            Failure::new(
                "no-rollout",
                format_args!("{place} is not there: nothing is being rolled out"),
                "Begin with `refit rollout start`.",
            )
        })
    }

    /// That devices can get this version.
    pub(crate) async fn must_be_published(&self, version: &Version) -> Result<(), Failure> {
        if self.desk.published(&self.package, version).await? {
            return Ok(());
        }
        let described = if self.desk.signed() {
            " and described by its repository"
        } else {
            ""
        };
        Err(Failure::new(
            "not-published",
            format_args!(
                "{}@{version} is not published{described} on this site",
                self.package
            ),
            "Publish it first: `refit publish SITE TGZ`.",
        ))
    }

    /// Shows a change, asks, and makes it. `verb` is its code, `done` what is said when it is made,
    /// `also` what else it does.
    pub(crate) async fn make(
        self,
        change: Result<Change, RampError>,
        told: Told<'_>,
    ) -> Result<Answer, Failure> {
        let change = match change {
            Err(error) if error.is_nothing_to_do() => {
                let failure = Failure::from(error);
                let json = json!({ "outcome": "nothing", "package": self.package, "reason": failure.message });
                return Ok(Answer::nothing_to_do(json, failure.message));
            }
            change => change?,
        };
        // What follows the registry alone gets what is everyone's; other channels have no say in it.
        let mut latest = None;
        if let Some(version) = change.everyones().filter(|_| self.file == "latest.json")
            && self.desk.published(&self.package, version).await?
        {
            latest = Some(version.clone());
        }
        let mut also = told.also;
        if let Some(version) = &latest
            && self.desk.latest(&self.package).await?.as_ref() != Some(version)
        {
            also.push(format!(
                "Who follows no manifest gets {version}: the tag `latest` moves there."
            ));
        }
        let preview = Preview {
            change: &change,
            devices: told.agreement.devices,
            also,
        };
        let words = format!("{}:\n{}", told.title, preview.words());
        let consent = Consent::of(told.agreement.yes, told.json);
        if !consent.get((!told.json).then_some(&words), "Do this?")? {
            let json = json!({ "outcome": "declined", "package": self.package });
            return Ok(Answer::nothing_to_do(json, "Nothing was changed."));
        }
        let mut json = json!({
            "outcome": told.outcome,
            "package": self.package,
            "file": self.file,
            "version": change.after.manifest().version,
            "latest": latest,
            "manifest": change.after.value(),
        });
        if let (Some(fields), serde_json::Value::Object(more)) =
            (json.as_object_mut(), preview.json())
        {
            fields.extend(more);
        }
        let package = self.package;
        let written = repo::Change {
            file: self.file,
            bytes: change.after.bytes(),
            latest: latest.map(|version| (package, version)),
        };
        self.desk.publish_manifest(written, self.now).await?;
        Ok(Answer::done(json).words(told.done))
    }
}

/// How a change is told.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    /// Its code in the answer.
    pub(crate) outcome: &'static str,
    /// What is to be done, above the preview.
    pub(crate) title: String,
    /// What was done.
    pub(crate) done: String,
    /// What else it does, in sentences.
    pub(crate) also: Vec<String>,
    /// How it is agreed to.
    pub(crate) agreement: &'a Agreement,
    /// Whether a program reads.
    pub(crate) json: bool,
}

/// A channel's file stands beside release descriptions, whose names have dots.
fn channel(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a channel is a plain word, like `latest` or `beta`".to_owned())
    }
}
