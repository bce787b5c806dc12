//! The clock of a story, which its test builds of the shell and of `refit` go by.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// A file that says by how many seconds the story's clock differs from the machine's.
#[derive(Debug, Clone)]
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A right one, with its file below `dir`.
    pub fn new(dir: &Path) -> Result<Self> {
        let clock = Self {
            file: dir.join("clock"),
        };
        clock.set(0)?;
        Ok(clock)
    }

    /// Ahead of the machine's by this many seconds, or behind it.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // Whole or not at all: a running shell may be reading it.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds}\n"))?;
        Ok(std::fs::rename(new, &self.file)?)
    }

    /// Moves on by this long.
    pub fn pass(&self, time: Duration) -> Result<()> {
        self.set(self.ahead()? + i64::try_from(time.as_secs())?)
    }

    /// How many seconds it is ahead.
    pub fn ahead(&self) -> Result<i64> {
        let text = std::fs::read_to_string(&self.file)?;
        text.trim().parse().context("the story's clock is torn")
    }

    /// The variable by which programs find it.
    pub fn variable(&self) -> (OsString, OsString) {
        ("REFIT_TEST_CLOCK".into(), self.file.clone().into())
    }
}
