//! So many requests to one address, and how long their answers took.
//!
//! Every request has a connection of its own, so that what is measured does not hang on how long a
//! server keeps one open, and every answer is read to its end.

use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rollout::rehearsal::{Limits, Smoke, Unfit};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// For one answer; what takes longer has failed.
const ANSWER: Duration = Duration::from_secs(30);
/// Of one answer no more than this is read: it is no page any more.
const MOST_BYTES: usize = 64 << 20;
/// As many at once as anybody may ask for.
const MOST_AT_ONCE: u32 = 64;

/// How often to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// How many requests are made in all.
    pub count: u32,
    /// How many at once; 1 to 64.
    pub at_once: u32,
    /// When that is over, whatever is not answered yet has failed.
    pub within: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smoked {
    /// The numbers.
    pub smoke: Smoke,
    /// Why the first of those failed that did, in words.
    pub trouble: Option<String>,
}

/// Why nothing was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmokeError {
    /// Not an address that can be asked here.
    #[error("`{0}` is no address that can be asked; give one such as http://127.0.0.1:4000/health")]
    Address(String),
}

/// What is asked: a host, its port, and a path there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    host: String,
    port: u16,
    path: String,
}

impl Place {
    pub(crate) fn local(port: u16, path: &str) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            path: path.to_owned(),
        }
    }

    fn of(url: &str) -> Result<Self, SmokeError> {
        let wrong = || SmokeError::Address(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty());
        let authority = uri.authority().ok_or_else(wrong)?;
        if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
            return Err(wrong());
        }
        Ok(Self {
            host: host.ok_or_else(wrong)?.to_owned(),
            port: uri.port_u16().unwrap_or(80),
            path: uri
                .path_and_query()
                .map_or("/", |it| it.as_str())
                .to_owned(),
        })
    }

    fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Asks `url`, an address that begins with `http://`, so often. An answer below 400 that came whole
/// is a good one. Gives up no sooner than `requests` says: that something failed is no reason not to
/// ask on. Cancel-safe.
///
/// # Errors
/// An address that cannot be asked. That nobody answers there is no error, but so many failures.
pub async fn smoke(url: &str, requests: &Requests) -> Result<Smoked, SmokeError> {
    let place = Place::of(url)?;
    Ok(many(requests, || get(&place)).await)
}

/// Does `one` so often, and counts.
pub(crate) async fn many<F>(requests: &Requests, one: impl Fn() -> F) -> Smoked
where
    F: Future<Output = Result<(), String>>,
{
    let begun = AtomicU32::new(0);
    let took = Mutex::new(Vec::new());
    let trouble = Mutex::new(None);
    let lane = || async {
        while begun.fetch_add(1, Ordering::Relaxed) < requests.count {
            let start = Instant::now();
            let answer = tokio::time::timeout(ANSWER, one()).await;
            let answer =
                answer.unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER.as_secs())));
            match answer {
                Ok(()) => locked(&took).push(start.elapsed()),
                Err(why) => drop(locked(&trouble).get_or_insert(why)),
            }
        }
    };
    let lanes = requests.at_once.clamp(1, MOST_AT_ONCE);
    let all = futures_join((0..lanes).map(|_| lane()).collect());
    let in_time = tokio::time::timeout(requests.within, all).await.is_ok();
    let took = std::mem::take(&mut *locked(&took));
    let smoke = Smoke::of(requests.count, took);
    let mut trouble = locked(&trouble).take();
    if !in_time && smoke.failed > 0 {
        trouble.get_or_insert_with(|| {
            format!("the time was up after {} s", requests.within.as_secs_f32())
        });
    }
    Smoked { smoke, trouble }
}

/// Does `one` as often as `limits` say, one after the other, and holds it against them. Ends as soon
/// as it is certain that they are broken: the numbers are those of what was asked until then.
pub(crate) async fn until_settled<F>(
    limits: &Limits,
    within: Duration,
    one: impl Fn() -> F,
) -> (Smoked, Result<(), Unfit>)
where
    F: Future<Output = Result<(), String>>,
{
    let (mut took, end) = (Vec::new(), Instant::now() + within);
    for asked in 1..=limits.requests {
        let start = Instant::now();
        let left = end.saturating_duration_since(start);
        let patience = limits.patience(&took);
        let most = patience.as_ref().map_or(ANSWER, |(most, _)| *most);
        let answer = tokio::time::timeout(most.min(ANSWER).min(left), one()).await;
        let (trouble, settled) = match (answer, patience) {
            (Ok(Ok(())), _) => {
                took.push(start.elapsed());
                (None, limits.settled(&took))
            }
            (Ok(Err(why)), _) => (Some(why), None),
            (Err(_), Some((most, unfit))) if most <= left => (None, Some(unfit)),
            (Err(_), _) if left < ANSWER => {
                let smoke = Smoke::of(limits.requests, took);
                let trouble = format!("the time was up after {} s", within.as_secs_f32());
                return judged(limits, smoke, Some(trouble));
            }
            (Err(_), _) => {
                let why = format!("no answer within {} s", ANSWER.as_secs());
                (Some(why), None)
            }
        };
        if let Some(unfit) = settled {
            let smoke = Smoke::of(asked, took);
            return (Smoked { smoke, trouble }, Err(unfit));
        }
        if trouble.is_some() {
            return judged(limits, Smoke::of(asked, took), trouble);
        }
    }
    judged(limits, Smoke::of(limits.requests, took), None)
}

fn judged(limits: &Limits, smoke: Smoke, trouble: Option<String>) -> (Smoked, Result<(), Unfit>) {
    let judged = match smoke.failed {
        0 => limits.judge(&smoke),
        failed => Err(Unfit::Failed {
            failed,
            asked: smoke.asked,
        }),
    };
    (Smoked { smoke, trouble }, judged)
}

/// All of them, side by side.
async fn futures_join<F: Future<Output = ()>>(futures: Vec<F>) {
    let mut open: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        open.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if open.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request, one answer. The error says what was wrong with it.
pub(crate) async fn get(place: &Place) -> Result<(), String> {
    let words = |error: &dyn std::error::Error| error.to_string();
    let authority = place.authority();
    let stream = TcpStream::connect(&authority).await;
    let stream = stream.map_err(|error| words(&error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| words(&error))?;
    let request = Request::get(&place.path)
        .header(HOST, &authority)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(String::new())
        .map_err(|error| words(&error))?;
    let answer = async {
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| words(&error))?;
        let status = answer.status();
        read(answer.into_body()).await?;
        if status.as_u16() >= 400 {
            return Err(format!("it answered {status}"));
        }
        Ok(())
    };
    let mut answer = pin!(answer);
    let mut connection = pin!(connection);
    // The connection moves the bytes; when it is over first, what it brought is still there.
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

async fn read(mut body: Incoming) -> Result<(), String> {
    let mut bytes = 0;
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        match frame {
            None => return Ok(()),
            Some(Err(error)) => return Err(format!("its answer was cut off: {error}")),
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
        }
        if bytes > MOST_BYTES {
            return Err("its answer has no end".to_owned());
        }
    }
}

/// Whether somebody listens there.
pub(crate) async fn connect(port: u16) -> Result<(), String> {
    let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
    connected.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
