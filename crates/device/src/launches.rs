//! When each launch began, in every workspace: a file that was there before is an earlier one's word.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use supervisor::{Event, Supervisor};
use tokio::sync::broadcast::error::RecvError;

/// More than that many are not remembered.
const MOST: usize = 1024;

/// The launches of this run, the oldest first; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Launches(Arc<Mutex<VecDeque<(String, Timestamp)>>>);

impl Launches {
    /// Notes that this launch begins.
    pub(crate) fn note(&self, launch_id: &str, at: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back((launch_id.to_owned(), at));
    }

    /// When it began; none where it is none of this run's.
    pub(crate) fn begun(&self, launch_id: &str) -> Option<Timestamp> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().rev().find(|(id, _)| id == launch_id);
        found.map(|(_, at)| *at)
    }

    /// Notes every launch of a workspace from now on, for as long as it has a supervisor.
    pub(crate) fn follow(&self, supervisor: &Supervisor) {
        let (all, mut heard) = (self.clone(), supervisor.events());
        tokio::spawn(async move {
            loop {
                match heard.recv().await {
                    Ok(Event::Launching { launch_id, .. }) => {
                        all.note(&launch_id, runtime_store::now());
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_launch_has_its_time_and_the_oldest_are_forgotten() {
        let launches = Launches::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for second in 0..2_000 {
            launches.note(&second.to_string(), at(second));
        }
        assert_eq!(launches.begun("1999"), Some(at(1999)));
        assert_eq!(launches.begun("976"), Some(at(976)));
        assert_eq!(launches.begun("975"), None);
    }
}
