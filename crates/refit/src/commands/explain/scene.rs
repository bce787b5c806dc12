//! What is known of a device, and from which option, variable or file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use device::{Local, Version};
use jiff::Timestamp;
use rollout::{
    BadEntry, Believes, Candidate, ExplainFacts, Gated, Host, Integrity, Manifest, PackageName,
    Pointed, Setting, Sources, Terms,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::args::Globals;
use crate::commands::block_on;
use crate::failure::Failure;
use crate::rollouts::notes::read_at_most;
use crate::rollouts::unusable;

const NO_STORE: &str = "another device's store is not looked at";

/// A device, as far as it is known.
#[derive(Debug)]
pub(super) struct Scene {
    package: Option<PackageName>,
    here: bool,
    off: Option<String>,
    whom: Whom,
    terms: Option<Terms>,
    device: Option<String>,
    clock: Timestamp,
    built: Option<Timestamp>,
    experimental: bool,
    pin: Option<Version>,
    candidate: Option<Candidate>,
    bundled: Version,
    running: Option<Version>,
    pointer: Option<Pointer>,
    bad: Vec<BadEntry>,
    host: Option<Host>,
    minimum_age: Option<Duration>,
    first_seen: Vec<(Version, Timestamp)>,
    settings: Vec<Setting>,
    problems: String,
    from: From,
}

/// Whom it believes.
#[derive(Debug)]
enum Whom {
    Registry,
    Manifest,
    Signed,
    Given,
    Nobody(String),
}

#[derive(Debug)]
struct Pointer {
    version: Version,
    integrity: Integrity,
    staged_at: Timestamp,
    waits: Option<Gated>,
}

/// Where each part is from.
#[derive(Debug)]
struct From {
    config: String,
    trust: Option<&'static str>,
    terms: String,
    device: String,
    time: &'static str,
    running: &'static str,
    store: String,
    candidate: String,
}

impl Scene {
    /// A device of which nothing is known. It has nothing yet.
    pub(super) fn bare() -> Result<Self, Failure> {
        let internal =
            |error| Failure::new("internal", error, "Report this: a version was refused.");
        Ok(Self {
            package: None,
            here: false,
            off: None,
            whom: Whom::Given,
            terms: None,
            device: None,
            clock: runtime_store::now(),
            built: None,
            experimental: false,
            pin: None,
            candidate: None,
            bundled: "0.0.0-0".parse().map_err(internal)?,
            running: None,
            pointer: None,
            bad: Vec::new(),
            host: None,
            minimum_age: None,
            first_seen: Vec::new(),
            settings: Vec::new(),
            problems: String::new(),
            from: From {
                config: "no configuration".to_owned(),
                trust: None,
                terms: "no manifest".to_owned(),
                device: "no --device".to_owned(),
                time: "clock",
                running: "no --current",
                store: "no --data-dir".to_owned(),
                candidate: "no --data-dir".to_owned(),
            },
        })
    }

    /// This device. Reads, and changes nothing.
    pub(super) fn of(local: &Local, globals: &Globals) -> Self {
        let snapshot = local
            .store()
            .map(|store| store.snapshot_for(local.shell()))
            .unwrap_or_default();
        let config = local.config();
        let shell = local.shell();
        let whom = match (local.no_trust(), &config.trust, &config.manifest) {
            (Some(why), ..) => Whom::Nobody(why),
            (None, Some(_), _) => Whom::Signed,
            (None, None, Some(_)) => Whom::Manifest,
            (None, None, None) => Whom::Registry,
        };
        let follows = !matches!(whom, Whom::Registry);
        let terms = snapshot.terms.filter(|_| follows);
        let file = |name: &str| {
            let root = local.store().map(|store| store.root().join(name));
            root.map_or_else(
                || "there is no store".to_owned(),
                |path| path.display().to_string(),
            )
        };
        let releases = file("releases.json");
        let configuration = globals
            .config
            .as_ref()
            .map_or_else(String::new, |path| path.display().to_string());
        let mut problems = super::local::problems(local, globals);
        problems.extend(snapshot.problems);
        Self {
            package: Some(config.package.clone()),
            here: true,
            off: off(local).map(ToOwned::to_owned),
            whom,
            device: snapshot.device,
            clock: runtime_store::now(),
            built: Some(shell.built_at),
            experimental: shell.experimental,
            pin: local.wanted_version(),
            candidate: candidate(Path::new(&releases)),
            bundled: shell.bundled.version.clone(),
            running: runs(local, snapshot.pointer.as_ref()),
            pointer: snapshot.pointer.map(|pointer| Pointer {
                waits: pointer
                    .trial
                    .filter(runtime_store::Trial::is_undecided)
                    .map(|trial| if trial.gated { Gated::Yes } else { Gated::No }),
                version: pointer.version,
                integrity: pointer.integrity,
                staged_at: pointer.staged_at,
            }),
            bad: snapshot.bad,
            host: Some(shell.host.clone()),
            minimum_age: local.minimum_age(),
            first_seen: first_seen(Path::new(&releases)),
            settings: local.settings(&configuration),
            problems: problems.join("\n"),
            from: From {
                config: configuration,
                trust: None,
                terms: terms.as_ref().map_or_else(
                    || "no manifest".to_owned(),
                    |terms| format!("manifest {}", terms.source),
                ),
                device: file("device-id"),
                time: "clock",
                running: "what ran last",
                store: file("").trim_end_matches(['/', '\\']).to_owned(),
                candidate: releases,
            },
            terms,
        }
    }

    /// What is signed of the version that would be staged, where that is kept here.
    pub(super) fn describe(&mut self, local: &Local) -> Result<(), Failure> {
        if !matches!(self.whom, Whom::Signed) {
            return Ok(());
        }
        // The registry's own word counts for nothing where only signed versions are believed.
        self.candidate = None;
        let told = rollout::explain(&self.facts());
        if let ("stage", Some(version)) = (told.decision, &told.version) {
            self.candidate = block_on(async { Ok(local.described(version).await) })?;
            "the signed repository, as last verified".clone_into(&mut self.from.candidate);
        }
        Ok(())
    }

    /// The same for another device: what this one has stored says nothing of it.
    pub(super) fn another_device(&mut self, id: String) {
        if self.device.as_ref() != Some(&id) {
            self.here = false;
            self.off = None;
            self.experimental = false;
            self.minimum_age = None;
            self.settings = Vec::new();
            self.pointer = None;
            self.bad = Vec::new();
            self.running = None;
            self.from.running = "what is bundled";
            NO_STORE.clone_into(&mut self.from.store);
        }
        self.device = Some(id);
        "--device".clone_into(&mut self.from.device);
    }

    /// With this manifest in place of what was heard.
    pub(super) fn read_manifest(&mut self, file: &Path) -> Result<(), Failure> {
        let bytes = read_at_most(file)?;
        let shown = file.display().to_string();
        let manifest = Manifest::parse(&bytes, &self.package_of(&bytes)?)
            .map_err(|error| unusable(&shown, &error.into()))?;
        self.whom = Whom::Given;
        self.from.trust = Some("--manifest");
        self.from.terms = format!("--manifest {shown}");
        self.terms = Some(Terms {
            floor: manifest.signed_at,
            manifest,
            source: shown,
            etag: None,
            verified_at: self.clock,
            signed: false,
            expires: None,
        });
        Ok(())
    }

    /// The configured package, or else the one that the text names: any will do for showing it.
    fn package_of(&self, text: &[u8]) -> Result<PackageName, Failure> {
        #[derive(Deserialize)]
        struct Named {
            package: Option<PackageName>,
        }
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let named = || serde_json::from_slice::<Named>(text).ok()?.package;
        match self.package.clone().or_else(named) {
            Some(package) => Ok(package),
            None => "unnamed".parse().map_err(|error| {
                Failure::new("internal", error, "Report this: a name was refused.")
            }),
        }
    }

    /// At this time, which is taken as it is.
    pub(super) fn at(&mut self, at: Timestamp) {
        self.clock = at;
        self.built = None;
        self.from.time = "--at";
    }

    /// Running this version, with nothing else staged.
    pub(super) fn running(&mut self, version: Version) {
        self.running = Some(version);
        self.pointer = None;
        self.from.running = "--current";
    }

    /// What was odd, in words.
    pub(super) fn problems(&self) -> &str {
        &self.problems
    }

    /// Where the setting with one of these names is from, or, where nobody says it, `otherwise`.
    fn origin_of<'a>(&'a self, names: &[&str], otherwise: &'a str) -> &'a str {
        let mut settings = self.settings.iter();
        let setting = settings.find(|setting| names.contains(&setting.name));
        match setting.map(|setting| setting.from.as_str()) {
            None | Some("") => otherwise,
            Some(from) => from,
        }
    }

    /// For the explanation.
    pub(super) fn facts(&self) -> ExplainFacts<'_> {
        ExplainFacts {
            here: self.here,
            off: self.off.as_deref(),
            believes: match &self.whom {
                Whom::Registry => Believes::Registry,
                Whom::Manifest => Believes::Manifest,
                Whom::Signed => Believes::Signed,
                Whom::Given => Believes::Given,
                Whom::Nobody(why) => Believes::Nobody(why),
            },
            terms: self.terms.as_ref(),
            device: self.device.as_deref(),
            clock: self.clock,
            built: self.built,
            experimental: self.experimental,
            pin: self.pin.as_ref(),
            candidate: self.candidate.as_ref(),
            bundled: &self.bundled,
            running: self.running.as_ref(),
            pointer: self.pointer.as_ref().map(|pointer| Pointed {
                version: &pointer.version,
                integrity: &pointer.integrity,
                staged_at: pointer.staged_at,
                waits: pointer.waits,
            }),
            bad: &self.bad,
            host: self.host.as_ref(),
            minimum_age: self.minimum_age,
            first_seen: &self.first_seen,
            settings: &self.settings,
            sources: Sources {
                off: self.origin_of(&["updates"], "REFIT_NO_AUTO_UPDATE"),
                trust: self.from.trust.unwrap_or(&self.from.config),
                pin: self.origin_of(&["pin", "channel"], &self.from.config),
                terms: &self.from.terms,
                device: &self.from.device,
                time: self.from.time,
                experimental: "REFIT_EXPERIMENTAL",
                age: self.origin_of(&["minimumAge"], "no policy"),
                running: self.from.running,
                store: &self.from.store,
                candidate: &self.from.candidate,
            },
        }
    }
}

