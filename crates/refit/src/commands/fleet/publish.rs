//! `refit fleet publish`: a version into the fleet's store.

use std::path::{Path, PathBuf};

use fleet::operator::releases::{self, Artifact, Published, Upload};
use rollout::fleet::Subject;
use serde_json::json;
use tempfile::NamedTempFile;

use super::aim::{By, Of};
use super::broker::{Broker, Connected};
use crate::agent;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;
use crate::rollouts::words::bytes;
use crate::site::intake;

/// Publish a version: a runtime's tarball, or with --agent the binary of refit itself
///
/// The version comes out of the file: from its package.json, or out of the binary. Publishing it again with the
/// same content is nothing to do (exit 3); with other content it is refused. Nobody gets it before a rollout says so.
#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// The tarball, as `npm pack` makes it; with --agent a binary of refit
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    broker: Broker,
}

/// The very bytes that were looked at, and what they are.
struct Looked {
    artifact: Artifact,
    package: String,
    copy: NamedTempFile,
}

impl Publish {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let looked = match self.of.subject() {
            Subject::Runtime => runtime(&self.file)?,
            Subject::Agent => agent(&self.file)?,
        };
        let copy = looked.copy.reopen();
        let copy = copy.map_err(|error| Failure::file("read", looked.copy.path(), &error))?;
        let Connected { client, names } = self.broker.connect(globals).await?;
        let upload = Upload {
            artifact: looked.artifact,
            package: looked.package,
            by: self.by.name(),
            at: runtime_store::now(),
        };
        let mut file = tokio::fs::File::from_std(copy);
        let jetstream = fleet::jetstream(&client);
        let published = releases::publish(&jetstream, &names, upload, &mut file).await?;
        Ok(match published {
            Published::New(release) => {
                let words = format!(
                    "Published {} {}, {}. Nobody gets it yet: `refit fleet rollout {}`.",
                    release.package,
                    release.artifact(),
                    bytes(release.size),
                    release.version
                );
                Answer::done(json!({ "outcome": "published", "release": release })).words(words)
            }
            Published::Already(release) => {
                let words = format!(
                    "{} {} is published already, with this content",
                    release.package,
                    release.artifact()
                );
                let json = json!({ "outcome": "unchanged", "release": release });
                Answer::nothing_to_do(json, words)
            }
        })
    }
}

/// A tarball that devices would take.
fn runtime(file: &Path) -> Result<Looked, Failure> {
    let prepared = intake::prepare(&std::env::temp_dir(), file)?;
    Ok(Looked {
        artifact: Artifact::runtime(prepared.release.version),
        package: prepared.release.package.to_string(),
        copy: prepared.copy,
    })
}

/// A binary of refit, for the platform that it was built for.
fn agent(file: &Path) -> Result<Looked, Failure> {
    let unreadable = |error| Failure::file("read", file, &error);
    // A pipe would be waited for, and could not be read twice.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Failure::new(
            "file",
            format_args!("{} is not a file", file.display()),
            "Name a binary of refit.",
        ));
    }
    let copy = NamedTempFile::new()
        .map_err(|error| Failure::file("write into", &std::env::temp_dir(), &error))?;
    std::fs::copy(file, copy.path()).map_err(|error| Failure::file("copy", file, &error))?;
    let release = agent::release_of(copy.path())
        .map_err(|failure| in_terms_of(file, copy.path(), failure))?;
    let platform = release.platform.parse();
    let platform = platform
        .map_err(|error| Failure::new("no-label", error, "Name a release binary of refit."))?;
    Ok(Looked {
        artifact: Artifact::agent(release.version, platform),
        package: "refit".to_owned(),
        copy,
    })
}

/// The copy's failure is the file's.
fn in_terms_of(file: &Path, copy: &Path, mut failure: Failure) -> Failure {
    let (copy, file) = (copy.display().to_string(), file.display().to_string());
    failure.message = failure.message.replace(&copy, &file);
    failure
}
