//! `latest.json` as its publisher keeps it: with fields that nobody here knows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::everyone;
use crate::{Manifest, ManifestError, PackageName, Plan, Share, Version};

/// A manifest and whatever else its file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    fields: Map<String, Value>,
    manifest: Manifest,
    package: PackageName,
    halted: Option<Halted>,
    stopped: Vec<Version>,
}

/// What was being rolled out when it was halted: the publisher's own memory, under `halted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Halted {
    /// It.
    pub version: Version,
    /// From when its delays counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Who waited how long.
    #[serde(default, rename = "rollout")]
    pub plan: Plan,
    /// What it said of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Whether it was for everyone at once.
    #[serde(default)]
    pub critical: bool,
    /// When it was halted.
    pub at: Timestamp,
}

impl Halted {
    /// How much of the fleet might have it when it was halted.
    pub fn share(&self) -> Share {
        match self.published_at {
            Some(from) if !self.critical => {
                self.plan.admitted(self.at.duration_since(from).as_secs())
            }
            _ => Share::ALL,
        }
    }
}

/// Why a text is no manifest that could be worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is no manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It names no package, and neither did anybody else.
    #[error("it does not say of which package it is")]
    NoPackage,
    /// What is under `halted` is of no use.
    #[error("its `halted` cannot be read: {0}")]
    Halted(String),
}

impl Document {
    /// Reads it. `package` is the package that is meant, where that is known; else the text has to
    /// name it.
    pub fn parse(bytes: &[u8], package: Option<&PackageName>) -> Result<Self, DocumentError> {
        let malformed = |error: serde_json::Error| ManifestError::Malformed(error.to_string());
        let named = |bytes| -> Option<PackageName> {
            let fields: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
            fields.get("package")?.as_str()?.parse().ok()
        };
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let package = match package.cloned().or_else(|| named(text)) {
            Some(package) => package,
            None if text.trim_ascii_start().starts_with(b"<") => {
                return Err(ManifestError::Html.into());
            }
            None => {
                // What is wrong with it otherwise is the better thing to say.
                serde_json::from_slice::<Manifest>(text).map_err(malformed)?;
                return Err(DocumentError::NoPackage);
            }
        };
        let manifest = Manifest::parse(bytes, &package)?;
        let fields: Map<String, Value> = serde_json::from_slice(text).map_err(malformed)?;
        let halted = match fields.get("halted") {
            None | Some(Value::Null) => None,
            Some(halted) => Some(
                Halted::deserialize(halted)
                    .map_err(|error| DocumentError::Halted(error.to_string()))?,
            ),
        };
        // A memory that cannot be read is none: it must not keep anybody from a recall.
        let stopped = fields
            .get("stopped")
            .and_then(|stopped| Vec::deserialize(stopped).ok())
            .unwrap_or_default();
        Ok(Self {
            fields,
            manifest,
            package,
            halted,
            stopped,
        })
    }

    /// The first of a package.
    pub(super) fn new(package: PackageName, manifest: Manifest) -> Self {
        let fields = object(&manifest);
        Self {
            fields,
            manifest,
            package,
            halted: None,
            stopped: Vec::new(),
        }
        .with_package()
    }

    /// As devices read it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The package it is of.
    pub fn package(&self) -> &PackageName {
        &self.package
    }

    /// What is halted, where something is.
    pub fn halted(&self) -> Option<&Halted> {
        self.halted.as_ref()
    }

    /// Versions whose rollouts ended before they were everyone's: the publisher's own memory, under
    /// `stopped`.
    pub fn stopped(&self) -> &[Version] {
        &self.stopped
    }

    /// The same, once what is on its way at `now`, or halted, has ended too.
    pub(super) fn stopped_at(&self, now: Timestamp) -> Vec<Version> {
        let mut stopped = self.stopped.clone();
        let newest = &self.manifest.version;
        let short = (!everyone(&self.manifest, now)).then_some(newest);
        let halted = self.halted.as_ref().map(|halted| &halted.version);
        for version in [halted, short].into_iter().flatten() {
            if !stopped.contains(version) {
                stopped.push(version.clone());
            }
        }
        stopped
    }

