//! `refit publish`: tarballs into a site that is a readable npm registry and, with keys, a signed
//! repository.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use rollout::ramp::Change;
use rollout::{Manifest, Plan};
use serde_json::{Value, json};
use url::Url;

use crate::agent;
use crate::failure::Failure;
use crate::output::{Answer, say};
use crate::repo::Desk;
use crate::rollouts;
use crate::rollouts::ask::Consent;
use crate::rollouts::preview::Preview;
use crate::rollouts::work::{Agreement, named_must_be_published};
use crate::site::intake::Prepared;
use crate::site::shelf::{self, Latest, Outcome, Shelved, Tagging, Wishes};
use crate::site::{Address, Site, agents, intake};

/// The manifest that most devices follow.
const MANIFEST: &str = "latest.json";

/// Publish tarballs into a site: a folder or bucket that serves as an npm registry
///
/// Each package's name and version come from its own package.json. Publishing a version again
/// with the same content is nothing to do (exit 3); with other content it is refused, and then
/// none of the tarballs is published. Where the site has a latest.json or a signed repository,
/// nobody gets the new version before a rollout says so.
#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// The folder, which is made where it is missing, or s3://…, gs://… or az://…
    #[arg(value_name = "SITE")]
    site: Address,
    /// The tarballs, as `npm pack` makes them
    #[arg(value_name = "TGZ", required_unless_present = "agent")]
    tarballs: Vec<PathBuf>,
    /// A release binary of refit, for headless agents that replace themselves: the site's repository
    /// signs its version, platform and digest. Its bytes go to the fleet with `refit fleet publish`
    #[arg(long, value_name = "BINARY", requires = "keys")]
    agent: Vec<PathBuf>,
    /// The keys of the site's repository, where it has one
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// The tag that names these versions [default: latest, for versions not published yet, on a
    /// site without a manifest]
    #[arg(long, value_parser = tag)]
    tag: Option<String>,
    /// Where the site will be served, for a host other than `refit serve`
    #[arg(long, value_parser = base)]
    url: Option<Url>,
    /// Start its rollout at once, like "30%,30%@12h,40%@24h"; for one tarball
    #[arg(long, value_parser = rollouts::plan_arg)]
    plan: Option<Plan>,
    /// What is new, for the people who use the app; with --plan
    #[arg(
        long,
        value_name = "TEXT",
        requires = "plan",
        conflicts_with = "notes_file"
    )]
    notes: Option<String>,
    /// The same, from a file
    #[arg(long, value_name = "FILE", requires = "plan")]
    notes_file: Option<PathBuf>,
    #[command(flatten)]
    agreement: Agreement,
}

impl Publish {
    pub(crate) fn run(self, json: bool) -> Result<Answer, Failure> {
        super::block_on(self.publish(json))
    }

    async fn publish(self, json: bool) -> Result<Answer, Failure> {
        if self.plan.is_some() && self.tarballs.len() != 1 {
            return Err(Failure::usage(
                "A plan is for one version, and these are several tarballs",
                "Publish them without --plan, then `refit rollout start` one of them.",
            ));
        }
        let notes = rollouts::read_notes(self.notes, self.notes_file.as_deref())?;
        let site = self.site.make()?;
        let scratch = site.store().scratch();
        let prepared = self
            .tarballs
            .iter()
            .map(|tarball| intake::prepare(&scratch, tarball))
            .collect::<Result<Vec<_>, _>>()?;
        let binaries = agent::releases_of(&self.agent)?;
        let consent = Consent::of(self.agreement.yes, json);
        // While a person reads, others may publish; the writes tell if they did.
        let mut desk = match (&self.plan, consent) {
            (Some(_), Consent::Asked) => Desk::open(site.clone(), self.keys.as_deref()).await?,
            _ => Desk::hold(site.clone(), self.keys.as_deref()).await?,
        };
        let now = runtime_store::now();
        desk.check_clock(now)?;
        let manifest = desk.manifest(MANIFEST).await?;
        let mut tagging = tagging(desk.signed(), manifest.as_deref());
        let (mut change, mut started) = (None, None);
        if let (Some(plan), [one]) = (&self.plan, prepared.as_slice()) {
            match start(&desk, manifest.as_deref(), one, plan, notes, now).await {
                Ok(made) => {
                    let release = &one.release;
                    let besides = Some(&release.version);
                    named_must_be_published(&desk, &release.package, &made, besides).await?;
                    change = Some(made);
                }
                // It is so already, as far as the signed state says: that may not be all of it.
                Err(failure) if failure.kind == "nothing" => started = Some(failure.message),
                Err(failure) => {
                    desk.mend(now).await?;
                    return Err(failure);
                }
            }
        }
        if let Some(change) = &change {
            tagging.latest = change
                .everyones()
                .cloned()
                .map_or(Latest::Stays, Latest::Names);
        }
        let wishes = Wishes {
            tag: self.tag,
            url: self.url.map(String::from),
        };
        let mut draft = desk.draft();
        let shelved = shelf::shelve(&desk, &mut draft, prepared, &wishes, &tagging, now).await?;
        let signed = agents::describe_all(&desk, &mut draft, binaries).await?;
        let mut told = json!({ "published": shelved });
        if !signed.is_empty() {
            told["agents"] = json!(signed);
        }
        if let Some(change) = &change {
            let preview = Preview {
                change,
                devices: self.agreement.devices,
                also: Vec::new(),
            };
            let question = format!("Publish it and start its rollout:\n{}", preview.words());
            if !consent.get((!json).then_some(&question), "Do this?")? {
                let json = json!({ "published": [], "outcome": "declined" });
                return Ok(Answer::nothing_to_do(json, "Nothing was changed."));
            }
            told["manifest"] = change.after.value();
            if let (Some(told), Value::Object(more)) = (told.as_object_mut(), preview.json()) {
                told.extend(more);
            }
            desk.put_manifest(&mut draft, MANIFEST, change.after.bytes())
                .await?;
        }
        let mended = desk.write(draft, now).await?;
        warn_of_paths(&site, &shelved).await?;

        let mut words: Vec<_> = shelved.iter().map(words).collect();
        if let Some(change) = &change {
            let version = &change.after.manifest().version;
            words.push(format!("Started the rollout of {version}"));
        }
        if change.is_none() {
            words.extend(waiting(&tagging, &shelved));
        }
        words.extend(signed.iter().map(agent_words));
        words.extend(started);
        words.extend(mended.iter().map(|name| format!("Put {name} right")));
        told["mended"] = json!(mended);
        let words = words.join("\n");
        let outcomes = shelved.iter().map(|one| one.outcome);
        let mut outcomes = outcomes.chain(signed.iter().map(|one| one.outcome));
        let unchanged = outcomes.all(|outcome| outcome == Outcome::Unchanged);
        Ok(if unchanged && change.is_none() && mended.is_empty() {
            Answer::nothing_to_do(told, words)
        } else {
            Answer::done(told).words(words)
        })
    }
}