/// Why nothing happens here by itself.
fn off(local: &Local) -> Option<&'static str> {
    match local.managed() {
        Some(managed) if managed.updates == "off" => {
            Some("your administrator turned updates off: nothing is looked for, staged or tried")
        }
        _ if local.shell().launch_trials => None,
        _ => Some("updates are off: nothing is looked for, staged or tried unless somebody asks"),
    }
}

/// What is newest of what has run here: what waits for its first start has not.
fn runs(local: &Local, pointer: Option<&runtime_store::Pointer>) -> Option<Version> {
    let trial = pointer.and_then(|pointer| pointer.trial.as_ref());
    if trial.is_some_and(runtime_store::Trial::is_undecided) {
        pointer?.previous.as_ref().map(|it| it.version.clone())
    } else {
        Some(local.resolve().version)
    }
}

/// What the registry last said of a version.
fn candidate(releases: &Path) -> Option<Candidate> {
    #[derive(Deserialize)]
    struct Releases {
        registry: Option<Registry>,
    }
    #[derive(Deserialize)]
    struct Registry {
        candidate: Candidate,
    }
    Some(read::<Releases>(releases)?.registry?.candidate)
}

/// When this device first saw which version.
fn first_seen(releases: &Path) -> Vec<(Version, Timestamp)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Releases {
        first_seen: BTreeMap<String, Timestamp>,
    }
    let seen = read::<Releases>(releases).map_or_else(BTreeMap::new, |it| it.first_seen);
    let version = |(version, at): (String, Timestamp)| Some((version.parse().ok()?, at));
    seen.into_iter().filter_map(version).collect()
}

/// Read here, and not by way of the store, which would set an unreadable file aside.
fn read<T: DeserializeOwned>(releases: &Path) -> Option<T> {
    let text = std::fs::read(releases).ok()?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).ok()
}
