//! `fingerprints.json`: what the bundled runtime's trees hold, so that a tree that did not change is
//! not read again at every start.
//!
//! A tree is known again by a glance: bundled version, path, and the names, modes, sizes and times in
//! it. The file is a memory and no truth: lost or unreadable, the trees are read once more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rollout::Version;
use serde::{Deserialize, Serialize};

use crate::carry::{self, CarryError};
use crate::files::{self, Found};
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::shell::Bundled;
use crate::{StoreError, durable};

const SCHEMA: u32 = 1;

/// How many trees are remembered: those of a few bundled runtimes, as several shells have them.
const MOST: usize = 16;

/// The fingerprints of one bundled runtime's trees.
#[derive(Debug)]
pub(crate) struct Fingerprints {
    layout: Layout,
    dir: PathBuf,
    version: Version,
    memory: Memory,
    /// What was asked for already.
    told: BTreeMap<String, Option<String>>,
    learnt: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    schema: u32,
    /// The one learnt last comes last.
    trees: Vec<Tree>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tree {
    version: Version,
    path: String,
    glance: String,
    fingerprint: String,
}

impl Fingerprints {
    pub(crate) fn load(layout: &Layout, bundled: &Bundled) -> Self {
        let memory = match files::read_schema(&layout.fingerprints(), SCHEMA.into()) {
            Ok(Found::Valid(memory)) => memory,
            Ok(Found::Missing | Found::Newer(..) | Found::Invalid(_)) | Err(_) => Memory {
                schema: SCHEMA,
                trees: Vec::new(),
            },
        };
        Self {
            layout: layout.clone(),
            dir: bundled.dir.clone(),
            version: bundled.version.clone(),
            memory,
            told: BTreeMap::new(),
            learnt: false,
        }
    }

    /// The fingerprint of the tree at `path`; none where nothing is there.
    pub(crate) fn of(&mut self, path: &str) -> Result<Option<String>, CarryError> {
        if let Some(told) = self.told.get(path) {
            return Ok(told.clone());
        }
        let fingerprint = self.look(path)?;
        self.told.insert(path.to_owned(), fingerprint.clone());
        Ok(fingerprint)
    }

    fn look(&mut self, path: &str) -> Result<Option<String>, CarryError> {
        let Some(glance) = carry::glance(&self.dir, path)? else {
            return Ok(None);
        };
        let known = self.memory.trees.iter().find(|tree| {
            tree.glance == glance
                && tree.path == path
                // Its very text: precedence does not tell two builds of a version apart.
                && tree.version.as_str() == self.version.as_str()
        });
        if let Some(known) = known {
            return Ok(Some(known.fingerprint.clone()));
        }
        let fingerprint = carry::fingerprint(&self.dir, path)?;
        if let Some(fingerprint) = &fingerprint {
            self.memory.trees.push(Tree {
                version: self.version.clone(),
                path: path.to_owned(),
                glance,
                fingerprint: fingerprint.clone(),
            });
            self.learnt = true;
        }
        Ok(fingerprint)
    }

    /// Writes down what was learnt, best effort.
    pub(crate) fn save(mut self) {
        if !self.learnt {
            return;
        }
        let old = self.memory.trees.len().saturating_sub(MOST);
        self.memory.trees.drain(..old);
        if let Err(error) = self.write() {
            tracing::debug!(%error, "the bundled trees are read again next time");
        }
    }

    fn write(&self) -> Result<(), StoreError> {
        let path = self.layout.fingerprints();
        let _lock = StoreLock::take(&self.layout)?;
        if let Ok(Found::Newer(schema, _)) = files::read_schema::<Memory>(&path, SCHEMA.into()) {
            return Err(StoreError::NewerSchema { path, schema });
        }
        durable::write_json(&path, &self.memory)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{Bench, v};

    const PTY: &str = "node_modules/node-pty";

    fn bundle(bench: &Bench, content: &str) {
        let dir = bench.shell.bundled.dir.join(PTY).join("lib");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("pty.node"), content).unwrap();
    }

    fn ask(bench: &Bench) -> Option<String> {
        let mut fingerprints = Fingerprints::load(bench.store.layout(), &bench.shell.bundled);
        let fingerprint = fingerprints.of(PTY).unwrap();
        fingerprints.save();
        fingerprint
    }

    /// Makes the memory say what no tree has, to see who believes it.
    fn plant(bench: &Bench) {
        let path = bench.path("fingerprints.json");
        let mut memory: Memory = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for tree in &mut memory.trees {
            tree.fingerprint = "planted".to_owned();
        }
        fs::write(&path, serde_json::to_vec(&memory).unwrap()).unwrap();
    }

    #[test]
    fn a_tree_that_did_not_change_is_not_read_again() {
        let bench = Bench::new();
        bundle(&bench, "one");
        let read = carry::fingerprint(&bench.shell.bundled.dir, PTY).unwrap();
        assert_eq!(ask(&bench), read);
        plant(&bench);
        assert_eq!(ask(&bench).as_deref(), Some("planted"));
    }

    #[test]
    fn another_size_name_or_bundled_version_is_read() {
        type Change = fn(&mut Bench);
        let changes: [Change; 3] = [
            |bench| bundle(bench, "longer"),
            |bench| {
                let lib = bench.shell.bundled.dir.join(PTY).join("lib");
                fs::rename(lib.join("pty.node"), lib.join("new.node")).unwrap();
            },
            |bench| bench.shell.bundled.version = v("1.0.1"),
        ];
        for change in changes {
            let mut bench = Bench::new();
            bundle(&bench, "one");
            ask(&bench);
            plant(&bench);
            change(&mut bench);
            let read = carry::fingerprint(&bench.shell.bundled.dir, PTY).unwrap();
            assert!(read.is_some());
            assert_eq!(ask(&bench), read);
        }
    }

    #[test]
    fn an_unreadable_memory_is_made_anew_a_newer_one_stays_and_a_missing_tree_has_none() {
        let bench = Bench::new();
        assert_eq!(ask(&bench), None);
        bundle(&bench, "one");
        let path = bench.path("fingerprints.json");
        fs::write(&path, "garbage").unwrap();
        let read = ask(&bench);
        plant(&bench);
        assert_eq!(ask(&bench).as_deref(), Some("planted"));
        let newer = r#"{"schema":2}"#;
        fs::write(&path, newer).unwrap();
        assert_eq!(ask(&bench), read);
        assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    }

    #[test]
    fn only_so_many_trees_are_remembered() {
        let mut bench = Bench::new();
        bundle(&bench, "one");
        for patch in 0..=MOST {
            bench.shell.bundled.version = v(&format!("1.0.{patch}"));
            ask(&bench);
        }
        let bytes = fs::read(bench.path("fingerprints.json")).unwrap();
        let memory: Memory = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(memory.trees.len(), MOST);
        assert_eq!(memory.trees[0].version, v("1.0.1"));
    }
}
