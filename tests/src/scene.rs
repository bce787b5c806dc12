//! One story's stage: folders, a bundled runtime, a configuration, and the real programs on it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::packages::{Mode, NAME, Package};
use crate::{client, parts, processes, wait};

/// What `refit` answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its exit code; none after a signal.
    pub code: Option<i32>,
    /// Its one object on stdout, or null.
    pub json: Value,
    /// Its words on stderr.
    pub words: String,
}

/// A story's stage. Dropping it ends what is left of the story's processes and removes its folders.
#[derive(Debug)]
pub struct Scene {
    dir: Option<TempDir>,
    root: PathBuf,
    program: PathBuf,
    bundled: PathBuf,
    /// The configuration; written down before each program starts.
    pub config: Value,
    /// Set for every program on top of this process's environment.
    pub env: BTreeMap<OsString, OsString>,
}

impl Scene {
    /// A stage with a good bundled runtime 1.0.0 and no registry that answers.
    pub fn new() -> Result<Self> {
        let scene = Self::bare(None)?;
        Package::new("1.0.0", Mode::Good).write(&scene.bundled())?;
        Ok(scene)
    }

    /// A stage without a bundled runtime, in `root` if given: then it is kept.
    pub fn bare(root: Option<&Path>) -> Result<Self> {
        let dir = if root.is_some() {
            None
        } else {
            Some(tempfile::Builder::new().prefix("refit-story-").tempdir()?)
        };
        let root = root
            .or(dir.as_ref().map(TempDir::path))
            .context("no folder")?;
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let mut env = BTreeMap::new();
        for (name, folder) in [
            ("HOME", "home"),
            ("XDG_DATA_HOME", "home/share"),
            ("XDG_CONFIG_HOME", "home/config"),
            ("XDG_CACHE_HOME", "home/cache"),
            ("XDG_STATE_HOME", "home/state"),
        ] {
            std::fs::create_dir_all(root.join(folder))?;
            env.insert(name.into(), root.join(folder).into_os_string());
        }
        std::fs::create_dir_all(root.join("data"))?;
        let config = json!({
            "package": NAME,
            "registry": "http://127.0.0.1:9/",
            "entry": "dist/cli.js",
            "command": ["node", "{entry}", "--port", "{port}", "--data", "{data}"],
            "ready": { "http": "/", "timeout": "20s" },
            // By itself a story's device checks once, soon; what follows is asked for.
            "check": { "after": "1s", "every": "1h" },
        });
        let bundled = root.join("bundled");
        Ok(Self {
            dir,
            root,
            program: parts::part("refit-shell")?,
            bundled,
            config,
            env,
        })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The app's data folder.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The runtime store.
    pub fn store(&self) -> PathBuf {
        self.data().join("runtime-store")
    }

    /// The bundled runtime.
    pub fn bundled(&self) -> PathBuf {
        self.bundled.clone()
    }

    /// Takes the bundled runtime from somewhere else.
    pub fn bundle_from(&mut self, dir: &Path) {
        dir.clone_into(&mut self.bundled);
    }

    /// What the shells of this story wrote.
    pub fn log(&self) -> PathBuf {
        self.root.join("shell.out")
    }

    /// The shell that plays here.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Lets another build of the shell play.
    pub fn play(&mut self, program: &str) -> Result<()> {
        self.program = parts::part(program)?;
        Ok(())
    }

    /// Sets a top-level key of the configuration.
    pub fn set(&mut self, key: &str, value: Value) {
        self.config[key] = value;
    }

    /// Takes a top-level key of the configuration away.
    pub fn unset(&mut self, key: &str) {
        if let Some(config) = self.config.as_object_mut() {
            config.remove(key);
        }
    }

    /// The options that every program of ours takes here; writes the configuration down.
    pub fn options(&self) -> Result<Vec<OsString>> {
        self.options_with(&self.data())
    }

    fn options_with(&self, data: &Path) -> Result<Vec<OsString>> {
        let file = self.root.join("refit.json");
        // Whole or not at all: a program of the story may be reading it.
        let new = self.root.join("refit.json.new");
        std::fs::write(&new, format!("{:#}\n", self.config))?;
        std::fs::rename(new, &file)?;
        Ok(vec![
            "--config".into(),
            file.into_os_string(),
            "--data-dir".into(),
            data.as_os_str().to_owned(),
            "--bundled".into(),
            self.bundled().into_os_string(),
        ])
    }

    /// `refit` with these arguments, ready to be run; `--json` is on.
    pub fn command(&self, args: &[&str]) -> Result<Command> {
        self.command_of(&self.data(), args)
    }

    /// The same for another device of the story, with its data in this folder.
    pub fn command_of(&self, data: &Path, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(parts::part("refit")?);
        command
            .args(self.options_with(data)?)
            .arg("--json")
            .args(args)
            .envs(&self.env);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// Runs `refit` to its end.
    pub async fn refit(&self, args: &[&str]) -> Result<Answer> {
        let output = self.command(args)?.output().await?;
        answer(&output)
    }

    /// Runs `refit` and expects it to be done.
    pub async fn refit_does(&self, args: &[&str]) -> Result<Value> {
        let answer = self.refit(args).await?;
        ensure!(
            answer.code == Some(0),
            "refit {}: {answer:?}",
            args.join(" ")
        );
        Ok(answer.json)
    }

    /// The device's status, as `refit status` tells it.
    pub async fn status(&self) -> Result<Value> {
        self.refit_does(&["status"]).await
    }

    /// Waits for a status of which `seen` is true.
    pub async fn status_where(&self, what: &str, seen: impl Fn(&Value) -> bool) -> Result<Value> {
        wait::until(what, async || {
            let status = self.status().await?;
            ensure!(seen(&status), "status {status}");
            Ok(status)
        })
        .await
    }

    /// Waits until this version serves.
    pub async fn running(&self, version: &str) -> Result<Value> {
        self.status_where(&format!("{version} to run"), |status| {
            status["phase"] == "running" && status["running"]["version"] == version
        })
        .await
    }

    /// Waits until this version waits for a restart.
    pub async fn staged(&self, version: &str) -> Result<Value> {
        self.status_where(&format!("{version} to be staged"), |status| {
            status["staged"]["version"] == version
        })
        .await
    }

    /// Waits until this version serves and its trial is over.
    pub async fn confirmed(&self, version: &str) -> Result<Value> {
        self.status_where(&format!("{version} to be confirmed"), |status| {
            status["running"]["version"] == version && status["running"]["trial"] == false
        })
        .await
    }

    /// As `confirmed`, with all the time that a person takes.
    pub async fn confirmed_at_leisure(&self, version: &str) -> Result<()> {
        while self.confirmed(version).await.is_err() {}
        Ok(())
    }

    /// Waits, with all the time that a person takes, until this version is on the bad list.
    pub async fn bad_at_leisure(&self, version: &str) -> Result<()> {
        let bad = |status: &Value| {
            status["bad"]
                .to_string()
                .contains(&format!("\"{version}\""))
        };
        while self
            .status_where(&format!("{version} to be bad"), bad)
            .await
            .is_err()
        {}
        Ok(())
    }

    /// What the device would start now is this package, whole, byte for byte.
    pub async fn runs(&self, package: &Package) -> Result<Value> {
        let resolved = self.refit_does(&["resolve"]).await?;
        ensure!(
            resolved["version"] == package.version(),
            "{} is to run, and it resolves to {resolved}",
            package.version()
        );
        let entry = Path::new(resolved["entry"].as_str().unwrap_or_default());
        let dir = entry.parent().and_then(Path::parent).context("no folder")?;
        for (name, content) in package.files() {
            let there = std::fs::read(dir.join(name))
                .with_context(|| format!("{} of {}", name, package.version()))?;
            ensure!(there == content, "{name} of {} is another", dir.display());
        }
        Ok(resolved)
    }

    /// What a check says is wrong with whom the device follows: an error's kind and words.
    pub async fn trouble(&self) -> Result<String> {
        let answer = self.refit(&["check"]).await?;
        Ok(format!(
            "{} {}",
            answer.json["error"], answer.json["trouble"]
        ))
    }

    /// Nothing of this version is on the device: neither named, nor stored.
    pub fn has_nothing_of(&self, version: &str) -> Result<()> {
        ensure!(
            self.pointer()["version"] != version,
            "the pointer is {}",
            self.pointer()
        );
        let folder = self.store().join("versions").join(version);
        ensure!(!folder.exists(), "{} is there", folder.display());
        Ok(())
    }

    /// The pointer file, or null.
    pub fn pointer(&self) -> Value {
        read_json(&self.store().join("current.json"))
    }

    /// The versions on the bad list.
    pub fn bad(&self) -> Vec<String> {
        let list = read_json(&self.store().join("bad-versions.json"));
        let entries = list["bad"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| entry["version"].as_str().map(str::to_owned))
            .collect()
    }

    /// Starts the shell in the story's display, without a driver.
    pub fn shell(&self) -> Result<Child> {
        self.shell_with(&[])
    }

    /// The same with more arguments.
    pub fn shell_with(&self, more: &[&str]) -> Result<Child> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())?;
        Ok(Command::new(&self.program)
            .args(self.options()?)
            .args(more)
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?)
    }

