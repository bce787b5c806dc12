//! `refit publish`: tarballs into a site that is a readable npm registry and, with keys, a signed
//! repository.

use std::path::PathBuf;

use serde_json::json;
use url::Url;

use crate::failure::Failure;
use crate::output::Answer;
use crate::repo::Desk;
use crate::site::shelf::{self, Latest, Outcome, Shelved, Wishes};
use crate::site::{Address, intake};

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
    #[arg(value_name = "TGZ", required = true)]
    tarballs: Vec<PathBuf>,
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
}

impl Publish {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        super::block_on(self.publish())
    }

    async fn publish(self) -> Result<Answer, Failure> {
        let site = self.site.make()?;
        let scratch = site.store().scratch();
        let prepared = self
            .tarballs
            .iter()
            .map(|tarball| intake::prepare(&scratch, tarball))
            .collect::<Result<Vec<_>, _>>()?;
        let wishes = Wishes {
            tag: self.tag,
            url: self.url.map(String::from),
        };
        let now = runtime_store::now();
        let lock = site.lock()?;
        let mut desk = Desk::open(site, self.keys.as_deref()).await?;
        let manifest = desk.manifest(MANIFEST).await?;
        let latest = if desk.signed() || manifest.is_some() {
            Latest::Stays
        } else {
            Latest::Moves
        };
        let mut draft = desk.draft();
        let shelved = shelf::shelve(&desk, &mut draft, prepared, &wishes, latest, now).await?;
        desk.write(draft, &lock, now).await?;

        let words = shelved.iter().map(words).collect::<Vec<_>>().join("\n");
        let json = json!({ "published": shelved });
        Ok(
            if shelved.iter().all(|one| one.outcome == Outcome::Unchanged) {
                Answer::nothing_to_do(json, words)
            } else {
                Answer::done(json).words(words)
            },
        )
    }
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
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}
