//! Whose word counts, and what it was.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rollout::{PackageName, Terms, Version};
use trust::Repository;

use crate::error::UpdateError;
use crate::plain::{self, Host};
use crate::policy::{Follow, Mode};
use crate::registry::Registry;
use crate::releases::By;
use crate::signed::Site;
use crate::stage::blocking;
use crate::status::TermsView;
use crate::updater::Inner;

/// Who is followed, ready to be asked.
#[derive(Debug)]
pub(crate) enum Followed {
    Registry,
    Manifest(Box<Host>),
    Signed(Box<Site>),
}

/// What was heard for one question.
#[derive(Debug)]
pub(crate) struct Word {
    /// The manifest that counts; without one the registry's tag does.
    pub(crate) terms: Option<Terms>,
    /// The version that the plain text beside a missing manifest names.
    pub(crate) latest: Option<Version>,
    /// What is signed, where that is asked for.
    pub(crate) repository: Option<Arc<Repository>>,
    /// Why it is not what its host says now.
    pub(crate) trouble: Option<UpdateError>,
    /// The corrected time.
    pub(crate) now: Timestamp,
}

/// Whose terms count: those of just this source, and not of another package.
#[derive(Debug)]
pub(crate) struct Owner {
    source: Option<String>,
    signed: bool,
    package: PackageName,
}

impl Owner {
    pub(crate) fn owns(&self, terms: &Terms) -> bool {
        let package = terms.manifest.package.as_ref();
        terms.signed == self.signed
            && self.source.as_ref() == Some(&terms.source)
            && package.is_none_or(|package| *package == self.package)
    }
}

impl Followed {
    pub(crate) fn new(follow: Follow, channel: &str, registry: &Registry) -> Self {
        let (http, timeouts) = (registry.http().clone(), *registry.timeouts());
        match follow {
            Follow::Registry => Self::Registry,
            Follow::Manifest { manifest, latest } => Self::Manifest(Box::new(Host {
                http,
                timeouts,
                manifest,
                latest,
            })),
            Follow::Tuf { trust, site } => {
                Self::Signed(Box::new(Site::new(trust, &site, channel, http, timeouts)))
            }
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Registry => Mode::Registry,
            Self::Manifest(_) => Mode::Manifest,
            Self::Signed(_) => Mode::Tuf,
        }
    }

    pub(crate) fn site(&self) -> Option<&Site> {
        match self {
            Self::Signed(site) => Some(site),
            Self::Registry | Self::Manifest(_) => None,
        }
    }

    /// Whose terms are this device's own.
    pub(crate) fn owner(&self, package: &PackageName) -> Owner {
        let source = match self {
            Self::Registry => None,
            Self::Manifest(host) => Some(host.source()),
            Self::Signed(site) => Some(site.source()),
        };
        Owner {
            source,
            signed: self.mode() == Mode::Tuf,
            package: package.clone(),
        }
    }

    async fn ask(
        &self,
        package: &PackageName,
        kept: Option<Terms>,
        now: Timestamp,
        clock: Timestamp,
    ) -> Result<Word, UpdateError> {
        let mut word = Word {
            terms: None,
            latest: None,
            repository: None,
            trouble: None,
            now,
        };
        match self {
            Self::Registry => {}
            Self::Manifest(host) => {
                let etag = kept.as_ref().and_then(|kept| kept.etag.clone());
                match host.ask(package, etag.as_deref()).await {
                    Ok(answer) => {
                        let gone = matches!(answer, plain::Answer::Gone);
                        word.terms = plain::follow(kept, answer, &host.source(), clock);
                        if gone {
                            word.latest = host.ask_latest().await;
                        }
                    }
                    Err(error) => {
                        word.terms = kept;
                        word.trouble = Some(error);
                    }
                }
            }
            Self::Signed(site) => {
                let heard = site.hear(package, kept, now, clock).await?;
                word.terms = Some(heard.terms);
                word.repository = Some(heard.repository);
                word.trouble = heard.trouble;
            }
        }
        Ok(word)
    }
}

impl Inner {
    /// The terms that were heard last, here or by another process, of whom this device follows now.
    pub(crate) async fn kept(&self) -> Option<Terms> {
        let store = self.stager.store.clone();
        let terms = blocking(move || store.terms()).await.ok().flatten();
        let owner = self.followed.owner(self.source.package());
        terms.filter(|terms| owner.owns(terms))
    }

