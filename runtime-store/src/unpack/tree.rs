//! What the archive has named so far: finds duplicates, collisions and files used as folders, at a
//! cost per entry that depends on its name alone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Refusal;
use super::names::folded;

/// The root's number; all others count up from it.
pub(super) const ROOT: u32 = 0;

/// Names by folder and folded form.
pub(super) struct Tree {
    nodes: HashMap<(u32, Box<str>), Node>,
    last: u32,
    left: u64,
    max: u64,
    folders: u64,
}

struct Node {
    /// As first written, where that is not the folded form.
    written: Option<Box<str>>,
    kind: NodeKind,
}

#[derive(Clone, Copy)]
enum NodeKind {
    File,
    /// `listed`: it had an entry of its own, so that another one is a duplicate.
    Folder {
        number: u32,
        listed: bool,
    },
}

/// Where something new goes: which folders of its path are there already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// How many leading components are folders that were there before.
    pub(super) existing: usize,
    /// The number of the folder that is its parent (for a folder: its own).
    pub(super) folder: u32,
}

impl Tree {
    pub(super) fn new(max: u64) -> Self {
        Self {
            nodes: HashMap::new(),
            last: ROOT,
            left: max,
            max,
            folders: 0,
        }
    }

    /// Folders named or implied so far.
    pub(super) fn folders(&self) -> u64 {
        self.folders
    }

    /// Adds a folder by an entry of its own.
    pub(super) fn folder(&mut self, path: &[&str]) -> Result<Place, Refusal> {
        self.walk(path, true)
    }

    /// Adds a file.
    pub(super) fn file(&mut self, path: &[&str]) -> Result<Place, Refusal> {
        let Some((name, parents)) = path.split_last() else {
            return Err(Refusal::OutsidePackage);
        };
        let place = self.walk(parents, false)?;
        match self.nodes.entry(key(place.folder, name)) {
            Entry::Occupied(other) => {
                same_name(other.get(), name, other.key())?;
                Err(match other.get().kind {
                    NodeKind::File => Refusal::Duplicate,
                    NodeKind::Folder { .. } => Refusal::FileAndFolder,
                })
            }
            Entry::Vacant(vacant) => {
                self.left = self.left.checked_sub(1).ok_or(Refusal::TooMany(self.max))?;
                let written = written(name, &vacant.key().1);
                vacant.insert(Node {
                    written,
                    kind: NodeKind::File,
                });
                Ok(place)
            }
        }
    }

    fn walk(&mut self, path: &[&str], list_last: bool) -> Result<Place, Refusal> {
        let mut place = Place {
            existing: 0,
            folder: ROOT,
        };
        for (index, name) in path.iter().enumerate() {
            let listing = list_last && index + 1 == path.len();
            match self.nodes.entry(key(place.folder, name)) {
                Entry::Occupied(mut there) => {
                    same_name(there.get(), name, there.key())?;
                    match &mut there.get_mut().kind {
                        NodeKind::File => return Err(Refusal::FileAndFolder),
                        NodeKind::Folder { listed: true, .. } if listing => {
                            return Err(Refusal::Duplicate);
                        }
                        NodeKind::Folder { number, listed } => {
                            *listed |= listing;
                            place = Place {
                                existing: index + 1,
                                folder: *number,
                            };
                        }
                    }
                }
                Entry::Vacant(vacant) => {
                    self.left = self.left.checked_sub(1).ok_or(Refusal::TooMany(self.max))?;
                    // Cannot overflow before `left` is used up, unless a limit is absurd.
                    self.last = self.last.checked_add(1).ok_or(Refusal::TooMany(self.max))?;
                    self.folders += 1;
                    let written = written(name, &vacant.key().1);
                    let kind = NodeKind::Folder {
                        number: self.last,
                        listed: listing,
                    };
                    vacant.insert(Node { written, kind });
                    place.folder = self.last;
                }
            }
        }
        Ok(place)
    }
}

fn key(folder: u32, name: &str) -> (u32, Box<str>) {
    (folder, folded(name).map_or_else(|| name.into(), Into::into))
}

fn written(name: &str, folded: &str) -> Option<Box<str>> {
    (name != folded).then(|| name.into())
}

/// Two names under one key must be written alike.
fn same_name(node: &Node, name: &str, key: &(u32, Box<str>)) -> Result<(), Refusal> {
    let there = node.written.as_deref().unwrap_or(&key.1);
    if there == name {
        Ok(())
    } else {
        Err(Refusal::Collides(there.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_are_there_already_are_told_from_new_ones() {
        let mut tree = Tree::new(100);
        assert_eq!(
            tree.file(&["a", "b", "x"]),
            Ok(Place {
                existing: 0,
                folder: 2
            })
        );
        assert_eq!(
            tree.file(&["a", "b", "y"]),
            Ok(Place {
                existing: 2,
                folder: 2
            })
        );
        assert_eq!(
            tree.file(&["a", "c", "y"]),
            Ok(Place {
                existing: 1,
                folder: 3
            })
        );
        assert_eq!(
            tree.file(&["z"]),
            Ok(Place {
                existing: 0,
                folder: ROOT
            })
        );
        assert_eq!(tree.folders(), 3);
    }

    #[test]
    fn folders_collide_across_files() {
        let mut tree = Tree::new(100);
        tree.file(&["A", "x"]).unwrap();
        assert_eq!(tree.file(&["a", "y"]), Err(Refusal::Collides("A".into())));
        assert_eq!(tree.folder(&["a"]), Err(Refusal::Collides("A".into())));
        assert_eq!(tree.file(&["A", "X"]), Err(Refusal::Collides("x".into())));
    }

    #[test]
    fn a_folder_may_be_implied_and_then_listed_once() {
        let mut tree = Tree::new(100);
        tree.file(&["a", "x"]).unwrap();
        assert!(tree.folder(&["a"]).is_ok());
        assert_eq!(tree.folder(&["a"]), Err(Refusal::Duplicate));
        assert_eq!(tree.file(&["a", "x"]), Err(Refusal::Duplicate));
    }

    #[test]
    fn nothing_is_both_file_and_folder() {
        let mut tree = Tree::new(100);
        tree.file(&["a"]).unwrap();
        assert_eq!(tree.file(&["a", "x"]), Err(Refusal::FileAndFolder));
        assert_eq!(tree.folder(&["a"]), Err(Refusal::FileAndFolder));
        tree.folder(&["b"]).unwrap();
        assert_eq!(tree.file(&["b"]), Err(Refusal::FileAndFolder));
    }

    #[test]
    fn implied_folders_count_as_entries() {
        let mut tree = Tree::new(3);
        tree.file(&["a", "b", "x"]).unwrap();
        assert_eq!(tree.file(&["y"]), Err(Refusal::TooMany(3)));
        assert_eq!(tree.folder(&["c"]), Err(Refusal::TooMany(3)));
    }
}
