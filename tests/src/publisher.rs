//! A publisher with a site of its own, working with the real `refit`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::scene::{Answer, answer};
use crate::{Clock, Package, parts};

/// Where a publisher works: the site's folder, the keys, tarballs.
#[derive(Debug)]
pub struct Publisher {
    site: PathBuf,
    keys: PathBuf,
    work: PathBuf,
    /// The address under which the site's tarballs are found.
    url: String,
    clock: Clock,
    signs: bool,
}

impl Publisher {
    /// One with an empty site in `dir`, whose tarballs devices find below `url`.
    pub fn new(dir: &Path, url: &str, clock: &Clock) -> Result<Self> {
        let publisher = Self {
            site: dir.join("site"),
            keys: dir.join("keys"),
            work: dir.join("tarballs"),
            url: url.to_owned(),
            clock: clock.clone(),
            signs: false,
        };
        std::fs::create_dir_all(&publisher.site)?;
        std::fs::create_dir_all(&publisher.work)?;
        Ok(publisher)
    }

    /// The site's folder.
    pub fn site(&self) -> &Path {
        &self.site
    }

    /// The keys' folder.
    pub fn keys(&self) -> &Path {
        &self.keys
    }

    /// The root that devices are given: the first one.
    pub fn root(&self) -> PathBuf {
        self.site.join("repo/metadata/1.root.json")
    }

    /// Makes keys and a repository, with more options: from now on everything is signed.
    pub async fn sign(&mut self, more: &[&str]) -> Result<()> {
        self.make_keys(&self.keys).await?;
        self.init(more).await
    }

    async fn make_keys(&self, dir: &Path) -> Result<()> {
        self.does(&["keys".into(), "new".into(), dir.into()])
            .await?;
        Ok(())
    }

    /// Makes one more root key, kept elsewhere.
    pub async fn second_root_key(&self) -> Result<PathBuf> {
        let dir = self.work.join("second-keys");
        self.make_keys(&dir).await?;
        Ok(dir.join("root.pem"))
    }

    /// The same with another publisher's keys.
    pub async fn sign_with(&mut self, other: &Self) -> Result<()> {
        // The keys alone: what a folder of keys remembers belongs to one site.
        std::fs::create_dir_all(&self.keys)?;
        for entry in std::fs::read_dir(&other.keys)?.flatten() {
            let key = entry.path();
            if key.extension().is_some_and(|it| it == "pem") {
                std::fs::copy(&key, self.keys.join(entry.file_name()))?;
            }
        }
        self.init(&[]).await
    }

    async fn init(&mut self, more: &[&str]) -> Result<()> {
        self.signs = true;
        self.repo(&[&["init"], more].concat()).await?;
        Ok(())
    }

    /// Publishes a package.
    pub async fn publish(&self, package: &Package) -> Result<Value> {
        let file = self.pack(package)?;
        self.does(&self.publishing(&file)).await
    }

    /// Its tarball, as it is or will be published.
    pub fn pack(&self, package: &Package) -> Result<PathBuf> {
        let file = self
            .work
            .join(format!("{}-{}.tgz", package.name(), package.version()));
        package.pack(&file)?;
        Ok(file)
    }

