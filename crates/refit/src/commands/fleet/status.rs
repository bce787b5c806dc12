//! `refit fleet status`: how many devices have which version, who has trouble, who is late.

use std::collections::BTreeSet;
use std::time::Duration;

use fleet::operator::observe::Watch;
use fleet::operator::{Counts, Filter, Overview, Page, Seen, Slice};
use fleet::{Client, Names, State};
use jiff::Timestamp;
use rollout::fleet::Subject;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use super::aim::Of;
use super::broker::{Broker, Connected};
use super::words;
use crate::args::Globals;
use crate::commands::serve::stop_signal;
use crate::failure::Failure;
use crate::output::{Answer, columns, say, table, tell};
use crate::rollouts::words::{count, devices, relative};

/// A change is told at most so often.
const AT_MOST: Duration = Duration::from_secs(1);

/// So many devices are named with a change.
const NAMED: usize = 5;

/// States in which somebody should look at a device.
const TROUBLED: [State; 3] = [State::Refused, State::Trouble, State::Halted];

/// Show how many devices have which version in which state, who has trouble, and who is late
///
/// A device is late when it was not heard of for 90 seconds.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Go on, and print a line for each change, until ctrl-c
    #[arg(long)]
    watch: bool,
    /// How many devices to name that have trouble, and that are late
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    broker: Broker,
}

impl Status {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Connected { client, names } = self.broker.connect(globals).await?;
        let subject = self.of.subject();
        if self.watch {
            let stop = stop_signal()?;
            return tokio::select! {
                failure = follow(&client, &names, subject, globals.json) => Err(failure),
                () = stop => Ok(Answer::silent()),
            };
        }
        let mut overview = Overview::default();
        let mut watch = Watch::open(&fleet::jetstream(&client), &names).await?;
        let now = watch.now();
        watch.catch_up(&mut overview, now).await?;
        let picture = Picture::of(&overview, subject, self.limit, now);
        if picture.counts.devices == 0 {
            return Ok(Answer::nothing_to_do(
                picture.json(),
                "No device was heard of yet",
            ));
        }
        Ok(Answer::done(picture.json()).data(picture.words()))
    }
}

/// Tells changes for ever; ends when the fleet is not there at all.
async fn follow(client: &Client, names: &Names, subject: Subject, json: bool) -> Failure {
    let jetstream = fleet::jetstream(client);
    let mut overview = Overview::default();
    let mut told: Option<(Counts, String)> = None;
    loop {
        let mut watch = match Watch::open(&jetstream, names).await {
            Ok(watch) => watch,
            Err(error) if told.is_none() => return error.into(),
            Err(error) => {
                say(&format!("{error}; trying again"));
                tokio::time::sleep(AT_MOST).await;
                continue;
            }
        };
        let now = watch.now();
        if let Err(error) = watch.catch_up(&mut overview, now).await {
            say(&format!("{error}; trying again"));
            tokio::time::sleep(AT_MOST).await;
            continue;
        }
        let mut due = tokio::time::interval(AT_MOST);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                news = watch.next() => match news {
                    Ok(news) => news.tell(&mut overview, watch.now()),
                    Err(error) => {
                        say(&format!("{error}; listening anew"));
                        tokio::time::sleep(AT_MOST).await;
                        break;
                    }
                },
                _ = due.tick() => {
                    let now = watch.now();
                    overview.forget_the_lost(now);
                    let picture = Picture::of(&overview, subject, NAMED, now);
                    let news = (picture.counts.clone(), picture.late_names());
                    if told.as_ref() != Some(&news) {
                        tell(json, &picture.json(), &format!("{now}  {}", picture.line()));
                        told = Some(news);
                    }
                }
            }
        }
    }
}

/// What is shown at once.
struct Picture<'a> {
    subject: Subject,
    counts: Counts,
    troubled: Slice<'a>,
    late: Slice<'a>,
    now: Timestamp,
}

impl<'a> Picture<'a> {
    fn of(overview: &'a Overview, subject: Subject, limit: usize, now: Timestamp) -> Self {
        let page = Page { offset: 0, limit };
        let late = Filter {
            late: Some(true),
            ..Filter::default()
        };
        let mut troubled = Slice {
            total: 0,
            devices: Vec::new(),
        };
        for state in TROUBLED {
            let filter = Filter {
                state: Some(state),
                ..Filter::default()
            };
            let found = overview.devices(subject, &filter, page, now);
            troubled.total += found.total;
            troubled.devices.extend(found.devices);
        }
        troubled.devices.truncate(limit);
        let everyone = Page {
            offset: 0,
            limit: usize::MAX,
        };
        let mut late_devices = overview.devices(subject, &late, everyone, now);
        // Who has been silent for longest comes first.
        late_devices.devices.sort_by_key(|seen| seen.heard);
        late_devices.devices.truncate(limit);
        Self {
            subject,
            counts: overview.counts(subject, now),
            troubled,
            late: late_devices,
            now,
        }
    }

    /// The counts in one line, and who is late.
    fn line(&self) -> String {
        let mix = self.counts.mix.iter().map(|it| {
            let version = words::version(it.version.as_ref());
            format!("{version} {} {}", words::state(it.state), count(it.devices))
        });
        let mut parts = vec![devices(self.counts.devices)];
        parts.extend(mix);
        if self.counts.late > 0 {
            let (late, names) = (count(self.counts.late), self.late_names());
            parts.push(format!("late {late} ({names})"));
        }
        parts.join(", ")
    }

