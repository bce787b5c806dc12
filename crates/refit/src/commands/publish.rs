//! `refit publish`: tarballs into a plain folder that is a readable npm registry.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;
use url::Url;

use crate::failure::Failure;
use crate::output::Answer;
use crate::site::shelf::{self, Outcome, Wishes};
use crate::site::{Site, intake};

/// Publish tarballs into a folder that serves as an npm registry
///
/// Each package's name and version come from its own package.json. Publishing a version again
/// with the same content is nothing to do (exit 3); with other content it is refused, and then
/// none of the tarballs is published.
#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// The folder; it is made where it is missing
    #[arg(value_name = "SITE")]
    site: PathBuf,
    /// The tarballs, as `npm pack` makes them
    #[arg(value_name = "TGZ", required = true)]
    tarballs: Vec<PathBuf>,
    /// The tag that names these versions [default: latest, for versions not published yet]
    #[arg(long, value_parser = tag)]
    tag: Option<String>,
    /// Where the folder will be served, for a host other than `refit serve`
    #[arg(long, value_parser = base)]
    url: Option<Url>,
}

impl Publish {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        let site = Site::make(&self.site)?;
        let prepared = self
            .tarballs
            .iter()
            .map(|tarball| intake::prepare(&site, tarball))
            .collect::<Result<Vec<_>, _>>()?;
        let wishes = Wishes {
            tag: self.tag,
            url: self.url.map(String::from),
        };
        let shelved = shelf::publish(&site, prepared, &wishes, Timestamp::now())?;

        let words = shelved
            .iter()
            .map(|one| {
                let (package, version) = (&one.package, &one.version);
                match one.outcome {
                    Outcome::Published => format!("Published {package}@{version}"),
                    Outcome::Updated => format!("Updated what names {package}@{version}"),
                    Outcome::Unchanged => {
                        format!("{package}@{version} is published already, with this content")
                    }
                }
            })
            .collect::<Vec<_>>()
            .join("\n");
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
