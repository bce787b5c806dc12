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
use crate::output::{Answer, say};
use crate::repo::{self, Desk};
use crate::site::{Address, shelf};

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
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000,
        allow_negative_numbers = true
    )]
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
    pub(crate) consent: Consent,
    pub(crate) now: Timestamp,
}

impl Place {
    /// `latest.json`.
    pub(crate) fn file(&self) -> String {
        format!("{}.json", self.channel)
    }

    /// Looks at the site. Where nobody is asked, other publishers wait from here on: an order that looked
    /// before it had its turn would be refused for what came in between.
    pub(crate) async fn open(&self, consent: Consent) -> Result<Work, Failure> {
        let (site, keys) = (self.site.open()?, self.keys.as_deref());
        let mut desk = match consent {
            Consent::Given => Desk::hold(site, keys).await?,
            Consent::Asked | Consent::Nobody => Desk::open(site, keys).await?,
        };
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
            consent,
            now: runtime_store::now(),
        })
    }
}

impl Agreement {
    /// How consent to the change is given.
    pub(crate) fn consent(&self, json: bool) -> Consent {
        Consent::of(self.yes, json)
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

/// That devices can get this version.
async fn must_be_published(
    desk: &Desk,
    package: &PackageName,
    version: &Version,
) -> Result<(), Failure> {
    if desk.published(package, version).await? {
        return Ok(());
    }
    let (packument, _) = shelf::load(desk.site(), package).await?;
    Err(if packument.has(version) {
        Failure::new(
            "not-published",
            format_args!(
                "{package}@{version} is published, but the repository does not describe it: no device \
                 that trusts the repository could get it"
            ),
            "Publish the same tarball again: `refit publish SITE TGZ --keys DIR`.",
        )
    } else {
        Failure::new(
            "not-published",
            format_args!("{package}@{version} is not published on this site"),
            "Publish it first: `refit publish SITE TGZ`.",
        )
    })
}

/// That devices can get what a manifest that is to be signed names, besides a version that is published
/// together with it.
pub(crate) async fn named_must_be_published(
    desk: &Desk,
    package: &PackageName,
    change: &Change,
    besides: Option<&Version>,
) -> Result<(), Failure> {
    if !desk.signed() {
        return Ok(());
    }
    let manifest = change.after.manifest();
    for version in [Some(&manifest.version), manifest.usable_stable()]
        .into_iter()
        .flatten()
        .filter(|version| Some(*version) != besides)
    {
        must_be_published(desk, package, version).await?;
    }
    Ok(())
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
        must_be_published(&self.desk, &self.package, version).await
    }

    /// That devices can get what a signed manifest names. What stops something is not held up by that:
    /// the words say it.
    async fn check_named(&self, change: &Change, stops: bool) -> Result<Option<String>, Failure> {
        match named_must_be_published(&self.desk, &self.package, change, None).await {
            Err(failure) if stops => Ok(Some(format!("{}.", failure.message))),
            Err(failure) => Err(failure),
            Ok(()) => Ok(None),
        }
    }

    /// Nothing is changed, because it is so already or cannot be. A change that was stopped before its
    /// last write is finished all the same: the plain file is put right.
    async fn answer(self, error: RampError) -> Result<Answer, Failure> {
        let mended = match self.consent {
            Consent::Nobody => Vec::new(),
            Consent::Given | Consent::Asked => self.desk.mend(self.now).await?,
        };
        let so_already = error.is_nothing_to_do() || error == RampError::NotHalted;
        let nothing = error.is_nothing_to_do();
        let failure = Failure::from(error);
        let put_right = format!(
            "Put {} right: what is signed was ahead of it.",
            mended.join(", ")
        );
        if mended.is_empty() {
            if !nothing {
                return Err(failure);
            }
            let json =
                json!({ "outcome": "nothing", "package": self.package, "reason": failure.message });
            return Ok(Answer::nothing_to_do(json, failure.message));
        }
        if !so_already {
            say(&put_right);
            return Err(failure);
        }
        let json = json!({
            "outcome": "mended",
            "package": self.package,
            "file": self.file,
            "mended": mended,
            "reason": failure.message,
        });
        Ok(Answer::done(json).words(format!("{}.\n{put_right}", failure.message)))
    }

    /// Shows a change, asks, and makes it. `verb` is its code, `done` what is said when it is made,
    /// `also` what else it does.
    pub(crate) async fn make(
        self,
        change: Result<Change, RampError>,
        told: Told<'_>,
    ) -> Result<Answer, Failure> {
        let change = match change {
            Err(error) => return Box::pin(self.answer(error)).await,
            Ok(change) => change,
        };
        let unnamed = self.check_named(&change, told.stops).await?;
        // What follows the registry alone gets what is everyone's; other channels have no say in it.
        let mut latest = None;
        if let Some(version) = change.everyones().filter(|_| self.file == "latest.json")
            && self.desk.published(&self.package, version).await?
        {
            latest = Some(version.clone());
        }
        let mut also = told.also;
        also.extend(unnamed);
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
        self.desk.check_clock(self.now)?;
        if !self
            .consent
            .get((!told.json).then_some(&words), "Do this?")?
        {
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
        Box::pin(self.desk.publish_manifest(written, self.now)).await?;
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
    /// Whether it stops something, so that nothing about other versions may stand in its way.
    pub(crate) stops: bool,
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
