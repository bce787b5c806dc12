//! The one way in: a root to trust, a folder to remember in, a host to ask.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tough::schema::Root;
use url::Url;

use crate::address::shown;
use crate::chain::Roots;
use crate::disk::{Disk, Stored};
use crate::fetch::Wire;
use crate::held::Held;
use crate::repository::{Repository, Source};
use crate::state::{Files, State};
use crate::target::TargetInfo;
use crate::update::Update;
use crate::{Fetch, Limits, TrustError};

/// How often a refresh begins again because another process changed the store meanwhile.
const ATTEMPTS: usize = 3;

/// A signed repository as one device sees it.
#[derive(Debug)]
pub struct Trust {
    inner: Arc<Inner>,
    /// One refresh at a time.
    refreshing: Mutex<()>,
}

pub(crate) struct Inner {
    /// The app's own root. What is wrong with it is said when it is needed.
    root: Result<Held<Root>, TrustError>,
    disk: Disk,
    pub(crate) metadata: Url,
    pub(crate) targets: Url,
    pub(crate) limits: Limits,
}

/// Without what a URL may hold of a login.
impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("root", &self.root)
            .field("disk", &self.disk)
            .field("metadata", &shown(&self.metadata))
            .field("targets", &shown(&self.targets))
            .field("limits", &self.limits)
            .finish()
    }
}

/// What the store held.
#[derive(Debug)]
struct Loaded {
    generation: u64,
    files: Files,
    state: State,
    /// The app's own root took the place of the stored ones.
    anew: bool,
}

impl Trust {
    /// `root` is the content of the `root.json` that the app was built with; `dir` is the folder of
    /// the trust store, made at the first refresh; `metadata` and `targets` are the folders on the
    /// host, with or without a `/` at the end. Touches neither disk nor network; a root that cannot
    /// be used is the error of every later call.
    pub fn new(root: Vec<u8>, dir: PathBuf, metadata: Url, targets: Url, limits: Limits) -> Self {
        let root = Held::parse(Bytes::from(root))
            .map_err(|error| error.to_string())
            .and_then(|root| match Roots::begin(root.clone()) {
                Ok(_) => Ok(root),
                Err(flaw) => Err(flaw.why()),
            })
            .map_err(|why| TrustError::Root { why });
        Self {
            inner: Arc::new(Inner {
                root,
                disk: Disk::new(dir),
                metadata,
                targets,
                limits,
            }),
            refreshing: Mutex::new(()),
        }
    }

    /// Asks the host, verifies, and commits durably what was verified, also where a later step fails.
    /// `now` is the corrected time; expiry is judged at it, and it is not stored.
    ///
    /// # Errors
    ///
    /// Every [`TrustError`] but [`TrustError::NotKept`]. What [`kept`](Self::kept) gives is then what
    /// it was before, unless a newer root took its keys away.
    pub async fn refresh(
        &self,
        fetch: Arc<dyn Fetch>,
        now: Timestamp,
    ) -> Result<Repository, TrustError> {
        let _one = self.refreshing.lock().await;
        let inner = &self.inner;
        let wire = Wire::new(fetch, inner.limits.idle);
        let update = Update {
            wire: &wire,
            base: &inner.metadata,
            limits: &inner.limits,
            now,
        };
        for _ in 0..ATTEMPTS {
            let (before, generation, mut state) = match inner.load().await? {
                Some(loaded) => (loaded.files, loaded.generation, loaded.state),
                None => (Files::new(), 0, inner.fresh()?),
            };
            let outcome = inner.in_time(update.run(&mut state)).await;
            let committed = if state.files() == before {
                Ok(Some(generation))
            } else {
                inner.commit(generation, &state).await
            };
            if let Err(error) = outcome {
                if let Err(error) = committed {
                    tracing::warn!(%error, "what was verified before the failure is not remembered");
                }
                return Err(error);
            }
            // A repository is given out only once it is remembered.
            let Some(generation) = committed? else {
                continue;
            };
            let Some(whole) = state.whole.clone() else {
                break;
            };
            let source = Source::Host(wire, now);
            return Ok(Repository::new(
                Arc::clone(inner),
                whole,
                source,
                state,
                generation,
            ));
        }
        Err(TrustError::Busy {
            path: inner.disk.dir().to_owned(),
        })
    }

    /// The last whole state that was committed, every signature verified again, without network and
    /// without a clock: see [`Repository::expires`]. None where nothing was committed yet, or where
    /// the newest root no longer stands for it.
    ///
    /// # Errors
    ///
    /// The app's root or the store cannot be read, or the store is damaged.
    pub async fn kept(&self) -> Result<Option<Repository>, TrustError> {
        let Some(loaded) = self.inner.load().await? else {
            return Ok(None);
        };
        if loaded.anew {
            tracing::info!("the app brings a root that takes the place of the stored ones");
        }
        Ok(loaded.state.whole.clone().map(|whole| {
            Repository::new(
                Arc::clone(&self.inner),
                whole,
                Source::Kept,
                loaded.state,
                loaded.generation,
            )
        }))
    }
}

impl Inner {
    fn root(&self) -> Result<&Held<Root>, TrustError> {
        self.root.as_ref().map_err(Clone::clone)
    }

    fn fresh(&self) -> Result<State, TrustError> {
        State::begin(self.root()?.clone()).map_err(|flaw| TrustError::Root { why: flaw.why() })
    }

    /// The stored state, with the app's own root heeded.
    async fn load(&self) -> Result<Option<Loaded>, TrustError> {
        let shipped = self.root()?.clone();
        let disk = self.disk.clone();
        self.blocking(move || {
            let Some(Stored {
                generation,
                folder,
                files,
            }) = disk.read()?
            else {
                return Ok(None);
            };
            let mut state = State::of(&files, &folder)?;
            let anew = state
                .heed(&shipped)
                .map_err(|flaw| TrustError::Root { why: flaw.why() })?;
            Ok(Some(Loaded {
                generation,
                files,
                state,
                anew,
            }))
        })
        .await
    }

    /// None where the store has moved on since `generation`.
    pub(crate) async fn commit(
        &self,
        generation: u64,
        state: &State,
    ) -> Result<Option<u64>, TrustError> {
        let (disk, files, named) = (self.disk.clone(), state.files(), state.named());
        self.blocking(move || disk.commit(generation, &files, &named))
            .await
    }

    pub(crate) async fn kept(&self, target: &TargetInfo) -> Result<Option<Vec<u8>>, TrustError> {
        let (disk, target) = (self.disk.clone(), target.clone());
        self.blocking(move || Ok(disk.kept(&target))).await
    }

    pub(crate) async fn keep(&self, target: &TargetInfo, bytes: Vec<u8>) -> Result<(), TrustError> {
        let (disk, digest) = (self.disk.clone(), target.sha256.clone());
        self.blocking(move || disk.keep(&digest, &bytes)).await
    }

    /// Within the deadline for a whole refresh.
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, TrustError>>,
    ) -> Result<T, TrustError> {
        tokio::time::timeout(self.limits.total, work)
            .await
            .unwrap_or_else(|_| {
                Err(TrustError::TooSlow {
                    url: shown(&self.metadata),
                    after: self.limits.total,
                })
            })
    }

    /// The disk's work, away from the threads that must not wait.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TrustError> + Send + 'static,
    ) -> Result<T, TrustError> {
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(TrustError::disk("use", self.disk.dir(), error)))
    }
}
