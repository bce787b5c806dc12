//! A publisher's site, the two hosts that serve it, and a device that follows it.

use anyhow::Result;
use serde_json::json;

use crate::{Clock, Host, Publisher, Scene};

/// One folder behind two addresses, so that a story can take one away and leave the other.
#[derive(Debug)]
pub struct Site {
    /// Who fills it.
    pub publisher: Publisher,
    /// Where devices look for the manifest or the signed repository.
    pub host: Host,
    /// Where devices find packuments and tarballs.
    pub registry: Host,
    /// The time of publisher and device.
    pub clock: Clock,
}

impl Site {
    /// A site whose manifest the scene's device follows.
    pub async fn plain(scene: &mut Scene) -> Result<Self> {
        let site = Self::of(scene).await?;
        scene.set("manifest", json!(site.host.file("latest.json")));
        Ok(site)
    }

    /// A site with a signed repository, whose root the scene's device has.
    pub async fn signed(scene: &mut Scene) -> Result<Self> {
        let mut site = Self::of(scene).await?;
        site.sign(scene, &[]).await?;
        Ok(site)
    }

    /// Makes it a signed one, with more options of `refit repo init`.
    pub async fn sign(&mut self, scene: &mut Scene, more: &[&str]) -> Result<()> {
        self.publisher.sign(more).await?;
        std::fs::copy(self.publisher.root(), scene.root().join("root.json"))?;
        let trust = json!({ "root": "root.json", "url": self.host.file("repo/") });
        scene.set("trust", trust);
        scene.unset("manifest");
        Ok(())
    }

    /// A site that the device takes for nothing but a registry.
    async fn of(scene: &mut Scene) -> Result<Self> {
        let clock = Clock::new(scene.root())?;
        let (name, file) = clock.variable();
        scene.env.insert(name, file);
        let folder = scene.root().join("publisher");
        let registry = Host::of(&folder.join("site")).await?;
        let host = Host::of(&folder.join("site")).await?;
        let publisher = Publisher::new(&folder, &registry.url(), &clock)?;
        scene.set("registry", json!(registry.url()));
        Ok(Self {
            publisher,
            host,
            registry,
            clock,
        })
    }

    /// Both hosts keep to the site again.
    pub fn behave(&self) {
        for host in [&self.host, &self.registry] {
            host.behave();
            host.serve(self.publisher.site());
        }
    }

    /// Publishes a good version of the story's package, for everyone at once.
    pub async fn release(&self, package: &crate::Package) -> Result<()> {
        self.publisher.publish(package).await?;
        self.publisher
            .rollout(&["start", package.version(), "--plan", "100%"])
            .await?;
        Ok(())
    }
}
