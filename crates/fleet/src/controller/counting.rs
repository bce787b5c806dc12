//! Keeps one ramp's ledger up to date from the reports and the heartbeats on the broker.

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::jetstream::Message;
use jiff::{SignedDuration, Timestamp};
use rollout::fleet::Subject;
use rollout::fleet::ramp::{Beat, Counts, Fact, Ledger, Origin, Ramp};

use super::Pace;
use super::book::{Book, bucket_stream};
use super::feed::{Feed, From};
use crate::{Event, FleetError, Heartbeat, Report, State};

/// The counting of one ramp.
#[derive(Debug)]
pub(super) struct Count {
    ledger: Arc<Mutex<Ledger>>,
    reports: Feed,
    beats: Feed,
    ramp: String,
}

impl Count {
    /// Begins to count for `ramp`, from where it began.
    pub(super) fn begin(book: &Book, ramp: &Ramp, pace: &Pace) -> Self {
        let late = SignedDuration::try_from(pace.late).unwrap_or(SignedDuration::MAX);
        let ledger = Arc::new(Mutex::new(Ledger::new(ramp, late)));
        let subject = ramp.subject;
        let names = book.names.clone();
        let reports = Feed::open(book, names.reports(), From::Origin(ramp.reports), {
            let (ledger, names) = (Arc::clone(&ledger), names.clone());
            let (began, origin) = (ramp.at, ramp.reports);
            move |message, at| {
                // What is no report, or stands under another device's subject, counts for nothing.
                let Ok(report) = serde_json::from_slice::<Report>(&message.payload) else {
                    return;
                };
                if names.report(&report.device) == *message.subject && report.subject == subject {
                    note(&mut locked(&ledger), taken(at, began, origin), &report);
                }
            }
        });
        let devices = bucket_stream(&names.devices());
        let beats = Feed::open(book, devices, From::Last, {
            let ledger = Arc::clone(&ledger);
            move |message, at| {
                if let Some(heartbeat) = heartbeat(message)
                    && names.heartbeat(&heartbeat.device) == *message.subject
                {
                    hear(&mut locked(&ledger), at, &heartbeat, subject);
                }
            }
        });
        Self {
            ledger,
            reports,
            beats,
            ramp: ramp.id.clone(),
        }
    }

    /// Whether it counts for this ramp.
    pub(super) fn is_of(&self, ramp: &Ramp) -> bool {
        self.ramp == ramp.id
    }

    /// The numbers at the broker's time `now`; none while not everything that is there is counted.
    pub(super) async fn counts(
        &mut self,
        book: &Book,
        ramp: &Ramp,
        now: Timestamp,
        pace: &Pace,
    ) -> Result<Option<Counts>, FleetError> {
        for feed in [&mut self.reports, &mut self.beats] {
            if !feed.is_up_to_date(book, pace.patience, pace.stall).await? {
                return Ok(None);
            }
        }
        Ok(Some(locked(&self.ledger).count(ramp, now)))
    }
}

fn locked(ledger: &Mutex<Ledger>) -> std::sync::MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The heartbeat in an entry of the bucket of devices; none in what was deleted there.
pub(super) fn heartbeat(message: &Message) -> Option<Heartbeat> {
    serde_json::from_slice(&message.payload).ok()
}

/// As of when a report counts that was handed on from `origin`. The moment at which a ramp began and that at which a
/// report was taken were told by two nodes, each by its own clock; where the record says with which
/// report of which stream the ramp began, none that is handed on is older.
fn taken(at: Timestamp, began: Timestamp, origin: Origin) -> Timestamp {
    if origin.stream.is_some() {
        at.max(began)
    } else {
        at
    }
}

fn note(ledger: &mut Ledger, at: Timestamp, report: &Report) {
    let version = report.version.as_ref();
    let fact = match (report.event, version) {
        (Event::Launched, Some(version)) => Fact::Ran {
            version,
            from: report.from.as_ref(),
        },
        (Event::Confirmed | Event::RolledBack, Some(version)) => Fact::Ran {
            version,
            from: None,
        },
        (Event::Refused, Some(version)) => Fact::Refused(version),
        (event, Some(version)) if event.is_failure() => Fact::Failed(version),
        (event, version) if event.is_infrastructure() => Fact::Infrastructure(version),
        _ => return,
    };
    ledger.report(at, &report.device, report.seq, &fact);
}

fn hear(ledger: &mut Ledger, at: Timestamp, heartbeat: &Heartbeat, subject: Subject) {
    let standing = match subject {
        Subject::Runtime => Some(&heartbeat.runtime),
        Subject::Agent => heartbeat.agent.as_ref(),
    };
    let Some(standing) = standing else {
        return;
    };
    let beat = Beat {
        groups: &heartbeat.groups,
        runs: standing.version.as_ref(),
        aims: standing.target.as_ref(),
        scope: standing.scope.as_ref(),
        generation: standing.generation,
        refuses: matches!(standing.state, State::Refused | State::Off),
        trouble: matches!(standing.state, State::Trouble | State::Halted),
    };
    ledger.beat(at, &heartbeat.device, &beat);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_since_the_ramp_began_counts_though_its_node_is_behind() {
        let [began, before, after] = [100, 99, 101].map(|it| Timestamp::constant(it, 0));
        let origin = Origin {
            stream: Some(Timestamp::UNIX_EPOCH),
            first: 48,
        };
        assert_eq!(taken(before, began, origin), began);
        assert_eq!(taken(after, began, origin), after);
        // Where the record does not say with which it began, all that there are are handed on.
        assert_eq!(taken(before, began, Origin::default()), before);
    }
}
