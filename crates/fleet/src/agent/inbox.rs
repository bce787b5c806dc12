//! What was heard for a subject and not looked at yet: of each scope the newest, however long nobody looks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rollout::fleet::{Scope, Target};
use tokio::sync::Notify;

/// Filled by the watcher, which never waits for it, and emptied by a follower, who may be at work for long.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    targets: Mutex<BTreeMap<Scope, Target>>,
    news: Notify,
}

impl Inbox {
    /// Keeps a target, unless one of its scope and generation, or a newer one, is there.
    pub(crate) fn put(&self, scope: Scope, target: Target) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |known: &Target| known.generation >= target.generation;
        if !targets.get(&scope).is_some_and(is_known) {
            targets.insert(scope, target);
        }
        drop(targets);
        self.news.notify_one();
    }

    /// All that is there.
    pub(crate) fn take(&self) -> BTreeMap<Scope, Target> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *targets)
    }

    /// Until something was put since this was last waited for.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_of_each_scope_waits_for_whoever_looks_late() {
        let target = |generation| {
            let json = format!(
                r#"{{"version":"1.0.0","generation":{generation},"at":"2026-06-12T08:00:00Z"}}"#
            );
            Target::parse(json.as_bytes()).unwrap()
        };
        let inbox = Inbox::default();
        let group: Scope = "group.x".parse().unwrap();
        for generation in 0..1_000 {
            inbox.put(Scope::Global, target(generation));
        }
        inbox.put(Scope::Global, target(5));
        // Another one under the number of the last changes nothing.
        let mut forged = target(999);
        forged.version = None;
        inbox.put(Scope::Global, forged);
        inbox.put(group.clone(), target(7));
        inbox.news().await;
        let all = inbox.take();
        assert_eq!(
            (
                all.len(),
                all[&Scope::Global].generation,
                all[&group].generation
            ),
            (2, 999, 7)
        );
        assert!(all[&Scope::Global].version.is_some());
        assert!(inbox.take().is_empty());
    }
}