    /// Who is late, as far as they are shown.
    fn late_names(&self) -> String {
        let shown = self.late.devices.iter().map(|it| it.device.as_str());
        let mut names = shown.collect::<Vec<_>>().join(" ");
        if self.late.total > self.late.devices.len() {
            names.push_str(" …");
        }
        names
    }

    fn json(&self) -> Value {
        let mut json = json!(self.counts);
        json["subject"] = json!(self.subject);
        json["at"] = json!(self.now);
        let troubled = self.troubled.devices.iter().map(|it| self.device(it));
        json["troubled"] =
            json!({ "total": self.troubled.total, "devices": troubled.collect::<Vec<_>>() });
        let late = self.late.devices.iter().map(|it| self.device(it));
        json["lateDevices"] = json!(late.collect::<Vec<_>>());
        json
    }

    fn device(&self, seen: &Seen) -> Value {
        let standing = seen.standing(self.subject);
        json!({
            "device": seen.device,
            "heard": seen.heard,
            "groups": seen.groups,
            "version": standing.and_then(|it| it.version.as_ref()),
            "state": standing.map(|it| it.state),
            "target": standing.and_then(|it| it.target.as_ref()),
            "reason": standing.map(|it| &it.reason),
            "detail": standing.map(|it| &it.detail),
        })
    }

    fn words(&self) -> String {
        let mut parts = vec![self.mix()];
        if !self.troubled.devices.is_empty() {
            let rows = self.troubled.devices.iter().map(|seen| {
                let standing = seen.standing(self.subject).map(words::standing);
                [seen.device.to_string(), standing.unwrap_or_default()]
            });
            parts.push(format!("With trouble:\n{}", table(rows)));
            parts.extend(more(self.troubled.total, self.troubled.devices.len()));
        }
        if !self.late.devices.is_empty() {
            let rows = self.late.devices.iter().map(|seen| {
                let heard = format!("last heard of {}", relative(seen.heard, self.now));
                [seen.device.to_string(), heard]
            });
            parts.push(format!("Late:\n{}", table(rows)));
            parts.extend(more(self.late.total, self.late.devices.len()));
        }
        parts.push(format!(
            "{}, {} late",
            devices(self.counts.devices),
            count(self.counts.late)
        ));
        parts.join("\n\n")
    }

    /// Versions down, states across.
    fn mix(&self) -> String {
        let states: BTreeSet<State> = self.counts.mix.iter().map(|it| it.state).collect();
        let mut versions: Vec<Option<&rollout::Version>> = Vec::new();
        for mix in &self.counts.mix {
            if versions.last() != Some(&mix.version.as_ref()) {
                versions.push(mix.version.as_ref());
            }
        }
        let mut heading = vec!["Version".to_owned()];
        heading.extend(states.iter().map(|it| words::state(*it).to_owned()));
        let mut rows = vec![heading];
        for version in versions {
            let mut row = vec![words::version(version)];
            row.extend(states.iter().map(|state| {
                let is_it = |it: &&fleet::operator::Mix| {
                    it.version.as_ref() == version && it.state == *state
                };
                let found = self.counts.mix.iter().find(is_it);
                found.map_or("-".to_owned(), |it| count(it.devices))
            }));
            rows.push(row);
        }
        columns(rows)
    }
}

/// What is not shown.
fn more(total: usize, shown: usize) -> Option<String> {
    let left = total.checked_sub(shown).filter(|left| *left > 0)?;
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    Some(format!("and {} more; --limit shows them", devices(left)))
}

#[cfg(test)]
mod tests {
    use fleet::{Failures, Heartbeat, Standing};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_781_251_200 + second).unwrap()
    }

    fn beat(device: &str) -> Heartbeat {
        let version: Option<rollout::Version> = Some("1.1.0".parse().unwrap());
        Heartbeat {
            device: device.parse().unwrap(),
            at: at(0),
            groups: Vec::new(),
            runtime: Standing {
                version: version.clone(),
                state: State::Arrived,
                target: version,
                generation: Some(1),
                scope: None,
                reason: String::new(),
                detail: String::new(),
                bad: Vec::new(),
            },
            agent: None,
            bucket: 0,
            uptime_seconds: 1,
            failures: Failures::default(),
            unsent: 0,
            platform: String::new(),
        }
    }

    #[test]
    fn who_has_been_silent_for_longest_is_named_first() {
        let mut overview = Overview::default();
        for (device, heard) in [("a", 50), ("b", 10), ("c", 30), ("d", 200)] {
            overview.hear(beat(device), at(heard));
        }
        let picture = Picture::of(&overview, Subject::Runtime, 2, at(210));
        assert_eq!((picture.counts.late, picture.late.total), (3, 3));
        let line = picture.line();
        assert!(line.ends_with("late 3 (b c …)"), "{line}");
        let late = picture.json()["lateDevices"].clone();
        assert_eq!(
            (&late[0]["device"], late.as_array().unwrap().len()),
            (&json!("b"), 2)
        );
    }
}
