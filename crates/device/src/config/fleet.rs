//! The setting `fleet`: which operator's orders this device follows, and over which broker.

use std::path::{Path, PathBuf};

use fleet::{Login, Settings};
use rollout::fleet::Name;
use serde::{Deserialize, Serialize};

/// A fleet, and this device's place in it. Paths are relative to the configuration's file, or, in an app,
/// to its resource folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fleet {
    /// The fleet's name on the broker.
    #[serde(default = "name")]
    pub name: Name,
    /// The broker's addresses: `tls://HOST:4222`, or `nats://127.0.0.1:4222` on this machine.
    pub servers: Vec<String>,
    /// A `.creds` file of NATS.
    #[serde(default)]
    pub credentials: Option<PathBuf>,
    /// A file with the seed of an `NKey`.
    #[serde(default)]
    pub nkey: Option<PathBuf>,
    /// A user, for `password`.
    #[serde(default)]
    pub user: Option<String>,
    /// A file with the user's password.
    #[serde(default)]
    pub password: Option<PathBuf>,
    /// More roots to believe for TLS: a PEM file.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// The groups that this device is in.
    #[serde(default)]
    pub groups: Vec<Name>,
    /// The device's name in the fleet; left out, its own id, a UUID.
    #[serde(default)]
    pub device: Option<Name>,
    /// Whose word is believed about the agent's own binary.
    #[serde(default)]
    pub self_update: SelfUpdate,
}

/// Whose word is believed about the headless agent's own binary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SelfUpdate {
    /// Only what the signed repository of `trust` names: the broker is not trusted with content.
    #[default]
    Signed,
    /// The digest that the broker's bucket recorded: whoever may publish there is trusted with the machine.
    Bucket,
    /// Nobody's: the agent stays as it is.
    Off,
}

fn name() -> Name {
    #[expect(clippy::unwrap_used, reason = "a name that is one")]
    "refit".parse().unwrap()
}

impl Fleet {
    /// The connection that it describes.
    ///
    /// # Errors
    /// A sentence about more than one way to sign in, or half of one.
    pub fn settings(&self) -> Result<Settings, String> {
        let login = match (&self.credentials, &self.nkey, &self.user, &self.password) {
            (None, None, None, None) => Login::Nobody,
            (Some(file), None, None, None) => Login::Credentials(file.clone()),
            (None, Some(file), None, None) => Login::Nkey(file.clone()),
            (None, None, Some(user), Some(file)) => Login::Password {
                user: user.clone(),
                file: file.clone(),
            },
            (None, None, _, _) => {
                return Err("`user` and `password`, the file with it, belong together".to_owned());
            }
            _ => {
                return Err(
                    "needs at most one of `credentials`, `nkey`, and `user` with `password`"
                        .to_owned(),
                );
            }
        };
        Ok(Settings {
            fleet: self.name.clone(),
            servers: self.servers.clone(),
            login,
            ca: self.ca.clone(),
        })
    }

    /// What cannot be meant in it.
    pub(super) fn problem(&self) -> Option<String> {
        if self.servers.is_empty() {
            return Some("`servers` is empty; name the broker's address".to_owned());
        }
        let wrong = self.servers.iter().find_map(|it| fleet::address(it).err());
        wrong
            .map(|error| error.to_string())
            .or_else(|| self.settings().err())
    }

    /// The same with relative paths taken from `folder`.
    pub(super) fn beside(&mut self, folder: &Path) {
        let paths = [
            &mut self.credentials,
            &mut self.nkey,
            &mut self.password,
            &mut self.ca,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(json: serde_json::Value) -> Result<Fleet, serde_json::Error> {
        serde_json::from_value(json)
    }

    #[test]
    fn there_is_one_way_to_sign_in_and_no_clear_word_to_other_machines() {
        let plain = serde_json::json!({ "servers": ["nats://127.0.0.1:4222"] });
        let plain = fleet(plain).unwrap();
        assert_eq!(plain.problem(), None);
        assert_eq!(plain.settings().unwrap().fleet.as_str(), "refit");
        for wrong in [
            serde_json::json!({ "servers": [] }),
            serde_json::json!({ "servers": ["nats://broker.example:4222"] }),
            serde_json::json!({ "servers": ["tls://b"], "user": "u" }),
            serde_json::json!({ "servers": ["tls://b"], "user": "u", "nkey": "n" }),
            serde_json::json!({ "servers": ["tls://b"], "credentials": "c", "nkey": "n" }),
        ] {
            assert!(fleet(wrong.clone()).unwrap().problem().is_some(), "{wrong}");
        }
        for shape in [
            serde_json::json!({ "servers": ["tls://b"], "token": "secret" }),
            serde_json::json!({ "servers": ["tls://b"], "name": "a.b" }),
            serde_json::json!({ "servers": ["tls://b"], "groups": ["*"] }),
        ] {
            assert!(fleet(shape.clone()).is_err(), "{shape}");
        }
    }

    #[test]
    fn paths_are_beside_the_configuration() {
        let json = serde_json::json!({ "servers": ["tls://b"], "credentials": "x.creds", "ca": "/abs.pem" });
        let mut fleet = fleet(json).unwrap();
        fleet.beside(Path::new("/etc/app"));
        assert_eq!(
            fleet.credentials.as_deref(),
            Some(Path::new("/etc/app/x.creds"))
        );
        assert_eq!(fleet.ca.as_deref(), Some(Path::new("/abs.pem")));
    }
}