/// Whose `latest` a manifest decides on: that of the package it is about. One that names none is about
/// any; and where a repository has none yet, it is about any that may come.
fn tagging(signed: bool, manifest: Option<&[u8]>) -> Tagging {
    let latest = if signed || manifest.is_some() {
        Latest::Stays
    } else {
        Latest::Moves
    };
    let package = manifest
        .and_then(|bytes| serde_json::from_slice::<Manifest>(bytes).ok())
        .and_then(|manifest| manifest.package);
    Tagging { latest, package }
}

/// What starting the rollout of what is about to be published makes of the manifest.
async fn start(
    desk: &Desk,
    manifest: Option<&[u8]>,
    one: &Prepared,
    plan: &Plan,
    notes: Option<String>,
    now: Timestamp,
) -> Result<Change, Failure> {
    let (package, version) = (&one.release.package, &one.release.version);
    let known = desk.latest(package).await?;
    rollouts::start_published(manifest, package, version, plan, notes, known, now)
}

/// A bucket's host makes no URLs out of paths, and npm and devices without a repository need them.
async fn warn_of_paths(site: &Site, shelved: &[Shelved]) -> Result<(), Failure> {
    if !site.store().is_remote() {
        return Ok(());
    }
    let packages: BTreeSet<_> = shelved.iter().map(|one| &one.package).collect();
    for package in packages {
        let (packument, _) = shelf::load(site, package).await?;
        if packument.base().as_deref() == Some("/") {
            say(&format!(
                "Warning: the index of {package} names its tarballs by paths. Publish with --url, the \
                 address that this site is served at."
            ));
        }
    }
    Ok(())
}

fn words(one: &Shelved) -> String {
    let (package, version) = (&one.package, &one.version);
    match one.outcome {
        Outcome::Published => format!("Published {package}@{version}"),
        Outcome::Updated => format!("Updated what names {package}@{version}"),
        Outcome::Unchanged => {
            format!("{package}@{version} is published already, with this content")
        }
    }
}

/// What is nobody's before its rollout is started.
fn waiting(tagging: &Tagging, shelved: &[Shelved]) -> Vec<String> {
    let waits = |one: &&Shelved| one.outcome == Outcome::Published && tagging.waits(&one.package);
    let words = |one: &Shelved| {
        format!(
            "Nobody gets {0} yet: `refit rollout start SITE {0} --plan …`.",
            one.version
        )
    };
    shelved.iter().filter(waits).map(words).collect()
}

fn agent_words(one: &agents::Signed) -> String {
    let (version, platform) = (&one.release.version, &one.release.platform);
    match one.outcome {
        Outcome::Published => format!("Signed the agent's version {version} for {platform}"),
        Outcome::Updated => format!("Put back what was signed of the agent's version {version}"),
        Outcome::Unchanged => {
            format!("The agent's version {version} for {platform} is signed already")
        }
    }
}

/// npm's rule: a tag that could be read as a range would be ambiguous.
fn tag(text: &str) -> Result<String, String> {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if plain && nodejs_semver::Range::parse(text).is_err() {
        Ok(text.to_owned())
    } else {
        Err("a tag is a plain word that is no version range, like `latest` or `next`".to_owned())
    }
}

/// A base to put tarball paths behind.
fn base(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() {
        return Err("an http or https address without a query is needed".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("an address without a login is needed: everybody reads it".to_owned());
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}
