//! Tells the fleet now and then that this device lives, and how it is; and answers whoever asks.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt as _;
use rollout::Position;
use rollout::fleet::{Name, Wait, part};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::agent::link::{self, Link};
use crate::agent::tell::{Clock, Reporter};
use crate::names::Names;
use crate::report::{Heartbeat, Standing};

/// What a heartbeat is made of.
pub(crate) struct Heart {
    pub(crate) names: Names,
    pub(crate) device: Name,
    pub(crate) groups: Vec<Name>,
    pub(crate) runtime: watch::Receiver<Standing>,
    pub(crate) agent: Option<watch::Receiver<Standing>>,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) clock: Clock,
    pub(crate) began: Instant,
    /// From one to the next, ± a tenth that is the device's own.
    pub(crate) every: Duration,
    /// After something changed it is told within this, at a moment that is the device's own.
    pub(crate) soon: Duration,
}

impl Heart {
    /// Beats for ever.
    pub(crate) async fn beat(mut self, mut link: watch::Receiver<Link>) {
        let mut beats = 0;
        let mut pings: Option<(u64, Subscriber)> = None;
        loop {
            let Some((client, connections)) = link::up(&mut link).await else {
                return;
            };
            if pings.as_ref().is_none_or(|(at, _)| *at != connections) {
                let subscribed = client.subscribe(self.names.ping(&self.device)).await;
                pings = subscribed.ok().map(|subscriber| (connections, subscriber));
                // All that lost the broker at once find it at once.
                tokio::time::sleep(self.share(beats, self.soon)).await;
            }
            self.runtime.borrow_and_update();
            self.tell(&client).await;
            beats += 1;
            let tenth = self.every / 10;
            let least = self.every.saturating_sub(tenth);
            let until = Instant::now() + least + self.share(beats, tenth * 2);
            loop {
                let moved = async {
                    match &mut self.agent {
                        Some(agent) => tokio::select! {
                            moved = self.runtime.changed() => moved,
                            moved = agent.changed() => moved,
                        },
                        None => self.runtime.changed().await,
                    }
                };
                let asked = async {
                    match &mut pings {
                        Some((_, pings)) => pings.next().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep_until(until) => break,
                    is_kept = link::gone(&mut link, connections) => {
                    if !is_kept { return }
                        break;
                    }
                    moved = moved => {
                        if moved.is_err() { return }
                        tokio::time::sleep(self.share(beats, self.soon)).await;
                        break;
                    }
                    ping = asked => {
                        if let Some(to) = ping.and_then(|ping| ping.reply) {
                            let body = self.body();
                            if let Err(error) = client.publish(to, body.into()).await {
                                tracing::debug!(%error, "a ping was not answered");
                            }
                        }
                    }
                }
            }
        }
    }

    async fn tell(&self, client: &Client) {
        let name = self.names.heartbeat(&self.device);
        if let Err(error) = client.publish(name, self.body().into()).await {
            tracing::debug!(%error, "a heartbeat was not sent");
        }
    }

    fn body(&self) -> Vec<u8> {
        let runtime = self.runtime.borrow().clone();
        let about = runtime.target.as_ref().or(runtime.version.as_ref());
        let bucket = about.map_or(0, |version| {
            Position::of(self.device.as_str(), version).bucket()
        });
        let heartbeat = Heartbeat {
            device: self.device.clone(),
            at: (self.clock)(),
            groups: self.groups.clone(),
            bucket,
            runtime,
            agent: self.agent.as_ref().map(|agent| agent.borrow().clone()),
            uptime_seconds: self.began.elapsed().as_secs(),
            failures: self.reporter.failures(),
            unsent: *self.reporter.waiting().borrow(),
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        };
        // Plain data with text keys: it cannot fail, and an empty body is nobody's heartbeat.
        serde_json::to_vec(&heartbeat).unwrap_or_default()
    }

    /// The device's own share of a time, another one each time.
    fn share(&self, beats: u64, of: Duration) -> Duration {
        part(self.device.as_str(), beats, Wait::Swap, of)
    }
}
