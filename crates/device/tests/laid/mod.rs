//! An administrator's policy for a test.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A policy's folder of this test's own, taken away with it.
pub(crate) struct Laid {
    pub(crate) identifier: String,
    pub(crate) folder: PathBuf,
}

impl Laid {
    /// None where this user may not write there.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(crate) fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let own = tempfile::tempdir().unwrap();
        if fs::metadata(own.path()).unwrap().uid() != 0 {
            eprintln!("SKIPPED: only root can lay down a policy that counts");
            return None;
        }
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let identifier = format!("refit-test-{}-{next}", std::process::id());
        let base = if cfg!(target_os = "macos") {
            "/Library/Application Support"
        } else {
            "/etc"
        };
        let folder = Path::new(base).join(&identifier);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        Some(Self { identifier, folder })
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("policy.json")
    }

    pub(crate) fn say(&self, policy: &str) {
        fs::write(self.file(), policy).unwrap();
        fs::set_permissions(self.file(), Permissions::from_mode(0o644)).unwrap();
    }

    /// A configuration that this policy is about.
    pub(crate) fn about(&self, news: &Value) -> Value {
        let mut news = news.clone();
        news["identifier"] = self.identifier.clone().into();
        news
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
