//! A verified repository: what it names, and the small files it names.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tough::schema::Root;

use crate::TrustError;
use crate::address::{shown, target as target_url};
use crate::delegation;
use crate::fetch::Wire;
use crate::held::Held;
use crate::judge::whole_seconds;
use crate::state::{State, Whole};
use crate::target::TargetInfo;
use crate::trust::Inner;
use crate::update::Update;

/// What a repository said when it was verified, as one piece: a timestamp, the snapshot it names, the
/// targets that one names. It stays what it is; a later refresh gives another one.
#[derive(Debug)]
pub struct Repository {
    inner: Arc<Inner>,
    root: Held<Root>,
    whole: Whole,
    source: Source,
    session: Mutex<Session>,
}

/// Whom to ask for what is not kept here.
#[derive(Debug)]
pub(crate) enum Source {
    /// The host of the refresh, with the refresh's time.
    Host(Wire, Timestamp),
    /// Nobody: only what is kept counts, and no clock.
    Kept,
}

/// What may still grow: delegated roles that were looked into.
#[derive(Debug)]
struct Session {
    state: State,
    generation: u64,
}

impl Repository {
    pub(crate) fn new(
        inner: Arc<Inner>,
        whole: Whole,
        source: Source,
        state: State,
        generation: u64,
    ) -> Self {
        Self {
            inner,
            root: state.roots.newest().clone(),
            whole,
            source,
            session: Mutex::new(Session { state, generation }),
        }
    }

    /// When the first of its roles expires, in whole seconds: from then on it must not be acted on.
    /// Delegated roles are judged when they are looked into.
    pub fn expires(&self) -> Timestamp {
        let earliest = self
            .root
            .role()
            .expires
            .min(self.whole.timestamp.role().expires)
            .min(self.whole.snapshot.role().expires)
            .min(self.whole.targets.role().expires);
        whole_seconds(earliest)
    }

    /// When the timestamp was signed, in whole seconds: its signed field `x-signedAt`, which other
    /// publishers' tools do not write.
    pub fn signed_at(&self) -> Option<Timestamp> {
        let text = self.whole.timestamp.role()._extra.get("x-signedAt")?;
        text.as_str()?.parse().ok().map(whole_seconds)
    }

    /// What the targets themselves say of `name`. Does not look into delegated roles; see
    /// [`find`](Self::find).
    pub fn target(&self, name: &str) -> Option<TargetInfo> {
        delegation::own(self.whole.targets.role(), name)
    }

    /// What the targets, or a role they delegate to, say of `name`. Asks the host for delegated roles
    /// that are not kept.
    ///
    /// # Errors
    ///
    /// A delegated role on the way cannot be had or believed.
    pub async fn find(&self, name: &str) -> Result<Option<TargetInfo>, TrustError> {
        let top = &self.whole.targets;
        if top.role().delegations.is_none() {
            return Ok(self.target(name));
        }
        let (wire, now) = match &self.source {
            Source::Host(wire, now) => (wire.clone(), *now),
            Source::Kept => (Wire::nowhere(), Timestamp::MIN),
        };
        let update = Update {
            wire: &wire,
            base: &self.inner.metadata,
            limits: &self.inner.limits,
            now,
        };
        let mut session = self.session.lock().await;
        let before = session.state.delegated.len();
        let snapshot = self.whole.snapshot.role();
        let search = delegation::find(&update, &mut session.state, snapshot, top, name);
        let found = self.inner.in_time(search).await;
        if session.state.delegated.len() != before {
            // They are only there to be asked for once: whoever else changed the store was right.
            match self.inner.commit(session.generation, &session.state).await {
                Ok(Some(generation)) => session.generation = generation,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "delegated roles are not kept"),
            }
        }
        found
    }

    /// The bytes of a target, verified: the kept ones where they are there and right, else the host's,
    /// which are then kept. None where the repository does not name it. For small files: all of it is
    /// held in memory.
    ///
    /// # Errors
    ///
    /// [`TrustError::TooLarge`] where it is signed with more than `limit` bytes;
    /// [`TrustError::NotKept`] where it is not kept and this came from [`Trust::kept`];
    /// [`TrustError::Mismatch`] where the host has other bytes.
    ///
    /// [`Trust::kept`]: crate::Trust::kept
    pub async fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, TrustError> {
        let Some(info) = self.find(name).await? else {
            return Ok(None);
        };
        let base = &self.inner.targets;
        let consistent = self.root.role().consistent_snapshot;
        let digest = consistent.then_some(&*info.sha256);
        let Some(url) = target_url(base, name, digest) else {
            return Err(TrustError::Mismatch {
                url: shown(base),
                why: format!("`{name}` is no name of a file below it"),
            });
        };
        if info.length > limit {
            return Err(TrustError::TooLarge {
                url: shown(&url),
                limit,
            });
        }
        if let Some(bytes) = self.inner.kept(&info).await? {
            return Ok(Some(bytes));
        }
        let Source::Host(wire, _) = &self.source else {
            return Err(TrustError::NotKept {
                name: name.to_owned(),
            });
        };
        let bytes = self
            .inner
            .in_time(wire.must_get(&url, info.length))
            .await?
            .to_vec();
        info.check(&bytes).map_err(|why| TrustError::Mismatch {
            url: shown(&url),
            why,
        })?;
        if let Err(error) = self.inner.keep(&info, bytes.clone()).await {
            tracing::warn!(%error, name, "a target could not be kept for later");
        }
        Ok(Some(bytes))
    }
}
