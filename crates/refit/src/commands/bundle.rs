//! `refit bundle`: makes the bundled-runtime folder of an app.

use std::path::PathBuf;

use rollout::{Candidate, PackageName};
use serde_json::{Map, Value, json};
use url::Url;

use super::block_on;
use crate::bundle::build::{Building, read_package};
use crate::bundle::source::Source;
use crate::bundle::spec::{Spec, node_package};
use crate::bundle::{Manifest, Part};
use crate::failure::Failure;
use crate::output::Answer;

/// Make an app's bundled-runtime folder out of a registry's package
///
/// The package's files become the folder's root, each `--with` goes into its `node_modules`, and
/// `--node` puts a Node into its `bin`. Versions may be exact, a tag or a range. Every tarball must
/// have the sha512 that the registry names, and no package script runs. A folder that is exactly
/// that already is nothing to do (exit 3).
#[derive(Debug, clap::Args)]
pub(crate) struct Bundle {
    /// The runtime's package
    #[arg(value_name = "PACKAGE@V")]
    package: Spec,
    /// A dependency of it; without a version, the range that the package itself asks for
    #[arg(long, value_name = "DEP@V")]
    with: Vec<Spec>,
    /// Put a Node for this system into it, from the same registry
    #[arg(long, value_name = "RANGE")]
    node: Option<String>,
    /// The folder to make or replace
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// The registry [default: the one that npm is configured for]
    #[arg(long, value_name = "URL")]
    registry: Option<Url>,
}

impl Bundle {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        block_on(self.bundle())
    }

    async fn bundle(self) -> Result<Answer, Failure> {
        let building = Building::begin(&self.into)?;
        let source = Source::new(&self.package.package, self.registry.clone())?;
        let runtime = source
            .find(&self.package.package, self.package.wanted.as_deref())
            .await?;
        let node = match &self.node {
            None => None,
            Some(range) => {
                let package = own_node()?;
                let found = source.find(&package, Some(range)).await;
                Some(found.map_err(|failure| no_node(failure, &package))?)
            }
        };

        let there = Manifest::of(&self.into).filter(|it| it.is_whole_in(&self.into));
        if let Some(there) = &there
            && there.runtime == Part::from(&runtime)
            && let Some(package_json) = read_package(&self.into)
        {
            let with = self.find_dependencies(&source, &package_json).await?;
            let wanted = manifest(&runtime, &with, node.as_ref());
            if *there == wanted {
                let words = format!(
                    "{} holds {}@{} already, exactly so.",
                    self.into.display(),
                    runtime.package,
                    runtime.version
                );
                return Ok(Answer::nothing_to_do(
                    self.told("unchanged", &wanted),
                    words,
                ));
            }
        }

        let tarball = source.fetch(&runtime).await?;
        let package_json = building.runtime(&runtime, tarball)?;
        let with = self.find_dependencies(&source, &package_json).await?;
        for dependency in &with {
            let tarball = source.fetch(dependency).await?;
            building.module(dependency, tarball)?;
        }
        if let Some(node) = &node {
            let tarball = source.fetch(node).await?;
            building.node(node, tarball)?;
        }
        let made = manifest(&runtime, &with, node.as_ref());
        building.finish(&made)?;

        let words = format!(
            "Bundled {}@{} into {}",
            runtime.package,
            runtime.version,
            self.into.display()
        );
        Ok(Answer::done(self.told("bundled", &made)).words(words))
    }

    /// The dependencies that were named, each at the version typed or else at the one that the
    /// package asks for.
    async fn find_dependencies(
        &self,
        source: &Source,
        package_json: &Map<String, Value>,
    ) -> Result<Vec<Candidate>, Failure> {
        let mut found = Vec::new();
        for Spec { package, wanted } in &self.with {
            let wanted = wanted
                .clone()
                .or_else(|| range_in(package_json, package.as_str()));
            found.push(source.find(package, wanted.as_deref()).await?);
        }
        Ok(found)
    }

    fn told(&self, outcome: &str, manifest: &Manifest) -> Value {
        json!({
            "outcome": outcome,
            "into": self.into,
            "package": manifest.runtime.package,
            "version": manifest.runtime.version,
            "with": manifest.with,
            "node": manifest.node,
        })
    }
}

fn manifest(runtime: &Candidate, with: &[Candidate], node: Option<&Candidate>) -> Manifest {
    Manifest::new(
        runtime.into(),
        with.iter().map(Part::from).collect(),
        node.map(Part::from),
    )
}

/// The range of a dependency in a package.json.
fn range_in(package_json: &Map<String, Value>, dependency: &str) -> Option<String> {
    ["dependencies", "optionalDependencies", "peerDependencies"]
        .iter()
        .find_map(|field| package_json.get(*field)?.get(dependency)?.as_str())
        .map(str::to_owned)
}

/// A registry of one's own need not have npm's packages of Node.
fn no_node(failure: Failure, package: &PackageName) -> Failure {
    if failure.kind != "not-found" {
        return failure;
    }
    Failure::new(
        "no-node",
        format_args!(
            "The package {package}, which --node takes Node from, is not on this registry: {}",
            failure.message
        ),
        "Name a registry that has it with --registry, or leave --node out and put a Node into the \
         folder's bin yourself.",
    )
}

/// npm's package of the Node for this system.
fn own_node() -> Result<PackageName, Failure> {
    node_package(std::env::consts::OS, std::env::consts::ARCH).map_err(|error| {
        Failure::new(
            "no-node",
            error,
            "Leave --node out and put a Node into the folder's bin yourself.",
        )
    })
}
