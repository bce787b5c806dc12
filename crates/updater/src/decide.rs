//! The decision of one check: what was heard, what is here, what follows.

use std::sync::Arc;

use jiff::Timestamp;
use rollout::contract::Unmet;
use rollout::{Candidate, Decision, Facts, Offer, OfferFacts, StageReason, Standing, Version};
use runtime_store::Snapshot;

use crate::bytes::{Origin, Signed};
use crate::error::UpdateError;
use crate::follow::Word;
use crate::journal::DecisionLine;
use crate::registry::CachedPackument;
use crate::releases::{By, ErrorReport, Refused};
use crate::signed::Site;
use crate::source::Latest;
use crate::stage::blocking;
use crate::status::CheckReport;
use crate::updater::{Inner, Pace, lock};

mod words;

/// What is to be staged.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    pub(crate) candidate: Candidate,
    pub(crate) from: Origin,
    /// It takes the place of a recalled or withdrawn version, so that it may be older.
    pub(crate) older: bool,
}

/// What is here, at one moment.
struct Here {
    snapshot: Snapshot,
    /// What the pointer's version needs and this app does not offer: no launch runs it.
    unmet: Option<Unmet>,
    running: Option<Version>,
}

impl Inner {
    pub(crate) async fn decided(
        &self,
        by: By,
    ) -> Result<(CheckReport, Option<Picked>), UpdateError> {
        self.stager.unless_stopped(self.decide(by)).await?
    }

    /// Question, answer, decision. Where nothing changed that is one request at most, and two of a
    /// signed repository: whether there is a newer root, and the timestamp.
    async fn decide(&self, by: By) -> Result<(CheckReport, Option<Picked>), UpdateError> {
        let device = self.device().await;
        let word = self.hear(by).await?;
        let standing = word
            .terms
            .as_ref()
            .map(|terms| Standing::of(&terms.manifest, device.as_deref()));
        self.pace(standing.as_ref(), &word);
        let (offer, bypassed) = self.offer(&word, device.as_deref(), by);
        let here = self.here().await?;
        let (decision, picked) = self.choose(&word, &offer, &here).await?;
        let message = words::of(&decision, &word, &here);
        let blocked = here.snapshot.blocked(&self.stager.shell, self.now());
        let at = self.now();
        let mut report = CheckReport {
            at,
            decision: decision.kind(),
            version: decision.version().cloned(),
            reason: decision.reason().to_owned(),
            message,
            staged: None,
            bucket: standing.and_then(|it| it.bucket),
            delay_seconds: standing.map(|it| it.delay_seconds),
            eligible_at: standing.and_then(|it| it.eligible_at),
            from_manifest: word.terms.is_some(),
            bypassed,
            trouble: word.trouble.as_ref().map(ErrorReport::from),
        };
        if let Some(blocked) = blocked {
            words::admit_blocked(by, blocked, &mut report);
        }
        if let Some(unmet) = &here.unmet {
            words::admit_unmet(unmet, &mut report);
        }
        let picked = self.permitted(by, &word, picked, &mut report).await?;
        if picked.is_none()
            && by == By::Person
            && word.repository.is_some()
            && report.reason != "already-staged"
            && let Some(trouble) = word.trouble
        {
            // Nothing to stage is only half the truth where nobody could be asked.
            return Err(trouble);
        }
        self.tell(by, &report);
        Ok((report, picked))
    }

    fn offer(&self, word: &Word, device: Option<&str>, by: By) -> (Offer, bool) {
        let pin = self.settings.pin.as_ref();
        match (&word.terms, pin, &word.latest) {
            (Some(terms), ..) => rollout::offer(&OfferFacts {
                manifest: &terms.manifest,
                device,
                now: word.now,
                by_person: by == By::Person,
                experimental: self.settings.experimental,
                pin,
            }),
            (None, Some(_), _) => (Offer::Unlimited(StageReason::Pinned), false),
            (None, None, Some(version)) => {
                let (version, reason) = (version.clone(), StageReason::NoManifest);
                (Offer::Take { version, reason }, false)
            }
            (None, None, None) => (Offer::Unlimited(StageReason::NoManifest), false),
        }
    }

    async fn here(&self) -> Result<Here, UpdateError> {
        let (store, shell) = (self.stager.store.clone(), Arc::clone(&self.stager.shell));
        let look = move || (store.snapshot(), store.pointer_unmet(&shell));
        let (snapshot, unmet) = blocking(look).await?;
        Ok(Here {
            snapshot,
            unmet,
            running: self.running.borrow().clone(),
        })
    }

