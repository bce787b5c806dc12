//! The list of devices: what is asked of it, and the page that answers.

use std::cmp::Ordering;

use fleet::State;
use fleet::operator::Seen;
use jiff::Timestamp;
use rollout::fleet::Name;
use serde::Deserialize;

use super::wire::{Page, Row, short};
use rollout::Version;

/// Devices on one page.
const ROWS: usize = 100;

/// A query as it comes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    filter: String,
    version: String,
    state: String,
    group: String,
    late: String,
    sort: String,
    page: String,
}

/// A query that can be answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    /// Part of the id, in small letters.
    filter: String,
    runs: Runs,
    /// One of these; any where there is none.
    states: Vec<State>,
    group: Option<Name>,
    late: bool,
    sort: Sort,
    descending: bool,
    /// From 1.
    page: usize,
}

/// What is to run there.
#[derive(Debug, Clone, PartialEq)]
enum Runs {
    Anything,
    Nothing,
    Version(Version),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Device,
    Version,
    State,
    Target,
    Failures,
    Seen,
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` cannot be `{value}`")]
pub(super) struct Wrong {
    name: &'static str,
    value: String,
}

impl Asked {
    pub(super) fn query(&self) -> Result<Query, Wrong> {
        let wrong = |name, value: &str| Wrong {
            name,
            value: short(value, 64),
        };
        if self.filter.len() > 64 {
            return Err(wrong("filter", &self.filter));
        }
        let runs = match self.version.as_str() {
            "" => Runs::Anything,
            "none" => Runs::Nothing,
            text => Runs::Version(text.parse().map_err(|_| wrong("version", text))?),
        };
        let states = self.state.split(',').filter(|it| !it.is_empty());
        let state = |text: &str| {
            let state = serde_json::from_value(text.into());
            state.map_err(|_| wrong("state", text))
        };
        let group = match self.group.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| wrong("group", text))?),
        };
        let late = match self.late.as_str() {
            "" | "0" => false,
            "1" => true,
            text => return Err(wrong("late", text)),
        };
        let (sort, descending) = match self.sort.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (self.sort.as_str(), false),
        };
        let sort = match sort {
            "" | "device" => Sort::Device,
            "version" => Sort::Version,
            "state" => Sort::State,
            "target" => Sort::Target,
            "failures" => Sort::Failures,
            "seen" => Sort::Seen,
            text => return Err(wrong("sort", text)),
        };
        let page = match self.page.as_str() {
            "" => 1,
            text => (text.parse().ok().filter(|it| *it >= 1)).ok_or(wrong("page", text))?,
        };
        Ok(Query {
            filter: self.filter.to_ascii_lowercase(),
            runs,
            states: states.map(state).collect::<Result<_, _>>()?,
            group,
            late,
            sort,
            descending,
            page,
        })
    }
}

impl Runs {
    fn suits(&self, version: Option<&Version>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => version.is_none(),
            Self::Version(wanted) => version == Some(wanted),
        }
    }
}

impl Query {
    fn suits(&self, seen: &Seen, now: Timestamp) -> bool {
        let standing = &seen.runtime;
        (self.filter.is_empty() || contains(seen.device.as_str(), &self.filter))
            && self.runs.suits(standing.version.as_ref())
            && (self.states.is_empty() || self.states.contains(&standing.state))
            && (self.group.as_ref()).is_none_or(|it| seen.groups.contains(it))
            && (!self.late || seen.is_late(now))
    }

    fn order(&self, a: &Seen, b: &Seen) -> Ordering {
        let by = match self.sort {
            Sort::Device => Ordering::Equal,
            Sort::Version => versions(a.runtime.version.as_ref(), b.runtime.version.as_ref()),
            Sort::State => a.runtime.state.cmp(&b.runtime.state),
            Sort::Target => versions(a.runtime.target.as_ref(), b.runtime.target.as_ref()),
            Sort::Failures => (failures(a), a.failures.infrastructure)
                .cmp(&(failures(b), b.failures.infrastructure)),
            // The one that was heard last comes first: it is the smallest time ago.
            Sort::Seen => b.heard.cmp(&a.heard),
        };
        let by = by.then_with(|| match self.sort {
            Sort::Device => a.device.cmp(&b.device),
            _ => Ordering::Equal,
        });
        let by = if self.descending { by.reverse() } else { by };
        // Equals keep one order, so that pages neither miss nor repeat a device.
        by.then_with(|| a.device.cmp(&b.device))
    }

    /// The page of `all` that is asked for; the last one where there are fewer.
    pub(super) fn answer<'a>(&self, all: impl Iterator<Item = &'a Seen>, now: Timestamp) -> Page {
        let mut found: Vec<_> = all.filter(|seen| self.suits(seen, now)).collect();
        let pages = found.len().div_ceil(ROWS).max(1);
        let page = self.page.min(pages);
        let from = (page - 1) * ROWS;
        let to = (from + ROWS).min(found.len());
        // Only the page itself is put in order; what comes before and after it need not be.
        if from > 0 {
            found.select_nth_unstable_by(from, |a, b| self.order(a, b));
        }
        if to < found.len() && to > from {
            found[from..].select_nth_unstable_by(to - from, |a, b| self.order(a, b));
        }
        let shown = &mut found[from..to];
        shown.sort_unstable_by(|a, b| self.order(a, b));
        Page {
            rows: shown.iter().map(|seen| row(seen, now)).collect(),
            total: found.len(),
            page,
            pages,
        }
    }
}

fn versions(a: Option<&Version>, b: Option<&Version>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.precedence(b).then_with(|| a.as_str().cmp(b.as_str())),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn failures(seen: &Seen) -> u64 {
    let failures = seen.failures;
    [
        failures.fell_back,
        failures.crash_loops,
        failures.rehearsals,
    ]
    .map(u64::from)
    .iter()
    .sum()
}

/// Whether `part`, in small letters, is in `name`, whatever the case. Names are ASCII.
fn contains(name: &str, part: &str) -> bool {
    let (name, part) = (name.as_bytes(), part.as_bytes());
    name.windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

fn row(seen: &Seen, now: Timestamp) -> Row {
    let standing = &seen.runtime;
    let agent = seen.agent.as_ref().and_then(|it| it.version.as_ref());
    Row {
        device: seen.device.to_string(),
        groups: seen
            .groups
            .iter()
            .map(ToString::to_string)
            .take(8)
            .collect(),
        version: standing.version.as_ref().map(ToString::to_string),
        state: standing.state,
        target: standing.target.as_ref().map(ToString::to_string),
        scope: standing.scope.as_ref().map(ToString::to_string),
        reason: short(&standing.reason, 64),
        detail: short(&standing.detail, 200),
        seen: seen.heard,
        late: seen.is_late(now),
        platform: short(&seen.platform, 40),
        agent: agent.map(ToString::to_string),
        failures: failures(seen),
        infrastructure: seen.failures.infrastructure.into(),
        unsent: seen.unsent,
    }
}

#[cfg(test)]
mod tests;
