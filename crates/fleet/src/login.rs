//! What we say who we are, read anew for each connection.

use std::path::Path;

use async_nats::Auth;
use nkeys::KeyPair;

use crate::FleetError;
use crate::settings::Login;

/// The answer to a server's `nonce`. Files are read now: one that was exchanged counts with the next attempt.
///
/// # Errors
/// A file that cannot be read, or is not what it should be. No error has a secret in it.
pub(crate) fn answer(login: &Login, nonce: &[u8]) -> Result<Auth, FleetError> {
    let mut auth = Auth::new();
    match login {
        Login::Nobody => {}
        Login::Password { user, file } => {
            auth.username = Some(user.clone());
            auth.password = Some(read(file)?.trim_end().to_owned());
        }
        Login::Nkey(path) => {
            let key = key(path, read(path)?.trim())?;
            auth.nkey = Some(key.public_key());
            auth.signature = Some(signed(path, &key, nonce)?);
        }
        Login::Credentials(path) => {
            let text = read(path)?;
            let (Some(jwt), Some(seed)) = (
                block(&text, "NATS USER JWT"),
                block(&text, "USER NKEY SEED"),
            ) else {
                let why = "it is no credentials file of NATS: it has no user's JWT or no seed";
                return Err(bad(path, why));
            };
            auth.jwt = Some(jwt.to_owned());
            auth.signature = Some(signed(path, &key(path, seed)?, nonce)?);
        }
    }
    Ok(auth)
}

fn read(path: &Path) -> Result<String, FleetError> {
    std::fs::read_to_string(path).map_err(|source| FleetError::File {
        path: path.to_owned(),
        source,
    })
}

fn bad(path: &Path, why: &str) -> FleetError {
    FleetError::BadFile {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

fn key(path: &Path, seed: &str) -> Result<KeyPair, FleetError> {
    KeyPair::from_seed(seed).map_err(|_| bad(path, "what is in it is no seed of an NKey"))
}

fn signed(path: &Path, key: &KeyPair, nonce: &[u8]) -> Result<Vec<u8>, FleetError> {
    key.sign(nonce)
        .map_err(|_| bad(path, "nothing can be signed with its key"))
}

/// The line after `-----BEGIN what-----`.
fn block<'a>(text: &'a str, what: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.trim_matches('-').strip_prefix("BEGIN ") == Some(what))?;
    lines.find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("login");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn a_key_and_a_credentials_file_sign_what_the_server_asks() {
        let user = KeyPair::new_user();
        let seed = user.seed().unwrap();
        let credentials = format!(
            "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n\nKeep it.\n\n\
             -----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\n"
        );
        let (_dir, path) = written(&credentials);
        let auth = answer(&Login::Credentials(path), b"asked").unwrap();
        assert_eq!(auth.jwt.as_deref(), Some("eyJ0.eyJq.c2ln"));
        user.verify(b"asked", &auth.signature.unwrap()).unwrap();
        let (_dir, path) = written(&format!("{seed}\n"));
        let auth = answer(&Login::Nkey(path), b"asked").unwrap();
        assert_eq!(auth.nkey, Some(user.public_key()));
        user.verify(b"asked", &auth.signature.unwrap()).unwrap();
    }

    #[test]
    fn a_password_is_the_files_without_its_last_line_end() {
        let (_dir, file) = written(" a b \n");
        let user = "d".to_owned();
        let auth = answer(&Login::Password { user, file }, b"").unwrap();
        assert_eq!(
            (auth.username.unwrap(), auth.password.unwrap()),
            ("d".into(), " a b".into())
        );
    }

    #[test]
    fn a_file_that_is_missing_or_half_written_is_named_and_its_content_is_not() {
        for text in ["", "SUA-half-a-secret", "-----BEGIN NATS USER JWT-----"] {
            let (_dir, path) = written(text);
            for login in [Login::Nkey(path.clone()), Login::Credentials(path.clone())] {
                let error = answer(&login, b"x").err().unwrap().to_string();
                assert!(
                    error.contains("login") && !error.contains("secret"),
                    "{error}"
                );
            }
        }
        let missing = Login::Nkey(PathBuf::from("/nowhere/key"));
        assert!(
            answer(&missing, b"x")
                .err()
                .unwrap()
                .to_string()
                .contains("/nowhere/key")
        );
    }
}
