//! Where the broker is, and who we are there.

use std::fmt;
use std::path::PathBuf;

use rollout::fleet::Name;

/// Checked settings of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The fleet's name.
    pub fleet: Name,
    /// Addresses, `nats://HOST:PORT` on this machine, `tls://HOST:PORT` elsewhere.
    pub servers: Vec<String>,
    /// How we sign in.
    pub login: Login,
    /// More roots to believe for TLS, as a PEM file.
    pub ca: Option<PathBuf>,
}

/// How we sign in. Secrets are read from files when a connection is made, and kept nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Login {
    /// Not at all: for trying out.
    #[default]
    Nobody,
    /// A `.creds` file of NATS: a signed identity and its key.
    Credentials(PathBuf),
    /// A file with the seed of an `NKey`.
    Nkey(PathBuf),
    /// A user, and a file with its password.
    Password {
        /// The user's name.
        user: String,
        /// The file.
        file: PathBuf,
    },
}

impl fmt::Debug for Settings {
    /// Addresses may have a login in them; nobody needs to see it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("fleet", &self.fleet)
            .field("servers", &self.servers.len())
            .field("login", &self.login)
            .field("ca", &self.ca)
            .finish()
    }
}