    /// Starts the runtime under `refit run`, without a window.
    pub fn run(&self) -> Result<Child> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())?;
        Ok(self
            .command(&["run"])?
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?)
    }

    /// Ends what [`Scene::run`] started, in order.
    pub async fn end(&self, mut device: Child) -> Result<()> {
        let pid = device.id().context("it has ended")?;
        processes::signal(i32::try_from(pid)?, Signal::TERM)?;
        device.wait().await?;
        self.nobody_left().await
    }

    /// The text that what runs answers for this path.
    pub async fn asks(&self, path: &str) -> Result<String> {
        let status = self.status().await?;
        let url = status["running"]["url"].as_str().context("nothing runs")?;
        client::get(&format!("{}{path}", url.trim_end_matches('/'))).await
    }

    /// Processes of this story that are alive: all of them name its folder.
    pub fn processes(&self) -> Vec<processes::Process> {
        processes::naming(&self.root.to_string_lossy())
    }

    /// The runtimes of this story that are alive.
    pub fn runtimes(&self) -> Vec<processes::Process> {
        let is_node = |process: &processes::Process| {
            process
                .program
                .as_deref()
                .and_then(Path::file_name)
                .is_some_and(|name| name == "node")
        };
        self.processes().into_iter().filter(is_node).collect()
    }

    /// Waits until no process of this story is left.
    pub async fn nobody_left(&self) -> Result<()> {
        wait::until("every process of the story to end", async || {
            let left = self.runtimes();
            ensure!(left.is_empty(), "alive: {left:?}");
            Ok(())
        })
        .await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if self.dir.is_some() {
            for process in self.processes() {
                let _ = processes::kill(process.pid);
            }
            // For whoever looks for the cause: logs, store and all.
            if std::env::var_os("REFIT_KEEP_STORIES").is_some() {
                self.dir.take().map(TempDir::keep);
            }
        }
    }
}

/// A finished `refit` as an answer.
pub fn answer(output: &std::process::Output) -> Result<Answer> {
    let text = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = match text.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text)
            .with_context(|| format!("refit said {text:?}, which is no JSON"))?,
    };
    Ok(Answer {
        code: output.status.code(),
        json,
        words,
    })
}

fn read_json(path: &Path) -> Value {
    std::fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or(Value::Null)
}