    /// Asks about what is offered, where the answer could change anything, and decides.
    async fn choose(
        &self,
        word: &Word,
        offer: &Offer,
        here: &Here,
    ) -> Result<(Decision, Option<Picked>), UpdateError> {
        let recalled = word
            .terms
            .as_ref()
            .map_or(&[][..], |terms| &terms.manifest.recalled);
        let pointer = here.snapshot.pointer.as_ref();
        // What was staged before anything had to be signed may have other bytes than were signed, under
        // the same version: then it is as if nothing were staged, and what is signed takes its place.
        let trial = pointer.and_then(|pointer| pointer.trial.as_ref());
        let unvouched = self.followed.site().is_some()
            && trial.is_some_and(|trial| trial.is_undecided() && !trial.signed);
        // As a launch that nobody asks for would judge it by what was heard just now.
        let mut snapshot = here.snapshot.clone();
        snapshot.terms.clone_from(&word.terms);
        let blocked =
            here.unmet.is_some() || snapshot.blocked(&self.stager.shell, word.now).is_some();
        let mut facts = Facts {
            offer,
            candidate: None,
            bundled: &self.stager.shell.bundled.version,
            running: here.running.as_ref(),
            staged: pointer
                .filter(|_| !unvouched)
                .map(|pointer| (&pointer.version, &pointer.integrity)),
            staged_blocked: blocked,
            bad: &here.snapshot.bad,
            recalled,
            host: &self.stager.shell.host,
            minimum_age: self.age(word, offer.version()).await,
        };
        let asked = match (offer, rollout::worth_asking(&facts)) {
            (Offer::Unlimited(_), _) => Some(match &self.settings.pin {
                Some(pin) => self.ask_registry(pin.as_str()).await?,
                None => self.ask_registry(&self.settings.channel).await?,
            }),
            (_, Some(version)) if expired(word).is_none() => Some(self.ask(word, version).await?),
            (_, Some(version)) => {
                let decision = Decision::Stage(version.clone(), StageReason::Eligible);
                return Ok((decision, None));
            }
            (_, None) => None,
        };
        facts.candidate = asked.as_ref().map(|(candidate, _)| candidate);
        if facts.minimum_age.is_none() {
            let named = facts.candidate.map(|candidate| &candidate.version);
            facts.minimum_age = self.age(word, named).await;
        }
        let decision = rollout::decide(&facts);
        let older = blocked
            || unvouched
            || pointer.is_some_and(|pointer| recalled.contains(&pointer.version));
        let picked = asked
            .filter(|_| matches!(decision, Decision::Stage(..)))
            .map(|(candidate, from)| Picked {
                candidate,
                from,
                older,
            });
        Ok((decision, picked))
    }

    /// What may be known of `version`, and where its bytes are.
    pub(crate) async fn ask(
        &self,
        word: &Word,
        version: &Version,
    ) -> Result<(Candidate, Origin), UpdateError> {
        match (self.followed.site(), &word.repository) {
            (Some(site), Some(repository)) => {
                let package = self.source.package();
                let described = site.describe(repository, package, version).await;
                let description = described.map_err(|error| match &word.trouble {
                    // That it is not kept is only half of why it is not there.
                    Some(trouble) if error.is_not_kept() => trouble.clone(),
                    _ => error,
                })?;
                let copy = site.tarball(&description);
                let address = copy.as_ref().map(ToString::to_string);
                let address = address.unwrap_or_else(|| site.shown());
                let signed = Signed {
                    copy,
                    packed_size: description.packed_size,
                    until: None,
                };
                Ok((description.candidate(address), Origin::Signed(signed)))
            }
            // What is followed is signed: nothing else ever is a candidate.
            (Some(site), None) => Err(site.not_signed(format!("version {version}"))),
            (None, _) => self.ask_registry(version.as_str()).await,
        }
    }

