//! Heartbeats and reports as they come, into an [`Overview`].

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy, push};
use async_nats::jetstream::{Context, Message};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use rollout::fleet::Name;
use tokio::time::Instant;

use super::Overview;
use crate::FleetError;
use crate::names::Names;
use crate::origin;
use crate::report::{Heartbeat, Report};

/// A broker that says nothing for so long, with something left to say, has stopped: an election among its nodes is over
/// sooner.
pub(super) const SILENCE: Duration = Duration::from_secs(20);

/// After so long without a word it is looked whether the stream is still the same.
const QUIET: Duration = Duration::from_secs(5);

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A device's heartbeat, and when the broker took it.
    Beat(Box<Heartbeat>, Timestamp),
    /// A device was removed by hand.
    Gone(Name),
    /// Something that is no heartbeat, or not of the device under whose name it was sent.
    Nonsense(String),
}

impl News {
    /// Takes it into an overview.
    pub fn tell(self, overview: &mut Overview, now: Timestamp) {
        match self {
            // A node whose clock is ahead makes no device fresher than now.
            Self::Beat(beat, at) => overview.hear(*beat, at.min(now)),
            Self::Gone(device) => overview.forget(&device),
            Self::Nonsense(_) => {}
        }
    }
}

/// The last heartbeat of each device, and then each that comes.
#[derive(Debug)]
pub struct Watch {
    source: Source,
    prefix: String,
    ahead: SignedDuration,
}

impl Watch {
    /// Begins to listen.
    ///
    /// # Errors
    /// What the broker refuses.
    pub async fn open(jetstream: &Context, names: &Names) -> Result<Self, FleetError> {
        let prefix = format!("$KV.{}.", names.devices());
        let from = From {
            stream: format!("KV_{}", names.devices()),
            subject: format!("{prefix}>"),
            policy: DeliverPolicy::LastPerSubject,
            doing: "tell the heartbeats",
        };
        let source = Source::open(jetstream, names, from).await?;
        let ahead = ahead(source.opened, Timestamp::now());
        Ok(Self {
            source,
            prefix,
            ahead,
        })
    }

    /// How far our clock is ahead of the broker's.
    pub fn ahead(&self) -> SignedDuration {
        self.ahead
    }

    /// The broker's time, by which it is reckoned how long a device has been silent: its clock and ours may be
    /// minutes apart.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.saturating_sub(self.ahead).unwrap_or(now)
    }

    /// Reads what there is into an overview: the last heartbeat of each device.
    ///
    /// # Errors
    /// Where the broker stops to tell: part of a fleet is not shown as if it were all.
    pub async fn catch_up(
        &mut self,
        overview: &mut Overview,
        now: Timestamp,
    ) -> Result<(), FleetError> {
        while self.source.left > 0 {
            let news = tokio::time::timeout(SILENCE, self.next()).await;
            let news = news.map_err(|_| self.source.silent())?;
            news?.tell(overview, now);
        }
        Ok(())
    }

    /// The next one, however long it takes.
    ///
    /// # Errors
    /// Where the broker stops to tell; open another one then.
    pub async fn next(&mut self) -> Result<News, FleetError> {
        let (message, at) = self.source.next().await?;
        let key = message
            .subject
            .strip_prefix(&self.prefix)
            .unwrap_or_default();
        Ok(read(key, &message, at))
    }
}

/// How far our clock, which says `now`, is ahead of the broker's, which said `opened` a moment ago; nothing where it said
/// none.
fn ahead(opened: Option<Timestamp>, now: Timestamp) -> SignedDuration {
    opened.map_or(SignedDuration::ZERO, |opened| now.duration_since(opened))
}

fn read(key: &str, message: &Message, at: Timestamp) -> News {
    let Ok(device) = key.parse::<Name>() else {
        return News::Nonsense(crate::report::detail(key));
    };
    let headers = message.headers.as_ref();
    if headers.is_some_and(|it| !origin::is_first_hand(it)) {
        return News::Nonsense(format!("somebody else wrote a heartbeat of {device}"));
    }
    if headers.is_some_and(|it| it.get("KV-Operation").is_some()) {
        return News::Gone(device);
    }
    match serde_json::from_slice::<Heartbeat>(&message.payload) {
        Ok(beat) if beat.device == device => News::Beat(Box::new(beat), at),
        Ok(_) => News::Nonsense(format!("{device} sends the heartbeat of another")),
        Err(error) => News::Nonsense(format!("{device} sends what is no heartbeat: {error}")),
    }
}

/// What devices reported, in the order in which the broker took it.
#[derive(Debug)]
pub struct Reports {
    source: Source,
    prefix: String,
}

impl Reports {
    /// Begins with what was taken since `since`; none for all that the broker still has.
    ///
    /// # Errors
    /// What the broker refuses.
    pub async fn open(
        jetstream: &Context,
        names: &Names,
        since: Option<Timestamp>,
    ) -> Result<Self, FleetError> {
        let all = names.all_reports();
        let prefix = all.trim_end_matches('*').to_owned();
        let since = since.and_then(super::datetime);
        let policy = since.map_or(DeliverPolicy::All, |start_time| {
            DeliverPolicy::ByStartTime { start_time }
        });
        let from = From {
            stream: names.reports(),
            subject: all,
            policy,
            doing: "tell the reports",
        };
        let source = Source::open(jetstream, names, from).await?;
        Ok(Self { source, prefix })
    }

