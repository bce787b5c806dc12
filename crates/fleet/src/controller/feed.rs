//! Reads a stream as it grows, for as long as somebody wants it, whatever happens to the broker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use rollout::fleet::ramp::Origin;
use tokio::task::JoinHandle;

use super::book::{Book, stamp};
use super::pace::pause;
use crate::{FleetError, origin};

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    /// At a place on record.
    Origin(Origin),
    /// With the last message of each subject.
    Last,
}

/// What is done with a message, and with when the broker had it.
type Handle = Arc<dyn Fn(&Message, Timestamp) + Send + Sync>;

/// A stream that is being read. Dropping it ends that.
pub(super) struct Feed {
    stream: String,
    from: From,
    handle: Handle,
    place: Arc<Mutex<Place>>,
    task: JoinHandle<()>,
    /// How far it was when it last was seen to get on.
    moved: (u64, Instant),
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// When the stream that is being read was made.
    made: Option<Timestamp>,
    /// The number of the last message that was read.
    done: u64,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("stream", &self.stream)
            .field("place", &*lock(&self.place))
            .finish_non_exhaustive()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Feed {
    pub(super) fn open(
        book: &Book,
        stream: String,
        from: From,
        handle: impl Fn(&Message, Timestamp) + Send + Sync + 'static,
    ) -> Self {
        let place = Arc::new(Mutex::new(Place::default()));
        let handle: Handle = Arc::new(handle);
        let task = spawn(book, &stream, from, &handle, &place);
        Self {
            stream,
            from,
            handle,
            place,
            task,
            moved: (0, Instant::now()),
        }
    }

    /// Whether everything is read that the stream has at this moment. Waits for it up to `patience`; begins
    /// anew where nothing came for `stall`, or the stream is another one by now.
    pub(super) async fn is_up_to_date(
        &mut self,
        book: &Book,
        patience: Duration,
        stall: Duration,
    ) -> Result<bool, FleetError> {
        let info = book.info(&self.stream).await?;
        let made = stamp(info.created.unix_timestamp_nanos());
        let last = info.state.last_sequence;
        let until = Instant::now() + patience;
        loop {
            let place = *lock(&self.place);
            if place.made == Some(made) && place.done >= last {
                self.moved = (place.done, Instant::now());
                return Ok(true);
            }
            if place.done != self.moved.0 {
                self.moved = (place.done, Instant::now());
            }
            let is_another = place.made.is_some_and(|known| known != made);
            if is_another || self.moved.1.elapsed() > stall {
                self.task.abort();
                self.task = spawn(book, &self.stream, self.from, &self.handle, &self.place);
                self.moved = (place.done, Instant::now());
                return Ok(false);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn spawn(
    book: &Book,
    stream: &str,
    from: From,
    handle: &Handle,
    place: &Arc<Mutex<Place>>,
) -> JoinHandle<()> {
    let (book, stream) = (book.clone(), stream.to_owned());
    let (handle, place) = (Arc::clone(handle), Arc::clone(place));
    tokio::spawn(async move {
        for attempt in 0_u32.. {
            let before = lock(&place).done;
            // Why it ended is not told here: whoever asks whether it is up to date hears of the broker.
            if let Err(error) = read(&book, &stream, from, &handle, &place).await {
                tracing::debug!(%stream, %error, "reading again");
            }
            let got_on = lock(&place).done != before;
            tokio::time::sleep(pause(
                if got_on { 0 } else { attempt },
                Duration::from_secs(5),
            ))
            .await;
        }
    })
}

/// Reads until something goes wrong.
async fn read(
    book: &Book,
    stream: &str,
    from: From,
    handle: &Handle,
    place: &Mutex<Place>,
) -> Result<(), FleetError> {
    let info = book.info(stream).await?;
    let made = stamp(info.created.unix_timestamp_nanos());
    let known = *lock(place);
    let deliver_policy = match from {
        From::Last => DeliverPolicy::LastPerSubject,
        From::Origin(_) if known.made == Some(made) && known.done > 0 => after(known.done),
        From::Origin(origin) if origin.stream == Some(made) => {
            after(origin.first.saturating_sub(1))
        }
        // Made after the ramp began: all of it counts.
        From::Origin(_) => DeliverPolicy::All,
    };
    let doing = format!("read the stream {stream}");
    let failed = |error: &dyn std::fmt::Display| FleetError::broker(&doing, error);
    let handle_to = book.jetstream.get_stream_no_info(stream).await;
    let consumer = handle_to
        .map_err(|error| failed(&error))?
        .create_consumer(OrderedConfig {
            deliver_policy,
            // The last of each subject is only given where the subjects are named.
            filter_subject: info.config.subjects.first().cloned().unwrap_or_default(),
            ..OrderedConfig::default()
        })
        .await
        .map_err(|error| failed(&error))?;
    {
        let mut place = lock(place);
        if place.made != Some(made) {
            *place = Place {
                made: Some(made),
                done: 0,
            };
        }
        // Nothing to come of what is there by now.
        if consumer.cached_info().num_pending == 0 {
            place.done = place.done.max(info.state.last_sequence);
        }
    }
    let mut messages = consumer.messages().await.map_err(|error| failed(&error))?;
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| failed(&error))?;
        let about = message.info().map_err(|error| failed(&error))?;
        // A copy of another message was put there by somebody who may not write there.
        if message.headers.as_ref().is_none_or(origin::is_first_hand) {
            handle(&message, stamp(about.published.unix_timestamp_nanos()));
        }
        let mut place = lock(place);
        place.done = place.done.max(about.stream_sequence);
    }
    Ok(())
}

fn after(sequence: u64) -> DeliverPolicy {
    DeliverPolicy::ByStartSequence {
        start_sequence: sequence.saturating_add(1),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
