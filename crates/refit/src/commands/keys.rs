//! `refit keys`: the keys that sign a repository.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::keys::{KeyDir, Role};
use crate::output::Answer;

/// Make the keys that sign a repository
#[derive(Debug, clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    New(New),
}

/// Make a new Ed25519 key for each role: root, targets, snapshot and timestamp
///
/// Each key is a file of its own, readable by its owner only. Nothing that is there is overwritten.
#[derive(Debug, clap::Args)]
struct New {
    /// The folder; it is made where it is missing. One for each site
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Keys {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        let Order::New(New { dir }) = self.order;
        let (_, made) = KeyDir::make(&dir)?;
        let mut keys = Vec::<Value>::new();
        for (role, key) in &made {
            let id = key.id()?;
            keys.push(json!({ "role": role, "file": key.path(), "id": id }));
        }
        let root = made
            .iter()
            .find(|(role, _)| *role == Role::Root)
            .map(|(_, key)| key.path().display().to_string())
            .unwrap_or_default();
        Ok(
            Answer::done(json!({ "dir": dir, "keys": keys })).words(format!(
                "Made root.pem, targets.pem, snapshot.pem and timestamp.pem in {}.\n\
                 After `refit repo init`, move {root} to a medium that is kept offline, and keep a second copy \
                 elsewhere:\nwhoever has it decides what your devices trust, and without it no other key can be replaced.",
                dir.display()
            )),
        )
    }
}