    /// Whether all that had been taken when this was opened is read.
    pub fn is_caught_up(&self) -> bool {
        self.source.left == 0
    }

    /// The next report, and when the broker took it; none for something that is no report of the device under whose name
    /// it was sent. The same one may come twice.
    ///
    /// # Errors
    /// Where the broker stops to tell; open another one then.
    pub async fn next(&mut self) -> Result<Option<(Report, Timestamp)>, FleetError> {
        let (message, at) = self.source.next().await?;
        let device = message
            .subject
            .strip_prefix(&self.prefix)
            .unwrap_or_default();
        let is_own = (message.headers.as_ref()).is_none_or(origin::is_first_hand);
        let report = serde_json::from_slice::<Report>(&message.payload).ok();
        let report = report.filter(|it| is_own && it.device.as_str() == device);
        Ok(report.map(|it| (it, at)))
    }
}

/// What is listened to, and from where on.
pub(super) struct From {
    pub(super) stream: String,
    pub(super) subject: String,
    pub(super) policy: DeliverPolicy,
    /// What the broker does then: an infinitive.
    pub(super) doing: &'static str,
}

/// Messages of a stream, in its order, over lost connections. It ends where the stream was made anew: the client would go
/// on to wait for numbers that the new one has not reached.
pub(super) struct Source {
    messages: push::Ordered,
    jetstream: Context,
    stream: String,
    created: async_nats::datetime::DateTime,
    /// When it was opened, by the broker's clock.
    pub(super) opened: Option<Timestamp>,
    /// Since when it has been so quiet that it may be another stream by now.
    quiet: Instant,
    /// So many of those that were there at first are still to come.
    pub(super) left: u64,
    doing: &'static str,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("left", &self.left)
            .field("doing", &self.doing)
            .finish_non_exhaustive()
    }
}

impl Source {
    pub(super) async fn open(
        jetstream: &Context,
        names: &Names,
        from: From,
    ) -> Result<Self, FleetError> {
        let doing = from.doing;
        let stream = jetstream.get_stream(&from.stream).await;
        let stream = stream.map_err(|error| super::missing_or(names, doing, error))?;
        let created = stream.cached_info().created;
        let consumer = stream.create_consumer(push::OrderedConfig {
            deliver_subject: jetstream.client().new_inbox(),
            filter_subject: from.subject,
            deliver_policy: from.policy,
            replay_policy: ReplayPolicy::Instant,
            ..push::OrderedConfig::default()
        });
        let consumer = consumer.await;
        let consumer = consumer.map_err(|error| FleetError::broker(doing, error))?;
        let left = consumer.cached_info().num_pending;
        let opened = super::time(consumer.cached_info().created);
        let messages = consumer.messages().await;
        let messages = messages.map_err(|error| FleetError::broker(doing, error))?;
        Ok(Self {
            opened,
            messages,
            jetstream: jetstream.clone(),
            stream: from.stream,
            created,
            quiet: Instant::now(),
            left,
            doing,
        })
    }

    /// Loses nothing when it is given up before it ends.
    pub(super) async fn next(&mut self) -> Result<(Message, Timestamp), FleetError> {
        let doing = self.doing;
        let failed = |error: &dyn fmt::Display| FleetError::broker(doing, error);
        let message = loop {
            match tokio::time::timeout_at(self.quiet + QUIET, self.messages.next()).await {
                Ok(message) => break message,
                Err(_) => self.check().await?,
            }
            self.quiet = Instant::now();
        };
        self.quiet = Instant::now();
        let message = message.ok_or_else(|| failed(&"it ended"))?;
        let message = message.map_err(|error| failed(&error))?;
        let info = message.info().map_err(|error| failed(&error))?;
        let at = super::time(info.published).unwrap_or(Timestamp::MIN);
        self.left = self.left.min(info.pending);
        Ok((message, at))
    }

    /// What it is where nothing comes and something is left.
    fn silent(&self) -> FleetError {
        let why = format!("it stopped with {} still to tell", self.left);
        FleetError::broker(self.doing, why)
    }

    /// Whether it is still the same stream. A broker that does not answer may have it yet.
    async fn check(&self) -> Result<(), FleetError> {
        let why = match self.jetstream.get_stream(&self.stream).await {
            Ok(stream) if stream.cached_info().created == self.created => return Ok(()),
            Ok(_) => "it was made anew",
            Err(error) if super::is_missing(&error) => "it is gone",
            Err(_) => return Ok(()),
        };
        Err(FleetError::broker(self.doing, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_time_is_known_whatever_our_clock_says() {
        let at = |second| Timestamp::from_second(second).unwrap();
        // The broker's clock is ten minutes behind ours, then ten ahead, and then it says nothing.
        for (opened, brokers) in [
            (Some(at(400)), at(460)),
            (Some(at(1_600)), at(1_660)),
            (None, at(1_060)),
        ] {
            let ahead = ahead(opened, at(1_000));
            assert_eq!(at(1_060) - ahead, brokers);
        }
    }
}
