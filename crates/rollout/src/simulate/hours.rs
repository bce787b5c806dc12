//! What happened in each hour.

use serde::Serialize;

use super::{DESCRIPTION_BYTES, FETCH_REQUESTS, NEWS_BYTES, UNCHANGED_BYTES};

const HOUR: u32 = 3_600;
const MINUTE: usize = 60;

/// How it went.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// How many devices there are.
    pub devices: u32,
    /// How long each fetches, in seconds.
    pub download_seconds: u32,
    /// Hour by hour, from the publication on.
    pub hours: Vec<Hour>,
}

/// One hour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hour {
    /// Which, from 0.
    pub hour: u32,
    /// Devices whose turn had come by its end.
    pub eligible: u32,
    /// Devices that had heard of the version by its end.
    pub checked: u32,
    /// Devices that were fetching at its end.
    pub downloading: u32,
    /// Devices that began to fetch in it.
    pub started: u32,
    /// Devices that had it staged by its end.
    pub staged: u32,
    /// At the host, on average.
    pub requests_per_second: f64,
    /// At the host, in its busiest minute.
    pub peak_requests_per_second: f64,
    /// From the host, on average.
    pub bytes_per_second: f64,
    /// From the host, in its busiest minute.
    pub peak_bytes_per_second: f64,
}

/// Counts while devices are gone through.
#[derive(Debug)]
pub(super) struct Tally {
    /// By hour: devices whose turn comes in it.
    turns: Vec<u32>,
    /// By hour: devices that poll for the first time in it.
    firsts: Vec<u32>,
    /// By hour: polls before its end.
    polls: Vec<u64>,
    /// By second: devices that begin to fetch.
    starts: Vec<u32>,
}

impl Tally {
    pub(super) fn new(hours: u32) -> Self {
        let of_hours = hours as usize;
        Self {
            turns: vec![0; of_hours],
            firsts: vec![0; of_hours],
            polls: vec![0; of_hours],
            starts: vec![0; of_hours * HOUR as usize],
        }
    }

    pub(super) fn turn(&mut self, at: u32) {
        add(&mut self.turns, at / HOUR);
    }

    pub(super) fn start(&mut self, at: u32) {
        add(&mut self.starts, at);
    }

    /// A device that first polls at `first`; `before` counts its polls before a time.
    pub(super) fn polls(&mut self, first: u32, before: impl Fn(u32) -> u32) {
        add(&mut self.firsts, first / HOUR);
        let mut end = 0;
        for polls in &mut self.polls {
            end += HOUR;
            *polls += u64::from(before(end));
        }
    }

    pub(super) fn run(self, devices: u32, size: u64, duration: u32) -> Run {
        let fetching = fetching(&self.starts, duration);
        let rate = as_f64(size) / f64::from(duration);
        let hour = HOUR as usize;
        let (mut eligible, mut checked, mut begun, mut polled) = (0, 0, 0, 0);
        let mut hours = Vec::with_capacity(self.turns.len());
        for (n, of_hour) in (0_u32..).zip(0..self.turns.len()) {
            let seconds = of_hour * hour..(of_hour + 1) * hour;
            let polls = self.polls[of_hour] - polled;
            polled = self.polls[of_hour];
            let news = u64::from(self.firsts[of_hour]);
            let started: u32 = self.starts[seconds.clone()].iter().sum();
            eligible += self.turns[of_hour];
            checked += self.firsts[of_hour];
            begun += started;
            let downloading = fetching[seconds.end - 1];
            // Polls come evenly; what comes in waves is what is fetched.
            let every = Each {
                requests: per_second(polls),
                bytes: per_second(news * NEWS_BYTES + (polls - news) * UNCHANGED_BYTES),
            };
            let wave = |seconds: &[u32], fetching: &[u32]| {
                let started: u64 = seconds.iter().map(|n| u64::from(*n)).sum();
                let fetched: u64 = fetching.iter().map(|n| u64::from(*n)).sum();
                #[expect(clippy::cast_precision_loss, reason = "an hour has few seconds")]
                let time = seconds.len() as f64;
                Each {
                    requests: every.requests + as_f64(started * FETCH_REQUESTS) / time,
                    bytes: every.bytes
                        + (as_f64(started * DESCRIPTION_BYTES) + as_f64(fetched) * rate) / time,
                }
            };
            let mean = wave(&self.starts[seconds.clone()], &fetching[seconds.clone()]);
            let minutes = self.starts[seconds.clone()]
                .chunks(MINUTE)
                .zip(fetching[seconds].chunks(MINUTE))
                .map(|(starts, fetching)| wave(starts, fetching));
            let peak = minutes.fold(mean, Each::larger);
            hours.push(Hour {
                hour: n,
                eligible,
                checked,
                downloading,
                started,
                staged: begun - downloading,
                requests_per_second: mean.requests,
                peak_requests_per_second: peak.requests,
                bytes_per_second: mean.bytes,
                peak_bytes_per_second: peak.bytes,
            });
        }
        Run {
            devices,
            download_seconds: duration,
            hours,
        }
    }
}

/// In one second.
#[derive(Debug, Clone, Copy)]
struct Each {
    requests: f64,
    bytes: f64,
}

impl Each {
    fn larger(self, other: Self) -> Self {
        Self {
            requests: self.requests.max(other.requests),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

/// What lies behind the last hour is not counted.
fn add(counts: &mut [u32], at: u32) {
    if let Some(count) = counts.get_mut(at as usize) {
        *count += 1;
    }
}

/// By second: how many are fetching during it, when each does for `duration` seconds.
fn fetching(starts: &[u32], duration: u32) -> Vec<u32> {
    let mut now = 0;
    (0..starts.len())
        .map(|second| {
            now += starts[second];
            if let Some(done) = second.checked_sub(duration as usize) {
                now -= starts[done];
            }
            now
        })
        .collect()
}

fn per_second(of_hour: u64) -> f64 {
    as_f64(of_hour) / f64::from(HOUR)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts that matter are far below 2^53"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}
