//! Signs what a repository says of the headless agent's binaries. Their bytes are elsewhere: in the fleet's
//! object store, which is believed in nothing.

use rollout::AgentRelease;
use serde::Serialize;

use super::changes::Kind;
use super::shelf::Outcome;
use super::{Body, Expect};
use crate::failure::Failure;
use crate::repo::{Desk, Draft, layout};

/// What signing one binary came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Signed {
    #[serde(flatten)]
    pub(crate) release: AgentRelease,
    pub(crate) outcome: Outcome,
}

/// Adds the descriptions of binaries to a draft, or none of them.
///
/// # Errors
/// As [`describe`].
pub(crate) async fn describe_all(
    desk: &Desk,
    draft: &mut Draft,
    releases: Vec<AgentRelease>,
) -> Result<Vec<Signed>, Failure> {
    let mut signed = Vec::new();
    for release in releases {
        signed.push(describe(desk, draft, release).await?);
    }
    Ok(signed)
}

/// Adds the description of a binary to a draft.
///
/// # Errors
/// The site has no repository, or has this version with other content.
async fn describe(
    desk: &Desk,
    draft: &mut Draft,
    release: AgentRelease,
) -> Result<Signed, Failure> {
    let Some(editor) = &mut draft.editor else {
        return Err(Failure::usage(
            format_args!(
                "{} has no signed repository that could name an agent's binary",
                desk.site().store().place("repo/")
            ),
            "Make one with `refit repo init`, or use `refit fleet publish` alone.",
        ));
    };
    let (version, platform) = (&release.version, &release.platform);
    let name = AgentRelease::target_name(version, platform);
    let mut bytes = serde_json::to_vec_pretty(&release)
        .map_err(|error| Failure::new("internal", error, "Please report this."))?;
    bytes.push(b'\n');
    let outcome = if desk.lacks(&name, &bytes).await? {
        draft.changes.add(
            Kind::Target,
            layout::target(&name, &bytes),
            Body::Bytes(bytes),
            Expect::Anything,
        );
        Outcome::Updated
    } else {
        if let Some(there) = desk.target(&name).await?
            && there != bytes
            && AgentRelease::parse(&there, version, platform)
                .is_ok_and(|there| (&there.sha256, there.size) != (&release.sha256, release.size))
        {
            return Err(Failure::new(
                "version-exists",
                format_args!(
                    "The agent's version {version} for {platform} is signed already, with other content"
                ),
                "Raise its version; what is published never changes.",
            ));
        }
        if editor.put(&name, bytes)? {
            Outcome::Published
        } else {
            Outcome::Unchanged
        }
    };
    Ok(Signed { release, outcome })
}
