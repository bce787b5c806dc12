//! Root metadata: which keys sign for which role. tough has no editor for it; its schema is filled here.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::PathBuf;

use jiff::Timestamp;
use tough::editor::signed::SignedRole;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::schema::{RoleKeys, Root};

use super::editor::SPEC_VERSION;
use super::lifetime::{self, Lifetimes};
use super::signing::{sign_for, sources};
use crate::failure::Failure;
use crate::keys::{KeyDir, Role};

/// A key as root metadata names it.
pub(super) fn id(key: &Key) -> Result<Decoded<Hex>, Failure> {
    key.key_id().map_err(|error| {
        Failure::new(
            "keys",
            format_args!("A key could not be named: {error}"),
            "Make the keys anew with `refit keys new`.",
        )
    })
}

/// The first root, which names `keys` for each role. `threshold` is the root's own.
pub(super) fn first(
    keys: &[(Role, Vec<Key>)],
    threshold: NonZeroU64,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Root, Failure> {
    let seconds = lifetimes.seconds(Role::Root, None);
    let mut root = Root {
        spec_version: SPEC_VERSION.to_owned(),
        consistent_snapshot: true,
        version: NonZeroU64::MIN,
        expires: lifetime::expires(now, seconds),
        keys: HashMap::new(),
        roles: HashMap::new(),
        _extra: HashMap::new(),
    };
    lifetime::keep(seconds, &mut root._extra);
    for (role, keys) in keys {
        let mut keyids = Vec::new();
        for key in keys {
            let id = id(key)?;
            root.keys.insert(id.clone(), key.clone());
            if !keyids.contains(&id) {
                keyids.push(id);
            }
        }
        let threshold = match role {
            Role::Root => threshold,
            _ => NonZeroU64::MIN,
        };
        if threshold.get() > keyids.len() as u64 {
            return Err(Failure::usage(
                format_args!(
                    "--threshold {threshold} needs as many root keys, and there are {}",
                    keyids.len()
                ),
                "Name more of them with --root-key FILE.",
            ));
        }
        root.roles.insert(
            role.kind(),
            RoleKeys {
                keyids,
                threshold,
                _extra: HashMap::new(),
            },
        );
    }
    Ok(root)
}

/// The root after `before`, with the same keys.
pub(super) fn next(before: &Root, lifetimes: &Lifetimes, now: Timestamp) -> Result<Root, Failure> {
    let mut root = before.clone();
    root.version = before.version.checked_add(1).ok_or_else(|| {
        Failure::new(
            "repository",
            "There is no root version after this one",
            "Start a new repository.",
        )
    })?;
    let seconds = lifetimes.seconds(Role::Root, Some(&before._extra));
    root.expires = lifetime::expires(now, seconds);
    lifetime::keep(seconds, &mut root._extra);
    Ok(root)
}

/// Lets `new` sign for `role` instead of `old`, and drops keys that nothing names any more.
pub(super) fn replace(
    root: &mut Root,
    role: Role,
    old: &Decoded<Hex>,
    new: &Key,
) -> Result<(), Failure> {
    let new_id = id(new)?;
    root.keys.insert(new_id.clone(), new.clone());
    if let Some(holders) = root.roles.get_mut(&role.kind()) {
        holders.keyids.retain(|held| held != old && *held != new_id);
        holders.keyids.push(new_id);
    }
    let used: Vec<_> = root
        .roles
        .values()
        .flat_map(|role| role.keyids.clone())
        .collect();
    root.keys.retain(|held, _| used.contains(held));
    Ok(())
}

/// Signs a root with the keys that it names and with those that the root before it names, and checks
/// that both are satisfied.
pub(super) async fn sign(
    root: Root,
    before: Option<&Root>,
    keys: &KeyDir,
    more: &[PathBuf],
) -> Result<SignedRole<Root>, Failure> {
    let sources = sources(keys, Role::Root, more)?;
    let mut signed = sign_for(Role::Root, root.clone(), &root, &sources, keys).await?;
    if let Some(before) = before {
        let old = sign_for(Role::Root, root.clone(), before, &sources, keys).await?;
        signed = signed
            .add_old_signatures(old.signed().signatures.clone())
            .map_err(|error| too_few(&error))?;
        before
            .verify_role(signed.signed())
            .map_err(|error| too_few(&error))?;
    }
    root.verify_role(signed.signed())
        .map_err(|error| too_few(&error))?;
    Ok(signed)
}

fn too_few(error: &dyn std::error::Error) -> Failure {
    Failure::new(
        "keys",
        format_args!("The root's keys at hand do not suffice to sign it: {error}"),
        "Bring all the root keys that its threshold asks for: --root-key FILE, once for each.",
    )
}