    /// What the registry has under `what`, a dist-tag or a version.
    async fn ask_registry(&self, what: &str) -> Result<(Candidate, Origin), UpdateError> {
        if let Some(site) = self.followed.site() {
            return Err(site.not_signed(what.to_owned()));
        }
        let address = self.source.address().await?;
        let releases = self.load().await;
        let cached = releases.cached(&address, what);
        let (candidate, etag) = match (self.source.latest(what, cached).await?, cached) {
            (Latest::Fresh { candidate, etag }, _) => (*candidate, etag),
            (Latest::NotModified, Some(cached)) => {
                (cached.candidate.clone(), Some(cached.etag.clone()))
            }
            (Latest::NotModified, None) => {
                return Err(UpdateError::Internal("304 to an open question".into()));
            }
        };
        let now = self.now();
        let cached = etag.map(|etag| CachedPackument {
            url: address,
            channel: what.to_owned(),
            etag,
            candidate: candidate.clone(),
        });
        self.save(move |releases| {
            releases.registry = cached;
            releases.checked_at = Some(now);
        })
        .await;
        self.status
            .send_modify(|status| status.checked_at = Some(now));
        Ok((candidate, Origin::Source))
    }

    /// `picked`, unless what speaks for it has expired or a timer fetched it for nothing before.
    async fn permitted(
        &self,
        by: By,
        word: &Word,
        picked: Option<Picked>,
        report: &mut CheckReport,
    ) -> Result<Option<Picked>, UpdateError> {
        if (report.decision == "stage" || report.reason == "expired")
            && let Some(since) = expired(word)
        {
            let version = report.version.clone().unwrap_or_else(|| self.bundled());
            let error = self.expired_since(since, &version);
            if by == By::Person {
                return Err(error);
            }
            report.decision = "hold";
            error.kind().clone_into(&mut report.reason);
            report.message = error.to_string();
            return Ok(None);
        }
        let Some(wanted) = &picked else {
            return Ok(None);
        };
        let refused = self.load().await.refused;
        if by == By::Timer
            && let Some(refused) = refused
            && refused.is_same(&self.refusal(&wanted.candidate, None))
        {
            // A person's check tries again; a timer would fetch it for nothing every half hour.
            report.decision = "hold";
            refused.reason().clone_into(&mut report.reason);
            report.message.clone_from(&refused.message);
            return Ok(None);
        }
        Ok(picked)
    }

    pub(crate) fn expired_since(&self, since: Timestamp, version: &Version) -> UpdateError {
        UpdateError::Expired {
            version: Box::new(version.clone()),
            site: self.followed.site().map(Site::shown).unwrap_or_default(),
            since,
        }
    }

    fn bundled(&self) -> Version {
        self.stager.shell.bundled.version.clone()
    }

    /// What is remembered of content that does not suit this installation, for `why`.
    pub(crate) fn refusal(&self, candidate: &Candidate, why: Option<&UpdateError>) -> Refused {
        Refused {
            version: candidate.version.clone(),
            integrity: candidate.integrity.clone(),
            shell: self.stager.shell.host.shell.clone(),
            bundled: self.bundled(),
            entry: self.settings.entry.clone(),
            offers: Some(self.stager.shell.offers.clone()),
            kind: why.map(|why| why.kind().to_owned()),
            message: why.map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Notes when the timer has to look again before its time.
    fn pace(&self, standing: Option<&Standing>, word: &Word) {
        let follows = self.settings.pin.is_none() && !self.settings.experimental;
        let turn = standing
            .filter(|_| follows)
            .and_then(|standing| standing.eligible_at)
            .filter(|at| *at > word.now);
        *lock(&self.pace) = Pace {
            turn,
            retry_after: word.trouble.as_ref().and_then(UpdateError::retry_after),
        };
        self.paced.notify_one();
    }

    pub(crate) fn tell(&self, by: By, report: &CheckReport) {
        tracing::info!(
            ?by,
            decision = report.decision,
            version = report.version.as_ref().map(Version::as_str),
            reason = report.reason,
            rollout_bucket = report.bucket,
            rollout_delay_seconds = report.delay_seconds,
            rollout_from_manifest = report.from_manifest,
            rollout_bypassed = report.bypassed,
            "checked for updates"
        );
        self.log(DecisionLine {
            at: report.at,
            by,
            decision: report.decision,
            version: report.version.as_ref(),
            reason: &report.reason,
            message: None,
            bucket: report.bucket,
            delay_seconds: report.delay_seconds,
            eligible_at: report.eligible_at,
            from_manifest: report.from_manifest,
            bypassed: report.bypassed,
            first_launch: false,
        });
    }
}

/// Since when what was heard speaks for nothing new.
pub(crate) fn expired(word: &Word) -> Option<Timestamp> {
    word.terms
        .as_ref()
        .and_then(|terms| terms.expired(word.now))
}