    fn publishing(&self, file: &Path) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["publish".into(), self.site.clone().into(), file.into()];
        args.extend(["--url".into(), self.url.clone().into()]);
        self.keyed(args)
    }

    /// `refit rollout …` on this site, without a question.
    pub async fn rollout(&self, args: &[&str]) -> Result<Value> {
        let (verb, rest) = args.split_first().context("no command")?;
        let mut all: Vec<OsString> = vec!["rollout".into(), verb.into(), self.site.clone().into()];
        all.extend(rest.iter().chain(&["--yes"]).map(Into::into));
        self.does(&self.keyed(all)).await
    }

    /// `refit repo …` on this site.
    pub async fn repo(&self, args: &[&str]) -> Result<Value> {
        let answer = self.repo_says(args).await?;
        ensure!(answer.code == Some(0), "refit repo {args:?}: {answer:?}");
        Ok(answer.json)
    }

    /// The same, whatever comes of it.
    pub async fn repo_says(&self, args: &[&str]) -> Result<Answer> {
        let mut all: Vec<OsString> = vec!["repo".into()];
        all.extend(args.iter().map(Into::into));
        all.push(self.site.clone().into());
        self.refit(&self.keyed(all)).await
    }

    fn keyed(&self, mut args: Vec<OsString>) -> Vec<OsString> {
        if self.signs {
            args.extend(["--keys".into(), self.keys.clone().into()]);
        }
        args
    }

    /// Runs `refit` to its end, whatever comes of it.
    pub async fn refit(&self, args: &[OsString]) -> Result<Answer> {
        let mut command = Command::new(parts::part("refit")?);
        command.arg("--json").args(args).stdin(Stdio::null());
        let (name, value) = self.clock.variable();
        command.env(name, value).kill_on_drop(true);
        answer(&command.output().await?)
    }

    async fn does(&self, args: &[OsString]) -> Result<Value> {
        let answer = self.refit(args).await?;
        ensure!(answer.code == Some(0), "refit {args:?}: {answer:?}");
        Ok(answer.json)
    }

    /// The plain manifest.
    pub fn manifest(&self) -> Result<Value> {
        let file = self.site.join("latest.json");
        let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Writes the plain manifest by hand.
    pub fn write_manifest(&self, manifest: &Value) -> Result<()> {
        let new = self.site.join(".latest.new");
        std::fs::write(&new, format!("{manifest:#}\n"))?;
        Ok(std::fs::rename(new, self.site.join("latest.json"))?)
    }

    /// Where a role's newest metadata lies.
    pub fn newest(&self, role: &str) -> Result<String> {
        newest(&self.site, role)
    }

    /// Where a target lies.
    pub fn target(&self, name: &str) -> Result<String> {
        target(&self.site, name)
    }

    /// Another publisher in `dir` with copies of the site and of the keys as they are now.
    pub fn double(&self, dir: &Path) -> Result<Self> {
        let double = Self {
            signs: self.signs,
            ..Self::new(dir, &self.url, &self.clock)?
        };
        copy(&self.site, &double.site)?;
        copy(&self.keys, &double.keys)?;
        Ok(double)
    }

    /// The site as it is now, copied aside under this name.
    pub fn keep(&self, name: &str) -> Result<PathBuf> {
        let to = self.work.join("kept").join(name);
        copy(&self.site, &to)?;
        Ok(to)
    }
}

/// Where a site has the newest metadata of a role, as a path.
pub fn newest(site: &Path, role: &str) -> Result<String> {
    let end = format!(".{role}.json");
    let names = std::fs::read_dir(site.join("repo/metadata"))?.flatten();
    let numbers = names.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(&end)?.parse::<u64>().ok()
    });
    let number = numbers.max().with_context(|| format!("no {role}"))?;
    Ok(format!("/repo/metadata/{number}.{role}.json"))
}

/// Where a site has the target that its newest targets metadata names, as a path.
pub fn target(site: &Path, name: &str) -> Result<String> {
    let targets: Value = serde_json::from_slice(&bytes(site, &newest(site, "targets")?)?)?;
    let hash = targets["signed"]["targets"][name]["hashes"]["sha256"]
        .as_str()
        .with_context(|| format!("no target {name}"))?;
    Ok(format!("/repo/targets/{hash}.{name}"))
}

/// What lies at a path of a site.
pub fn bytes(site: &Path, path: &str) -> Result<Vec<u8>> {
    let file = site.join(path.trim_start_matches('/'));
    std::fs::read(&file).with_context(|| file.display().to_string())
}

/// A folder and all below it, copied.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
