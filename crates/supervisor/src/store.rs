//! The store's launch bookkeeping, called off the async threads, and what stands in for it where
//! there is no store.

use std::sync::Arc;
use std::time::Duration;

use rollout::BadEntry;
use runtime_store::{
    AfterCrash, Asked, Choice, Failure, Launch, Shell, Soak, Source, Store, TakenAttempt,
    VersionId, WhyNot,
};

use crate::crashes::Unwritten;

#[derive(Debug)]
pub(crate) struct Books {
    store: Option<Store>,
    shell: Arc<Shell>,
    unwritten: Unwritten,
}

impl Books {
    pub(crate) fn new(store: Option<Store>, shell: Arc<Shell>) -> Self {
        Self {
            store,
            shell,
            unwritten: Unwritten::default(),
        }
    }

    pub(crate) async fn begin(&self, asked: Asked, failures: &[Failure]) -> Arc<Launch> {
        let shell = Arc::clone(&self.shell);
        let failures = failures.to_vec();
        let begun = self
            .call(move |store| {
                Ok(store.begin_launch(&shell, asked, &failures, runtime_store::now()))
            })
            .await;
        Arc::new(begun.unwrap_or_else(|| bundled(&self.shell)))
    }

    /// A launch of exactly this, for a workspace that follows another.
    pub(crate) async fn follow(&self, what: Option<&VersionId>) -> Result<Arc<Launch>, WhyNot> {
        let shell = Arc::clone(&self.shell);
        let wanted = what.cloned();
        let followed = self
            .call(move |store| {
                Ok(store.follow_launch(&shell, wanted.as_ref(), runtime_store::now()))
            })
            .await;
        match followed {
            Some(launch) => launch.map(Arc::new),
            None if what.is_none() => Ok(Arc::new(bundled(&self.shell))),
            None => Err(WhyNot::CannotRead("there is no store".to_owned())),
        }
    }

    /// What the pointer names.
    pub(crate) async fn named(&self) -> Option<VersionId> {
        self.call(|store| Ok(store.snapshot().pointer.map(|pointer| pointer.id())))
            .await
            .flatten()
    }

    /// What was condemned; nothing when that could not be written, or there is no store.
    pub(crate) async fn ready(
        &mut self,
        launch: &Arc<Launch>,
        failures: &[Failure],
    ) -> Vec<BadEntry> {
        let launch = Arc::clone(launch);
        let failures = failures.to_vec();
        let condemned = self
            .call(move |store| store.ready(&launch, &failures, runtime_store::now()))
            .await
            .unwrap_or_default();
        for bad in &condemned {
            self.unwritten.forget(&bad.version, &bad.integrity);
        }
        condemned
    }

    /// Whether the pointer names exactly this.
    pub(crate) async fn names(&self, id: &VersionId) -> bool {
        self.named().await.as_ref() == Some(id)
    }

    pub(crate) async fn give_back(&self, taken: Vec<TakenAttempt>) {
        if !taken.is_empty() {
            self.call(move |store| store.give_back(&taken)).await;
        }
    }

    /// What follows a crash. Those that the store cannot write down count here.
    pub(crate) async fn crashed(&mut self, launch: &Arc<Launch>) -> AfterCrash {
        let choice = &launch.choice;
        let launch = Arc::clone(launch);
        let answer = self
            .call(move |store| store.crashed(&launch, runtime_store::now()))
            .await;
        self.unwritten.after_crash(choice, answer)
    }

    /// None when it could not be written: the same time is reported again later.
    pub(crate) async fn soaked(
        &self,
        launch: &Arc<Launch>,
        ran: Duration,
        soak: Duration,
    ) -> Option<Soak> {
        let launch = Arc::clone(launch);
        self.call(move |store| store.soaked(&launch, ran, soak, runtime_store::now()))
            .await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, runtime_store::StoreError> + Send + 'static,
    ) -> Option<T> {
        let store = self.store.clone()?;
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the store could not be kept up to date");
                None
            }
            Err(error) => {
                tracing::error!(%error, "a call to the store ended early");
                None
            }
        }
    }
}

/// The launch of the bundled runtime, of which a store has nothing to write down.
pub(crate) fn bundled(shell: &Shell) -> Launch {
    Launch {
        id: uuid::Uuid::new_v4().to_string(),
        choice: Choice {
            version: shell.bundled.version.clone(),
            integrity: None,
            source: Source::Bundled,
            dir: shell.bundled.dir.clone(),
            entry: shell.bundled.entry.clone(),
            trial: None,
            passed_over: Vec::new(),
        },
        lease: None,
        taken: None,
        failures: Vec::new(),
    }
}
