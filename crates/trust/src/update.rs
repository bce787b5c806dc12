//! One refresh: the steps of a client, in the order the specification gives them.

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tough::schema::{Metafile, Snapshot, Targets};
use url::Url;

use crate::address::{metadata, shown};
use crate::fetch::Wire;
use crate::held::Held;
use crate::judge::{self, Flaw, News};
use crate::state::{State, Whole, targets_of};
use crate::{Limits, TrustError};

/// What a refresh works with.
#[derive(Debug)]
pub(crate) struct Update<'a> {
    pub(crate) wire: &'a Wire,
    /// The folder of the metadata.
    pub(crate) base: &'a Url,
    pub(crate) limits: &'a Limits,
    /// Expiry is judged at this one moment.
    pub(crate) now: Timestamp,
}

impl Update<'_> {
    /// Brings `state` up to date. Where a step fails, or this is dropped in the middle, `state` has
    /// what was verified until then.
    pub(crate) async fn run(&self, state: &mut State) -> Result<(), TrustError> {
        self.roots(state).await?;
        judge::in_time("root", state.root(), self.now)?;
        let timestamp = self.timestamp(state).await?;
        let meta = judge::snapshot_of(timestamp.role())
            .map_err(|flaw| flaw.at(shown(&metadata(self.base, "timestamp.json"))))?;
        let snapshot = self.snapshot(state, meta).await?;
        let meta = targets_of(snapshot.role())
            .map_err(|flaw| flaw.at(shown(&metadata(self.base, judge::SNAPSHOT))))?;
        let targets = self.targets(state, meta).await?;
        state
            .delegated
            .retain(|name, _| snapshot.role().meta.contains_key(&format!("{name}.json")));
        state.whole = Some(Whole {
            timestamp,
            snapshot,
            targets,
        });
        Ok(())
    }

    /// Root after root until there is no newer one. Only "not found" means that there is none.
    async fn roots(&self, state: &mut State) -> Result<(), TrustError> {
        for count in 0.. {
            let version = state.roots.newest().version().saturating_add(1);
            let url = metadata(self.base, &format!("{version}.root.json"));
            let Some(bytes) = self.wire.get(&url, self.limits.root).await? else {
                break;
            };
            if count == self.limits.roots {
                return Err(TrustError::TooMany {
                    url: shown(&url),
                    what: "roots",
                    limit: count,
                });
            }
            let next = parse(bytes, &url)?;
            let before = state.roots.newest().clone();
            state
                .roots
                .push(next)
                .map_err(|flaw| flaw.at(shown(&url)))?;
            state.after_root(before.role());
        }
        Ok(())
    }

    async fn timestamp(
        &self,
        state: &mut State,
    ) -> Result<Held<tough::schema::Timestamp>, TrustError> {
        let url = metadata(self.base, "timestamp.json");
        let bytes = self.wire.must_get(&url, self.limits.timestamp).await?;
        let offered = parse(bytes, &url)?;
        let seen = state.timestamp.as_ref();
        let news = judge::timestamp(state.root(), seen.map(Held::signed), Held::signed(&offered))
            .map_err(|flaw| flaw.at(shown(&url)))?;
        let taken = match (news, seen) {
            (News::Same, Some(seen)) => seen.clone(),
            _ => offered,
        };
        judge::in_time("timestamp", taken.role(), self.now)?;
        state.timestamp = Some(taken.clone());
        Ok(taken)
    }

    async fn snapshot(
        &self,
        state: &mut State,
        meta: &Metafile,
    ) -> Result<Held<Snapshot>, TrustError> {
        let stored = state.snapshot.as_ref();
        let url = self.versioned(state, meta, "snapshot");
        let judged = |offered: &Held<Snapshot>| {
            judge::snapshot(state.root(), meta, stored.map(Held::signed), offered)
        };
        let taken = self
            .stored_or_fetched(stored, &url, meta, self.limits.snapshot, judged)
            .await?;
        judge::in_time("snapshot", taken.role(), self.now)?;
        state.snapshot = Some(taken.clone());
        Ok(taken)
    }

    async fn targets(
        &self,
        state: &mut State,
        meta: &Metafile,
    ) -> Result<Held<Targets>, TrustError> {
        let stored = state.targets.as_ref();
        let url = self.versioned(state, meta, "targets");
        let judged = |offered: &Held<Targets>| judge::targets(state.root(), meta, offered);
        let taken = self
            .stored_or_fetched(stored, &url, meta, self.limits.targets, judged)
            .await?;
        judge::in_time("targets", taken.role(), self.now)?;
        state.targets = Some(taken.clone());
        Ok(taken)
    }

    /// A delegated role, by the keys of the role that delegates to it here.
    pub(crate) async fn delegated(
        &self,
        state: &mut State,
        delegator: &tough::schema::Delegations,
        name: &str,
        meta: &Metafile,
    ) -> Result<Held<Targets>, TrustError> {
        let stored = state.delegated.get(name);
        let url = self.versioned(state, meta, name);
        let judged = |offered: &Held<Targets>| judge::delegated(delegator, name, meta, offered);
        let taken = self
            .stored_or_fetched(stored, &url, meta, self.limits.targets, judged)
            .await?;
        judge::in_time(name, taken.role(), self.now)?;
        state.delegated.insert(name.to_owned(), taken.clone());
        Ok(taken)
    }

    /// The stored metadata where it is what is wanted now, else what the host has.
    async fn stored_or_fetched<T: DeserializeOwned>(
        &self,
        stored: Option<&Held<T>>,
        url: &Url,
        meta: &Metafile,
        limit: u64,
        judged: impl Fn(&Held<T>) -> Result<(), Flaw>,
    ) -> Result<Held<T>, TrustError> {
        if let Some(stored) = stored
            && judged(stored).is_ok()
        {
            return Ok(stored.clone());
        }
        let limit = meta.length.map_or(limit, |length| length.min(limit));
        let bytes = self.wire.must_get(url, limit).await?;
        let at = |flaw: Flaw| flaw.at(shown(url));
        judge::are_bytes(meta, &bytes).map_err(at)?;
        let offered = parse(bytes, url)?;
        judged(&offered).map_err(at)?;
        Ok(offered)
    }

    fn versioned(&self, state: &State, meta: &Metafile, name: &str) -> Url {
        let file = if state.root().consistent_snapshot {
            format!("{}.{name}.json", meta.version)
        } else {
            format!("{name}.json")
        };
        metadata(self.base, &file)
    }
}

fn parse<T: DeserializeOwned>(bytes: Bytes, url: &Url) -> Result<Held<T>, TrustError> {
    Held::parse(bytes).map_err(|error| TrustError::Malformed {
        url: shown(url),
        why: error.to_string(),
    })
}