    /// Remembers these and no others.
    pub(super) fn set_stopped(&mut self, stopped: Vec<Version>) {
        if stopped == self.stopped {
            return;
        }
        if stopped.is_empty() {
            self.fields.shift_remove("stopped");
        } else {
            let texts: Vec<Value> = stopped.iter().map(|it| it.as_str().into()).collect();
            self.fields.insert("stopped".to_owned(), texts.into());
        }
        self.stopped = stopped;
    }

    /// The whole of it.
    pub fn value(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    /// As a file's content: indented, with a newline at its end.
    pub fn bytes(&self) -> Vec<u8> {
        // Maps with text keys and plain values: this cannot fail.
        let mut bytes = serde_json::to_vec_pretty(&self.fields).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// With this manifest and this memory: what differs is written, all else stays as it is.
    pub(super) fn with(&self, manifest: Manifest, halted: Option<Halted>) -> Self {
        let mut fields = self.fields.clone();
        let old = object(&self.manifest);
        let mut new = object(&manifest);
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            fields.shift_remove(key);
        }
        new.retain(|key, value| old.get(key) != Some(value));
        fields.extend(new);
        if halted != self.halted {
            match &halted {
                Some(halted) => fields.insert("halted".to_owned(), object(halted).into()),
                None => fields.shift_remove("halted"),
            };
        }
        Self {
            fields,
            manifest,
            package: self.package.clone(),
            halted,
            stopped: self.stopped.clone(),
        }
        .with_package()
    }

    /// Devices refuse another package's manifest only where it says whose it is.
    fn with_package(mut self) -> Self {
        let name = self.package.as_str();
        self.manifest.package = Some(self.package.clone());
        self.fields.insert("package".to_owned(), name.into());
        self
    }
}

/// Our own plain structs: objects with text keys.
fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, DocumentError> {
        Document::parse(text.as_bytes(), None)
    }

    #[test]
    fn the_package_is_named_by_somebody() {
        let demo: PackageName = "demo".parse().unwrap();
        let silent = br#"{"version":"1.0.0"}"#;
        assert_eq!(Document::parse(silent, None), Err(DocumentError::NoPackage));
        let document = Document::parse(silent, Some(&demo)).unwrap();
        assert_eq!(document.package(), &demo);
        assert!(matches!(
            Document::parse(br#"{"version":"1.0.0","package":"other"}"#, Some(&demo)),
            Err(DocumentError::Manifest(ManifestError::OtherPackage { .. }))
        ));
    }

    #[test]
    fn what_cannot_be_worked_on_says_why() {
        assert_eq!(
            parse("<html>"),
            Err(DocumentError::Manifest(ManifestError::Html))
        );
        assert!(matches!(
            parse("{}"),
            Err(DocumentError::Manifest(ManifestError::Malformed(why))) if why.contains("version")
        ));
        assert!(matches!(
            parse(r#"{"package":"demo","version":"1.0.0","halted":{"version":"1.1.0"}}"#),
            Err(DocumentError::Halted(why)) if why.contains("at")
        ));
    }

    #[test]
    fn what_does_not_differ_stays_as_it_was_written() {
        let text = r#"{"zebra":1,"version":"1.0.0","publishedAt":"2026-06-12T10:00:00+02:00",
            "rollout":[{"percent":30,"delaySeconds":0,"label":"canary"}],"package":"demo","apple":{"b":[2]}}"#;
        let document = parse(text).unwrap();
        let mut manifest = document.manifest().clone();
        manifest.notes = Some("New".to_owned());
        let changed = document.with(manifest, None);
        let mut wanted: Value = serde_json::from_str(text).unwrap();
        wanted["notes"] = "New".into();
        assert_eq!(
            changed.value().to_string(),
            wanted.to_string(),
            "not even the order differs"
        );
        let back = changed.with(document.manifest().clone(), None);
        assert_eq!(back, document);
    }
}
