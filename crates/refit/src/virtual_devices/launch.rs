//! A launch of which the spawn is played: everything else is what a supervisor asks of the store.

use rollout::{Integrity, Version};
use runtime_store::{Asked, Choice, Failure, How, Launch, Shell, Source, Store};
use sha2::{Digest as _, Sha256};

/// What a launch led to.
#[derive(Debug)]
pub(crate) struct Launched {
    /// What is ready.
    pub(crate) launch: Launch,
    /// What failed before it, and whether that is bad now.
    pub(crate) failed: Vec<(Version, How, bool)>,
}

/// Launches as a supervisor does: pointer, previous, bundled, each at most once. Blocks on the disk.
pub(crate) fn launch(store: &Store, shell: &Shell, device: &str) -> Launched {
    let mut failures = Vec::new();
    loop {
        let mut launch =
            store.begin_launch(shell, Asked::Passively, &failures, runtime_store::now());
        let choice = &launch.choice;
        // The last choice is ready whatever it does: there is nothing behind it.
        if choice.source != Source::Bundled && exits(choice, device) {
            failures.push(Failure {
                version: choice.version.clone(),
                integrity: choice.integrity.clone(),
                source: choice.source,
                trial: choice.trial.is_some(),
                taken: launch.taken.is_some(),
                how: How::Exited,
                detail: "it was played that it exits".to_owned(),
            });
            continue;
        }
        let condemned = store
            .ready(&launch, &failures, runtime_store::now())
            .unwrap_or_else(|error| {
                tracing::warn!(%error, device, "the store could not be kept up to date");
                Vec::new()
            });
        // Nobody outlives this process, so nobody needs the lease; thousands of them are thousands of open files.
        launch.lease = None;
        let is_bad = |failure: &Failure| {
            let about = |integrity: &Integrity| {
                condemned
                    .iter()
                    .any(|bad| bad.is_about(&failure.version, integrity))
            };
            failure.integrity.as_ref().is_some_and(about)
        };
        let failed = failures
            .iter()
            .map(|failure| (failure.version.clone(), failure.how, is_bad(failure)))
            .collect();
        return Launched { launch, failed };
    }
}

/// Whether the played spawn of this choice exits before it is ready, on this device.
fn exits(choice: &Choice, device: &str) -> bool {
    let entry = std::fs::read_to_string(&choice.entry).unwrap_or_default();
    told(&entry).is_some_and(|share| {
        let hash = Sha256::digest(format!("{device}:{}", choice.version));
        let drawn = u16::from_be_bytes([hash[0], hash[1]]) % 100;
        drawn < share
    })
}

/// On how many devices of a hundred an entry says that it exits.
fn told(entry: &str) -> Option<u16> {
    let line = entry
        .lines()
        .find_map(|line| line.split_once("refit-virtual:"))?;
    match line.1.trim().strip_prefix("exit")?.trim() {
        "" => Some(100),
        share => share.strip_suffix('%')?.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_on_how_many_devices_it_exits() {
        assert_eq!(told("// refit-virtual: exit\n"), Some(100));
        assert_eq!(told("x\n# refit-virtual: exit 30%"), Some(30));
        for other in [
            "",
            "exit",
            "// refit-virtual: go on",
            "// refit-virtual: exit many",
        ] {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
