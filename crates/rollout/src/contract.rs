//! What a runtime needs of the app that hosts it, what that app offers, and the one gate between.
//!
//! A runtime says it in its package.json, the app in its configuration:
//!
//! ```text
//! "refit": { "contract": 2, "requires": ["tray"] }
//! "host":  { "contract": 2, "from": 1, "offers": ["tray", "dialogs"] }
//! ```
//!
//! `engines` ask for versions of programs; the contract asks for what the two have agreed upon,
//! whichever release brought it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Real packages ask for a handful; a hostile one is not to fill a record or a page.
const MOST_FEATURES: usize = 64;
const LONGEST_FEATURE: usize = 64;

/// What a runtime needs of its host. One that says nothing needs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The contract that it was written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<u32>,
    /// Features of the host without which it cannot run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
}

/// What a host offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Offers {
    /// The newest contract that it honours.
    pub contract: u32,
    /// The oldest contract that it still honours.
    pub from: u32,
    /// Its features, by the names that the two have agreed upon.
    pub offers: BTreeSet<String>,
}

/// Why a runtime cannot run in this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Unmet {
    /// What it needs cannot be told.
    Malformed {
        /// What is wrong with its declaration.
        detail: String,
    },
    /// It was written for a contract that this host does not know yet.
    TooNew {
        /// The contract that it needs.
        needs: u32,
        /// The newest that the host offers.
        offered: u32,
    },
    /// It was written for a contract that this host honours no more.
    TooOld {
        /// The contract that it needs.
        needs: u32,
        /// The oldest that the host offers.
        from: u32,
    },
    /// The host has not every feature.
    Missing {
        /// Those that are missing, sorted.
        features: Vec<String>,
    },
}

/// Whether a host that offers `offers` can run what needs `needs`.
pub fn gate(needs: &Needs, offers: &Offers) -> Result<(), Unmet> {
    if let Some(needs) = needs.contract {
        if needs > offers.contract {
            let offered = offers.contract;
            return Err(Unmet::TooNew { needs, offered });
        }
        if needs < offers.from {
            let from = offers.from;
            return Err(Unmet::TooOld { needs, from });
        }
    }
    let missing: BTreeSet<_> = needs
        .requires
        .iter()
        .filter(|feature| !offers.offers.contains(*feature))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let features = missing.into_iter().collect();
    Err(Unmet::Missing { features })
}

impl Needs {
    /// What a package.json declares. Without `refit` in it, nothing. Keys that are not known here are
    /// a newer contract's, which then says so in `contract`.
    pub fn of_package_json(package: &Value) -> Result<Self, Unmet> {
        match package.get("refit") {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Object(refit)) => Ok(Self {
                contract: contract(refit)?,
                requires: requires(refit)?,
            }),
            Some(_) => Err(malformed("`refit` is not an object")),
        }
    }
}

fn contract(refit: &Map<String, Value>) -> Result<Option<u32>, Unmet> {
    match refit.get("contract") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number > 0)
            .map(Some)
            .ok_or_else(|| malformed("`refit.contract` is not a whole number from 1")),
    }
}

fn requires(refit: &Map<String, Value>) -> Result<Vec<String>, Unmet> {
    let list = match refit.get("requires") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= MOST_FEATURES => list,
        Some(_) => {
            return Err(malformed(&format!(
                "`refit.requires` is not a list of at most {MOST_FEATURES} names"
            )));
        }
    };
    list.iter()
        .map(|name| {
            name.as_str()
                .filter(|name| is_name(name))
                .map(str::to_owned)
                .ok_or_else(|| malformed("`refit.requires` names something that is no name"))
        })
        .collect()
}

/// It is shown to people and compared byte by byte.
fn is_name(text: &str) -> bool {
    (1..=LONGEST_FEATURE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn malformed(detail: &str) -> Unmet {
    Unmet::Malformed {
        detail: detail.to_owned(),
    }
}

impl Default for Offers {
    /// The first contract, and no feature beside it.
    fn default() -> Self {
        Self {
            contract: 1,
            from: 1,
            offers: BTreeSet::new(),
        }
    }
}

impl Unmet {
    /// The word for it in reports and exit reasons.
    pub fn code(&self) -> &'static str {
        "contract"
    }
}

impl fmt::Display for Unmet {
    /// Reads on after "it".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { detail } => write!(
                f,
                "does not say readably what it needs of this app: {detail}"
            ),
            Self::TooNew { needs, offered } => write!(
                f,
                "needs the host contract {needs}, this app offers {offered}"
            ),
            Self::TooOld { needs, from } => write!(
                f,
                "needs the host contract {needs}, this app offers none before {from}"
            ),
            Self::Missing { features } => {
                write!(
                    f,
                    "needs what this app does not offer: {}",
                    features.join(", ")
                )
            }
        }
    }
}

impl std::error::Error for Unmet {}

#[cfg(test)]
mod tests;
