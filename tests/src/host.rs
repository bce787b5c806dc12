//! A static host on loopback, as hostile as a story wants it.

mod answer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::wait;

/// What is answered instead of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// This status and nothing else.
    Status(u16),
    /// A page, with status 200: a captive portal.
    Page,
    /// The file's first bytes, and then bytes for ever, without a length.
    Endless,
    /// A byte of the file each time.
    Drip(Duration),
    /// Nothing: the connection stays open.
    Silence,
    /// The file with one bit in its middle turned over.
    Altered,
    /// Half of the file, under its whole length.
    CutOff,
    /// The file of that path in another folder: an older state, or another publisher's.
    From(PathBuf),
    /// Another file of the site.
    Other(String),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// A folder, served. Dropping it takes it off the network.
#[derive(Debug)]
pub struct Host {
    port: u16,
    behind: Arc<Behind>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

/// What the host's connections share.
#[derive(Debug)]
struct Behind {
    site: Mutex<PathBuf>,
    rules: Mutex<Vec<(String, Rule)>>,
    asked: Mutex<Vec<String>>,
    /// Those of them that were answered with 304.
    unchanged: Mutex<Vec<String>>,
}

impl Host {
    /// Serves this folder, as it is at each request.
    pub async fn of(site: &Path) -> Result<Self> {
        std::fs::create_dir_all(site)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let behind = Arc::new(Behind {
            site: Mutex::new(site.to_owned()),
            rules: Mutex::default(),
            asked: Mutex::default(),
            unchanged: Mutex::default(),
        });
        Ok(Self {
            port,
            listening: Mutex::new(Some(listen(listener, behind.clone()))),
            behind,
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

    /// The address of a file.
    pub fn file(&self, path: &str) -> String {
        format!("{}{path}", self.url())
    }

    /// Off the network: connections are refused, and those that are open end.
    pub async fn off(&self) -> Result<()> {
        let Some(task) = locked(&self.listening).take() else {
            return Ok(());
        };
        task.abort();
        // The port is closed once the task is gone.
        let _ = task.await;
        Ok(())
    }

    /// On the network again, at the same address.
    pub async fn on(&self) -> Result<()> {
        let listener = wait::until("the host's port to be free", async || {
            Ok(TcpListener::bind(("127.0.0.1", self.port)).await?)
        })
        .await?;
        *locked(&self.listening) = Some(listen(listener, self.behind.clone()));
        Ok(())
    }

    /// From now on, answers for this path by this rule. One `*` stands for any text; the rule that
    /// was added last wins.
    pub fn rule(&self, path: &str, rule: Rule) {
        locked(&self.behind.rules).push((path.to_owned(), rule));
    }

    /// Forgets every rule.
    pub fn behave(&self) {
        locked(&self.behind.rules).clear();
    }

    /// From now on, serves another folder.
    pub fn serve(&self, site: &Path) {
        site.clone_into(&mut locked(&self.behind.site));
    }

    /// How often this path was asked for; one `*` stands for any text.
    pub fn asked(&self, path: &str) -> usize {
        let asked = locked(&self.behind.asked);
        asked.iter().filter(|it| matches(path, it)).count()
    }

    /// How often it was answered that this path did not change.
    pub fn unchanged(&self, path: &str) -> usize {
        let unchanged = locked(&self.behind.unchanged);
        unchanged.iter().filter(|it| matches(path, it)).count()
    }

    /// The paths that were asked for, in order.
    pub fn requests(&self) -> Vec<String> {
        locked(&self.behind.asked).clone()
    }

    /// Forgets what was asked for.
    pub fn forget(&self) {
        locked(&self.behind.asked).clear();
        locked(&self.behind.unchanged).clear();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(task) = locked(&self.listening).take() {
            task.abort();
        }
    }
}

/// Accepts until the task is dropped, and with it every connection.
fn listen(listener: TcpListener, behind: Arc<Behind>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        open.spawn(answer::answer(client, behind.clone()));
                    }
                }
                Some(_) = open.join_next() => {}
            }
        }
    })
}

impl Behind {
    fn rule_for(&self, path: &str) -> Option<Rule> {
        let rules = locked(&self.rules);
        let found = rules.iter().rev().find(|(it, _)| matches(it, path));
        found.map(|(_, rule)| rule.clone())
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, end)) => {
            path.len() >= start.len() + end.len() && path.starts_with(start) && path.ends_with(end)
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
