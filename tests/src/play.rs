//! What the two drivers share: telling each step, and pictures of them.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::Window;

/// Tells a story's steps as they are seen.
#[derive(Debug)]
pub struct Teller {
    pictures: PathBuf,
    step: u32,
}

impl Teller {
    /// One whose pictures go into this folder.
    pub fn new(pictures: PathBuf) -> Self {
        Self { pictures, step: 0 }
    }

    /// Something is about to be waited for.
    #[expect(clippy::print_stderr, reason = "telling the steps is what it is for")]
    pub fn say(&self, words: &str) {
        eprintln!("   … {words}");
    }

    /// A step was seen.
    #[expect(clippy::print_stderr, reason = "telling the steps is what it is for")]
    pub fn seen(&mut self, words: &str) {
        self.step += 1;
        eprintln!("{:>2} ✓ {words}", self.step);
    }

    /// A step was seen: a picture shows it.
    pub async fn seen_in(&mut self, window: &Window, name: &str, words: &str) -> Result<()> {
        let file = self
            .pictures
            .join(format!("{:02}-{name}.png", self.step + 1));
        window
            .picture(&file)
            .await
            .with_context(|| format!("no picture of: {words}"))?;
        self.seen(words);
        Ok(())
    }
}
