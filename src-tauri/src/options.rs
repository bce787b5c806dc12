//! What the command line may say, in builds with the feature `dev-options`.

use std::error::Error;
use std::path::PathBuf;

/// Nothing is set in a release.
#[derive(Debug, Default)]
#[cfg_attr(feature = "dev-options", derive(clap::Parser))]
#[cfg_attr(
    feature = "dev-options",
    command(version, about = "The reference shell of Refit")
)]
pub(crate) struct Options {
    /// Take the configuration from this file in place of the built-in one
    #[cfg_attr(feature = "dev-options", arg(long, value_name = "FILE"))]
    pub(crate) config: Option<PathBuf>,
    /// Keep everything in this folder in place of the user-data folder
    #[cfg_attr(feature = "dev-options", arg(long, value_name = "DIR"))]
    pub(crate) data_dir: Option<PathBuf>,
    /// Take this folder as the bundled runtime
    #[cfg_attr(feature = "dev-options", arg(long, value_name = "DIR"))]
    pub(crate) bundled: Option<PathBuf>,
    /// Open the runtime page too, as its menu item would; also in an instance that runs already
    #[cfg_attr(feature = "dev-options", arg(long))]
    pub(crate) runtime_page: bool,
    /// Open the page of all runtimes and workspaces too, as its menu item would; also in an instance
    /// that runs already
    #[cfg_attr(feature = "dev-options", arg(long))]
    pub(crate) apps_page: bool,
}

impl Options {
    /// The options of this process.
    #[cfg(feature = "dev-options")]
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        <Self as clap::Parser>::parse().resolved()
    }

    /// The options of this process: there are none in a release.
    #[cfg(not(feature = "dev-options"))]
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        Self::default().resolved()
    }

    /// Makes the data folder, so that it has one real path whatever the working folder.
    fn resolved(mut self) -> Result<Self, Box<dyn Error>> {
        if let Some(dir) = self.data_dir.take() {
            let made = std::fs::create_dir_all(&dir).and_then(|()| dir.canonicalize());
            self.data_dir = Some(made.map_err(|error| {
                format!(
                    "cannot make the data folder {}: {error}; name one that can be written",
                    dir.display()
                )
            })?);
        }
        Ok(self)
    }

    /// Whether the arguments of another instance ask for the runtime page.
    pub(crate) fn asks_for_runtime_page(arguments: &[String]) -> bool {
        cfg!(feature = "dev-options") && arguments.iter().any(|it| it == "--runtime-page")
    }

    /// Whether the arguments of another instance ask for the page of all runtimes and workspaces.
    pub(crate) fn asks_for_apps_page(arguments: &[String]) -> bool {
        cfg!(feature = "dev-options") && arguments.iter().any(|it| it == "--apps-page")
    }

    /// The identifier of this instance's app: instances with different data folders are different
    /// apps, which do not focus one another.
    pub(crate) fn identifier(&self, own: &str) -> String {
        match &self.data_dir {
            None => own.to_owned(),
            Some(dir) => format!(
                "{own}.d{:016x}",
                fingerprint(dir.as_os_str().as_encoded_bytes())
            ),
        }
    }
}

/// FNV-1a, 64 bits: the same for the same bytes in every build.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_data_dir(dir: &str) -> Options {
        Options {
            data_dir: Some(dir.into()),
            ..Options::default()
        }
    }

    #[test]
    fn every_data_folder_is_an_app_of_its_own() {
        let own = "dev.refit.shell";
        assert_eq!(Options::default().identifier(own), own);
        let one = with_data_dir("/a").identifier(own);
        assert_eq!(one, with_data_dir("/a").identifier(own));
        assert_ne!(one, with_data_dir("/b").identifier(own));
        assert!(one.starts_with("dev.refit.shell.d"), "{one}");
    }

    #[test]
    fn a_data_folder_is_made_and_resolved() {
        let name = format!("refit-shell-options-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let messy = dir.join("..").join(dir.file_name().unwrap());
        // The parent of `..` must exist for the path to mean anything.
        std::fs::create_dir_all(&dir).unwrap();
        let options = Options {
            data_dir: Some(messy),
            ..Options::default()
        }
        .resolved()
        .unwrap();
        assert_eq!(options.data_dir.unwrap(), dir.canonicalize().unwrap());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_data_folder_that_cannot_be_made_is_named() {
        let file = std::env::current_exe().unwrap().join("below-a-file");
        let error = Options {
            data_dir: Some(file.clone()),
            ..Options::default()
        }
        .resolved()
        .unwrap_err()
        .to_string();
        assert!(error.contains(&file.display().to_string()), "{error}");
    }
}
