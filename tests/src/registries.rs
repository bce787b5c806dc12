//! Registries of the stories' own, on loopback.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::{Package, parts, wait};

/// A folder that `refit publish` fills and `refit serve` serves.
#[derive(Debug)]
pub struct Folder {
    site: PathBuf,
    work: PathBuf,
    port: u16,
    _server: Child,
}

impl Folder {
    /// An empty one below `dir`.
    pub async fn start(dir: &Path) -> Result<Self> {
        let site = dir.join("site");
        let work = dir.join("tarballs");
        tokio::fs::create_dir_all(&site).await?;
        tokio::fs::create_dir_all(&work).await?;
        let mut server = Command::new(parts::part("refit")?)
            .args(["serve", "--json"])
            .arg(&site)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = server.stdout.take().context("refit serve has no stdout")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).await?;
        let said: serde_json::Value = serde_json::from_str(&line)
            .with_context(|| format!("refit serve said {line:?} instead of its address"))?;
        Ok(Self {
            site,
            work,
            port: port_of(said["url"].as_str().unwrap_or_default())?,
            _server: server,
        })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Publishes a package.
    pub async fn publish(&self, package: &Package) -> Result<()> {
        let file = self.work.join(format!("{}.tgz", package.version()));
        package.pack(&file)?;
        self.publish_file(&file).await
    }

    /// Publishes a tarball that is there already.
    pub async fn publish_file(&self, file: &Path) -> Result<()> {
        let done = Command::new(parts::part("refit")?)
            .arg("publish")
            .arg(&self.site)
            .arg(file)
            .output()
            .await?;
        ensure!(
            done.status.success(),
            "refit publish {}: {}",
            file.display(),
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(())
    }
}

fn port_of(url: &str) -> Result<u16> {
    let port = url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    port.with_context(|| format!("{url:?} names no port"))
}

/// A Verdaccio that proxies nothing.
#[derive(Debug)]
pub struct Verdaccio {
    home: PathBuf,
    port: u16,
    _server: Child,
}

impl Verdaccio {
    /// An empty one with its files below `dir`.
    pub async fn start(dir: &Path) -> Result<Self> {
        let home = dir.join("verdaccio");
        std::fs::create_dir_all(&home)?;
        let port = wait::free_port()?;
        std::fs::write(home.join("config.yaml"), settings(&home))?;
        // npm sends a token with every publish; this one is made up and means nothing to Verdaccio.
        std::fs::write(
            home.join("npmrc"),
            format!("//127.0.0.1:{port}/:_authToken=story\n"),
        )?;
        let log = std::fs::File::create(home.join("verdaccio.out"))?;
        let server = Command::new(parts::modern_node()?)
            .arg(parts::tool("verdaccio/bin/verdaccio")?)
            .arg("--config")
            .arg(home.join("config.yaml"))
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        wait::port(port)
            .await
            .context("Verdaccio did not start; see verdaccio.out")?;
        Ok(Self {
            home,
            port,
            _server: server,
        })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `npm publish` of a package.
    pub async fn publish(&self, package: &Package) -> Result<()> {
        let file = self.home.join(format!("{}.tgz", package.version()));
        package.pack(&file)?;
        self.publish_file(&file).await
    }

    /// `npm publish` of a tarball.
    pub async fn publish_file(&self, file: &Path) -> Result<()> {
        let npm = parts::on_path("npm").context("npm is not on PATH")?;
        let done = Command::new(npm)
            .arg("publish")
            .arg(file)
            .args(["--provenance=false", "--ignore-scripts", "--tag=latest"])
            .arg(format!("--registry={}", self.url()))
            .env("NPM_CONFIG_USERCONFIG", self.home.join("npmrc"))
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .output()
            .await?;
        if !done.status.success() {
            bail!(
                "npm publish {}: {}",
                file.display(),
                String::from_utf8_lossy(&done.stderr)
            );
        }
        Ok(())
    }
}

fn settings(home: &Path) -> String {
    let storage = serde_json::Value::from(home.join("storage").to_string_lossy().into_owned());
    format!(
        "storage: {storage}\n\
         uplinks: {{}}\n\
         packages:\n  '@*/*':\n    access: $all\n    publish: $all\n  '**':\n    access: $all\n    publish: $all\n\
         max_body_size: 200mb\n\
         web:\n  enable: false\n\
         log: {{ type: stdout, format: pretty, level: http }}\n"
    )
}
