//! Whatever a hostile host serves, in whatever order: versions never go back, and what is kept is
//! always something that the publisher signed as one piece.

use proptest::prelude::*;

use crate::support::Publisher;
use crate::support::device::Device;
use crate::support::host::Answer;

/// What is served in one round.
#[derive(Debug, Clone)]
struct Round {
    /// The publisher's history, at which point, for each of timestamp, snapshots and targets.
    at: [usize; 3],
    /// Roots up to this one.
    roots: usize,
    /// A file that is broken, by its place, and how.
    broken: Option<(usize, u8)>,
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let round = (
        [0..5_usize, 0..5_usize, 0..5_usize],
        0..3_usize,
        proptest::option::of((0..8_usize, 0..3_u8)),
        any::<bool>(),
    )
        .prop_map(|(at, roots, broken, honest)| Round {
            at: if honest { [at[0]; 3] } else { at },
            roots,
            broken,
        });
    proptest::collection::vec(round, 1..12)
}

/// Five moments of one publisher, and roots that change no key of timestamp or snapshot.
fn history() -> Vec<Publisher> {
    let mut publisher = Publisher::with_latest(b"0");
    let mut history = vec![publisher.clone()];
    for moment in 1..5 {
        if moment == 2 || moment == 4 {
            publisher.next_root(&[]);
        }
        publisher.add("latest.json", moment.to_string().as_bytes());
        publisher.publish();
        history.push(publisher.clone());
    }
    history
}

fn files(history: &[Publisher], round: &Round) -> Vec<(String, Answer)> {
    let newest = history.last().unwrap();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (path, bytes) in &newest.files {
        let root = path.strip_suffix(".root.json");
        let wanted = match root.and_then(|path| path.strip_prefix("metadata/")) {
            Some(version) => version.parse::<usize>().unwrap() <= round.roots + 1,
            None => path.starts_with("targets/"),
        };
        if wanted {
            files.push((path.clone(), bytes.clone()));
        }
    }
    let stamp = "metadata/timestamp.json";
    files.push((stamp.into(), history[round.at[0]].files[stamp].clone()));
    // Under the names the device will ask for: the ones that the served timestamp leads to.
    let name = history[round.at[0]].snapshot.version;
    for (role, at) in [("snapshot", round.at[1]), ("targets", round.at[2])] {
        let version = history[at].snapshot.version;
        let bytes = history[at].files[&format!("metadata/{version}.{role}.json")].clone();
        files.push((format!("metadata/{name}.{role}.json"), bytes));
    }
    let count = files.len();
    files
        .into_iter()
        .enumerate()
        .map(|(place, (path, bytes))| match round.broken {
            Some((at, how)) if at % count == place => {
                let half = bytes[..bytes.len() / 2].to_vec();
                let how = match how {
                    0 => Answer::Broken("503"),
                    1 => Answer::CutOff(half),
                    _ => Answer::Bytes(half),
                };
                (path, how)
            }
            _ => (path, Answer::Bytes(bytes)),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn versions_never_go_back_and_what_is_kept_belongs_together(rounds in rounds()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let history = history();
            let device = Device::new(history[0].first_root());
            let mut before = [0; 4];
            let mut known = 0;
            for round in &rounds {
                let host = history[0].host();
                for path in history[0].files.keys() {
                    host.remove(path);
                }
                for (path, answer) in files(&history, round) {
                    host.answer(&path, answer);
                }
                let outcome = device.refresh(&host).await;
                let after = device.versions();
                for (was, is) in before.iter().zip(after) {
                    prop_assert!(is >= *was, "{before:?} → {after:?}");
                }
                before = after;
                if let Ok(repository) = &outcome {
                    prop_assert!(repository.target("latest.json").is_some());
                }
                let Some(kept) = device.trust().kept().await.unwrap() else {
                    prop_assert_eq!(known, 0);
                    continue;
                };
                let info = kept.target("latest.json").unwrap();
                let moment = history
                    .iter()
                    .position(|one| {
                        let path = format!("targets/{}.latest.json", info.sha256);
                        one.files.contains_key(&path)
                    })
                    .unwrap();
                prop_assert!(moment + 1 >= known, "moment {moment} after {}", known - 1);
                known = moment + 1;
                // A fresh, honest round that is served whole is believed where it is not older.
                if outcome.is_ok() {
                    prop_assert_eq!(after[1], history[moment].timestamp.version.get());
                    prop_assert_eq!(after[3], history[moment].targets.version.get());
                }
            }
            Ok(())
        })?;
    }
}
