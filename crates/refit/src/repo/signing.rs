//! Signatures of one role: which key files make them.

use std::path::PathBuf;

use aws_lc_rs::rand::SystemRandom;
use tough::editor::signed::SignedRole;
use tough::error::Error;
use tough::key_source::KeySource;
use tough::schema::{KeyHolder, Root};

use crate::failure::Failure;
use crate::keys::{KeyDir, Role, SecretKey};

/// Signs one role with the keys that `root` names, and with those that `also` names.
pub(super) async fn sign<T>(
    role: Role,
    content: T,
    root: &Root,
    also: Option<&Root>,
    keys: &KeyDir,
) -> Result<SignedRole<T>, Failure>
where
    T: tough::schema::Role + Clone + Send,
{
    let sources = sources(keys, role, &[])?;
    let first = sign_for(role, content.clone(), root, &sources, keys).await?;
    match also {
        None => Ok(first),
        Some(also) => {
            let second = sign_for(role, content, also, &sources, keys).await?;
            second
                .add_old_signatures(first.signed().signatures.clone())
                .map_err(|error| failed(role, keys, &error))
        }
    }
}

/// Signs one role with whichever of `sources` the keys of `root` for it are.
pub(super) async fn sign_for<T>(
    role: Role,
    content: T,
    root: &Root,
    sources: &[Box<dyn KeySource>],
    keys: &KeyDir,
) -> Result<SignedRole<T>, Failure>
where
    T: tough::schema::Role + Send,
{
    let holder = KeyHolder::Root(root.clone());
    SignedRole::new(content, &holder, sources, &SystemRandom::new())
        .await
        .map_err(|error| failed(role, keys, &error))
}

/// The key files of a role, in the folder and besides.
pub(super) fn sources(
    keys: &KeyDir,
    role: Role,
    more: &[PathBuf],
) -> Result<Vec<Box<dyn KeySource>>, Failure> {
    let mut sources: Vec<Box<dyn KeySource>> = Vec::new();
    for key in keys.secrets(role)? {
        sources.push(Box::new(key));
    }
    for path in more {
        sources.push(Box::new(SecretKey::read(path)?));
    }
    if sources.is_empty() {
        return Err(Failure::new(
            "keys",
            format_args!(
                "{} is needed to sign, and is not there",
                keys.current(role).display()
            ),
            match role {
                Role::Root => "Bring the root's key, or name its file with --root-key.",
                _ => {
                    "Name the folder with the repository's keys. If the key is lost: `refit repo rotate`."
                }
            },
        ));
    }
    Ok(sources)
}

fn failed(role: Role, keys: &KeyDir, error: &Error) -> Failure {
    match error {
        Error::SigningKeysNotFound { .. } | Error::KeysNotFoundInRoot { .. } => Failure::new(
            "keys",
            format_args!(
                "{} is not a key that the repository's root names for {role}",
                keys.current(role).display()
            ),
            "Use the keys that this repository was made with, or last rotated to.",
        ),
        _ => Failure::new(
            "keys",
            format_args!("Could not sign {role}: {error}"),
            "Check the key files, then try again.",
        ),
    }
}