    /// Asks whoever is followed, keeps the answer and shows it.
    pub(crate) async fn hear(&self, by: By) -> Result<Word, UpdateError> {
        let before = self.load().await.manifest;
        let kept = self.kept().await;
        let clock = self.now();
        // Not by the floor of what was heard before: no repository has ended before it was signed, and
        // one that was signed by a wrong clock must not stand in the way of its successors.
        let now = self.corrected(None, clock);
        let package = self.source.package().clone();
        let asked = Box::pin(self.followed.ask(&package, kept.clone(), now, clock)).await;
        let view = |terms: Option<&Terms>, trouble: Option<&UpdateError>| {
            let trouble = trouble.map(ToString::to_string);
            TermsView::new(self.followed.mode(), terms, trouble)
        };
        let mut word = match asked {
            Ok(word) => word,
            Err(error) => {
                tell_unheard(by, &error);
                let view = view(kept.as_ref(), Some(&error));
                self.status.send_modify(|status| status.terms = Some(view));
                return Err(error);
            }
        };
        let fresh = word.trouble.is_none();
        word.now = self.corrected(word.terms.as_ref(), clock);
        match (&word.trouble, &mut word.terms) {
            (Some(trouble), _) => tell_unheard(by, trouble),
            // A clock that is known to be wrong is no time to tell.
            (None, Some(terms)) => terms.verified_at = word.now,
            (None, None) => {}
        }
        let answered = fresh && word.terms.is_some();
        let owner = self.followed.owner(&package);
        let mut heard = word.terms.clone();
        let counts = self
            .save(move |releases| {
                let stored = releases.manifest.as_ref();
                let stays = stored
                    .filter(|stored| owner.owns(stored))
                    .is_some_and(|stored| stays(stored, before.as_ref(), heard.as_ref(), fresh));
                if stays && (fresh || releases.manifest != before) {
                    heard.clone_from(&releases.manifest);
                } else if !stays {
                    // Whoever follows nobody clears what an earlier configuration left behind.
                    releases.manifest.clone_from(&heard);
                }
                if answered {
                    releases.checked_at = Some(clock);
                }
                heard
            })
            .await;
        if let Some(counts) = counts {
            word.terms = counts;
            word.now = self.corrected(word.terms.as_ref(), clock);
        }
        // Launches go by it also where it could not be written down.
        self.stager.store.heard(word.terms.clone());
        let view = view(word.terms.as_ref(), word.trouble.as_ref());
        self.status.send_modify(|status| {
            status.terms = Some(view);
            if answered {
                status.checked_at = Some(clock);
            }
        });
        Ok(word)
    }

    /// What was last heard, without asking anybody.
    pub(crate) async fn heard_before(&self) -> Word {
        let terms = self.kept().await;
        Word {
            now: self.corrected(terms.as_ref(), self.now()),
            terms,
            latest: None,
            repository: None,
            trouble: None,
        }
    }

    /// What the device's own clock says.
    pub(crate) fn now(&self) -> Timestamp {
        (self.settings.clock.0)()
    }

    pub(crate) fn corrected(&self, terms: Option<&Terms>, clock: Timestamp) -> Timestamp {
        Terms::corrected(terms, clock, self.settings.built_at)
    }

    /// Who this device is to a rollout; nothing where that cannot be written down.
    pub(crate) async fn device(&self) -> Option<String> {
        let store = self.stager.store.clone();
        let asked = blocking(move || store.device_id()).await;
        let why = match asked {
            Ok(Ok(device)) => {
                if device.first_launch {
                    self.tell_first_launch();
                }
                return Some(device.id);
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if !self.warned_of_id.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                why,
                "this device has no id of its own and waits with the slowest"
            );
        }
        None
    }

    fn tell_first_launch(&self) {
        if !self.first_launch.swap(true, Ordering::Relaxed) {
            tracing::info!(first_launch = true, "this device was given its id");
        }
    }
}

/// Whether the `stored` terms of whom this device follows stay, and not what was `heard` takes their
/// place: `before` is what was stored when the question began, and `fresh` says that it was answered.
///
/// What was stored since then is another process's answer. By the clock nothing of that could be told.
fn stays(stored: &Terms, before: Option<&Terms>, heard: Option<&Terms>, fresh: bool) -> bool {
    if !fresh {
        // Nothing new was heard.
        return true;
    }
    let signed_at = |terms: &Terms| terms.manifest.signed_at;
    let later = heard.is_some_and(|heard| {
        let both = signed_at(heard).zip(signed_at(stored));
        both.is_some_and(|(heard, stored)| heard > stored)
    });
    before != Some(stored) && !later
}

/// A person who asks gets the error as the answer; of a timer's, only the log tells.
fn tell_unheard(by: By, error: &UpdateError) {
    let kind = error.kind();
    match by {
        By::Person => tracing::info!(kind, %error, "nothing new was heard"),
        By::Timer => tracing::warn!(kind, %error, "nothing new was heard"),
    }
}
