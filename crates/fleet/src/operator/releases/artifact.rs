//! What a release is of, and the name of its object.

use std::fmt;

use rollout::Version;
use rollout::fleet::{Name, Subject};

/// One file that can be published: a runtime, or an agent for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Which of both.
    pub subject: Subject,
    /// Its version.
    pub version: Version,
    /// What an agent runs on, `linux-x86_64`; none for a runtime.
    pub platform: Option<Name>,
}

impl Artifact {
    /// A runtime's tarball.
    pub fn runtime(version: Version) -> Self {
        Self {
            subject: Subject::Runtime,
            version,
            platform: None,
        }
    }

    /// An agent's binary.
    pub fn agent(version: Version, platform: Name) -> Self {
        Self {
            subject: Subject::Agent,
            version,
            platform: Some(platform),
        }
    }

    /// The name of its object: `1.2.0`, `1.2.0/linux-x86_64`. Versions that are the same on every disk have the
    /// same one: letter case does not count, nor does what stands behind `+`.
    pub(super) fn object(&self) -> String {
        let text = self.version.as_str();
        let core = text.split('+').next().unwrap_or(text);
        let version = core.to_ascii_lowercase();
        match &self.platform {
            Some(platform) => format!("{version}/{platform}"),
            None => version,
        }
    }
}

impl fmt::Display for Artifact {
    /// `1.2.0`, `1.2.0 for linux-x86_64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.platform {
            Some(platform) => write!(f, "{} for {platform}", self.version),
            None => write!(f, "{}", self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_version_on_disk_is_one_object() {
        let runtime = |text: &str| Artifact::runtime(text.parse().unwrap()).object();
        assert_eq!(runtime("1.2.0"), "1.2.0");
        assert_eq!(runtime("1.2.0-RC.1+build"), runtime("1.2.0-rc.1"));
        assert_ne!(runtime("1.2.0-rc.1"), runtime("1.2.0"));
        let agent = Artifact::agent("1.2.0".parse().unwrap(), "linux-x86_64".parse().unwrap());
        assert_eq!(agent.object(), "1.2.0/linux-x86_64");
        assert_eq!(agent.to_string(), "1.2.0 for linux-x86_64");
    }
}
