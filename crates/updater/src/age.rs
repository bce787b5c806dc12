//! How old a release is here, where an administrator wants it to be of some age.

use rollout::{Decision, HoldReason, MinimumAge, Version};

use crate::follow::Word;
use crate::status::{Outcome, StageReport};
use crate::updater::Inner;

impl Inner {
    /// How old `version` has to be and is, where anybody wants to know; that it was heard of is kept
    /// in any case, since that may be wanted later.
    pub(crate) async fn age(&self, word: &Word, version: Option<&Version>) -> Option<MinimumAge> {
        let version = version?.clone();
        let manifest = word.terms.as_ref().map(|terms| &terms.manifest);
        let published = manifest
            .filter(|manifest| manifest.version == version)
            .and_then(|manifest| manifest.published_at);
        let now = word.now;
        let kept = self.load().await.seen(&version, now);
        let seen = match kept {
            Some(seen) => Some(seen),
            None => self.save(move |releases| releases.see(&version, now)).await,
        };
        Some(MinimumAge {
            least: self.settings.minimum_age?,
            since: published.or(seen),
            now,
        })
    }

    /// The answer where an administrator wants releases to be older than `version` is. To go back,
    /// nobody has to wait.
    pub(crate) async fn too_young(
        &self,
        word: &Word,
        version: &Version,
        older: bool,
    ) -> Option<StageReport> {
        let age = self.age(word, Some(version)).await.filter(|_| !older)?;
        let until = age.until()?;
        let why = Decision::Hold(version.clone(), HoldReason::MinimumAge { until });
        Some(StageReport {
            outcome: Outcome::Held,
            version: Some(version.clone()),
            reason: why.reason().to_owned(),
            message: why.to_string(),
            trouble: None,
        })
    }
}
