//! Where the agent's own binary lies, and what lies beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::files;
use super::label::Label;

/// A binary's path, from which those of its companions follow: `docs/formats/agent.md` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    exe: PathBuf,
}

impl Place {
    /// Of the binary at `exe`, its real path.
    pub(crate) fn of(exe: PathBuf) -> Self {
        Self { exe }
    }

    /// Of the binary that runs. Looked up once, at the first call, since it may be replaced while it runs,
    /// and is then nowhere.
    ///
    /// # Errors
    /// Where the system does not say, or the file is not there any more.
    pub(crate) fn own() -> io::Result<Self> {
        static OWN: OnceLock<Place> = OnceLock::new();
        if let Some(own) = OWN.get() {
            return Ok(own.clone());
        }
        let exe = std::env::current_exe()?.canonicalize()?;
        Ok(OWN.get_or_init(|| Self::of(exe)).clone())
    }

    /// The binary.
    pub(crate) fn exe(&self) -> &Path {
        &self.exe
    }

    /// The one that is to take its place.
    pub(crate) fn next(&self) -> PathBuf {
        files::with(&self.exe, ".new")
    }

    /// The one whose place it took; there for as long as there may be a way back.
    pub(crate) fn old(&self) -> PathBuf {
        files::with(&self.exe, ".old")
    }

    /// How it started lately.
    pub(crate) fn boot(&self) -> PathBuf {
        files::with(&self.exe, ".boot.json")
    }

    /// What must not take its place any more.
    pub(crate) fn quarantine(&self) -> PathBuf {
        files::with(&self.exe, ".quarantine.json")
    }

    /// Locked by whoever replaces it.
    pub(crate) fn lock(&self) -> PathBuf {
        files::with(&self.exe, ".lock")
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.exe.parent().unwrap_or(Path::new("/"))
    }

    /// Why this binary, which says `label` of itself, is somebody's work in progress and not what was
    /// installed; none where it is.
    pub(crate) fn development(&self, label: &Label) -> Option<String> {
        if label.development {
            return Some("it was built for development".to_owned());
        }
        // Cargo writes this file at the root of every folder that it builds into.
        let built = |folder: &&Path| folder.join(".rustc_info.json").is_file();
        let root = self.exe.ancestors().skip(1).take(5).find(built)?;
        Some(format!("it lies in Cargo's folder {}", root.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::label;

    #[test]
    fn a_binary_where_cargo_put_it_is_a_development_build() {
        let own = Place::own().unwrap();
        let mut label = label::own();
        assert!(own.development(&label).is_some());
        label.development = false;
        let why = own.development(&label).unwrap();
        assert!(why.contains("target"), "{why}");
        let elsewhere = Place::of("/opt/refit/refit".into());
        assert_eq!(elsewhere.development(&label), None);
    }

    #[test]
    fn its_companions_lie_beside_it() {
        let place = Place::of("/opt/refit/refit".into());
        assert_eq!(place.next(), Path::new("/opt/refit/refit.new"));
        assert_eq!(place.boot(), Path::new("/opt/refit/refit.boot.json"));
        assert_eq!(place.folder(), Path::new("/opt/refit"));
    }
}
