//! What was last verified, heard again from disk: launches of a device that believes only what is
//! signed need it, and `releases.json` may be gone.

use rollout::Terms;

use crate::stage::blocking;
use crate::updater::{Inner, Updater};

impl Updater {
    /// Where nothing is kept of whom this device follows, and only what is signed counts, keeps what
    /// the repository said when it was last verified. Asks nobody, and fails in silence: the next
    /// check asks.
    pub async fn restore(&self) {
        Box::pin(self.0.restore()).await;
    }
}

impl Inner {
    async fn restore(&self) {
        let Some(site) = self.followed.site() else {
            return;
        };
        let (store, shell) = (self.stager.store.clone(), self.stager.shell.clone());
        // One that cannot be told is heard again: that costs no request.
        if blocking(move || store.keeps_terms(&shell))
            .await
            .unwrap_or(false)
        {
            return;
        }
        let terms = match site.last(self.source.package(), self.now()).await {
            Ok(Some(terms)) => terms,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "what the publisher last said cannot be read again");
                return;
            }
        };
        tracing::info!(version = %terms.manifest.version, "what the publisher last said is known again");
        self.stager.store.heard(Some(terms.clone()));
        self.save(move |releases| {
            // Another process may have heard more meanwhile.
            let heard = |kept: &Terms| kept.signed && kept.source == terms.source;
            if !releases.manifest.as_ref().is_some_and(heard) {
                releases.manifest = Some(terms);
            }
        })
        .await;
    }
}
