//! Where the packages of a bundle come from: npm's registry, asked as npm is configured.

use std::fs::File;

use rollout::{Candidate, PackageName};
use runtime_store::Limits;
use tempfile::TempDir;
use updater::{NpmSettings, Registry, RegistryError, Timeouts};
use url::Url;

use crate::failure::Failure;
use crate::progress;

/// A registry, and room for what it sends.
#[derive(Debug)]
pub(crate) struct Source {
    registry: Registry,
    room: TempDir,
}

impl Source {
    /// Opens no connection.
    pub(crate) fn new(package: &PackageName, registry: Option<Url>) -> Result<Self, Failure> {
        let env = std::env::vars_os().collect();
        let npm = NpmSettings::read(&env, dirs::home_dir().as_deref());
        let room = tempfile::tempdir()
            .map_err(|error| Failure::file("write into", &std::env::temp_dir(), &error))?;
        Ok(Self {
            registry: Registry::new(package.clone(), registry, npm, Timeouts::default())?,
            room,
        })
    }

    /// What `wanted` (exact, a tag or a range; left out, `latest`) means for `package` now.
    pub(crate) async fn find(
        &self,
        package: &PackageName,
        wanted: Option<&str>,
    ) -> Result<Candidate, Failure> {
        let registry = self.registry.for_package(package.clone());
        Ok(registry.resolve(wanted.unwrap_or("latest")).await?)
    }

    /// The candidate's tarball, its sha512 checked.
    pub(crate) async fn fetch(&self, candidate: &Candidate) -> Result<File, Failure> {
        let Candidate {
            package, version, ..
        } = candidate;
        let into = self.room.path().join("package.tgz");
        let bar = progress::bar();
        bar.set_message(format!("downloading {package}@{version}"));
        let fetched = self
            .registry
            .for_package(package.clone())
            .save_tarball(
                candidate,
                &into,
                Limits::default().packed_bytes,
                |got, total| progress::advance(&bar, got, total),
            )
            .await;
        bar.finish_and_clear();
        fetched?;
        File::open(&into).map_err(|error| Failure::file("read", &into, &error))
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::new(error.kind(), &error, error.hint())
    }
}
