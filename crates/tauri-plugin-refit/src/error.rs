//! Why the plugin could not be set up.

use device::ConfigError;

/// Errors of an app as it was built, not of a device: they end the app's start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Nothing says which runtime to keep.
    #[error(
        "tauri.conf.json has no `plugins.refit`; add it with at least `package`, `entry` and \
         `command`"
    )]
    NotConfigured,
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The app's folders are not known.
    #[error(
        "the app's {what} is not known: {source}; see that HOME and the platform's own variables \
         are set"
    )]
    Folder {
        /// Which folder.
        what: &'static str,
        /// What Tauri said.
        source: tauri::Error,
    },
    /// The app's version is none.
    #[error("the app's version `{0}` is not a semantic version; set `version` in tauri.conf.json")]
    Version(String),
}
