//! `bad-versions.json`: what failed here, by (version, integrity).

use jiff::Timestamp;
use rollout::{BadEntry, BadReason, Version};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::files::{self, Found};
use crate::layout::Layout;
use crate::{StoreError, durable};

/// The schema that this shell writes.
const SCHEMA: u32 = 1;

/// The bad list. docs/formats/bad-versions.json.md has a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BadList {
    schema: u32,
    #[serde(rename = "bad")]
    items: Vec<Item>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// One entry; one that this shell cannot read stays in the file as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Item {
    Known {
        #[serde(flatten)]
        entry: BadEntry,
        #[serde(flatten)]
        extra: Map<String, Value>,
    },
    Odd(Odd),
    Unknown(Value),
}

/// An entry that says plainly what it is about and the rest in a way that this shell cannot read.
/// It counts, for the version failed all the same, and stays in the file as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
struct Odd {
    entry: BadEntry,
    raw: Value,
}

impl TryFrom<Value> for Odd {
    type Error = serde_json::Error;

    fn try_from(raw: Value) -> Result<Self, Self::Error> {
        fn read<T: DeserializeOwned>(raw: &Value, name: &str) -> Result<T, serde_json::Error> {
            T::deserialize(raw.get(name).unwrap_or(&Value::Null))
        }
        let entry = BadEntry {
            version: read(&raw, "version")?,
            integrity: read(&raw, "integrity")?,
            reason: read(&raw, "reason").unwrap_or_else(|_| BadReason::Other("unknown".to_owned())),
            detail: read(&raw, "detail").unwrap_or_default(),
            at: read(&raw, "at").unwrap_or(Timestamp::UNIX_EPOCH),
        };
        Ok(Self { entry, raw })
    }
}

impl From<Odd> for Value {
    fn from(odd: Odd) -> Self {
        odd.raw
    }
}

impl Item {
    /// What it says, if this shell can read whom it is about.
    fn entry(&self) -> Option<&BadEntry> {
        match self {
            Self::Known { entry, .. } | Self::Odd(Odd { entry, .. }) => Some(entry),
            Self::Unknown(_) => None,
        }
    }
}

impl Default for BadList {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            items: Vec::new(),
            extra: Map::new(),
        }
    }
}

impl BadList {
    /// Reads the list. An error means that the file could not even be read.
    pub(crate) fn load(layout: &Layout) -> Result<Found<Self>, StoreError> {
        files::read_schema(&layout.bad_list(), SCHEMA.into())
    }

    /// What a reader can know of the bad versions, and what is wrong with the file. A newer shell's
    /// list counts as far as it can be read: better one entry too many than a bad version run.
    pub(crate) fn read(layout: &Layout) -> Result<(Self, Option<String>), StoreError> {
        let path = layout.bad_list();
        Ok(match Self::load(layout)? {
            Found::Missing => (Self::default(), None),
            Found::Invalid(why) => (Self::default(), Some(files::not_readable(&path, &why))),
            Found::Newer(schema, value) => {
                let list = serde_json::from_value(value).unwrap_or_default();
                (list, Some(files::newer(&path, schema)))
            }
            Found::Valid(list) => {
                let odd = list.unreadable();
                let problem = (odd > 0).then(|| {
                    format!(
                        "`{}` has {odd} entries that this shell cannot read; they are kept",
                        path.display()
                    )
                });
                (list, problem)
            }
        })
    }

    /// The list of a store that is about to be changed; an invalid one is set aside.
    pub(crate) fn load_for_change(layout: &Layout, now: Timestamp) -> Result<Self, StoreError> {
        let path = layout.bad_list();
        match Self::load(layout)? {
            Found::Missing => Ok(Self::default()),
            Found::Valid(list) => Ok(list),
            Found::Newer(schema, _) => Err(StoreError::NewerSchema { path, schema }),
            Found::Invalid(why) => {
                files::set_aside(&path, &why, now)?;
                Ok(Self::default())
            }
        }
    }

    /// Writes it durably.
    pub(crate) fn save(&self, layout: &Layout) -> Result<(), StoreError> {
        durable::write_json(&layout.bad_list(), self)
    }

    /// The entries that this shell can read, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &BadEntry> {
        self.items.iter().filter_map(Item::entry)
    }

    /// Adds an entry, in place of an older one about the same content.
    pub(crate) fn add(&mut self, added: BadEntry) {
        self.items.retain(|item| {
            item.entry()
                .is_none_or(|entry| !entry.is_about(&added.version, &added.integrity))
        });
        self.items.push(Item::Known {
            entry: added,
            extra: Map::new(),
        });
    }

    /// Drops every entry about `version`; says whether there was one.
    pub(crate) fn forgive(&mut self, version: &Version) -> bool {
        let before = self.items.len();
        self.items
            .retain(|item| item.entry().is_none_or(|entry| entry.version != *version));
        self.items.len() < before
    }

    fn unreadable(&self) -> usize {
        self.items
            .iter()
            .filter(|item| item.entry().is_none())
            .count()
    }
}

#[cfg(test)]
mod tests;
